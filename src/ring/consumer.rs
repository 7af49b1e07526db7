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
mod walk;

use super::journal::{Fenced, Held, Journal};
use super::memory::ConsumerMemory;
use super::receiver::Receiver;
use super::record::{ALIGN, Header};
use super::wait::{Round, Walked};
use core::sync::atomic::{Ordering, compiler_fence};
use walk::Drained;

pub use hold::{is_held, release, repair};

/// Bytes that may be walked before a start is published, which gives their space back to the producer:
/// in a hot ring, and in any ring while records are discarded, since no callback runs between them.
///
/// Four cache lines of data: reader and producer share the line of `consumer_pos`, and a store for each
/// record would make them fight for it.
const UNPUBLISHED_MAX: u64 = 256;

/// A call for up to so many records is for a few: it seldom gets to the end of what is there.
pub const FEW: u64 = 8;

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
    /// Where this call began.
    entered: u64,
    /// Records delivered in this call.
    delivered: u64,
    /// Discarded records walked in this call.
    discarded: u64,
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
    mut receiver: impl Receiver,
) -> Result<u64, Stop> {
    if max > FEW {
        return consume_many(memory, journal, max, receiver);
    }
    // The straight way of a call for a few records: they are there, and that is all.
    let Some((mut consumer, mut ahead)) = Consumer::enter_straight(memory, journal, max) else {
        return consume_apart(memory, journal, max, receiver);
    };
    let seen = ahead;
    loop {
        let Some((header, span)) = consumer.deliverable(ahead) else {
            if consumer.delivered > 0 {
                break;
            }
            journal.forget();
            return consume_apart(memory, journal, max, receiver);
        };
        ahead = ahead.wrapping_sub(span);
        match consumer.deliver::<false>(header, span, ahead > 0, max, &mut receiver) {
            None if ahead > 0 => {}
            None | Some(Drained::Seen) => break,
            Some(Drained::Limit(more)) => {
                receiver.found(seen);
                consumer.stop(more, &mut receiver);
                consumer.leave();
                return Ok(consumer.delivered);
            }
            Some(stopped) => {
                receiver.found(seen);
                let failed = consumer;
                return failed.end(stopped, receiver);
            }
        }
    }
    receiver.found(seen);
    let rest = consumer;
    rest.consume_rest(max, receiver)
}

/// The same, for as many records as one likes.
#[inline(always)]
pub fn consume_many<M: ConsumerMemory>(
    memory: M,
    journal: &Journal,
    max: u64,
    receiver: impl Receiver,
) -> Result<u64, Stop> {
    Consumer::enter(memory, journal).consume_on(max, receiver)
}

/// [`consume_many`] where the straight way has not been.
#[inline(never)]
fn consume_apart<M: ConsumerMemory>(
    memory: M,
    journal: &Journal,
    max: u64,
    receiver: impl Receiver,
) -> Result<u64, Stop> {
    consume_many(memory, journal, max, receiver)
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
    let mut consumer = Consumer::resume(memory, journal);
    let stopped = consumer.drain::<HOT>(max, receiver);
    let settled = match stopped {
        Drained::Seen | Drained::CaughtUp => {
            let hold = hold || stopped == Drained::Seen && consumer.sees_more();
            if hold && consumer.may_hold_back() {
                consumer.hold_back(receiver);
                return Ok(consumer.turn(false));
            }
            consumer.settle(receiver)
        }
        _ => {
            consumer.stop_as(stopped, receiver);
            false
        }
    };
    consumer.leave();
    consumer.verdict(stopped).map(|()| consumer.turn(settled))
}

impl<M: ConsumerMemory> Consumer<'_, M> {
    /// Publishes the end of what was walked and looks once more. `true`: nothing is there and whoever
    /// commits next will wake us. `false`: drain again.
    #[inline(always)]
    fn settle(&mut self, receiver: &mut impl Receiver) -> bool {
        if self.published == self.cursor && self.is_fenced() {
            // The look that ended the drain came after a fence that came after the last publication.
            return true;
        }
        self.publish_end(receiver);
        match self.look() {
            Head::Pending => true,
            Head::Ready => {
                receiver.rescued();
                false
            }
        }
    }

    /// Publishes the end of what was walked and fences it: whatever is looked at after this is looked
    /// at after the kernel can see how far we are. A call that ends before it has caught up needs it
    /// too: its caller's next call may find nothing left to publish, and its look relies on this fence.
    #[inline(always)]
    fn publish_end(&mut self, receiver: &mut impl Receiver) {
        let moves = self.published != self.cursor;
        if moves {
            // SeqCst, where the fence below would let Release do: this store may be the last before a
            // sleep, and on x86-64 either alone keeps it ahead of the next load.
            self.memory.set_consumer_pos(self.cursor, Ordering::SeqCst);
            self.has_published(self.cursor);
        }
        if !self.is_fenced() {
            // Pairs with the fully ordered `xchg` in `bpf_ringbuf_commit`. Either the kernel's load
            // of `consumer_pos` after it sees our store and wakes us, or our looks after this fence
            // see its record. Without it both may read the old value, and we sleep on data.
            M::fence(Ordering::SeqCst);
            self.fenced = Fenced(self.published);
        }
        if moves {
            // Not before the fence: nothing is to be loaded between the two.
            receiver.published();
        }
    }

    #[inline(always)]
    fn is_fenced(&self) -> bool {
        self.fenced == Fenced(self.published)
    }

    /// Publishes how far the call has come that ends before it has caught up, where it has seen `more`. If the next
    /// record is committed its start needs no fence, and the next call owes one: it finds that the position is not
    /// known to be fenced.
    #[inline(always)]
    fn stop(&mut self, more: bool, receiver: &mut impl Receiver) {
        if !more || self.look_at_header().is_busy() {
            self.publish_end(receiver);
        } else if self.published != self.cursor {
            self.publish_start(receiver);
        }
    }

    /// Publishes the start of the record at the cursor, which is committed: this never claims to have
    /// caught up, so it needs no fence.
    #[inline(always)]
    fn publish_start(&mut self, receiver: &mut impl Receiver) {
        // Release pairs with the load of `consumer_pos` in `__bpf_ringbuf_reserve`: without it the
        // kernel could overwrite records whose bytes are still being read.
        self.memory.set_consumer_pos(self.cursor, Ordering::Release);
        self.has_published(self.cursor);
        receiver.published();
    }

    #[inline(always)]
    fn has_published(&mut self, pos: u64) {
        self.published = pos;
        // A signal handler that jumps out of here finds the old note until the position is good.
        compiler_fence(Ordering::SeqCst);
        self.journal.set_published(pos);
        // A call in a callback may have fenced another position, and this one may be left before it comes back there.
        self.journal.set_fenced(Fenced::NOWHERE);
    }

    /// Whether a record waits at the cursor. A BUSY head counts as none: its commit looks at
    /// `consumer_pos` after it has cleared BUSY, so `producer_pos` alone would not be enough here.
    #[inline(always)]
    fn look(&self) -> Head {
        match self.distance_to(self.look_at_producer()) {
            Some(0) => Head::Pending,
            Some(_) if self.look_at_header().is_busy() => Head::Pending,
            _ => Head::Ready,
        }
    }

    /// Whether the producer has reserved more, committed or not.
    #[inline(always)]
    fn sees_more(&self) -> bool {
        self.distance_to(self.look_at_producer()) != Some(0)
    }

    #[inline(always)]
    fn look_at_producer(&self) -> u64 {
        let pos = self.memory.producer_pos(self.cursor);
        // Acquire pairs with the `smp_store_release` of `producer_pos` in `__bpf_ringbuf_reserve`:
        // the headers up to it are there, BUSY or committed.
        M::fence(Ordering::Acquire);
        pos
    }

    #[inline(always)]
    fn look_at_header(&self) -> Header {
        let word = self.memory.header(self.cursor);
        // Acquire pairs with the `xchg` in `bpf_ringbuf_commit`: a record whose BUSY is clear is
        // fully written.
        M::fence(Ordering::Acquire);
        Header::from_word(word)
    }

    /// Bytes from the cursor to `producer`, `None` if no kernel can have left the ring like this.
    /// Positions wrap; one ahead of the producer's counts as caught up, as in libbpf.
    #[inline(always)]
    fn distance_to(&self, producer: u64) -> Option<u64> {
        let ahead = producer.wrapping_sub(self.cursor);
        if (ahead as i64) <= 0 {
            return Some(0);
        }
        (ahead <= self.memory.size() && self.cursor % ALIGN == 0).then_some(ahead)
    }
}

/// What is at the reader's position.
enum Head {
    /// Nothing, or a record not committed yet.
    Pending,
    /// A record to be drained, or corruption for the drain to find.
    Ready,
}

impl<'a, M: ConsumerMemory> Consumer<'a, M> {
    /// Starts as [`enter`](Self::enter) does where something is there, and nothing else has to be seen to.
    /// Returns the bytes up to the producer's position, too.
    #[inline(always)]
    fn enter_straight(memory: M, journal: &'a Journal, max: u64) -> Option<(Self, u64)> {
        if max == 0 || journal.held() != Held::NOTHING {
            return None;
        }
        // Acquire, as in `enter`.
        let cursor = memory.consumer_pos(Ordering::Acquire);
        // That the position is fenced is of no use: it will move.
        let consumer = Consumer::at(memory, journal, cursor, Fenced::NOWHERE);
        let ahead = consumer.distance_to(consumer.look_at_producer())?;
        if ahead == 0 {
            return None;
        }
        journal.begin(cursor, cursor);
        Some((consumer, ahead))
    }

    /// At `cursor`, which `consumer_pos` holds.
    #[inline(always)]
    fn at(memory: M, journal: &'a Journal, cursor: u64, fenced: Fenced) -> Self {
        Consumer {
            memory,
            journal,
            cursor,
            last: cursor,
            published: cursor,
            fenced,
            entered: cursor,
            delivered: 0,
            discarded: 0,
        }
    }

    /// [`consume`] after the straight way.
    #[inline(never)]
    fn consume_rest(&self, max: u64, receiver: impl Receiver) -> Result<u64, Stop> {
        // A copy whose address nobody knows: it stays in registers.
        let consumer = *self;
        consumer.consume_on(max, receiver)
    }

    /// [`consume`] from here on.
    #[inline(always)]
    fn consume_on(mut self, max: u64, mut receiver: impl Receiver) -> Result<u64, Stop> {
        let receiver = &mut receiver;
        loop {
            match self.drain::<false>(max, receiver) {
                Drained::Seen => continue,
                Drained::CaughtUp if !self.settle(receiver) => continue,
                Drained::CaughtUp => {}
                Drained::Limit(more) => self.stop(more, receiver),
                stopped => {
                    let failed = self;
                    return failed.end(stopped, receiver);
                }
            }
            self.leave();
            return Ok(self.delivered);
        }
    }

    /// Starts where the ring's `consumer_pos` is: another manager, process or the program itself may
    /// have moved it since our last call.
    #[inline(always)]
    fn enter(memory: M, journal: &'a Journal) -> Self {
        let repaired = repair(memory, journal);
        // Acquire pairs with the Release of whoever published it, where that was not us: their reads of
        // the data are over before ours begin.
        let cursor = memory.consumer_pos(Ordering::Acquire);
        let fenced = if !repaired && journal.fenced() == Fenced(cursor) {
            Fenced(cursor)
        } else {
            Fenced::NOWHERE
        };
        Consumer::at(memory, journal, cursor, fenced)
    }

    #[inline(always)]
    fn turn(&self, settled: bool) -> Turn {
        Turn {
            delivered: self.delivered,
            walked: Walked {
                records: self.delivered.wrapping_add(self.discarded),
                bytes: self.cursor.wrapping_sub(self.entered),
            },
            settled,
        }
    }

    /// Ends the call. What was walked is published.
    #[inline(always)]
    fn leave(&self) {
        self.journal.forget();
        // An older position would be believed if somebody else moved ours back there.
        let mut fenced = Fenced::NOWHERE;
        if self.is_fenced() {
            fenced = self.fenced;
        }
        self.journal.set_fenced(fenced);
    }

    /// Publishes what was walked in a call that has not caught up.
    #[inline(always)]
    fn stop_as(&mut self, stopped: Drained, receiver: &mut impl Receiver) {
        match stopped {
            Drained::Limit(more) | Drained::Failed(_, more) => self.stop(more, receiver),
            _ => self.publish_end(receiver),
        }
    }

    /// Whether `stopped` ends the call with an error.
    #[inline(always)]
    fn verdict(&self, stopped: Drained) -> Result<(), Stop> {
        match stopped {
            Drained::Seen | Drained::CaughtUp | Drained::Limit(_) => Ok(()),
            Drained::Failed(error, _) => Err(Stop::Failed(error)),
            Drained::Refused => Err(Stop::Refused),
            Drained::Corrupt => Err(Stop::Corrupt(self.cursor)),
        }
    }

    /// The end of a call that fails.
    #[inline(never)]
    fn end(&self, stopped: Drained, mut receiver: impl Receiver) -> Result<u64, Stop> {
        let mut consumer = *self;
        consumer.stop_as(stopped, &mut receiver);
        consumer.leave();
        consumer.verdict(stopped).map(|()| consumer.delivered)
    }
}

/// Whether [`consume`] would find nothing and change nothing: what most calls find of a program that does
/// not wait. Asked first, it saves them the rest.
///
/// It believes its look as [`settle`](Consumer::settle) would: `consumer_pos` is where the last call left
/// it, and that call ended with a fence. Nothing is held back either: what is lies between `consumer_pos`
/// and `producer_pos`, and there is nothing between them.
#[inline(always)]
pub fn is_settled<M: ConsumerMemory>(memory: M, journal: &Journal) -> bool {
    let cursor = memory.consumer_pos(Ordering::Relaxed);
    journal.fenced() == Fenced(cursor) && memory.producer_pos(cursor) == cursor
}

/// Whether the ring is where its last call has left it. One that was settled then is settled still: there
/// may be records by now, but whoever has committed them wakes us.
///
/// A callback may settle its own ring, and the call that the callback is in then goes back to where it
/// was itself. So that a call has settled the ring is not enough.
#[inline]
pub fn is_as_left<M: ConsumerMemory>(memory: M, journal: &Journal) -> bool {
    journal.fenced() == Fenced(memory.consumer_pos(Ordering::Relaxed))
        && journal.held() == Held::NOTHING
}

/// Whether a turn would walk a record, or find the ring corrupt. Nothing follows from "no" for who wants to sleep.
pub fn has_records<M: ConsumerMemory>(memory: M, journal: &Journal) -> bool {
    matches!(Consumer::resume(memory, journal).look(), Head::Ready)
}

#[cfg(test)]
mod tests;
