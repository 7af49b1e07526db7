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
    /// The receiver has failed with this error.
    Failed(Left, i32),
    /// The receiver has refused a record: a call that begins there meets with the same.
    Refused,
}

/// What is left of a call after the way. Where the last record walked ends is in the journal.
#[derive(Clone, Copy, Debug)]
pub struct Left {
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
                Some(Drained::Failed(error)) => return Went::Failed(Left { delivered }, error),
                Some(_) => return Went::Refused,
            }
            if consumer.is_moved() {
                return Went::Part(Left { delivered });
            }
            if delivered == consumer.left {
                // Its start was published, and it is not empty.
                consumer.stop(true, receiver);
                return Went::All;
            }
            if consumer.ahead == 0 {
                return Went::Part(Left { delivered });
            }
            let Some(found) = consumer.deliverable() else {
                return Went::Part(Left { delivered });
            };
            next = found;
            consumer.publish_start(receiver);
        }
    }
}

impl Left {
    /// The rest of a call for up to `max` records. Returns as [`consume`](super::consume).
    #[inline(always)]
    pub fn go_on<M: ConsumerMemory>(
        self,
        memory: M,
        journal: &Journal,
        max: u64,
        receiver: impl Receiver,
    ) -> Result<u64, Stop> {
        self.resume(memory, journal, max).consume_on(max, receiver)
    }

    /// Ends such a call whose receiver has failed with `error`.
    #[inline(always)]
    pub fn fail<M: ConsumerMemory>(
        self,
        error: i32,
        memory: M,
        journal: &Journal,
        max: u64,
        receiver: impl Receiver,
    ) -> Result<u64, Stop> {
        let consumer = self.resume(memory, journal, max);
        consumer.end(Drained::Failed(error), max, receiver)
    }

    #[inline(always)]
    fn resume<M: ConsumerMemory>(self, memory: M, journal: &Journal, max: u64) -> Consumer<'_, M> {
        let left = max.wrapping_sub(self.delivered);
        // The end of a record is noted after its callback, so what a call in there may have noted is gone.
        let cursor = journal.reached();
        let mut consumer = Consumer::at(memory, journal, cursor, Fenced::NOWHERE, left);
        // Whether or not the last callback has moved the position: it is not the cursor yet.
        consumer.notice_move();
        consumer
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
        Some(Went::Failed(left, error)) => left.fail(error, memory, journal, max, receiver),
        Some(Went::Refused) | None => super::consume(memory, journal, max, receiver),
    }
}
