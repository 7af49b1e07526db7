// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Reading a ring in overwrite mode (`BPF_F_RB_OVERWRITE`), whose kernel overwrites records that nobody has read.
//!
//! The protocol, with the kernel's side of it, is `docs/overwrite.md`. Nothing keeps the kernel from writing where we
//! read. So a record is copied, and after that `overwrite_pos` says whether it was there all the time. A header is
//! believed in the same way, and so is a BUSY one before the reader sleeps: it may be that of a newer record. On some
//! machines `overwrite_pos` says so only to who has taken the kernel's lock in between
//! ([`pass_lock`](OverwriteMemory::pass_lock)).
//!
//! Positions, notes and fences are those of an ordinary ring ([`consumer`](super::consumer)): in the callback of a
//! record `consumer_pos` is that record's start, and "nothing there" is believed only after a fence that came after the
//! last publication. Such a ring is never held: each turn ends with its end published and fenced.

mod opening;

use super::consumer::{Stop, Turn, repair};
use super::journal::{Fenced, Journal};
use super::memory::OverwriteMemory;
use super::receiver::{Received, Receiver, Record};
use super::record::{ALIGN, HEADER_LEN, Header};
use super::wait::Walked;
use core::cell::Cell;
use core::sync::atomic::{Ordering, compiler_fence};

/// A turn ends after the producer has been ahead by more than a ring so many times: it need not find an end otherwise.
const PASSES_MAX: u32 = 64;

/// What is remembered of a ring from call to call beside its [`Journal`], and shared with calls in callbacks.
#[derive(Debug)]
pub struct Notes {
    /// What lies before it was delivered or passed over by some call, or has been counted as overwritten.
    seen_to: Cell<u64>,
    /// Whether a call has found where records begin.
    opened: Cell<bool>,
}

impl Notes {
    /// Of a ring that no call has been made for.
    pub const fn new() -> Self {
        Notes {
            seen_to: Cell::new(0),
            opened: Cell::new(false),
        }
    }

    /// All before `pos` has been seen. A call around a callback may be behind one that was made in the callback.
    #[inline]
    fn see(&self, pos: u64) {
        if is_before(self.seen_to.get(), pos) {
            self.seen_to.set(pos);
        }
    }
}

impl Default for Notes {
    fn default() -> Self {
        Notes::new()
    }
}

/// Positions wrap: whether `pos` lies before `other`, where the two are not half of all numbers apart.
#[inline]
fn is_before(pos: u64, other: u64) -> bool {
    (other.wrapping_sub(pos) as i64) > 0
}

/// One turn of the ring: delivers what it holds now, up to `max` records, each copied to `copy`. It ends settled, or
/// with more to read, never held.
///
/// `copy` has room for the ring. It must not be another call's that may still be in its callback.
pub fn take_turn<M: OverwriteMemory>(
    memory: M,
    journal: &Journal,
    notes: &Notes,
    max: u64,
    copy: &[Cell<usize>],
    receiver: &mut impl Receiver,
) -> Result<Turn, Stop> {
    let mut reader = Reader::enter(memory, journal, notes, receiver).map_err(Stop::Failed)?;
    let ended = reader.walk(max, copy, receiver);
    let settled = reader.settle(ended, receiver);
    reader.leave();
    match ended {
        Ended::CaughtUp | Ended::More => settled
            .map(|settled| reader.turn(settled))
            .map_err(Stop::Failed),
        Ended::Failed(error) | Ended::Unverified(error) => Err(Stop::Failed(error)),
        Ended::Refused => Err(Stop::Refused),
        Ended::Corrupt => Err(Stop::Corrupt(reader.cursor)),
    }
}

/// Whether a turn would find something. Nothing follows from "no" for who wants to sleep.
pub fn has_records<M: OverwriteMemory>(memory: M, journal: &Journal, notes: &Notes) -> bool {
    let reader = Reader::at_position(memory, journal, notes);
    !matches!(reader.look(reader.look_at_producer()), Ok(Head::Pending))
}

/// Bytes that are available, as the kernel counts them (`ringbuf_avail_data_sz`), where the reader is at `consumer`.
pub fn available<M: OverwriteMemory>(memory: M, consumer: u64) -> u64 {
    let overwritten = memory.overwrite_pos(consumer);
    // Acquire keeps the load of the producer's position after this one: it is ahead then.
    M::fence(Ordering::Acquire);
    let producer = memory.producer_pos(consumer);
    let ahead = producer.wrapping_sub(consumer);
    ahead.min(producer.wrapping_sub(overwritten))
}

/// One turn's walk along the ring.
struct Reader<'a, M> {
    memory: M,
    journal: &'a Journal,
    notes: &'a Notes,
    /// Position of the next record.
    cursor: u64,
    /// What this turn knows `consumer_pos` to hold.
    published: u64,
    /// What `consumer_pos` held when the last fence came after its last store.
    fenced: Fenced,
    /// Where the turn began.
    entered: u64,
    delivered: u64,
    discarded: u64,
}

/// What is at the reader's position.
enum Head {
    /// Nothing, or the record at the reader's position, not committed yet.
    Pending,
    /// A committed record to be delivered, if it is still there when it has been copied.
    Committed(Header),
    /// A discarded record.
    Discarded(Header),
    /// Nothing any more up to this position.
    Overwritten(u64),
    /// No kernel leaves a ring like this.
    Corrupt,
}

/// Why a walk ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// Nothing more, or the head is BUSY. No verdict yet.
    CaughtUp,
    /// All that was there when it began, or as many records as asked for, or passed over too often.
    More,
    /// The receiver's error; its record is consumed.
    Failed(i32),
    /// Nobody can tell what is at the cursor, by this error; whatever it is, it stays.
    Unverified(i32),
    /// The receiver took no more; the record stays.
    Refused,
    /// Positions or header cannot be what a kernel wrote.
    Corrupt,
}

impl<'a, M: OverwriteMemory> Reader<'a, M> {
    /// Starts where `consumer_pos` is, as in an ordinary ring; in the ring's first call where records begin.
    ///
    /// Errors: [`pass_lock`](OverwriteMemory::pass_lock)'s.
    fn enter(
        memory: M,
        journal: &'a Journal,
        notes: &'a Notes,
        receiver: &mut impl Receiver,
    ) -> Result<Self, i32> {
        let mut reader = Reader::at_position(memory, journal, notes);
        if !notes.opened.get() {
            reader.cursor = reader.beginning()?;
            reader.entered = reader.cursor;
            notes.seen_to.set(reader.cursor);
            if reader.cursor != reader.published {
                reader.publish_start(receiver);
            }
            // Only now: the call may be left by a signal handler.
            notes.opened.set(true);
        }
        // What lies before it was read by somebody, us or not.
        notes.see(reader.cursor);
        Ok(reader)
    }

    /// At `consumer_pos`.
    fn at_position(memory: M, journal: &'a Journal, notes: &'a Notes) -> Self {
        repair(memory, journal);
        // Acquire pairs with the Release of whoever published it: their callbacks are over before ours begin.
        let cursor = memory.consumer_pos(Ordering::Acquire);
        let fenced = if journal.fenced() == Fenced(cursor) {
            Fenced(cursor)
        } else {
            Fenced::NOWHERE
        };
        Reader {
            memory,
            journal,
            notes,
            cursor,
            published: cursor,
            fenced,
            entered: cursor,
            delivered: 0,
            discarded: 0,
        }
    }

    /// Walks what is there now. The end of the last record is left unpublished.
    fn walk(&mut self, max: u64, copy: &[Cell<usize>], receiver: &mut impl Receiver) -> Ended {
        let end = self.look_at_producer();
        if !is_before(self.cursor, end) {
            return Ended::CaughtUp;
        }
        let ahead = end.wrapping_sub(self.cursor);
        receiver.found(ahead.min(self.memory.size()));
        self.journal.begin(self.published, self.cursor);
        let mut passes = 0u32;
        while self.delivered < max && passes < PASSES_MAX && is_before(self.cursor, end) {
            let overwritten = match self.look(end) {
                Ok(Head::Pending) => return Ended::CaughtUp,
                Ok(Head::Corrupt) => return Ended::Corrupt,
                Ok(Head::Overwritten(to)) => Some(to),
                Ok(Head::Discarded(header)) => {
                    self.step(header.span());
                    self.notes.see(self.cursor);
                    self.discarded = self.discarded.wrapping_add(1);
                    receiver.discarded();
                    None
                }
                Ok(Head::Committed(header)) => match self.copy(header, copy) {
                    Ok(None) => match self.deliver(header, receiver) {
                        Some(ended) => return ended,
                        None => None,
                    },
                    Ok(to) => to,
                    Err(error) => return Ended::Unverified(error),
                },
                Err(error) => return Ended::Unverified(error),
            };
            if let Some(to) = overwritten {
                passes = passes.wrapping_add(1);
                if !self.pass_over(to, receiver) {
                    return Ended::Corrupt;
                }
            }
        }
        Ended::More
    }

    /// What is at the cursor, where `producer` was the producer's position after the cursor was read.
    ///
    /// Errors: [`pass_lock`](OverwriteMemory::pass_lock)'s.
    fn look(&self, producer: u64) -> Result<Head, i32> {
        let ahead = producer.wrapping_sub(self.cursor);
        if !is_before(self.cursor, producer) {
            return Ok(Head::Pending);
        }
        if self.cursor % ALIGN != 0 {
            // No reader leaves it so. But it is passed over as any other position.
            return Ok(self.overwritten().map_or(Head::Corrupt, Head::Overwritten));
        }
        let header = self.look_at_header();
        let fits = header.span() <= ahead && ahead <= self.memory.size();
        if header.is_deliverable() && fits {
            // The look after the copy says whose header it is. This one saves copies that are worth nothing.
            return Ok(match self.overwritten() {
                Some(to) => Head::Overwritten(to),
                None => Head::Committed(header),
            });
        }
        // No copy follows. It may be the header of a newer record, or a piece of its payload: this is the look that
        // says so.
        self.memory.pass_lock()?;
        Ok(match self.overwritten() {
            Some(to) => Head::Overwritten(to),
            None if header.is_busy() => Head::Pending,
            None if fits => Head::Discarded(header),
            None => Head::Corrupt,
        })
    }

    /// Where records begin now, if what is at the cursor is overwritten.
    #[inline]
    fn overwritten(&self) -> Option<u64> {
        let pos = self.memory.overwrite_pos(self.cursor);
        is_before(self.cursor, pos).then_some(pos)
    }

    /// Copies the payload of the record at the cursor. `Some` if it has been overwritten meanwhile.
    ///
    /// Errors: [`pass_lock`](OverwriteMemory::pass_lock)'s.
    fn copy(&self, header: Header, copy: &[Cell<usize>]) -> Result<Option<u64>, i32> {
        const WORD: u64 = size_of::<usize>() as u64;
        let words = header.span().wrapping_sub(HEADER_LEN) / WORD;
        let mut pos = self.cursor.wrapping_add(HEADER_LEN);
        for word in copy.iter().take(words as usize) {
            word.set(self.memory.word(pos));
            pos = pos.wrapping_add(WORD);
        }
        // Acquire pairs with what orders the kernel's store of `overwrite_pos` before the payload for which it made
        // room (`docs/overwrite.md`): a copy with a byte of a newer record is found out. Without it the look may be
        // older than the copy.
        M::fence(Ordering::Acquire);
        // Where nothing orders those two stores, it is the lock that was given back between them.
        self.memory.pass_lock()?;
        Ok(self.overwritten())
    }

    /// Delivers the copy of the record at the cursor.
    fn deliver(&mut self, header: Header, receiver: &mut impl Receiver) -> Option<Ended> {
        let start = self.cursor;
        if start != self.published {
            self.publish_start(receiver);
        }
        // In hand: should a call in the callback find it overwritten by then, it has been read all the same.
        self.notes.see(start.wrapping_add(header.span()));
        let len = u64::from(header.payload_len());
        let record = Record {
            start,
            len,
            // The receiver has a copy of it.
            payload: core::ptr::null_mut(),
        };
        match receiver.record(record) {
            Received::Refused => Some(Ended::Refused),
            received => {
                self.step(header.span());
                self.delivered = self.delivered.wrapping_add(1);
                match received {
                    Received::Failed(error) => Some(Ended::Failed(error)),
                    _ => None,
                }
            }
        }
    }

    /// Goes on to the next record. From here on this one is not delivered again, wherever the call may end.
    #[inline]
    fn step(&mut self, span: u64) {
        self.cursor = self.cursor.wrapping_add(span);
        self.journal.set_reached(self.cursor);
    }

    /// Goes on where records begin now, and counts what nobody has seen. `false` if no kernel can have left it so.
    fn pass_over(&mut self, to: u64, receiver: &mut impl Receiver) -> bool {
        // Acquire: the position where records begin is never beyond the producer's, which was there before it.
        M::fence(Ordering::Acquire);
        if to % ALIGN != 0 || is_before(self.look_at_producer(), to) {
            return false;
        }
        self.cursor = to;
        // Published at once, so that a call that is left does not count these bytes again.
        self.publish_start(receiver);
        self.journal.set_reached(to);
        // A call in a callback may have been further already.
        let lost = to.wrapping_sub(self.notes.seen_to.get());
        self.notes.see(to);
        if is_before(0, lost) {
            receiver.overwritten(lost);
        }
        true
    }

    /// Publishes the end of what was walked, fences, and looks once more. `true`: nothing is there, and whoever commits
    /// next will wake us.
    ///
    /// Errors: [`pass_lock`](OverwriteMemory::pass_lock)'s.
    fn settle(&mut self, ended: Ended, receiver: &mut impl Receiver) -> Result<bool, i32> {
        self.publish_end(receiver);
        if !matches!(ended, Ended::CaughtUp | Ended::More) {
            return Ok(false);
        }
        match self.look(self.look_at_producer()) {
            // With `overwrite_pos` behind the cursor, looked at after the header: a BUSY head is the one whose commit
            // compares our position with its own.
            Ok(Head::Pending) => Ok(true),
            Ok(_) => {
                if ended == Ended::CaughtUp {
                    receiver.rescued();
                }
                Ok(false)
            }
            // The call has done what it was to do. The next one finds out, if it comes so far.
            Err(_) if ended == Ended::More => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Publishes the end of what was walked and fences it.
    fn publish_end(&mut self, receiver: &mut impl Receiver) {
        let moves = self.published != self.cursor;
        if moves {
            // SeqCst: as in an ordinary ring, this store may be the last before a sleep.
            self.memory.set_consumer_pos(self.cursor, Ordering::SeqCst);
            self.has_published();
        }
        if self.fenced != Fenced(self.published) {
            // Pairs with the fully ordered `xchg` in `bpf_ringbuf_commit`: either the kernel's load of `consumer_pos`
            // after it sees our store and wakes us, or our looks after this fence see its record.
            M::fence(Ordering::SeqCst);
            self.fenced = Fenced(self.published);
        }
        if moves {
            receiver.published();
        }
    }

    /// Publishes the cursor, without a claim to have caught up: it needs no fence.
    fn publish_start(&mut self, receiver: &mut impl Receiver) {
        // Release pairs with the Acquire of another reader that enters here: our callbacks are over.
        self.memory.set_consumer_pos(self.cursor, Ordering::Release);
        self.has_published();
        receiver.published();
    }

    fn has_published(&mut self) {
        self.published = self.cursor;
        // A signal handler that jumps out of here finds the old note until the position is good. AcqRel: as in
        // `set_reached`.
        compiler_fence(Ordering::AcqRel);
        self.journal.set_published(self.cursor);
    }

    fn look_at_producer(&self) -> u64 {
        let pos = self.memory.producer_pos(self.cursor);
        // Acquire pairs with the `smp_store_release` of `producer_pos` in `__bpf_ringbuf_reserve`: the headers up to it
        // are there, and so is the `overwrite_pos` that made room for them.
        M::fence(Ordering::Acquire);
        pos
    }

    fn look_at_header(&self) -> Header {
        let word = self.memory.header(self.cursor);
        // Acquire pairs with the `xchg` in `bpf_ringbuf_commit`: a record whose BUSY is clear is fully written. And
        // with the lock of `__bpf_ringbuf_reserve`: with a newer record's header we find the `overwrite_pos` that an
        // earlier reservation has made room for it with.
        M::fence(Ordering::Acquire);
        Header::from_word(word)
    }

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

    /// Ends the turn, whose end is published and fenced.
    fn leave(&self) {
        // First: until the note is gone nobody believes what is fenced.
        self.journal.set_fenced(self.fenced);
        self.journal.forget();
    }
}

#[cfg(all(test, target_pointer_width = "64"))]
mod tests;
