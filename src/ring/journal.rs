// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What the reader of a ring remembers from call to call, in memory of its own.
//!
//! A callback need not return: it may unwind, jump, or call into its own ring again. So whatever the
//! next call must know is written down before the callback is called, not when it returns.

use core::cell::Cell;

/// Where `consumer_pos` stood when a call last ended with a full fence after its publication.
///
/// The program may move `consumer_pos` itself, or another reader of the ring that fences nothing; a
/// callback that does not return leaves a position unfenced too. A call that finds `consumer_pos`
/// elsewhere must fence before it believes "nothing there".
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fenced(pub(super) u64);

impl Fenced {
    /// Of a ring that no call has been made for. No position is like this: they are multiples of 8.
    pub const NOWHERE: Fenced = Fenced(u64::MAX);
}

/// That `consumer_pos` shows less than was consumed: it holds `published` and should hold `reached`.
///
/// Whoever enters the ring next moves it on, unless somebody else has moved it meanwhile.
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

/// The notes of one ring. Only the thread that uses the ring touches them; a call in a callback shares
/// them with the call around it.
#[derive(Debug)]
pub struct Journal {
    fenced: Cell<Fenced>,
    held: Cell<Held>,
}

impl Journal {
    /// Of a ring that no call has been made for.
    pub const fn new() -> Self {
        Journal {
            fenced: Cell::new(Fenced::NOWHERE),
            held: Cell::new(Held::NOTHING),
        }
    }

    /// Where the ring was last left fenced.
    #[inline(always)]
    pub fn fenced(&self) -> Fenced {
        self.fenced.get()
    }

    /// Remembers where the ring is left fenced.
    #[inline(always)]
    pub fn set_fenced(&self, fenced: Fenced) {
        self.fenced.set(fenced);
    }

    /// What is held back.
    #[inline(always)]
    pub fn held(&self) -> Held {
        self.held.get()
    }

    /// Remembers what is held back.
    #[inline(always)]
    pub fn set_held(&self, held: Held) {
        self.held.set(held);
    }
}

impl Default for Journal {
    fn default() -> Self {
        Journal::new()
    }
}
