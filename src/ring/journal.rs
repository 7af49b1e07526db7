// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What the reader of a ring remembers from call to call, in memory of its own.
//!
//! A callback need not return: it may unwind, jump, or call into its own ring again. So whatever the
//! next call must know is written down before the callback is called, not when it returns.

use core::cell::Cell;

/// Where `consumer_pos` stood when a call last left a full fence behind it.
///
/// The program may move `consumer_pos` itself, or another reader of the ring that fences nothing; a
/// callback that does not return leaves a position unfenced too. A call that finds it elsewhere owes
/// a fence.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fenced(pub(super) u64);

impl Fenced {
    /// Of a ring that no call has been made for. No position is like this: they are multiples of 8.
    pub const NOWHERE: Fenced = Fenced(u64::MAX);
}

/// That `consumer_pos` is behind what libbpf would show: it holds `published` and should hold
/// `reached`.
///
/// Who enters the ring next moves it on, unless somebody else has moved it meanwhile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Held {
    pub(super) published: u64,
    pub(super) reached: u64,
}

impl Held {
    /// Nothing is held back.
    pub const NOTHING: Held = Held {
        published: u64::MAX,
        reached: u64::MAX,
    };
}

/// The reader's memory. Only the thread that uses the ring touches it.
pub trait Journal: Copy {
    /// What [`set_fenced`](Self::set_fenced) was last told; at first [`Fenced::NOWHERE`].
    fn fenced(self) -> Fenced;

    /// Remembers where the ring has been left fenced.
    fn set_fenced(self, fenced: Fenced);

    /// What [`set_held`](Self::set_held) was last told; at first [`Held::NOTHING`].
    fn held(self) -> Held;

    /// Remembers what is held back.
    fn set_held(self, held: Held);
}

/// A journal by itself, for a ring that is nobody else's.
#[derive(Debug)]
pub struct Notes {
    fenced: Cell<Fenced>,
    held: Cell<Held>,
}

impl Default for Notes {
    fn default() -> Self {
        Notes {
            fenced: Cell::new(Fenced::NOWHERE),
            held: Cell::new(Held::NOTHING),
        }
    }
}

impl Journal for &Notes {
    fn fenced(self) -> Fenced {
        self.fenced.get()
    }

    fn set_fenced(self, fenced: Fenced) {
        self.fenced.set(fenced);
    }

    fn held(self) -> Held {
        self.held.get()
    }

    fn set_held(self, held: Held) {
        self.held.set(held);
    }
}
