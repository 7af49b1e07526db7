// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What the reader of a ring remembers from call to call, in memory of its own.
//!
//! A callback need not return: it may unwind, jump, or call into its own ring again. So whatever the
//! next call must know is written down before the callback is called, not when it returns.

use super::record::ALIGN;
use core::cell::Cell;
#[cfg(not(target_has_atomic = "64"))]
use core::sync::atomic::AtomicU32;
#[cfg(target_has_atomic = "64")]
use core::sync::atomic::AtomicU64;
use core::sync::atomic::{Ordering, compiler_fence};

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

/// How far a call has come: `consumer_pos` holds `published` and should hold `reached`, the end of the last
/// record whose callback has returned.
///
/// The note is there while a call walks, and where the ring is left held. Whoever enters the ring next moves the
/// position on, unless somebody else has moved it meanwhile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Held {
    pub(super) published: u64,
    pub(super) reached: u64,
}

impl Held {
    /// Nothing is held back, and no call walks.
    pub const NOTHING: Held = Held {
        published: u64::MAX,
        reached: u64::MAX,
    };

    /// Whether what was reached lies after what is published, by a ring of `size` bytes at most: a signal
    /// handler may have jumped away with half of the note written.
    pub(super) fn is_forward(self, size: u64) -> bool {
        self.published % ALIGN == 0
            && (1..=size).contains(&self.reached.wrapping_sub(self.published))
    }

    /// Whether `consumer_pos`, where it is `pos` in a ring of `size` bytes, is still to be moved to what was
    /// reached. A position between the two is ours too: a fork in a callback has an older note, and moves it
    /// so far.
    #[inline]
    pub(super) fn is_behind(self, pos: u64, size: u64) -> bool {
        let forward = self.reached.wrapping_sub(self.published);
        self.is_forward(size) && pos.wrapping_sub(self.published) < forward
    }
}

/// How often another thread looks for a note that does not change while it looks.
const SHOWN_TRIES: u32 = 64;

/// The notes of one ring. Only the thread that uses the ring changes them; a call in a callback shares
/// them with the call around it. Any thread may ask what they [show](Self::shown).
#[derive(Debug)]
pub struct Journal {
    fenced: Cell<Fenced>,
    /// Up to here another reader of the ring has read, or a call in a callback, when a call went back to where it was
    /// itself. No position is like the one that it begins with.
    passed: Cell<u64>,
    published: Word,
    reached: Word,
}

impl Journal {
    /// Of a ring that no call has been made for.
    pub const fn new() -> Self {
        Journal {
            fenced: Cell::new(Fenced::NOWHERE),
            passed: Cell::new(u64::MAX),
            published: Word::new(Held::NOTHING.published),
            reached: Word::new(Held::NOTHING.reached),
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

    /// Where others were when a call last went back behind them.
    pub fn passed(&self) -> u64 {
        self.passed.get()
    }

    /// A call goes back behind others that were at `pos`.
    pub fn set_passed(&self, pos: u64) {
        self.passed.set(pos);
    }

    /// What is held back.
    #[inline(always)]
    pub fn held(&self) -> Held {
        let published = self.published.get();
        if published == Held::NOTHING.published {
            return Held::NOTHING;
        }
        Held {
            published,
            reached: self.reached.get(),
        }
    }

    /// Whether [`held`](Self::held) is [`Held::NOTHING`]: one load.
    #[inline(always)]
    pub fn holds_nothing(&self) -> bool {
        self.published.own() == Held::NOTHING.published
    }

    /// What a walk has last put into `consumer_pos`; something else if another call has walked since.
    #[inline(always)]
    pub fn published(&self) -> u64 {
        self.published.own()
    }

    /// Where the next record starts: what was last noted.
    #[inline(always)]
    pub fn reached(&self) -> u64 {
        self.reached.own()
    }

    /// A walk begins at `reached`, with `published` in `consumer_pos`.
    #[inline(always)]
    pub fn begin(&self, published: u64, reached: u64) {
        // First: with what an earlier call has reached the note could be forward.
        self.set_reached(reached);
        self.set_published(published);
    }

    /// The next record starts at `reached`.
    #[inline(always)]
    pub fn set_reached(&self, reached: u64) {
        self.reached.set(reached);
        // A signal handler that jumps out of the call finds the note: the compiler moves no later store before it. AcqRel
        // says so. SeqCst would keep later loads behind the note as well, but a handler does not see what was loaded; and
        // on POWER it is an instruction, `hwsync`, since LLVM makes one of every fence there.
        compiler_fence(Ordering::AcqRel);
    }

    /// `consumer_pos` holds `published`.
    #[inline(always)]
    pub fn set_published(&self, published: u64) {
        self.published.set(published);
    }

    /// Nothing is held back.
    #[inline(always)]
    pub fn forget(&self) {
        self.set_published(Held::NOTHING.published);
    }

    /// What libbpf's `consumer_pos` would be in a ring of `size` bytes, where ours is what `position`
    /// loads.
    pub fn shown(&self, size: u64, position: impl Fn() -> u64) -> u64 {
        for _ in 0..SHOWN_TRIES {
            let held = self.held();
            let pos = position();
            // Another thread may ask, while the reader moves the position and then the note.
            if self.held() == held {
                return if held.is_behind(pos, size) {
                    held.reached
                } else {
                    pos
                };
            }
        }
        // The reader goes on all the time: where it was a moment ago is as good an answer.
        position()
    }
}

impl Default for Journal {
    fn default() -> Self {
        Journal::new()
    }
}

/// A position that its thread changes and others may load.
#[cfg(target_has_atomic = "64")]
#[derive(Debug)]
struct Word(AtomicU64);

#[cfg(target_has_atomic = "64")]
impl Word {
    const fn new(pos: u64) -> Self {
        Word(AtomicU64::new(pos))
    }

    // Acquire and Release pair with each other, in another thread that asks for a position: it sees what the
    // callbacks before that position have done, and the publication that a note says.
    #[inline(always)]
    fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// The same in the thread that changes it: no atomic load, so that the machine may compare it where it stands.
    #[inline(always)]
    fn own(&self) -> u64 {
        // SAFETY:
        // 1. The address of a live, aligned word.
        // 2. Nobody stores meanwhile. Only calls that read the ring do, and its manager is used by one thread at a time:
        //    `include/rbshim.h` asks that of C, a reference to a journal is lent to one thread only. Others ask what it
        //    shows, and load.
        // 3. What another thread has stored before is there. One that takes the ring over, also from a callback that
        //    never returns, has to know that the other one is out of it, by a lock of the program's or the like: that
        //    orders its calls after those stores.
        unsafe { self.0.as_ptr().read() }
    }

    #[inline(always)]
    fn set(&self, pos: u64) {
        self.0.store(pos, Ordering::Release);
    }
}

/// The same in two halves, where no more can be loaded at once. A thread may see halves of two positions:
/// it sees one that is not the ring's then, or none that is forward.
#[cfg(not(target_has_atomic = "64"))]
#[derive(Debug)]
struct Word([AtomicU32; 2]);

#[cfg(not(target_has_atomic = "64"))]
impl Word {
    const fn new(pos: u64) -> Self {
        Word([
            AtomicU32::new(pos as u32),
            AtomicU32::new((pos >> 32) as u32),
        ])
    }

    fn get(&self) -> u64 {
        // Acquire and Release as in the one above.
        let [low, high] = self.0.each_ref().map(|half| half.load(Ordering::Acquire));
        u64::from(low) | u64::from(high) << 32
    }

    fn own(&self) -> u64 {
        self.get()
    }

    fn set(&self, pos: u64) {
        let [low, high] = &self.0;
        low.store(pos as u32, Ordering::Release);
        high.store((pos >> 32) as u32, Ordering::Release);
    }
}
