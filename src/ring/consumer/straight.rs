// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The straight way of a call for a few records: they are there, and that is all.
//!
//! It is the protocol of any call, without what such a call hardly ever meets with: discarded records, a note to make
//! good, a look for more. Where it meets with something else it ends, and the call [goes on](Left::go_on) or begins
//! anew.

use super::super::journal::{Fenced, Journal};
use super::super::memory::ConsumerMemory;
use super::super::receiver::Receiver;
use super::walk::{Committed, Drained};
use super::{Consumer, Stop};
use core::sync::atomic::Ordering;

/// A call for up to so many records is for a few: it seldom gets to the end of what is there.
const FEW: u64 = 8;

/// A straight way that has been found.
#[derive(Clone, Copy, Debug)]
pub struct Straight<'a, M> {
    consumer: Consumer<'a, M>,
    /// The record at the cursor.
    first: Committed,
    /// Bytes from its start to the producer's position.
    seen: u64,
}

/// How the way has ended.
#[derive(Clone, Copy, Debug)]
pub enum Went {
    /// It was the whole call: as many records as asked for have been delivered.
    All,
    /// Something is left of the call.
    Part(Left),
    /// The receiver has refused a record: a call that begins there meets with the same.
    Refused,
}

/// What is left of a call after the way.
#[derive(Clone, Copy, Debug)]
pub struct Left {
    /// Why the way has ended.
    stopped: Drained,
    /// The end of the last record walked.
    cursor: u64,
    /// Records that the call has delivered.
    delivered: u64,
}

impl<'a, M: ConsumerMemory> Straight<'a, M> {
    /// The way of a call for up to `max` records, if it is one. Nothing has been changed.
    #[inline(always)]
    pub fn find(memory: M, journal: &'a Journal, max: u64) -> Option<Self> {
        if !(1..=FEW).contains(&max) || !journal.holds_nothing() {
            return None;
        }
        // Acquire, as in `enter`.
        let cursor = memory.consumer_pos(Ordering::Acquire);
        // That the position is fenced is of no use: it will move.
        let mut consumer = Consumer::at(memory, journal, cursor, Fenced::NOWHERE, max);
        let seen = consumer.look_ahead();
        if !consumer.is_walkable(seen) {
            return None;
        }
        consumer.ahead = seen;
        let first = consumer.deliverable()?;
        Some(Straight {
            consumer,
            first,
            seen,
        })
    }

    /// Goes it. Each record's start is published before its callback, and its end noted after that.
    #[inline(always)]
    pub fn go(self, receiver: &mut impl Receiver) -> Went {
        let Straight {
            mut consumer,
            first: mut next,
            seen,
        } = self;
        receiver.found(seen);
        consumer.journal.begin(consumer.cursor, consumer.cursor);
        let mut delivered: u64 = 0;
        loop {
            match consumer.hand_over(next, receiver) {
                None => delivered = delivered.wrapping_add(1),
                Some(Drained::Refused) => return Went::Refused,
                Some(stopped) => return Left::after(&consumer, delivered, stopped),
            }
            if consumer.is_moved() {
                return Left::after(&consumer, delivered, Drained::Seen);
            }
            if delivered == consumer.left {
                // Its start was published, and it is not empty.
                consumer.stop(true, receiver);
                return Went::All;
            }
            if consumer.ahead == 0 {
                return Left::after(&consumer, delivered, Drained::Seen);
            }
            let Some(found) = consumer.deliverable() else {
                return Left::after(&consumer, delivered, Drained::Seen);
            };
            next = found;
            consumer.publish_start(receiver);
        }
    }
}

impl Left {
    #[inline(always)]
    fn after<M>(consumer: &Consumer<M>, delivered: u64, stopped: Drained) -> Went {
        Went::Part(Left {
            stopped,
            cursor: consumer.cursor,
            delivered,
        })
    }

    /// The rest of a call for up to `max` records. Returns as [`consume`](super::consume).
    #[inline(always)]
    pub fn go_on<M: ConsumerMemory>(
        &self,
        memory: M,
        journal: &Journal,
        max: u64,
        receiver: impl Receiver,
    ) -> Result<u64, Stop> {
        let left = max.wrapping_sub(self.delivered);
        let mut consumer = Consumer::at(memory, journal, self.cursor, Fenced::NOWHERE, left);
        // Whether or not the last callback has moved the position: it is not the cursor yet.
        consumer.notice_move();
        match self.stopped {
            Drained::Seen => consumer.consume_on(max, receiver),
            stopped => consumer.end(stopped, max, receiver),
        }
    }
}

/// A call as a program makes it: by the straight way, where there is one.
#[cfg(test)]
pub fn call<M: ConsumerMemory>(
    memory: M,
    journal: &Journal,
    max: u64,
    mut receiver: impl Receiver,
) -> Result<u64, Stop> {
    match Straight::find(memory, journal, max).map(|straight| straight.go(&mut receiver)) {
        Some(Went::All) => Ok(max),
        Some(Went::Part(left)) => left.go_on(memory, journal, max, receiver),
        Some(Went::Refused) | None => super::consume(memory, journal, max, receiver),
    }
}
