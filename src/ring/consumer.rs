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
//!
//! A call that may wait has a third thing to do between drain and settle: [`linger`](super::linger).
//! With the start of the last record published, and so that one record held back, the kernel sees a
//! reader that is busy and wakes nobody, and no "nothing there" is believed. While a ring is so fast
//! that this pays, the second rule is bent by up to [`UNPUBLISHED_MAX`] bytes; what is held back is
//! written down ([`Held`]), and whoever enters the ring next makes it good.

use super::journal::{Fenced, Held, Journal};
use super::linger::Patience;
use super::memory::ConsumerMemory;
use super::record::{ALIGN, Header};
use core::sync::atomic::{Ordering, compiler_fence};

/// Bytes that may be walked before their space is handed back: always of discarded records, between
/// which nothing of the program's runs; of records too while the ring is hot.
///
/// Some cache lines of data, so that the line of `consumer_pos` is not fought for at every record.
const UNPUBLISHED_MAX: u64 = 256;

/// A record is held back only if it is at most this part of its ring: what it occupies is missing to
/// the producer.
const HELD_PART: u64 = 16;

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

/// Why a drain stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Drained {
    /// All that was seen. There may be more by now.
    Seen,
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

/// What a call has walked so far.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Walked {
    /// Records, discarded ones included.
    pub records: u64,
    /// Bytes of the ring.
    pub bytes: u64,
}

/// One call's walk along a ring.
#[derive(Clone, Copy, Debug)]
pub struct Consumer<M, J> {
    memory: M,
    journal: J,
    /// Position of the next record: the end of the last one walked. A multiple of [`ALIGN`].
    cursor: u64,
    /// Start of the last record walked; `cursor` if none has been.
    last: u64,
    /// What `consumer_pos` was last known to hold: `cursor`, or the start of a record behind it; ahead of
    /// it after a call in a callback. Distances from it wrap: the next start is then published, as
    /// libbpf would.
    published: u64,
    /// Whether `consumer_pos` may have been stored since the last full fence.
    unfenced: bool,
    /// Whether the ring is hot: records' starts are published every [`UNPUBLISHED_MAX`] bytes only.
    hot: bool,
    /// Where this call began.
    entered: u64,
    /// Records delivered in this call.
    delivered: u64,
    /// Discarded records walked in this call.
    discarded: u64,
}

/// Consumes up to `max` records: the whole of a call, from entry to a state its caller may return
/// from. Waits for more with a record held back for as long as `patience` says. Returns how many were
/// delivered.
///
/// With fewer than `max` the ring has been caught up with: the caller may sleep.
pub fn consume<M: ConsumerMemory, J: Journal>(
    memory: M,
    journal: J,
    max: u64,
    receiver: &mut impl Receiver,
    patience: &mut impl Patience,
) -> Result<u64, Stop> {
    let mut consumer = Consumer::enter(memory, journal);
    consumer.hot = patience.hot();
    loop {
        let stopped = consumer.drain(max, receiver);
        match stopped {
            Drained::Seen | Drained::CaughtUp => {
                if consumer.may_hold_back() && patience.waits(consumer.walked()) {
                    consumer.hot = patience.hot();
                    consumer.hold_back(receiver);
                    patience.wait();
                    continue;
                }
                if stopped == Drained::Seen || !consumer.settle(receiver) {
                    continue;
                }
            }
            Drained::Limit | Drained::Failed(_) | Drained::Refused | Drained::Corrupt => {
                consumer.publish_end(receiver);
            }
        }
        return consumer.leave(stopped);
    }
}

/// Whether [`consume`] would find nothing and leave the ring as it is: what most calls find of a program
/// that does not wait. `settle` believes the same look for the same reason, and nothing can be held back
/// where nothing is behind `consumer_pos`.
#[inline(always)]
pub fn is_settled<M: ConsumerMemory>(memory: M, journal: impl Journal) -> bool {
    let cursor = memory.consumer_pos(Ordering::Relaxed);
    journal.fenced() == Fenced(cursor) && memory.producer_pos(cursor) == cursor
}

/// Makes `consumer_pos` what libbpf would show, if a callback or a signal handler that did not return
/// has left it behind, or if this is called from inside the callback of a hot ring. `true` if it has
/// been moved.
///
/// Whoever has moved it meanwhile (another process, another manager) is believed instead.
pub fn repair<M: ConsumerMemory>(memory: M, journal: impl Journal) -> bool {
    let held = journal.held();
    if held == Held::NOTHING {
        return false;
    }
    // A signal handler may have left with half of the note written.
    let forward = held.reached.wrapping_sub(held.published);
    // Release, as in `publish_start`; Acquire keeps the note until the position is good. What is
    // published may be the end of the ring: the caller owes a fence.
    let moved = (1..=memory.size()).contains(&forward)
        && memory.replace_consumer_pos(held.published, held.reached, Ordering::AcqRel);
    journal.set_held(Held::NOTHING);
    moved
}

impl<M: ConsumerMemory, J: Journal> Consumer<M, J> {
    /// Starts where the ring's `consumer_pos` is: another manager, process or the program itself may
    /// have moved it since our last call.
    pub fn enter(memory: M, journal: J) -> Self {
        let repaired = repair(memory, journal);
        // Acquire pairs with the Release of `publish` in whoever read this ring before us: their
        // reads of the data are over before ours begin.
        let cursor = memory.consumer_pos(Ordering::Acquire);
        Consumer {
            memory,
            journal,
            cursor,
            last: cursor,
            published: cursor,
            unfenced: repaired || Fenced(cursor) != journal.fenced(),
            hot: false,
            entered: cursor,
            delivered: 0,
            discarded: 0,
        }
    }

    /// Walks the committed records up to the producer's position, until `max` have been delivered in
    /// this call, or until something stops it. The end of the last record is left unpublished.
    #[inline(always)]
    pub fn drain(&mut self, max: u64, receiver: &mut impl Receiver) -> Drained {
        if self.delivered >= max {
            return Drained::Limit;
        }
        match self.distance_to(self.look_at_producer()) {
            None => Drained::Corrupt,
            Some(0) => Drained::CaughtUp,
            Some(ahead) if self.hot => self.walk_all::<true>(ahead, max, receiver),
            Some(ahead) => self.walk_all::<false>(ahead, max, receiver),
        }
    }

    /// Walks the committed records in the next `ahead` bytes.
    #[inline(never)]
    fn walk_all<const HOT: bool>(
        &mut self,
        mut ahead: u64,
        max: u64,
        receiver: &mut impl Receiver,
    ) -> Drained {
        // A copy whose address nobody knows: it stays in registers across callbacks.
        let mut consumer = *self;
        let drained = loop {
            let header = consumer.look_at_header();
            if header.is_busy() {
                break Drained::CaughtUp;
            }
            let span = header.span();
            if span > ahead {
                break Drained::Corrupt;
            }
            ahead = ahead.wrapping_sub(span);
            if let Some(stopped) = consumer.walk::<HOT>(header, span, max, receiver) {
                break stopped;
            }
            if ahead == 0 {
                break Drained::Seen;
            }
        };
        *self = consumer;
        drained
    }

    /// Walks the committed record at the cursor.
    #[inline(always)]
    fn walk<const HOT: bool>(
        &mut self,
        header: Header,
        span: u64,
        max: u64,
        receiver: &mut impl Receiver,
    ) -> Option<Drained> {
        let start = self.cursor;
        if header.is_discarded() {
            // Only the start of a record that is there may be published without a fence.
            if start.wrapping_sub(self.published) >= UNPUBLISHED_MAX {
                self.publish_start(receiver);
            }
            self.step(span);
            self.discarded = self.discarded.wrapping_add(1);
            receiver.discarded();
            return None;
        }
        if HOT {
            self.hold(start, receiver);
        } else if start != self.published {
            self.publish_start(receiver);
        }
        let len = header.payload_len();
        let received = receiver.record(Record { start, len });
        if HOT {
            self.notice_repair();
        }
        if received == Received::Refused {
            return Some(Drained::Refused);
        }
        self.step(span);
        self.delivered = self.delivered.wrapping_add(1);
        match received {
            Received::Failed(error) => Some(Drained::Failed(error)),
            _ => (self.delivered >= max).then_some(Drained::Limit),
        }
    }

    /// Goes on to the next record.
    #[inline(always)]
    fn step(&mut self, span: u64) {
        self.last = self.cursor;
        self.cursor = self.cursor.wrapping_add(span);
    }

    fn walked(&self) -> Walked {
        Walked {
            records: self.delivered.wrapping_add(self.discarded),
            bytes: self.cursor.wrapping_sub(self.entered),
        }
    }

    /// Before the callback of the record at `start` in a hot ring: publishes its start if much is
    /// unpublished, and writes down how far we are.
    #[inline(always)]
    fn hold(&mut self, start: u64, receiver: &mut impl Receiver) {
        if start.wrapping_sub(self.published) >= UNPUBLISHED_MAX {
            self.publish_start(receiver);
        }
        self.journal.set_held(Held {
            published: self.published,
            reached: start,
        });
    }

    /// After a callback in a hot ring: if it has entered the ring, `consumer_pos` has been moved.
    #[inline(always)]
    fn notice_repair(&mut self) {
        if self.journal.held().published != self.published {
            self.published = self.memory.consumer_pos(Ordering::Relaxed);
            self.unfenced = true;
        }
    }

    /// Whether something is unpublished, and the record that would be held back is small enough.
    fn may_hold_back(&self) -> bool {
        let held = self.cursor.wrapping_sub(self.last);
        self.cursor != self.published && held <= self.memory.size() / HELD_PART
    }

    /// Publishes the start of the last record walked, so that the kernel sees us one record behind,
    /// and wakes nobody.
    fn hold_back(&mut self, receiver: &mut impl Receiver) {
        // Not what we believe is published: a callback may have moved it.
        if self.memory.consumer_pos(Ordering::Relaxed) != self.last {
            // Release, and no fence: as in `publish_start`. The record is committed.
            self.memory.set_consumer_pos(self.last, Ordering::Release);
            self.has_published(self.last, receiver);
        }
        self.published = self.last;
        self.journal.set_held(Held {
            published: self.last,
            reached: self.cursor,
        });
    }

    /// Publishes the start of the record at the cursor, which is committed: this never claims to have
    /// caught up, so it needs no fence.
    #[inline(always)]
    fn publish_start(&mut self, receiver: &mut impl Receiver) {
        // Release pairs with the load of `consumer_pos` in `__bpf_ringbuf_reserve`: without it the
        // kernel could overwrite records whose bytes are still being read.
        self.memory.set_consumer_pos(self.cursor, Ordering::Release);
        self.has_published(self.cursor, receiver);
    }

    #[inline(always)]
    fn has_published(&mut self, pos: u64, receiver: &mut impl Receiver) {
        self.published = pos;
        self.unfenced = true;
        // A signal handler that jumps out of here finds the note until the position is good.
        compiler_fence(Ordering::SeqCst);
        self.journal.set_held(Held::NOTHING);
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
            self.has_published(self.cursor, receiver);
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

    /// The result of a call that `stopped` has ended. The end is published and fenced.
    fn leave(self, stopped: Drained) -> Result<u64, Stop> {
        self.journal.set_held(Held::NOTHING);
        self.journal.set_fenced(Fenced(self.cursor));
        match stopped {
            Drained::Seen | Drained::CaughtUp | Drained::Limit => Ok(self.delivered),
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
