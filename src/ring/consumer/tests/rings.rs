// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Whatever callbacks and windows do while two rings are read by turns, the records and the position of
//! each ring are libbpf's, and neither is left without a wake-up to come.

mod script;
mod side;

use super::*;
use crate::ring::rounds::{Rings, read};
use script::{Act, What};
use side::Side;
use std::collections::VecDeque;

/// Where the second ring begins: its steps can be told from those of the first.
const SECOND: u64 = 1 << 20;

/// What a callback or a window is left by.
struct Left;

struct World {
    sides: [Side; 2],
    script: RefCell<VecDeque<Act>>,
    depth: Cell<usize>,
    /// Whether a ring has been hot.
    hot: Cell<bool>,
    /// Whether a call has been left in the present outermost one.
    left: Cell<bool>,
}

impl World {
    fn next(&self) -> Act {
        let act = self.script.borrow_mut().pop_front();
        act.unwrap_or(Act::Nothing)
    }

    /// One call; whether it has been left.
    fn call(&self, what: What, hot: bool, windows: usize, max: u64) -> bool {
        let depth = self.depth.get();
        self.depth.set(depth + 1);
        if depth == 0 {
            self.left.set(false);
            for side in &self.sides {
                side.began.set(side.pos.get());
            }
        }
        let call = || match what {
            What::Both => self.read(hot, windows, max),
            What::Consume(index) => self.consume(index, max),
        };
        let result = catch_unwind(AssertUnwindSafe(call));
        self.depth.set(depth);
        let result = match result {
            Ok(result) => result,
            Err(left) if left.is::<Left>() => {
                for side in &self.sides {
                    side.check_behind(self.hot.get());
                }
                self.left.set(true);
                return true;
            }
            Err(failed) => resume_unwind(failed),
        };
        let caught_up = result.is_ok_and(|delivered| delivered < max);
        let left = self.left.get();
        match what {
            // A call for no records changes nothing.
            _ if max == 0 => return false,
            What::Both => self
                .sides
                .iter()
                .for_each(|it| it.check_returned(caught_up, left)),
            What::Consume(index) => self.sides[index].check_returned(caught_up, left),
        }
        if what == What::Both {
            let steps = steps();
            let moved = |step: &Step| matches!(step, Step::Store(..) | Step::Replace(..));
            let fenced = |step: &Step| *step == Step::Fence(Ordering::SeqCst);
            let last_moved = steps.iter().rposition(moved);
            let owes = |side: &Side| {
                let journal = &side.ring.journal;
                journal.fenced() == Fenced::NOWHERE || !journal.holds_nothing()
            };
            let owed = !caught_up && self.sides.iter().any(owes);
            assert!(
                owed || last_moved <= steps.iter().rposition(fenced),
                "no fence"
            );
        }
        false
    }

    fn read(&self, hot: bool, windows: usize, max: u64) -> Result<u64, Stop> {
        if max == 0 {
            return Ok(0);
        }
        self.hot.set(self.hot.get() || hot);
        self.sides.iter().for_each(|side| side.settled.set(false));
        let mut waits = Waits {
            world: self,
            hot,
            left: windows,
        };
        read(&mut Both(self), max, &mut waits)
    }

    fn consume(&self, index: usize, max: u64) -> Result<u64, Stop> {
        let side = &self.sides[index];
        if is_settled(&side.ring, &side.ring.journal) {
            return Ok(0);
        }
        side.settled.set(false);
        let mut frame = Frame::new(self, index, false);
        let result = consume(&side.ring, &side.ring.journal, max, &mut frame);
        // A callback may have settled it, before this call went on from the callback's record.
        side.settled.set(false);
        result
    }
}

/// Both rings, as the manager reads all of its own.
struct Both<'a>(&'a World);

impl Rings for Both<'_> {
    type Error = Stop;

    fn count(&self) -> usize {
        2
    }

    fn is_settled(&self, number: usize) -> bool {
        let side = &self.0.sides[number];
        side.settled.get() && is_as_left(&side.ring, &side.ring.journal)
    }

    fn take_turn(&mut self, number: usize, round: Round, max: u64) -> Result<Turn, Stop> {
        let side = &self.0.sides[number];
        let (ring, journal) = (&side.ring, &side.ring.journal);
        side.settled.set(false);
        let turn = if is_settled(ring, journal) {
            Ok(Turn {
                settled: true,
                ..Turn::default()
            })
        } else {
            let mut frame = Frame::new(self.0, number, round.hot);
            take_turn(ring, journal, round, max, &mut frame)
        };
        side.settled.set(turn.is_ok_and(|turn| turn.settled));
        turn
    }

    fn join(&mut self) {}

    fn fail(&mut self) {
        self.release();
    }

    fn release(&mut self) {
        for (index, side) in self.0.sides.iter().enumerate() {
            if is_held(&side.ring, &side.ring.journal) {
                let mut frame = Frame::new(self.0, index, false);
                release(&side.ring, &side.ring.journal, &mut frame);
                // As the library's rings do: a turn in a callback may have settled it, and this is not where.
                side.settled.set(false);
            }
        }
    }
}

/// One turn of a ring, or one call on it.
struct Frame<'a> {
    world: &'a World,
    index: usize,
    hot: bool,
    /// Where libbpf's call would be.
    cursor: u64,
}

impl<'a> Frame<'a> {
    fn new(world: &'a World, index: usize, hot: bool) -> Self {
        Frame {
            world,
            index,
            hot,
            cursor: world.sides[index].pos.get(),
        }
    }
}

impl Receiver for Frame<'_> {
    fn record(&mut self, record: Record) -> Received {
        let Frame { world, index, .. } = *self;
        let side = &world.sides[index];
        side.pos.set(self.cursor);
        side.skip(u64::MAX);
        assert_eq!(record.start, side.pos.get(), "not libbpf's record");
        assert_eq!(side.ring.repaired(), record.start, "in the callback");
        let behind = record.start - side.ring.consumer.get();
        assert!(behind == 0 || self.hot && behind < UNPUBLISHED_MAX);
        world.sides[1 - index].check_behind(world.hot.get());
        let mut received = Received::Consumed;
        match world.next() {
            Act::Nothing | Act::Turn => {}
            Act::Produce(index, word) => world.sides[index].produce(word),
            Act::Commit(index) => world.sides[index].commit(),
            Act::Fail => received = Received::Failed(-1),
            Act::Leave => resume_unwind(Box::new(Left)),
            Act::Call(call) => {
                let left = world.depth.get() < 4
                    && world.call(call.what, call.hot, call.windows, call.max);
                if left && call.left_too {
                    resume_unwind(Box::new(Left));
                }
                if call.fails {
                    received = Received::Failed(-1);
                }
            }
        }
        self.cursor = record.start + side.header(record.start).expect("it").span();
        side.pos.set(self.cursor);
        received
    }
}

struct Waits<'a> {
    world: &'a World,
    hot: bool,
    left: usize,
}

impl WaitPolicy for Waits<'_> {
    fn round(&mut self) -> Round {
        Round {
            hold: self.left > 0,
            hot: self.hot,
        }
    }

    fn waits(&mut self, _: Walked) -> bool {
        self.left > 0
    }

    fn wait(&mut self) {
        self.left -= 1;
        for side in &self.world.sides {
            side.check_behind(self.world.hot.get());
        }
        match self.world.next() {
            Act::Produce(index, word) => self.world.sides[index].produce(word),
            Act::Commit(index) => self.world.sides[index].commit(),
            Act::Leave => resume_unwind(Box::new(Left)),
            Act::Turn => {
                self.hot = !self.hot;
                self.world.hot.set(true);
            }
            Act::Nothing | Act::Fail | Act::Call(_) => {}
        }
    }
}
