// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Draining: the walk along the records that are there, each to its receiver.

use super::super::memory::ConsumerMemory;
use super::super::receiver::{Received, Receiver, Record};
use super::super::record::Header;
use super::{Consumer, UNPUBLISHED_MAX};

/// Why a drain stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Drained {
    /// All that was seen. There may be more by now.
    Seen,
    /// Nothing more, or the head is BUSY. No verdict yet: [`Consumer::settle`].
    CaughtUp,
    /// As many records as asked for; whether more had been seen.
    Limit(bool),
    /// The receiver's error; its record is consumed. Whether more had been seen.
    Failed(i32, bool),
    /// The receiver took no more; the record stays.
    Refused,
    /// Positions or header cannot be what a producer wrote.
    Corrupt,
}

impl<M: ConsumerMemory> Consumer<'_, M> {
    /// Walks the committed records up to the producer's position, until `max` have been delivered in
    /// this call, or until something stops it. The end of the last record is left unpublished.
    #[inline(always)]
    pub(super) fn drain<const HOT: bool>(
        &mut self,
        max: u64,
        receiver: &mut impl Receiver,
    ) -> Drained {
        if self.delivered >= max {
            return Drained::Limit(false);
        }
        match self.distance_to(self.look_at_producer()) {
            None => self.find_corrupt(),
            Some(0) => Drained::CaughtUp,
            Some(ahead) if HOT => self.walk_hot(ahead, max, receiver),
            Some(ahead) => self.walk_all::<false>(ahead, max, receiver),
        }
    }

    /// Walks many records, most of the time: a function of its own, which has more registers for them.
    #[inline(never)]
    fn walk_hot(&mut self, ahead: u64, max: u64, receiver: &mut impl Receiver) -> Drained {
        // A copy whose address nobody knows: it stays in registers across callbacks.
        let mut consumer = *self;
        let drained = consumer.walk_all::<true>(ahead, max, receiver);
        *self = consumer;
        drained
    }

    /// Walks the committed records in the next `ahead` bytes.
    #[inline(always)]
    fn walk_all<const HOT: bool>(
        &mut self,
        mut ahead: u64,
        max: u64,
        receiver: &mut impl Receiver,
    ) -> Drained {
        receiver.found(ahead);
        self.journal.begin(self.published, self.cursor);
        loop {
            let header = self.look_at_header();
            // Twice, so that the compiler knows of most records that the header is the length.
            if header.is_deliverable() {
                let span = header.span();
                if span > ahead {
                    return self.find_corrupt();
                }
                ahead = ahead.wrapping_sub(span);
                let more = ahead > 0;
                if let Some(stopped) = self.deliver::<HOT>(header, span, more, max, receiver) {
                    return stopped;
                }
            } else if header.is_busy() {
                return Drained::CaughtUp;
            } else {
                let span = header.span();
                if span > ahead {
                    return self.find_corrupt();
                }
                ahead = ahead.wrapping_sub(span);
                self.skip(span, receiver);
            }
            if ahead == 0 {
                return Drained::Seen;
            }
        }
    }

    /// The record at the cursor and its span, if it is committed, to be delivered, and within the next `ahead` bytes.
    #[inline(always)]
    pub(super) fn deliverable(&self, ahead: u64) -> Option<(Header, u64)> {
        let header = self.look_at_header();
        if !header.is_deliverable() || header.span() > ahead {
            return None;
        }
        Some((header, header.span()))
    }

    /// Walks the discarded record at the cursor.
    #[inline(always)]
    fn skip(&mut self, span: u64, receiver: &mut impl Receiver) {
        // Only the start of a record that is there may be published without a fence.
        if self.cursor.wrapping_sub(self.published) >= UNPUBLISHED_MAX {
            self.publish_start(receiver);
        }
        self.step(span);
        self.discarded = self.discarded.wrapping_add(1);
        receiver.discarded();
    }

    /// Walks the committed record at the cursor; `more` records have been reserved after it.
    #[inline(always)]
    pub(super) fn deliver<const HOT: bool>(
        &mut self,
        header: Header,
        span: u64,
        more: bool,
        max: u64,
        receiver: &mut impl Receiver,
    ) -> Option<Drained> {
        let start = self.cursor;
        if HOT {
            self.hold(start, receiver);
        } else if start != self.published {
            self.publish_start(receiver);
        }
        let len = header.payload_len();
        let received = receiver.record(Record { start, len });
        if received == Received::Refused {
            return Some(Drained::Refused);
        }
        self.step(span);
        let passed = self.is_moved::<HOT>() && self.notice_move();
        // What was seen is written over then; the next call looks anew.
        let more = more && !passed;
        self.delivered = self.delivered.wrapping_add(1);
        match received {
            Received::Failed(error) => Some(Drained::Failed(error, more)),
            _ if self.delivered >= max => Some(Drained::Limit(more)),
            _ => passed.then_some(Drained::Seen),
        }
    }

    /// Goes on to the next record. From here on this one is not delivered again, wherever the call may end.
    #[inline(always)]
    fn step(&mut self, span: u64) {
        self.last = self.cursor;
        self.cursor = self.cursor.wrapping_add(span);
        self.journal.set_reached(self.cursor);
    }
}
