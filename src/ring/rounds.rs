// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Reading several rings in one call: by turns, round after round, until all have settled.
//!
//! In its turn a ring gives what it held when the turn began, then the next ring has its turn: a flood in
//! one ring does not keep the others waiting. A turn that does not settle its ring leaves it *held*, one
//! record behind, so that the kernel sends no wake-ups for it. The call returns when each ring has
//! settled, and has not been walked since. One ring is the simplest case.

use super::consumer::Turn;
use super::wait::{Round, WaitPolicy, Walked};

/// The rings that take part in a call. They are numbered; new ones come last. A callback may call into
/// any of them, and may read them all to the end itself: their number may then be smaller.
pub trait Rings {
    /// Why a turn failed.
    type Error;

    /// How many there are.
    fn count(&self) -> usize;

    /// Whether the last turn of ring `number` has settled it, and it has not been walked since.
    fn is_settled(&self, number: usize) -> bool;

    /// Gives ring `number` a turn in `round`, for up to `max` records.
    fn take_turn(&mut self, number: usize, round: Round, max: u64) -> Result<Turn, Self::Error>;

    /// Lets rings take part that the kernel has notified us about meanwhile.
    fn join(&mut self);

    /// Publishes the ends of all rings that are held, fenced, without a further look.
    fn release(&mut self);

    /// The same after an error of one ring, with a look at the others that had a turn, in this call or in one in its
    /// callbacks: whoever waits is notified about those that have more, which nobody else will do.
    fn fail(&mut self);
}

/// Reads the rings until all have settled, or until `max` records have been delivered, waiting for more
/// with records held back for as long as `policy` says. Returns how many were delivered.
///
/// With `max`, on an error, and where `policy` [leaves](WaitPolicy::leaves), what was walked is published
/// and fenced in every ring, as in a single ring: the caller calls again before it sleeps. If it does not
/// after an error, it is woken for the rings that have not failed, as with libbpf.
pub fn read<R: Rings>(
    rings: &mut R,
    max: u64,
    policy: &mut (impl WaitPolicy + ?Sized),
) -> Result<u64, R::Error> {
    let mut call = Call::new(max);
    let round = policy.round();
    call.round(rings, round, policy.most())?;
    call.go_on(rings, round, policy)
}

/// The same after a first turn in a round that was not to hold back.
pub fn go_on<R: Rings>(
    rings: &mut R,
    turn: Result<Turn, R::Error>,
    max: u64,
    policy: &mut (impl WaitPolicy + ?Sized),
) -> Result<u64, R::Error> {
    let mut call = Call::new(max);
    call.note(&turn.inspect_err(|_| rings.fail())?, u64::MAX);
    call.go_on(rings, Round::default(), policy)
}

/// Reads the rings with records held back, until `policy` neither waits for more nor has had all records of a turn, or
/// [leaves](WaitPolicy::leaves). Returns how many records were delivered, and what was walked.
///
/// The rings are *left held*: their reader must not sleep, and the kernel sends no wake-up for the next record. With
/// `max`, and on an error, they are as after [`read`].
pub fn read_held<R: Rings>(
    rings: &mut R,
    max: u64,
    policy: &mut impl WaitPolicy,
) -> Result<(u64, Walked), R::Error> {
    let mut call = Call::new(max);
    loop {
        call.round(rings, policy.round(), policy.most())?;
        let waits = policy.waits(call.walked);
        if call.delivered >= max || !(waits || call.more) || policy.leaves() {
            return Ok((call.delivered, call.walked));
        }
        if !call.more {
            policy.wait();
        }
    }
}

struct Call {
    delivered: u64,
    walked: Walked,
    max: u64,
    /// Whether a turn of the last round has ended because it had delivered as many as it might.
    more: bool,
    /// Rounds so far.
    rounds: u32,
}

/// In every so many rounds the rings have a turn that have settled, too: a flood in another ring may go on
/// for long. Not in each: where records come to all of them all the time, the call would find no end.
const ROUNDS_FOR_ALL: u32 = 16;

impl Call {
    fn new(max: u64) -> Self {
        Call {
            delivered: 0,
            walked: Walked::default(),
            max,
            more: false,
            rounds: 0,
        }
    }

    /// Round after round, after one that has been.
    #[inline(always)]
    fn go_on<R: Rings>(
        &mut self,
        rings: &mut R,
        mut round: Round,
        policy: &mut (impl WaitPolicy + ?Sized),
    ) -> Result<u64, R::Error> {
        // Whether the round that was has settled what the one before it had held back.
        let mut settles = false;
        loop {
            let waits = !settles && !self.more && policy.waits(self.walked);
            if self.is_over(rings) {
                return Ok(self.delivered);
            }
            if policy.leaves() {
                rings.release();
                return Ok(self.delivered);
            }
            settles = round.hold && !waits && !self.more;
            if waits && round.hold {
                policy.wait();
            }
            round = if settles {
                Round::default()
            } else {
                rings.join();
                policy.round()
            };
            self.round(rings, round, policy.most())?;
        }
    }

    /// A turn for each ring, or for each that has not settled if none is to hold back; for up to `most` records
    /// each.
    #[inline(always)]
    fn round<R: Rings>(&mut self, rings: &mut R, round: Round, most: u64) -> Result<(), R::Error> {
        self.more = false;
        self.rounds = self.rounds.wrapping_add(1);
        let all = round.hold || self.rounds % ROUNDS_FOR_ALL == 0;
        let mut number = 0;
        while number < rings.count() {
            if all || !rings.is_settled(number) {
                let left = self.max.wrapping_sub(self.delivered);
                let turn = rings
                    .take_turn(number, round, left.min(most))
                    .inspect_err(|_| rings.fail())?;
                self.note(&turn, most);
                if self.delivered >= self.max {
                    rings.release();
                    return Ok(());
                }
            }
            number = number.wrapping_add(1);
        }
        Ok(())
    }

    /// Takes note of a turn for up to `most` records.
    #[inline(always)]
    fn note(&mut self, turn: &Turn, most: u64) {
        self.more |= turn.delivered == most;
        self.delivered = self.delivered.wrapping_add(turn.delivered);
        self.walked += turn.walked;
    }

    /// Whether the call may return. All rings are asked, not only those that had a turn: a callback of one
    /// may have walked another whose turn was over, and may have left it held.
    #[inline(always)]
    fn is_over<R: Rings>(&self, rings: &R) -> bool {
        self.delivered >= self.max || (0..rings.count()).all(|number| rings.is_settled(number))
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
pub mod one {
    //! A single ring as the rings of a call.

    use super::*;
    use crate::ring::consumer::{Stop, is_as_left, is_held, release, take_turn};
    use crate::ring::journal::Journal;
    use crate::ring::memory::ConsumerMemory;
    use crate::ring::receiver::Receiver;

    struct One<'a, M, R> {
        memory: M,
        journal: &'a Journal,
        receiver: &'a mut R,
        settled: bool,
    }

    impl<'a, M, R> One<'a, M, R> {
        fn new(memory: M, journal: &'a Journal, receiver: &'a mut R) -> Self {
            One {
                memory,
                journal,
                receiver,
                settled: false,
            }
        }
    }

    impl<M: ConsumerMemory, R: Receiver> Rings for One<'_, M, R> {
        type Error = Stop;

        fn count(&self) -> usize {
            1
        }

        fn is_settled(&self, _: usize) -> bool {
            self.settled && is_as_left(self.memory, self.journal)
        }

        fn take_turn(&mut self, _: usize, round: Round, max: u64) -> Result<Turn, Stop> {
            self.settled = false;
            let turn = take_turn(self.memory, self.journal, round, max, self.receiver)?;
            self.settled = turn.settled;
            Ok(turn)
        }

        fn join(&mut self) {}

        fn release(&mut self) {
            if is_held(self.memory, self.journal) {
                release(self.memory, self.journal, self.receiver);
            }
        }

        fn fail(&mut self) {
            self.release();
        }
    }

    /// [`read_held`] on one ring.
    pub fn read_one_held<M: ConsumerMemory>(
        memory: M,
        journal: &Journal,
        max: u64,
        receiver: &mut impl Receiver,
        policy: &mut impl WaitPolicy,
    ) -> Result<u64, Stop> {
        let mut one = One::new(memory, journal, receiver);
        read_held(&mut one, max, policy).map(|(delivered, _)| delivered)
    }

    /// [`read`] on one ring.
    pub fn read_one<M: ConsumerMemory>(
        memory: M,
        journal: &Journal,
        max: u64,
        receiver: &mut impl Receiver,
        policy: &mut impl WaitPolicy,
    ) -> Result<u64, Stop> {
        let mut one = One::new(memory, journal, receiver);
        read(&mut one, max, policy)
    }
}
