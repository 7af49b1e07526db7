// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Whose turn it is, what ends a call, and in what state it leaves the rings.

use super::*;
use std::cell::RefCell;
use std::rc::Rc;

/// What a turn of a ring brings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Brings {
    /// So many records; the ring is held if it may be, or else settles.
    Records(u64),
    /// A record, and there is more.
    More,
    Error,
}

use Brings::{Error, More, Records};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    /// Of a ring, and whether it may be held.
    Turn(usize, bool),
    Wait,
    Join,
    Release,
}

use Step::{Join, Release, Turn as Took, Wait};

/// Rings whose turns bring what is written down for them, the last first, and then nothing.
#[derive(Default)]
struct Written {
    turns: Vec<Vec<Brings>>,
    settled: Vec<bool>,
    /// Rings that join after the first round, as their turns.
    joining: Option<Vec<Brings>>,
    steps: Rc<RefCell<Vec<Step>>>,
}

impl Written {
    fn new<const N: usize>(turns: [&[Brings]; N]) -> Self {
        Written {
            turns: turns
                .iter()
                .map(|it| it.iter().rev().copied().collect())
                .collect(),
            settled: vec![false; N],
            ..Written::default()
        }
    }

    fn read(&mut self, max: u64, windows: u32) -> Result<u64, ()> {
        let mut waits = Waits {
            left: windows,
            steps: Rc::clone(&self.steps),
        };
        read(self, max, &mut waits)
    }

    fn steps(&self) -> Vec<Step> {
        self.steps.borrow().clone()
    }
}

impl Rings for Written {
    type Error = ();

    fn count(&self) -> usize {
        self.turns.len()
    }

    fn is_settled(&self, number: usize) -> bool {
        self.settled[number]
    }

    fn take_turn(&mut self, number: usize, round: Round, max: u64) -> Result<Turn, ()> {
        self.steps.borrow_mut().push(Took(number, round.hold));
        let (delivered, settled) = match self.turns[number].pop() {
            None => (0, true),
            Some(Records(records)) => (records, !round.hold),
            Some(More) => (1, false),
            Some(Error) => return Err(()),
        };
        self.settled[number] = settled;
        Ok(Turn {
            delivered: delivered.min(max),
            settled,
            ..Turn::default()
        })
    }

    fn join(&mut self) {
        self.steps.borrow_mut().push(Join);
        if let Some(turns) = self.joining.take() {
            self.turns.push(turns);
            self.settled.push(false);
        }
    }

    fn release(&mut self) {
        self.steps.borrow_mut().push(Release);
    }

    fn fail(&mut self) {
        self.release();
    }
}

struct Waits {
    left: u32,
    steps: Rc<RefCell<Vec<Step>>>,
}

impl WaitPolicy for Waits {
    fn round(&mut self) -> Round {
        Round {
            hold: self.left > 0,
            hot: false,
        }
    }

    /// Not after the last round that holds back.
    fn waits(&mut self, _: Walked) -> bool {
        self.left = self.left.saturating_sub(1);
        self.left > 0
    }

    fn wait(&mut self) {
        self.steps.borrow_mut().push(Wait);
    }
}

#[test]
fn rings_have_turns_until_each_has_settled() {
    let mut rings = Written::new([&[Records(2)], &[More, More, Records(1)], &[]]);
    assert_eq!(rings.read(u64::MAX, 0), Ok(5));
    let first = [Took(0, false), Took(1, false), Took(2, false)];
    let more = [Join, Took(1, false), Join, Took(1, false)];
    assert_eq!(rings.steps(), [&first[..], &more].concat());
}

#[test]
fn each_ring_has_a_turn_in_a_round_that_holds_back_and_what_is_held_is_settled() {
    let mut rings = Written::new([&[Records(1)], &[]]);
    assert_eq!(rings.read(u64::MAX, 2), Ok(1));
    let held = [Took(0, true), Took(1, true)];
    // The second round that holds back is not waited after, but finds the first ring settled.
    assert_eq!(rings.steps(), [&held[..], &[Wait, Join], &held].concat());

    let mut rings = Written::new([&[Records(1)], &[]]);
    assert_eq!(rings.read(u64::MAX, 1), Ok(1));
    assert_eq!(rings.steps(), [&held[..], &[Took(0, false)]].concat());
}

#[test]
fn a_ring_that_joins_has_a_turn() {
    let mut rings = Written::new([&[More]]);
    rings.joining = Some(vec![Records(3)]);
    assert_eq!(rings.read(u64::MAX, 0), Ok(4));
    let steps = [Took(0, false), Join, Took(0, false), Took(1, false)];
    assert_eq!(rings.steps(), steps);
}

#[test]
fn a_limit_ends_the_call_with_nothing_held_and_no_wait() {
    let mut rings = Written::new([&[Records(1)], &[Records(5)], &[Records(1)]]);
    assert_eq!(rings.read(3, 2), Ok(3));
    assert_eq!(rings.steps(), [Took(0, true), Took(1, true), Release]);
}

#[test]
fn an_error_ends_the_call_with_nothing_held() {
    let mut rings = Written::new([&[Records(1)], &[Error], &[Records(1)]]);
    assert_eq!(rings.read(u64::MAX, 2), Err(()));
    assert_eq!(rings.steps(), [Took(0, true), Took(1, true), Release]);
}

#[test]
fn a_call_without_rings_returns() {
    assert_eq!(Written::new([]).read(u64::MAX, 2), Ok(0));
}
