// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Reading a ring without losing a wake-up: drain, publish, settle.
//!
//! The kernel wakes a reader only when the record it commits is the one the reader waits for. At
//! commit it clears BUSY with a fully ordered exchange, *then* loads `consumer_pos`
//! (`bpf_ringbuf_commit`). The reader does the mirror image: it stores `consumer_pos`, *then* looks
//! for records. This is the store-buffering pattern: unless there is a full fence on both sides, both
//! may read the old value, and the reader goes to sleep on a record that nobody will wake it for.
//!
//! Two rules follow:
//!
//! 1. **Caught up means fenced.** "Nothing there" is believed only if it was looked for after a full
//!    fence which itself came after the last publication of `consumer_pos`. A call that has caught up ends
//!    with that fence, so the next one may believe its own look if it publishes nothing, unless it finds
//!    `consumer_pos` where no fence of ours has come after it ([`Fenced`]).
//! 2. **In the callback of a record `consumer_pos` is that record's start**, and after a call it is
//!    the end of what was consumed. So a callback may leave in any way (exception, `longjmp`,
//!    `_exit`) and nothing has to be repaired.
//!
//! A call that reads several rings, or waits for more records, reads each by turns
//! ([`rounds`](super::rounds)). A turn may end with the start of the last record published: the kernel sees
//! a reader one record behind, and wakes nobody. In a ring so fast that it is *hot* the second rule is
//! bent, too, by less than [`UNPUBLISHED_MAX`] bytes. Either is noted, and the next call repairs the
//! position if nothing else does ([`hold`]).

mod hold;
mod passed;
mod straight;
mod walk;

use super::journal::{Fenced, Journal};
use super::memory::ConsumerMemory;
use super::receiver::Receiver;
use super::record::{ALIGN, Header};
use super::wait::{Round, Walked};
use core::sync::atomic::{Ordering, compiler_fence};
use walk::Drained;

pub use hold::{is_held, release, repair};
#[cfg(test)]
pub use straight::call;
pub use straight::{Left, Straight, Went};

/// Bytes that may be walked before a start is published, which gives their space back to the producer:
/// in a hot ring, and in any ring while records are discarded, since no callback runs between them.
///
/// Four cache lines of data: reader and producer share the line of `consumer_pos`, and a store for each
/// record would make them fight for it.
const UNPUBLISHED_MAX: u64 = 256;

/// Why a call ended before it had caught up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// The receiver's error.
    Failed(i32),
    /// The receiver took no more.
    Refused,
    /// The ring is corrupt at this position, which stays the reader's.
    Corrupt(u64),
}

/// One call's walk along a ring.
#[derive(Clone, Copy, Debug)]
struct Consumer<'a, M> {
    memory: M,
    journal: &'a Journal,
    /// Position of the next record: the end of the last one walked. A multiple of [`ALIGN`].
    cursor: u64,
    /// Start of the last record walked; `cursor` if none has been.
    last: u64,
    /// What `consumer_pos` was last known to hold. Usually `cursor`, or the start of an earlier record.
    /// After a call in a callback it may be ahead of `cursor`: the difference then wraps to a number above
    /// any limit, so that the next start is published, as libbpf would.
    published: u64,
    /// What `consumer_pos` held when the last full fence came after its last store; [`Fenced::NOWHERE`] if that
    /// is not known. Where it is not `published`, `consumer_pos` may have been stored since the last fence.
    fenced: Fenced,
    /// Records that this call may still deliver.
    left: u64,
    /// Discarded records walked in this call.
    discarded: u64,
    /// Bytes from the cursor, or from the end of the record in hand, to the producer's position when it was last
    /// looked at; 0 if that says nothing any more.
    ahead: u64,
}

/// What a turn has done.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Turn {
    /// Records delivered.
    pub delivered: u64,
    /// What was walked.
    pub walked: Walked,
    /// Nothing more is there, and whoever commits next will wake us. Otherwise the ring is held, or there
    /// is more: it needs another turn before its reader may sleep.
    pub settled: bool,
}

/// Consumes up to `max` records: the whole of a call, from entry to a state its caller may return
/// from. Returns how many were delivered.
///
/// With fewer than `max` the ring has been caught up with: the caller may sleep.
#[inline(always)]
pub fn consume<M: ConsumerMemory>(
    memory: M,
    journal: &Journal,
    max: u64,
    receiver: impl Receiver,
) -> Result<u64, Stop> {
    Consumer::enter(memory, journal, max).consume_on(max, receiver)
}

/// One turn of a ring: consumes what it holds now, up to `max` records, and goes on from where the last
/// turn has held back.
///
/// This and all that it calls are one function in the machine code, so that the consumer stays in registers:
/// a caller that knows whether the round is hot gets the code for that alone.
#[inline(always)]
pub fn take_turn<M: ConsumerMemory>(
    memory: M,
    journal: &Journal,
    round: Round,
    max: u64,
    receiver: &mut impl Receiver,
) -> Result<Turn, Stop> {
    if round.hot {
        turn::<M, true>(memory, journal, round.hold, max, receiver)
    } else {
        turn::<M, false>(memory, journal, round.hold, max, receiver)
    }
}

/// The same of a ring that is hot, whose records' starts are published every [`UNPUBLISHED_MAX`] bytes only, or is
/// not.
#[inline(always)]
fn turn<M: ConsumerMemory, const HOT: bool>(
    memory: M,
    journal: &Journal,
    hold: bool,
    max: u64,
    receiver: &mut impl Receiver,
) -> Result<Turn, Stop> {
    let mut consumer = Consumer::resume(memory, journal, max);
    let entered = consumer.cursor;
    let turn = |consumer: &Consumer<_>, settled| {
        let delivered = max.wrapping_sub(consumer.left);
        Turn {
            delivered,
            walked: Walked {
                records: delivered.wrapping_add(consumer.discarded),
                bytes: consumer.cursor.wrapping_sub(entered),
            },
            settled,
        }
    };
    let stopped = consumer.drain::<HOT>(receiver);
    match stopped {
        Drained::Seen | Drained::CaughtUp => {
            let hold = hold || stopped == Drained::Seen && consumer.sees_more();
            if hold && consumer.may_hold_back() {
                consumer.hold_back(receiver);
                return Ok(turn(&consumer, false));
            }
            let settled = consumer.settle(receiver);
            consumer.leave();
            Ok(turn(&consumer, settled))
        }
        _ => {
            consumer.stop_as(stopped, receiver);
            consumer.verdict(stopped).map(|()| turn(&consumer, false))
        }
    }
}

impl<M: ConsumerMemory> Consumer<'_, M> {
    /// Publishes the end of what was walked and looks once more. `true`: nothing is there and whoever
    /// commits next will wake us. `false`: drain again.
    #[inline(always)]
    fn settle(&mut self, receiver: &mut impl Receiver) -> bool {
        if self.has_moved() {
            self.publish_end(true, receiver);
        } else if self.is_fenced() {
            // The look that ended the drain came after a fence that came after the last publication.
            return true;
        } else {
            self.fence();
        }
        match self.look() {
            Head::Pending => true,
            Head::Ready => {
                receiver.rescued();
                false
            }
        }
    }

    /// Publishes the end of what was walked, if it has `moved`, and fences it: whatever is looked at after this is looked
    /// at after the kernel can see how far we are. A call that ends before it has caught up needs it
    /// too: its caller's next call may find nothing left to publish, and its look relies on this fence.
    #[inline(always)]
    fn publish_end(&mut self, moved: bool, receiver: &mut impl Receiver) {
        if moved {
            // SeqCst, where the fence below would let Release do: this store may be the last before a
            // sleep, and on x86-64 either alone keeps it ahead of the next load.
            self.memory.set_consumer_pos(self.cursor, Ordering::SeqCst);
            self.has_published(self.cursor);
            self.fence();
            // Not before the fence: nothing is to be loaded between the two.
            receiver.published();
        } else if !self.is_fenced() {
            self.fence();
        }
    }

    #[inline(always)]
    fn fence(&mut self) {
        // Pairs with the fully ordered `xchg` in `bpf_ringbuf_commit`. Either the kernel's load of `consumer_pos` after
        // it sees our store and wakes us, or our looks after this fence see its record. Without it both may read the
        // old value, and we sleep on data.
        M::fence(Ordering::SeqCst);
        self.fenced = Fenced(self.published);
    }

    /// Whether `consumer_pos` is not the cursor, for all that is known.
    #[inline(always)]
    fn has_moved(&self) -> bool {
        self.published != self.cursor
    }

    #[inline(always)]
    fn is_fenced(&self) -> bool {
        self.fenced == Fenced(self.published)
    }

    /// Ends a call before it has caught up, and publishes how far it has come. If the next record has been seen and is
    /// committed its start needs no fence, and the next call owes one: it finds that the position is not known to be
    /// fenced. `moved` is [`has_moved`](Self::has_moved).
    #[inline(always)]
    fn stop(&mut self, moved: bool, receiver: &mut impl Receiver) {
        if self.ahead == 0 || self.look_at_header().is_busy() {
            self.publish_end(moved, receiver);
            return self.leave();
        }
        if moved {
            self.store_start(receiver);
        }
        // An older position would be believed if somebody else moved ours back there.
        self.journal.set_fenced(Fenced::NOWHERE);
        self.journal.forget();
    }

    /// Publishes the start of the record at the cursor, which is committed: this never claims to have
    /// caught up, so it needs no fence.
    #[inline(always)]
    fn publish_start(&mut self, receiver: &mut impl Receiver) {
        self.store_start(receiver);
        self.has_published(self.cursor);
    }

    /// The same at the end of a call, which [leaves](Self::leave) no note of it.
    #[inline(always)]
    fn store_start(&mut self, receiver: &mut impl Receiver) {
        // Release pairs with the load of `consumer_pos` in `__bpf_ringbuf_reserve`: without it the
        // kernel could overwrite records whose bytes are still being read.
        self.memory.set_consumer_pos(self.cursor, Ordering::Release);
        receiver.published();
    }

    #[inline(always)]
    fn has_published(&mut self, pos: u64) {
        self.published = pos;
        // A signal handler that jumps out of here finds the old note until the position is good. AcqRel: as in
        // `set_reached`.
        compiler_fence(Ordering::AcqRel);
        self.journal.set_published(pos);
    }

    /// Whether a record waits at the cursor. A BUSY head counts as none: its commit looks at
    /// `consumer_pos` after it has cleared BUSY, so `producer_pos` alone would not be enough here.
    #[inline(always)]
    fn look(&self) -> Head {
        let ahead = self.look_ahead();
        let pending = if self.is_walkable(ahead) {
            self.look_at_header().is_busy()
        } else {
            has_caught_up(ahead)
        };
        if pending { Head::Pending } else { Head::Ready }
    }

    /// Whether the producer has reserved more, committed or not.
    #[inline(always)]
    fn sees_more(&self) -> bool {
        !has_caught_up(self.look_ahead())
    }

    /// Bytes from the cursor to the producer's position.
    #[inline(always)]
    fn look_ahead(&self) -> u64 {
        look_at_producer(self.memory, self.cursor).wrapping_sub(self.cursor)
    }

    #[inline(always)]
    fn look_at_header(&self) -> Header {
        let word = self.memory.header(self.cursor);
        // Acquire pairs with the `xchg` in `bpf_ringbuf_commit`: a record whose BUSY is clear is
        // fully written.
        M::fence(Ordering::Acquire);
        Header::from_word(word)
    }

    /// Whether the `ahead` bytes to the producer's position may hold records: they are some and a ring of them at most,
    /// and a record may begin at the cursor. If not, and we have not caught up, no kernel can have left the ring so.
    #[inline(always)]
    fn is_walkable(&self, ahead: u64) -> bool {
        // One comparison: what makes the cursor no multiple makes the number larger than any ring.
        let misaligned = self.cursor << (u64::BITS - ALIGN.trailing_zeros());
        ahead.wrapping_sub(1) | misaligned <= self.memory.size().wrapping_sub(1)
    }
}

/// The producer's position; `near` is one that is near it.
#[inline(always)]
fn look_at_producer<M: ConsumerMemory>(memory: M, near: u64) -> u64 {
    let pos = memory.producer_pos(near);
    // Acquire pairs with the `smp_store_release` of `producer_pos` in `__bpf_ringbuf_reserve`:
    // the headers up to it are there, BUSY or committed.
    M::fence(Ordering::Acquire);
    pos
}

/// Whether nothing lies between the cursor and the producer's position, `ahead` bytes from it. Positions wrap; a cursor
/// ahead of the producer's position counts as caught up, as in libbpf.
#[inline(always)]
fn has_caught_up(ahead: u64) -> bool {
    ahead as i64 <= 0
}

/// What is at the reader's position.
enum Head {
    /// Nothing, or a record not committed yet.
    Pending,
    /// A record to be drained, or corruption for the drain to find.
    Ready,
}

impl<'a, M: ConsumerMemory> Consumer<'a, M> {
    /// At `cursor`, which `consumer_pos` holds.
    #[inline(always)]
    fn at(memory: M, journal: &'a Journal, cursor: u64, fenced: Fenced, max: u64) -> Self {
        Consumer {
            memory,
            journal,
            cursor,
            last: cursor,
            published: cursor,
            fenced,
            left: max,
            discarded: 0,
            ahead: 0,
        }
    }

    /// [`consume`] from here on.
    #[inline(always)]
    fn consume_on(mut self, max: u64, mut receiver: impl Receiver) -> Result<u64, Stop> {
        let receiver = &mut receiver;
        loop {
            match self.drain::<false>(receiver) {
                Drained::Seen => continue,
                Drained::CaughtUp if !self.settle(receiver) => continue,
                Drained::CaughtUp => self.leave(),
                Drained::Limit => self.stop(self.has_moved(), receiver),
                stopped => {
                    let failed = self;
                    return failed.end(stopped, max, receiver);
                }
            }
            return Ok(max.wrapping_sub(self.left));
        }
    }

    /// Starts where the ring's `consumer_pos` is: another manager, process or the program itself may
    /// have moved it since our last call.
    #[inline(always)]
    fn enter(memory: M, journal: &'a Journal, max: u64) -> Self {
        repair(memory, journal);
        Consumer::enter_repaired(memory, journal, max)
    }

    /// The same where there is no note to make good.
    #[inline(always)]
    fn enter_repaired(memory: M, journal: &'a Journal, max: u64) -> Self {
        // Acquire pairs with the Release of whoever published it, where that was not us: their reads of
        // the data are over before ours begin.
        let cursor = memory.consumer_pos(Ordering::Acquire);
        let fenced = if journal.fenced() == Fenced(cursor) {
            Fenced(cursor)
        } else {
            Fenced::NOWHERE
        };
        Consumer::at(memory, journal, cursor, fenced, max)
    }

    /// Ends a call whose end is published and fenced.
    #[inline(always)]
    fn leave(&self) {
        // First: until the note is gone nobody believes what is fenced.
        self.journal.set_fenced(self.fenced);
        self.journal.forget();
    }

    /// Ends a call that has not caught up, and publishes what was walked.
    #[inline(always)]
    fn stop_as(&mut self, stopped: Drained, receiver: &mut impl Receiver) {
        match stopped {
            Drained::Limit | Drained::Failed(_) => self.stop(self.has_moved(), receiver),
            _ => {
                self.publish_end(self.has_moved(), receiver);
                self.leave();
            }
        }
    }

    /// Whether `stopped` ends the call with an error.
    #[inline(always)]
    fn verdict(&self, stopped: Drained) -> Result<(), Stop> {
        match stopped {
            Drained::Seen | Drained::CaughtUp | Drained::Limit => Ok(()),
            Drained::Failed(error) => Err(Stop::Failed(error)),
            Drained::Refused => Err(Stop::Refused),
            Drained::Corrupt => Err(Stop::Corrupt(self.cursor)),
        }
    }

    /// The end of a call that fails.
    #[inline(never)]
    fn end(&self, stopped: Drained, max: u64, mut receiver: impl Receiver) -> Result<u64, Stop> {
        let mut consumer = *self;
        consumer.stop_as(stopped, &mut receiver);
        let delivered = max.wrapping_sub(consumer.left);
        consumer.verdict(stopped).map(|()| delivered)
    }
}

/// Whether [`consume`] would find nothing and change nothing: what most calls find of a program that does
/// not wait. Asked first, it saves them the rest.
///
/// It believes its look as [`settle`](Consumer::settle) would: `consumer_pos` is where the last call left
/// it, and that call ended with a fence. Nothing is held back either. A note may be there all the same, of a call that
/// was left before somebody else moved the position to its end: the next call forgets it.
#[inline(always)]
pub fn is_settled<M: ConsumerMemory>(memory: M, journal: &Journal) -> bool {
    let cursor = memory.consumer_pos(Ordering::Relaxed);
    journal.fenced() == Fenced(cursor)
        && memory.producer_pos(cursor) == cursor
        && journal.holds_nothing()
}

/// Whether the ring is where its last call has left it. One that was settled then is settled still: there
/// may be records by now, but whoever has committed them wakes us.
///
/// A callback may settle its own ring, and the call that the callback is in then goes back to where it
/// was itself. So that a call has settled the ring is not enough.
#[inline]
pub fn is_as_left<M: ConsumerMemory>(memory: M, journal: &Journal) -> bool {
    journal.fenced() == Fenced(memory.consumer_pos(Ordering::Relaxed)) && journal.holds_nothing()
}

/// Whether a turn would walk a record, or find the ring corrupt. Nothing follows from "no" for who wants to sleep.
pub fn has_records<M: ConsumerMemory>(memory: M, journal: &Journal) -> bool {
    matches!(Consumer::resume(memory, journal, 0).look(), Head::Ready)
}

#[cfg(test)]
mod tests;
