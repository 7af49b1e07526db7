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
//!    fence which itself came after the last publication of `consumer_pos`. Every return leaves that
//!    fence behind it, so a call that publishes nothing may believe its own look, unless it finds
//!    `consumer_pos` where none of our calls has left it ([`Fenced`]).
//! 2. **In the callback of a record `consumer_pos` is that record's start**, and after a call it is
//!    the end of what was consumed. So a callback may leave in any way (exception, `longjmp`,
//!    `_exit`) and nothing has to be repaired.

use super::memory::ConsumerMemory;
use super::record::{ALIGN, Header};
use core::sync::atomic::Ordering;

/// Bytes of discarded records that may be walked before their space is handed back.
///
/// Nothing of the program's runs between them, so only the producer could notice; it is a multiple
/// of a cache line so that the line of `consumer_pos` is not fought for at every one of them.
const UNPUBLISHED_MAX: u64 = 256;

/// A committed record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record {
    /// Position of its header.
    pub start: u64,
    /// Bytes of payload, which follow the header.
    pub len: u32,
}

/// What the receiver of a record made of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Received {
    /// Consumed; go on.
    Consumed,
    /// Consumed; stop with this error.
    Failed(i32),
    /// Not consumed: it stays the next record.
    Refused,
}

/// Where records go. It is called with all of the ring's state in order and may not return.
pub trait Receiver {
    /// One committed record. Its bytes are valid until this returns.
    fn record(&mut self, record: Record) -> Received;

    /// A discarded record has been walked.
    fn discarded(&mut self) {}

    /// `consumer_pos` has been stored.
    fn published(&mut self) {}

    /// The look after the fence found what the one before publication had not.
    fn rescued(&mut self) {}
}

/// Where `consumer_pos` stood when a call last left a full fence behind it.
///
/// The program may move `consumer_pos` itself, or another reader of the ring that fences nothing; a
/// callback that does not return leaves a position unfenced too. A call that finds it elsewhere owes
/// a fence.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fenced(u64);

impl Fenced {
    /// Of a ring that no call has been made for. No position is like this: they are multiples of 8.
    pub const NOWHERE: Fenced = Fenced(u64::MAX);
}

/// Why a drain stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Drained {
    /// Nothing more, or the head is BUSY. No verdict yet: [`Consumer::settle`].
    CaughtUp,
    /// As many records as asked for.
    Limit,
    /// The receiver's error; its record is consumed.
    Failed(i32),
    /// The receiver took no more; the record stays.
    Refused,
    /// Positions or header cannot be what a producer wrote.
    Corrupt,
}

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

/// What stands at the reader's position.
enum Head {
    /// Nothing, or a record not committed yet.
    Pending,
    /// A record to be drained, or corruption for the drain to find.
    Ready,
}

/// One call's walk along a ring.
#[derive(Debug)]
pub struct Consumer<M> {
    memory: M,
    /// Position of the next record: the end of the last one walked. A multiple of [`ALIGN`].
    cursor: u64,
    /// What `consumer_pos` was last known to hold: `cursor`, or the start of a record behind it.
    published: u64,
    /// Whether `consumer_pos` may have been stored since the last full fence.
    unfenced: bool,
    /// Records delivered in this call.
    delivered: u64,
}

/// Consumes up to `max` records: the whole of a call, from entry to a state its caller may return
/// from. Returns how many were delivered, and what the ring's next call is to be given as `fenced`.
///
/// With fewer than `max` the ring has been caught up with: the caller may sleep.
pub fn consume<M: ConsumerMemory>(
    memory: M,
    fenced: Fenced,
    max: u64,
    receiver: &mut impl Receiver,
) -> (Result<u64, Stop>, Fenced) {
    let mut consumer = Consumer::enter(memory, fenced);
    loop {
        let stopped = consumer.drain(max, receiver);
        if stopped != Drained::CaughtUp {
            consumer.publish_end(receiver);
        } else if !consumer.settle(receiver) {
            continue;
        }
        return (consumer.verdict(stopped), Fenced(consumer.cursor));
    }
}

impl<M: ConsumerMemory> Consumer<M> {
    /// Starts where the ring's `consumer_pos` is: another manager, process or the program itself may
    /// have moved it since our last call.
    pub fn enter(memory: M, fenced: Fenced) -> Self {
        // Acquire pairs with the Release of `publish` in whoever read this ring before us: their
        // reads of the data are over before ours begin.
        let cursor = memory.consumer_pos(Ordering::Acquire);
        Consumer {
            memory,
            cursor,
            published: cursor,
            unfenced: Fenced(cursor) != fenced,
            delivered: 0,
        }
    }

    /// Walks committed records until caught up, until `max` have been delivered in this call, or
    /// until something stops it. The end of the last record is left unpublished.
    #[inline]
    pub fn drain(&mut self, max: u64, receiver: &mut impl Receiver) -> Drained {
        loop {
            if self.delivered >= max {
                return Drained::Limit;
            }
            let seen = self.look_at_producer();
            let Some(mut ahead) = self.distance_to(seen) else {
                return Drained::Corrupt;
            };
            if ahead == 0 {
                return Drained::CaughtUp;
            }
            while ahead > 0 {
                let header = self.look_at_header();
                if header.is_busy() {
                    return Drained::CaughtUp;
                }
                let span = header.span();
                if span > ahead {
                    return Drained::Corrupt;
                }
                ahead = ahead.wrapping_sub(span);
                if let Some(stopped) = self.walk(header, span, max, receiver) {
                    return stopped;
                }
            }
        }
    }

    /// Walks the committed record at the cursor.
    #[inline(always)]
    fn walk(
        &mut self,
        header: Header,
        span: u64,
        max: u64,
        receiver: &mut impl Receiver,
    ) -> Option<Drained> {
        let start = self.cursor;
        let end = start.wrapping_add(span);
        if header.is_discarded() {
            // Only the start of a record that is there may be published without a fence.
            if start.wrapping_sub(self.published) >= UNPUBLISHED_MAX {
                self.publish_start(receiver);
            }
            self.cursor = end;
            receiver.discarded();
            return None;
        }
        if start != self.published {
            self.publish_start(receiver);
        }
        let len = header.payload_len();
        match receiver.record(Record { start, len }) {
            Received::Refused => return Some(Drained::Refused),
            Received::Failed(error) => {
                self.cursor = end;
                self.delivered = self.delivered.wrapping_add(1);
                return Some(Drained::Failed(error));
            }
            Received::Consumed => {}
        }
        self.cursor = end;
        self.delivered = self.delivered.wrapping_add(1);
        (self.delivered >= max).then_some(Drained::Limit)
    }

    /// Publishes the start of the record at the cursor, which is committed: this never claims to have
    /// caught up, so it needs no fence.
    #[inline(always)]
    fn publish_start(&mut self, receiver: &mut impl Receiver) {
        // Release pairs with the load of `consumer_pos` in `__bpf_ringbuf_reserve`: without it the
        // kernel could overwrite records whose bytes are still being read.
        self.memory.set_consumer_pos(self.cursor, Ordering::Release);
        self.published = self.cursor;
        self.unfenced = true;
        receiver.published();
    }

    /// Publishes the end of what was walked and fences it: whatever is looked at after this is looked
    /// at after the kernel can see how far we are. A call that ends before it has caught up needs it
    /// too: its caller's next call may find nothing left to publish, and its look relies on this fence.
    pub fn publish_end(&mut self, receiver: &mut impl Receiver) {
        if self.published != self.cursor {
            // SeqCst, where the fence below would let Release do: this store may be the last before a
            // sleep, and on x86-64 either alone keeps it ahead of the next load.
            self.memory.set_consumer_pos(self.cursor, Ordering::SeqCst);
            self.published = self.cursor;
            self.unfenced = true;
            receiver.published();
        }
        if self.unfenced {
            // Pairs with the fully ordered `xchg` in `bpf_ringbuf_commit`. Either the kernel's load
            // of `consumer_pos` after it sees our store and wakes us, or our looks after this fence
            // see its record. Without it both may read the old value, and we sleep on data.
            M::fence(Ordering::SeqCst);
            self.unfenced = false;
        }
    }

    /// Publishes the end of what was walked and looks once more. `true`: nothing is there and whoever
    /// commits next will wake us. `false`: drain again.
    #[inline]
    pub fn settle(&mut self, receiver: &mut impl Receiver) -> bool {
        if self.published == self.cursor && !self.unfenced {
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

    /// The result of a call that `stopped` has ended.
    fn verdict(&self, stopped: Drained) -> Result<u64, Stop> {
        match stopped {
            Drained::CaughtUp | Drained::Limit => Ok(self.delivered),
            Drained::Failed(error) => Err(Stop::Failed(error)),
            Drained::Refused => Err(Stop::Refused),
            Drained::Corrupt => Err(Stop::Corrupt(self.cursor)),
        }
    }

    /// Whether a record waits at the cursor. A BUSY head counts as none: its commit looks at
    /// `consumer_pos` after it has cleared BUSY, so `producer_pos` alone would not be enough here.
    fn look(&self) -> Head {
        match self.distance_to(self.look_at_producer()) {
            Some(0) => Head::Pending,
            Some(_) if self.look_at_header().is_busy() => Head::Pending,
            _ => Head::Ready,
        }
    }

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
    fn distance_to(&self, producer: u64) -> Option<u64> {
        let ahead = producer.wrapping_sub(self.cursor);
        if (ahead as i64) <= 0 {
            return Some(0);
        }
        (ahead <= self.memory.size() && self.cursor % ALIGN == 0).then_some(ahead)
    }
}

#[cfg(test)]
mod tests;
