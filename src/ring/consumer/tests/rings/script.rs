// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Random scripts for two rings, and how they are played.

use super::*;
use proptest::prelude::*;

/// What a callback, a window or the program itself does next; each does what it can of it.
#[derive(Clone, Debug)]
pub enum Act {
    Nothing,
    /// In this ring.
    Produce(usize, u32),
    /// Of the oldest record of this ring that is BUSY.
    Commit(usize),
    /// The callback's error.
    Fail,
    /// Out of the callback or the window, not to return.
    Leave,
    /// The rings become hot, or cold.
    Turn,
    Call(Call),
}

#[derive(Clone, Debug)]
pub struct Call {
    pub what: What,
    pub hot: bool,
    pub windows: usize,
    pub max: u64,
    /// Whether the callback fails after this.
    pub fails: bool,
    /// Whether what leaves the call leaves the callback too.
    pub left_too: bool,
}

/// What is called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    /// Both rings are read by turns.
    Both,
    /// One ring is consumed.
    Consume(usize),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let len = prop_oneof![4 => 0..40u32, 1 => 200..300u32];
    let flags =
        prop_oneof![4 => Just(0), 1 => Just(DISCARD), 1 => Just(BUSY), 1 => Just(BUSY | DISCARD)];
    let produce =
        (0..2usize, len, flags).prop_map(|(ring, len, flags)| Act::Produce(ring, len | flags));
    let what = prop_oneof![
        3 => Just(What::Both),
        1 => (0..2usize).prop_map(What::Consume),
    ];
    let max = prop_oneof![3 => Just(u64::MAX), 1 => 0..4u64];
    let then = (prop::bool::weighted(0.2), any::<bool>());
    let call = (what, any::<bool>(), 0..4usize, max, then).prop_map(
        |(what, hot, windows, max, (fails, left_too))| {
            Act::Call(Call {
                what,
                hot,
                windows,
                max,
                fails,
                left_too,
            })
        },
    );
    let act = prop_oneof![
        8 => produce,
        2 => (0..2usize).prop_map(Act::Commit),
        2 => Just(Act::Nothing),
        1 => Just(Act::Fail),
        1 => Just(Act::Leave),
        1 => Just(Act::Turn),
        4 => call,
    ];
    prop::collection::vec(act, 1..100)
}

fn play(script: Vec<Act>) {
    let world = World {
        sides: [0, SECOND].map(Side::starting_at),
        script: RefCell::new(script.into()),
        depth: Cell::new(0),
        hot: Cell::new(false),
        left: Cell::new(false),
    };
    while !world.script.borrow().is_empty() {
        match world.next() {
            Act::Produce(index, word) => world.sides[index].produce(word),
            Act::Commit(index) => world.sides[index].commit(),
            Act::Call(call) => {
                world.call(call.what, call.hot, call.windows, call.max);
            }
            Act::Nothing | Act::Fail | Act::Leave | Act::Turn => {
                // What comes up to here, for long drains.
                for side in &world.sides {
                    (0..4).for_each(|_| side.produce(8));
                }
            }
        }
    }
    for side in &world.sides {
        while !side.busy.borrow().is_empty() {
            side.commit();
        }
    }
    assert!(!world.call(What::Both, false, 0, u64::MAX));
    for side in &world.sides {
        assert_eq!(side.ring.consumer.get(), side.ring.producer.get());
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn records_and_positions_of_two_rings_are_libbpfs(script in acts()) {
        play(script);
    }
}

fn call(what: What, fails: bool) -> Act {
    Act::Call(Call {
        what,
        hot: false,
        windows: 0,
        max: u64::MAX,
        fails,
        left_too: false,
    })
}

/// The call in the callback of the second ring's first record settles that ring. The call around it then
/// goes back to that record, and is left at the next one.
#[test]
fn a_ring_settled_in_its_callback_is_read_on_though_the_next_callback_is_left() {
    let both = || call(What::Both, false);
    let begin = [Act::Nothing, both(), both()];
    let quiet = || [(); 4].map(|()| Act::Nothing);
    let script = begin.into_iter().chain(quiet()).chain([both()]);
    play(script.chain(quiet()).chain([Act::Leave]).collect());
}

#[test]
fn a_ring_settled_in_its_callback_is_read_on_though_that_callback_fails() {
    play(vec![
        Act::Nothing,
        call(What::Both, false),
        call(What::Consume(1), false),
        call(What::Both, true),
    ]);
}

/// The innermost of four calls settles the second ring. The one around it reads hot rings, goes on with its own records,
/// and is left with one of them held. The call around that one fails, which publishes and fences where it was left.
#[test]
fn a_ring_settled_in_a_turn_that_is_left_is_read_on_by_the_call_around_one_that_fails() {
    let both = || call(What::Both, false);
    let hot = Act::Call(Call {
        what: What::Both,
        hot: true,
        windows: 0,
        max: u64::MAX,
        fails: true,
        left_too: false,
    });
    let mut script: Vec<_> = [0, 1, 1, 1].map(|ring| Act::Produce(ring, 8)).into();
    // In callbacks of the first ring.
    script.extend([both(), both(), hot, Act::Nothing]);
    // In callbacks of the second, the innermost call's first.
    script.extend([both(), Act::Nothing, Act::Nothing, Act::Nothing]);
    script.extend([Act::Nothing, Act::Leave]);
    play(script);
}
