// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Holding back: `consumer_pos` shows less than was consumed, from one turn of a ring to the next, or while
//! the callback of a hot ring runs.
//!
//! With the start of the last record published the kernel sees a reader that is busy, and wakes nobody.
//! How far a call has come is noted in the [`Journal`] at each record, since no code of ours need run after
//! that. Whoever enters the ring next [repairs](repair) the position, or, in
//! a turn, goes on from there (`resume`).

use super::super::journal::{Fenced, Held, Journal};
use super::super::memory::ConsumerMemory;
use super::super::receiver::Receiver;
use super::{Consumer, UNPUBLISHED_MAX};
use core::sync::atomic::Ordering;

/// A record may be held back if it takes at most the 16th part of its ring: the producer cannot use its
/// space meanwhile.
pub(super) const HELD_PART: u64 = 16;

/// Moves `consumer_pos` to where libbpf would have it. `true` if there was a note to see to. The next call then owes a
/// fence: the new position may be the end of the ring, or somebody else has moved it since a call was left, perhaps to
/// where it was fenced before that call.
///
/// It is elsewhere between two turns, while the callback of another ring may run; if the last callback or
/// window did not return (exception, `longjmp`, a cancelled thread); and while the callback of a hot ring
/// runs, which may enter its own ring. If somebody else
/// (another process, another manager) has moved it since it was noted, theirs is believed.
#[inline]
pub fn repair<M: ConsumerMemory>(memory: M, journal: &Journal) -> bool {
    let held = journal.held();
    if held == Held::NOTHING {
        return false;
    }
    repair_held(memory, journal, held);
    true
}

#[cold]
fn repair_held<M: ConsumerMemory>(memory: M, journal: &Journal, held: Held) {
    let mut pos = memory.consumer_pos_near(held.reached, Ordering::Relaxed);
    let mut moved = false;
    while held.is_behind(pos, memory.size()) && !moved {
        // Release, as in `publish_start`; Acquire keeps the note until the position is good.
        moved = memory.replace_consumer_pos(pos, held.reached, Ordering::AcqRel);
        // Another process that has moved it may have the same note, but an older one.
        pos = memory.consumer_pos_near(held.reached, Ordering::Relaxed);
    }
    // While there is a note publications leave this as it is: nobody believes it then.
    journal.set_fenced(Fenced::NOWHERE);
    journal.forget();
}

/// Whether something is held back: [`repair`] would move `consumer_pos`.
#[inline]
pub fn is_held<M: ConsumerMemory>(memory: M, journal: &Journal) -> bool {
    if journal.holds_nothing() {
        return false;
    }
    let held = journal.held();
    let pos = memory.consumer_pos_near(held.reached, Ordering::Relaxed);
    held.is_behind(pos, memory.size())
}

/// Publishes the end of what is held back, fenced, without a further look: whoever enters next relies on
/// that fence.
pub fn release<M: ConsumerMemory>(memory: M, journal: &Journal, receiver: &mut impl Receiver) {
    let mut consumer = Consumer::resume(memory, journal, 0);
    consumer.publish_end(consumer.has_moved(), receiver);
    consumer.leave();
}

impl<'a, M: ConsumerMemory> Consumer<'a, M> {
    /// Goes on after what the last turn has held back, and leaves `consumer_pos` where that has put it: to
    /// publish the end now would be to claim to have caught up. Enters as any call does if nothing is held
    /// back, or if somebody else has moved the position since.
    #[inline(always)]
    pub(super) fn resume(memory: M, journal: &'a Journal, max: u64) -> Self {
        if journal.holds_nothing() {
            return Consumer::enter_repaired(memory, journal, max);
        }
        let held = journal.held();
        // Acquire, as in `enter`.
        if !held.is_forward(memory.size())
            || memory.consumer_pos_near(held.published, Ordering::Acquire) != held.published
        {
            return Consumer::enter(memory, journal, max);
        }
        Consumer {
            memory,
            journal,
            cursor: held.reached,
            last: held.published,
            published: held.published,
            fenced: Fenced::NOWHERE,
            left: max,
            discarded: 0,
            ahead: 0,
        }
    }

    /// Before the callback of the record at `start` in a hot ring: publishes its start if much is
    /// unpublished.
    #[inline(always)]
    pub(super) fn hold(&mut self, start: u64, receiver: &mut impl Receiver) {
        if start.wrapping_sub(self.published) >= UNPUBLISHED_MAX {
            self.publish_start(receiver);
        }
    }

    /// Whether something is unpublished, and the record that would be held back is small enough.
    #[inline(always)]
    pub(super) fn may_hold_back(&self) -> bool {
        let held = self.cursor.wrapping_sub(self.last);
        self.cursor != self.published && held <= self.memory.size() / HELD_PART
    }

    /// At the end of a turn: publishes the start of the last record walked, so that the kernel sees us one
    /// record behind.
    #[inline(always)]
    pub(super) fn hold_back(&mut self, receiver: &mut impl Receiver) {
        if self.published != self.last {
            // Release, and no fence: as in `publish_start`. The record is committed.
            self.memory.set_consumer_pos(self.last, Ordering::Release);
            self.has_published(self.last);
            receiver.published();
        }
        self.published = self.last;
        self.journal.set_published(self.last);
    }
}
