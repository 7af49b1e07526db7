// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Whatever callbacks and windows do, in hot rings too, records and positions are libbpf's.
//!
//! libbpf's reader is simple enough to be computed beside ours: after each record it stores the end.

use super::*;
use proptest::prelude::*;
use std::collections::VecDeque;

/// What a callback, a window or the program itself does next; each does what it can of it.
#[derive(Clone, Debug)]
enum Act {
    Nothing,
    Produce(u32),
    /// Of the oldest record that is BUSY.
    Commit,
    /// The callback's error.
    Fail,
    /// Out of the callback or the window, not to return.
    Leave,
    /// The ring becomes hot, or cold.
    Turn,
    Call {
        hot: bool,
        windows: usize,
        max: u64,
        /// What the callback answers after this; what leaves the call passes through it, or not.
        then: Then,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Then {
    Consumed,
    Failed,
    LeftToo,
}

/// What a callback or a window is left by.
struct Left;

struct World {
    ring: Ring,
    script: RefCell<VecDeque<Act>>,
    busy: RefCell<VecDeque<u64>>,
    /// What libbpf's `consumer_pos` would be.
    pos: Cell<u64>,
    /// Where the outermost call began, to which a position may be moved back: what is behind it in
    /// the ring is not overwritten, since libbpf would read rubbish then.
    began: Cell<u64>,
    depth: Cell<usize>,
}

impl World {
    fn next(&self) -> Act {
        let act = self.script.borrow_mut().pop_front();
        act.unwrap_or(Act::Nothing)
    }

    fn produce(&self, word: u32) {
        let end = self.ring.producer.get() + Header::from_word(word).span();
        if end - self.began.get() <= SIZE {
            let start = self.ring.reserve(word);
            if word & BUSY != 0 {
                self.busy.borrow_mut().push_back(start);
            }
        }
    }

    fn commit(&self) {
        if let Some(start) = self.busy.borrow_mut().pop_front() {
            let word = self.ring.headers.borrow()[&start];
            self.ring.set_header(start, word & !BUSY);
        }
    }

    fn header(&self, position: u64) -> Option<Header> {
        let word = self.ring.headers.borrow().get(&position).copied();
        word.map(Header::from_word)
            .filter(|header| !header.is_busy())
    }

    /// libbpf's reader walks the discarded records at its position, up to `end` at most.
    fn skip(&self, end: u64) {
        while let Some(header) = self.header(self.pos.get()) {
            if !header.is_discarded() || self.pos.get() >= end {
                break;
            }
            self.pos.set(self.pos.get() + header.span());
        }
    }

    /// One call; whether it has been left.
    fn call(&self, hot: bool, windows: usize, max: u64) -> bool {
        let depth = self.depth.get();
        self.depth.set(depth + 1);
        if depth == 0 {
            self.began.set(self.pos.get());
        }
        let mut frame = Frame {
            world: self,
            cursor: self.pos.get(),
        };
        let mut waits = Waits {
            world: self,
            hot,
            left: windows,
        };
        let call = || read_one(&self.ring, &self.ring.journal, max, &mut frame, &mut waits);
        let result = catch_unwind(AssertUnwindSafe(call));
        self.depth.set(depth);
        let result = match result {
            Ok(result) => result,
            Err(left) if left.is::<Left>() => {
                assert_eq!(self.ring.repaired(), self.pos.get(), "after leaving");
                return true;
            }
            Err(failed) => resume_unwind(failed),
        };
        if result.is_ok_and(|delivered| delivered < max) {
            self.skip(u64::MAX);
            let header = self.header(self.pos.get());
            assert_eq!(header, None, "not caught up");
        }
        assert_eq!(self.ring.consumer.get(), self.pos.get(), "{result:?}");
        assert_eq!(self.ring.repaired(), self.pos.get(), "a note left behind");
        let steps = steps();
        let moved = steps
            .iter()
            .rposition(|step| matches!(step, Step::Store(..) | Step::Replace(..)));
        let fenced = steps
            .iter()
            .rposition(|&step| step == Step::Fence(Ordering::SeqCst));
        let caught_up = result.is_ok_and(|delivered| delivered < max);
        let owed = !caught_up && self.ring.journal.fenced() == Fenced::NOWHERE;
        // A call for no records looks at nothing.
        assert!(
            max == 0 || owed || moved <= fenced,
            "no fence behind a return"
        );
        false
    }
}

struct Frame<'a> {
    world: &'a World,
    /// Where libbpf's call would be.
    cursor: u64,
}

impl Receiver for Frame<'_> {
    fn record(&mut self, record: Record) -> Received {
        let Frame { world, .. } = *self;
        world.pos.set(self.cursor);
        world.skip(u64::MAX);
        assert_eq!(record.start, world.pos.get(), "not libbpf's record");
        assert_eq!(world.ring.repaired(), record.start, "in the callback");
        assert!(record.start - world.ring.consumer.get() < UNPUBLISHED_MAX);
        let mut received = Received::Consumed;
        match world.next() {
            Act::Nothing | Act::Turn => {}
            Act::Produce(word) => world.produce(word),
            Act::Commit => world.commit(),
            Act::Fail => received = Received::Failed(-1),
            Act::Leave => resume_unwind(Box::new(Left)),
            Act::Call {
                hot,
                windows,
                max,
                then,
            } => {
                let left = world.depth.get() < 4 && world.call(hot, windows, max);
                if left && then == Then::LeftToo {
                    resume_unwind(Box::new(Left));
                }
                if then == Then::Failed {
                    received = Received::Failed(-1);
                }
            }
        }
        self.cursor = record.start + world.header(record.start).expect("it").span();
        world.pos.set(self.cursor);
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
        let repaired = self.world.ring.repaired();
        // Discarded records that have come since the drain began may not have been seen yet.
        self.world.skip(repaired);
        assert_eq!(repaired, self.world.pos.get(), "in a window");
        match self.world.next() {
            Act::Produce(word) => self.world.produce(word),
            Act::Commit => self.world.commit(),
            Act::Leave => resume_unwind(Box::new(Left)),
            Act::Turn => self.hot = !self.hot,
            Act::Nothing | Act::Fail | Act::Call { .. } => {}
        }
    }
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let len = prop_oneof![4 => 0..40u32, 1 => 200..300u32];
    let flags =
        prop_oneof![4 => Just(0), 1 => Just(DISCARD), 1 => Just(BUSY), 1 => Just(BUSY | DISCARD)];
    let produce = (len, flags).prop_map(|(len, flags)| Act::Produce(len | flags));
    let max = prop_oneof![3 => Just(u64::MAX), 1 => 0..4u64];
    let then = prop_oneof![
        Just(Then::Consumed),
        Just(Then::Failed),
        Just(Then::LeftToo)
    ];
    let call =
        (any::<bool>(), 0..4usize, max, then).prop_map(|(hot, windows, max, then)| Act::Call {
            hot,
            windows,
            max,
            then,
        });
    let act = prop_oneof![
        6 => produce,
        2 => Just(Act::Commit),
        2 => Just(Act::Nothing),
        1 => Just(Act::Fail),
        1 => Just(Act::Leave),
        1 => Just(Act::Turn),
        4 => call,
    ];
    prop::collection::vec(act, 1..80)
}

fn play(script: Vec<Act>) {
    let world = World {
        ring: Ring::starting_at(0),
        script: RefCell::new(script.into()),
        busy: RefCell::default(),
        pos: Cell::new(0),
        began: Cell::new(0),
        depth: Cell::new(0),
    };
    while !world.script.borrow().is_empty() {
        match world.next() {
            Act::Produce(word) => world.produce(word),
            Act::Commit => world.commit(),
            Act::Call {
                hot, windows, max, ..
            } => {
                world.call(hot, windows, max);
            }
            Act::Nothing | Act::Fail | Act::Leave | Act::Turn => {
                // What comes up to here, for long drains.
                (0..8).for_each(|_| world.produce(8));
            }
        }
    }
    while !world.busy.borrow().is_empty() {
        world.commit();
    }
    assert!(!world.call(false, 0, u64::MAX));
    assert_eq!(world.ring.consumer.get(), world.ring.producer.get());
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn records_and_positions_are_libbpfs(script in acts()) {
        play(script);
    }
}
