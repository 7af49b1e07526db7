// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Draining: the walk along the records that are there, each to its receiver.

use super::super::memory::ConsumerMemory;
use super::super::receiver::{Received, Receiver, Record};
use super::super::record::Header;
use super::{Consumer, UNPUBLISHED_MAX, has_caught_up};

/// Why a drain stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Drained {
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

/// A committed record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Committed {
    record: Record,
    /// The position after it, known before its callback is called: nothing else of it is needed after that.
    pub(super) end: u64,
}

impl<M: ConsumerMemory> Consumer<'_, M> {
    /// Walks the committed records up to the producer's position, until as many have been delivered as this
    /// call may, or until something stops it. The end of the last record is left unpublished.
    #[inline(always)]
    pub(super) fn drain<const HOT: bool>(&mut self, receiver: &mut impl Receiver) -> Drained {
        if self.left == 0 {
            return Drained::Limit;
        }
        let ahead = self.look_ahead();
        if !self.is_walkable(ahead) {
            return if has_caught_up(ahead) {
                Drained::CaughtUp
            } else {
                self.find_corrupt()
            };
        }
        if HOT {
            self.walk_hot(ahead, receiver)
        } else {
            self.walk_all::<false>(ahead, receiver)
        }
    }

    /// Walks many records, most of the time: a function of its own, which has more registers for them.
    #[inline(never)]
    fn walk_hot(&mut self, ahead: u64, receiver: &mut impl Receiver) -> Drained {
        // A copy whose address nobody knows: it stays in registers across callbacks.
        let mut consumer = *self;
        let drained = consumer.walk_all::<true>(ahead, receiver);
        *self = consumer;
        drained
    }

    /// Walks the committed records in the next `ahead` bytes.
    #[inline(always)]
    fn walk_all<const HOT: bool>(&mut self, ahead: u64, receiver: &mut impl Receiver) -> Drained {
        receiver.found(ahead);
        self.ahead = ahead;
        self.journal.begin(self.published, self.cursor);
        loop {
            // Most of them, in a loop of their own: the compiler knows of these that the header is the length.
            let header = loop {
                let (header, payload) = self.look_at_record();
                if !header.is_deliverable() {
                    break header;
                }
                let Some(committed) = self.within(header, payload) else {
                    return self.find_corrupt();
                };
                self.publish_before::<HOT>(receiver);
                if let Some(stopped) = self.deliver::<HOT>(committed, receiver) {
                    return stopped;
                }
                self.left = self.left.wrapping_sub(1);
                if self.left == 0 {
                    return Drained::Limit;
                }
                if self.ahead == 0 {
                    return Drained::Seen;
                }
            };
            if header.is_busy() {
                return Drained::CaughtUp;
            }
            let span = header.span();
            if span > self.ahead {
                return self.find_corrupt();
            }
            self.ahead = self.ahead.wrapping_sub(span);
            self.skip(span, receiver);
            if self.ahead == 0 {
                return Drained::Seen;
            }
        }
    }

    /// The record at the cursor, if it is to be delivered and all is well.
    #[inline(always)]
    pub(super) fn deliverable(&mut self) -> Option<Committed> {
        let (header, payload) = self.look_at_record();
        if !header.is_deliverable() {
            return None;
        }
        self.within(header, payload)
    }

    /// The header of the record at the cursor, and where its payload lies: both are found from one address, which the
    /// compiler would compute again after the fence.
    #[inline(always)]
    fn look_at_record(&self) -> (Header, *mut u8) {
        let payload = self.memory.payload(self.cursor);
        (self.look_at_header(), payload)
    }

    /// The committed record at the cursor, if it lies within what was seen.
    #[inline(always)]
    fn within(&mut self, header: Header, payload: *mut u8) -> Option<Committed> {
        let span = header.span();
        if span > self.ahead {
            return None;
        }
        self.ahead = self.ahead.wrapping_sub(span);
        let record = Record {
            start: self.cursor,
            len: header.payload_len().into(),
            payload,
        };
        let end = self.cursor.wrapping_add(span);
        Some(Committed { record, end })
    }

    /// Walks the discarded record at the cursor.
    #[inline(always)]
    fn skip(&mut self, span: u64, receiver: &mut impl Receiver) {
        // Only the start of a record that is there may be published without a fence.
        if self.cursor.wrapping_sub(self.published) >= UNPUBLISHED_MAX {
            self.publish_start(receiver);
        }
        self.step(self.cursor.wrapping_add(span));
        self.discarded = self.discarded.wrapping_add(1);
        receiver.discarded();
    }

    /// Publishes the start of the record at the cursor, which is to be delivered, or sees that little is unpublished.
    #[inline(always)]
    fn publish_before<const HOT: bool>(&mut self, receiver: &mut impl Receiver) {
        if HOT {
            self.hold(self.cursor, receiver);
        } else {
            if self.has_moved() {
                self.publish_start(receiver);
            }
            // So the compiler keeps one number for both.
            self.published = self.cursor;
        }
    }

    /// Delivers the record at the cursor, whose start is published where it has to be, and sees whether its callback
    /// has read on.
    #[inline(always)]
    fn deliver<const HOT: bool>(
        &mut self,
        committed: Committed,
        receiver: &mut impl Receiver,
    ) -> Option<Drained> {
        let stopped = self.hand_over(committed, receiver);
        match stopped {
            Some(Drained::Refused) => {}
            // Whether or not it has: that makes no difference, and a comparison here as well as below is one that the
            // compiler makes apart from the branch, for each record.
            Some(_) => self.notice_move(),
            None => self.see_whether_moved(),
        }
        stopped
    }

    /// Gives the record at the cursor to its receiver, and goes on to the next.
    #[inline(always)]
    pub(super) fn hand_over(
        &mut self,
        committed: Committed,
        receiver: &mut impl Receiver,
    ) -> Option<Drained> {
        let Committed { record, end } = committed;
        let received = receiver.record(record);
        if received == Received::Refused {
            return Some(Drained::Refused);
        }
        self.step(end);
        if let Received::Failed(error) = received {
            return Some(Drained::Failed(error));
        }
        None
    }

    /// Goes on to `end`, where the next record starts. From here on this one is not delivered again, wherever the call
    /// may end.
    #[inline(always)]
    fn step(&mut self, end: u64) {
        self.last = self.cursor;
        self.cursor = end;
        self.journal.set_reached(self.cursor);
    }
}
