// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Other readers of the same ring: a call in one of our callbacks, or another process, thread or manager.
//!
//! Each call goes its own way, as libbpf's do: it goes back to where it was itself, and its records come again. But
//! whoever has read on has given space back to the producer, which may have written over the records that this call
//! has yet to read. There is nothing left to go back to then. This call goes on where the others were, since
//! all that was before has been delivered by them.

use super::super::journal::{Fenced, Journal};
use super::super::memory::ConsumerMemory;
use super::super::record::ALIGN;
use super::walk::Drained;
use super::{Consumer, look_at_producer};
use core::sync::atomic::Ordering;

impl<M: ConsumerMemory> Consumer<'_, M> {
    /// After a callback: takes note if a call in it has read the ring.
    #[inline(always)]
    pub(super) fn see_whether_moved(&mut self) {
        if self.is_moved() {
            self.notice_move();
        }
    }

    /// After a callback: whether a call in it has walked, even if it has left the position.
    ///
    /// The notes are ours alone. `consumer_pos` itself would say more, but its line is the producer's too: where that is
    /// the faster one, a load of it for each record takes as long as a hundred instructions.
    #[inline(always)]
    pub(super) fn is_moved(&self) -> bool {
        self.journal.published() != self.published
    }

    /// Takes note of a position that others have moved. If this call goes on there, nothing lies ahead until it looks
    /// again.
    #[inline(always)]
    pub(super) fn notice_move(&mut self) {
        let (pos, goes_on) = follow(self.memory, self.journal, self.cursor);
        self.published = pos;
        self.fenced = Fenced::NOWHERE;
        if goes_on {
            self.go_on_at(pos);
        }
    }

    /// What is at the cursor cannot be what a producer wrote for a reader who is there. Goes on where others were
    /// before somebody moved the position back, if that is known.
    #[inline(always)]
    pub(super) fn find_corrupt(&mut self) -> Drained {
        let Some(pos) = overtake(self.memory, self.journal, self.cursor) else {
            return Drained::Corrupt;
        };
        self.published = pos;
        self.fenced = Fenced::NOWHERE;
        self.go_on_at(pos);
        Drained::Seen
    }

    /// Goes on at `pos`, which `consumer_pos` holds.
    #[inline(always)]
    fn go_on_at(&mut self, pos: u64) {
        self.cursor = pos;
        self.last = pos;
        self.ahead = 0;
    }
}

// Functions that are not inlined get and return what fits registers, so that the consumer stays in registers too.

/// Where others have moved the position to, and whether a call at `cursor` is to go on there, which is noted.
#[cold]
#[inline(never)]
fn follow<M: ConsumerMemory>(memory: M, journal: &Journal, cursor: u64) -> (u64, bool) {
    // Acquire, as in `enter`.
    let pos = memory.consumer_pos_near(cursor, Ordering::Acquire);
    if !is_after(pos, cursor) {
        journal.begin(pos, cursor);
        return (pos, false);
    }
    let producer = look_at_producer(memory, cursor);
    if is_in_ring(memory, pos, producer) {
        if is_written_over(memory, cursor, producer) {
            journal.begin(pos, pos);
            return (pos, true);
        }
        return go_back(memory, journal, cursor, pos);
    }
    // Whoever enters the ring next has nothing to make good, and has to fence what it finds.
    journal.set_fenced(Fenced::NOWHERE);
    journal.forget();
    (pos, false)
}

/// Moves the position back from `pos` to `cursor`, where all was there at the last look, and looks once more: until then
/// the producer may have used the space.
fn go_back<M: ConsumerMemory>(memory: M, journal: &Journal, cursor: u64, pos: u64) -> (u64, bool) {
    // A reservation that has seen the position as it was may write over it later still.
    journal.set_passed(pos);
    memory.set_consumer_pos(cursor, Ordering::Release);
    journal.set_fenced(Fenced::NOWHERE);
    journal.begin(cursor, cursor);
    // Pairs with the spin lock of `__bpf_ringbuf_reserve`: a reservation that begins after this finds the position, the
    // others are seen here, but for one that is under way.
    M::fence(Ordering::SeqCst);
    if !is_written_over(memory, cursor, look_at_producer(memory, cursor)) {
        return (cursor, false);
    }
    memory.set_consumer_pos(pos, Ordering::Release);
    journal.begin(pos, pos);
    (pos, true)
}

/// Where others were before somebody moved the position back to `cursor`, if that is known and what is at the cursor is
/// written over. The position is moved there, and a call that goes on there noted.
#[cold]
#[inline(never)]
fn overtake<M: ConsumerMemory>(memory: M, journal: &Journal, cursor: u64) -> Option<u64> {
    let producer = look_at_producer(memory, cursor);
    if !is_written_over(memory, cursor, producer) {
        return None;
    }
    let Fenced(left) = journal.fenced();
    let known = [journal.passed(), left];
    let ahead = |&pos: &u64| is_after(pos, cursor) && is_in_ring(memory, pos, producer);
    let pos = known.into_iter().find(ahead)?;
    memory.set_consumer_pos(pos, Ordering::Release);
    journal.set_fenced(Fenced::NOWHERE);
    journal.begin(pos, pos);
    Some(pos)
}

/// Whether `pos` is after `cursor`.
fn is_after(pos: u64, cursor: u64) -> bool {
    pos.wrapping_sub(cursor) as i64 > 0
}

/// Whether `pos` can be the start of a record, and all that follows it is in the ring still.
fn is_in_ring<M: ConsumerMemory>(memory: M, pos: u64, producer: u64) -> bool {
    pos % ALIGN == 0 && producer.wrapping_sub(pos) <= memory.size()
}

/// Whether the producer has come round to `cursor`. It never fills the last 8 bytes for a reader who is there.
fn is_written_over<M: ConsumerMemory>(memory: M, cursor: u64, producer: u64) -> bool {
    let ahead = producer.wrapping_sub(cursor);
    ahead as i64 > 0 && ahead >= memory.size()
}
