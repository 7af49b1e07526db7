// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Other readers of the same ring: a call in one of our callbacks, or another manager, process or thread.
//!
//! Each call goes its own way, as libbpf's do: it goes back to where it was itself, and its records come again. But
//! whoever has read on has given space back to the producer, which may have written over the records that this call
//! has yet to read. There is nothing left to go back to then. This call goes on where the others were, since
//! all that was before has been delivered by them.

use super::super::journal::Fenced;
use super::super::memory::ConsumerMemory;
use super::super::record::ALIGN;
use super::Consumer;
use super::walk::Drained;
use core::sync::atomic::Ordering;

impl<M: ConsumerMemory> Consumer<'_, M> {
    /// After a callback: whether `consumer_pos` is not what this call has put there.
    ///
    /// In a hot ring only what a call in the callback has changed is of interest, even if it has left the position.
    #[inline(always)]
    pub(super) fn is_moved<const HOT: bool>(&self) -> bool {
        if HOT {
            self.journal.published() != self.published
        } else {
            self.memory.consumer_pos(Ordering::Relaxed) != self.published
        }
    }

    /// Takes note of a position that others have moved. `true` if this call went on there, and so must look again.
    #[cold]
    pub(super) fn notice_move(&mut self) -> bool {
        // Acquire, as in `enter`.
        let pos = self.memory.consumer_pos(Ordering::Acquire);
        self.published = pos;
        self.fenced = Fenced::NOWHERE;
        if !self.is_after(pos) {
            self.journal.begin(pos, self.cursor);
            return false;
        }
        let producer = self.look_at_producer();
        if self.is_in_ring(pos, producer) {
            if self.is_written_over(producer) {
                self.go_on_at(pos);
                return true;
            }
            // A reservation that has seen this position may still write over what we go back to.
            self.journal.set_passed(pos);
        }
        // Whoever enters the ring next has nothing to make good.
        self.journal.forget();
        false
    }

    /// What is at the cursor cannot be what a producer wrote for a reader who is there. Goes on where others were
    /// before somebody moved the position back, if that is known.
    #[cold]
    pub(super) fn find_corrupt(&mut self) -> Drained {
        let producer = self.look_at_producer();
        if self.is_written_over(producer) {
            let Fenced(left) = self.journal.fenced();
            for pos in [self.journal.passed(), left] {
                if self.is_after(pos) && self.is_in_ring(pos, producer) {
                    self.memory.set_consumer_pos(pos, Ordering::Release);
                    self.go_on_at(pos);
                    return Drained::Seen;
                }
            }
        }
        Drained::Corrupt
    }

    /// Whether `pos` is after the cursor.
    fn is_after(&self, pos: u64) -> bool {
        pos.wrapping_sub(self.cursor) as i64 > 0
    }

    /// Whether `pos` can be the start of a record, and all that follows it is in the ring still.
    fn is_in_ring(&self, pos: u64, producer: u64) -> bool {
        pos % ALIGN == 0 && producer.wrapping_sub(pos) <= self.memory.size()
    }

    /// Whether the producer has come round to the cursor. It never fills the last 8 bytes for a reader who is there.
    fn is_written_over(&self, producer: u64) -> bool {
        let ahead = producer.wrapping_sub(self.cursor);
        ahead as i64 > 0 && ahead >= self.memory.size()
    }

    /// Goes on at `pos`, which `consumer_pos` holds.
    fn go_on_at(&mut self, pos: u64) {
        self.cursor = pos;
        self.last = pos;
        self.published = pos;
        self.fenced = Fenced::NOWHERE;
        self.journal.begin(pos, pos);
    }
}
