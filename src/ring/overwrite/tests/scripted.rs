// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A producer that acts between any two accesses of the reader.

use super::kernel::{Access, Reserved, Seen};
use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use std::cell::RefCell;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

#[derive(Clone, Copy, Debug)]
enum Action {
    Reserve(u32),
    /// Of one of the records that are reserved.
    Fill(usize),
    /// Of one of them; whether it is discarded.
    Commit(usize, bool),
    /// All of it at once.
    Record(u32),
}

/// The producer and what it is to do, each thing after so many accesses more of the reader.
struct Producer<'a> {
    kernel: &'a Kernel,
    script: RefCell<Vec<(u32, Action)>>,
    open: RefCell<Vec<Reserved>>,
    notified: Cell<bool>,
}

impl<'a> Producer<'a> {
    fn new(kernel: &'a Kernel, script: &[(u32, Action)]) -> Self {
        Producer {
            kernel,
            script: RefCell::new(script.iter().rev().copied().collect()),
            open: RefCell::default(),
            notified: Cell::new(false),
        }
    }

    /// The reader is about to access the ring.
    fn step(&self, _: Access) {
        let due = match self.script.borrow_mut().last_mut() {
            None => false,
            Some((0, _)) => true,
            Some((wait, _)) => {
                *wait -= 1;
                false
            }
        };
        if due {
            self.act();
        }
    }

    /// Does the next thing; `false` if nothing is left to do.
    fn act(&self) -> bool {
        let Some((_, action)) = self.script.borrow_mut().pop() else {
            let last = self.open.borrow_mut().pop();
            last.inspect(|&record| self.commit(record, false));
            return last.is_some();
        };
        let mut open = self.open.borrow_mut();
        let chosen = |number: usize| number % open.len().max(1);
        match action {
            Action::Reserve(len) => open.extend(self.kernel.reserve(len)),
            Action::Fill(number) => {
                if let Some(&record) = open.get(chosen(number)) {
                    self.kernel.fill(record);
                }
            }
            Action::Commit(number, discard) => {
                if !open.is_empty() {
                    let number = chosen(number);
                    self.commit(open.remove(number), discard);
                }
            }
            Action::Record(len) => {
                if let Some(record) = self.kernel.reserve(len) {
                    self.commit(record, false);
                }
            }
        }
        true
    }

    fn commit(&self, record: Reserved, discard: bool) {
        self.kernel.fill(record);
        if self.kernel.commit(record, discard) {
            self.notified.set(true);
        }
    }

    fn seen(&self) -> Seen<'_, impl Fn(Access) + Copy> {
        Seen {
            kernel: self.kernel,
            step: |access| self.step(access),
        }
    }

    /// Calls `call` until it has settled, sleeps until the next notification, and so on until there is none any more.
    fn drive(&self, mut call: impl FnMut() -> bool) {
        loop {
            while !call() {}
            while !self.notified.get() {
                if !self.act() {
                    assert!(!self.kernel.has_more(), "asleep on a record");
                    return;
                }
            }
            self.notified.set(false);
        }
    }
}

/// Reads to the end, `max` records a turn.
fn read(kernel: &Kernel, script: &[(u32, Action)], max: u64) -> u64 {
    let producer = Producer::new(kernel, script);
    let copy = copy_for(kernel);
    let (journal, notes) = (Journal::new(), Notes::new());
    let mut given = DiscardsToo {
        given: Given::new(kernel, &copy),
    };
    producer.drive(|| {
        let turn = take_turn(producer.seen(), &journal, &notes, max, &copy, &mut given);
        turn.expect("a ring that a kernel writes").settled
    });
    let given = given.given;
    // Discarded bytes are what is left.
    assert!(given.walked + given.overwritten <= kernel.produced());
    given.overwritten
}

/// Discarded records are not named: their bytes are not in the sum.
struct DiscardsToo<'a> {
    given: Given<'a>,
}

impl Receiver for DiscardsToo<'_> {
    fn record(&mut self, record: Record) -> Received {
        self.given.record(record)
    }

    fn overwritten(&mut self, bytes: u64) {
        self.given.overwritten(bytes);
    }
}

/// A record of 8 to 56 bytes of the ring.
fn len() -> impl Strategy<Value = u32> {
    0..=48u32
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        2 => len().prop_map(Action::Reserve),
        1 => (0..8usize).prop_map(Action::Fill),
        2 => (0..8usize, any::<bool>()).prop_map(|(which, how)| Action::Commit(which, how)),
        4 => len().prop_map(Action::Record),
    ]
}

fn script() -> impl Strategy<Value = Vec<(u32, Action)>> {
    vec((0..12u32, action()), 1..40)
}

/// The same without discarded records.
fn script_of_records() -> impl Strategy<Value = Vec<(u32, Action)>> {
    script().prop_map(|mut script| {
        for (_, action) in &mut script {
            if let Action::Commit(_, discard) = action {
                *discard = false;
            }
        }
        script
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn only_whole_records_are_delivered_in_order_and_no_notification_is_missed(
        script in script(),
        max in prop_oneof![1 => 1..4u64, 1 => Just(u64::MAX)],
        size in prop_oneof![Just(64u64), Just(128)],
    ) {
        read(&Kernel::starting_at(size, 0), &script, max);
    }

    #[test]
    fn delivered_and_overwritten_bytes_make_up_the_positions(script in script_of_records()) {
        let kernel = Kernel::starting_at(64, 0);
        let producer = Producer::new(&kernel, &script);
        let copy = copy_for(&kernel);
        let (journal, notes) = (Journal::new(), Notes::new());
        let mut given = Given::new(&kernel, &copy);
        producer.drive(|| {
            let turn = take_turn(producer.seen(), &journal, &notes, u64::MAX, &copy, &mut given);
            turn.expect("a ring that a kernel writes").settled
        });
        given.check_sum();
    }

    /// A record whose callback is left, or that a call in a callback has had, may come again; none is counted twice.
    #[test]
    fn calls_in_callbacks_and_callbacks_that_leave_spoil_nothing(
        script in script_of_records(),
        acts in vec(prop_oneof![4 => Just(0u8), 2 => Just(1), 1 => Just(2), 1 => Just(3)], 40),
    ) {
        let kernel = Kernel::starting_at(64, 0);
        let producer = Producer::new(&kernel, &script);
        let shared = Shared {
            producer: &producer,
            journal: Journal::new(),
            notes: Notes::new(),
            acts: RefCell::new(acts),
            given: RefCell::default(),
            overwritten: Cell::new(0),
        };
        producer.drive(|| match catch_unwind(AssertUnwindSafe(|| shared.turn(u64::MAX))) {
            Ok(settled) => settled,
            Err(left) if left.is::<Left>() => false,
            Err(failed) => resume_unwind(failed),
        });
        let given: u64 = shared.given.borrow().values().sum();
        prop_assert_eq!(given + shared.overwritten.get(), kernel.produced());
    }
}

/// What a callback is left by.
struct Left;

/// What calls share with those in their callbacks.
struct Shared<'a> {
    producer: &'a Producer<'a>,
    journal: Journal,
    notes: Notes,
    /// What the next callbacks do, last first: nothing (0), a call (1), leave (2), both (3).
    acts: RefCell<Vec<u8>>,
    /// Spans by start of the records that were given to a callback.
    given: RefCell<HashMap<u64, u64>>,
    overwritten: Cell<u64>,
}

impl Shared<'_> {
    fn turn(&self, max: u64) -> bool {
        let copy = copy_for(self.producer.kernel);
        let mut taker = Taker {
            shared: self,
            copy: &copy,
        };
        let seen = self.producer.seen();
        let turn = take_turn(seen, &self.journal, &self.notes, max, &copy, &mut taker);
        turn.expect("a ring that a kernel writes").settled
    }
}

struct Taker<'a> {
    shared: &'a Shared<'a>,
    copy: &'a [Cell<usize>],
}

impl Receiver for Taker<'_> {
    fn record(&mut self, record: Record) -> Received {
        let kernel = self.shared.producer.kernel;
        kernel.check(record, self.copy);
        assert_eq!(kernel.consumer(), record.start, "in the callback");
        let span = Header::from_word(record.len as u32).span();
        self.shared.given.borrow_mut().insert(record.start, span);
        let act = self.shared.acts.borrow_mut().pop().unwrap_or(0);
        if act & 1 != 0 {
            self.shared.turn(2);
            kernel.check(record, self.copy);
        }
        if act & 2 != 0 {
            resume_unwind(Box::new(Left));
        }
        Received::Consumed
    }

    fn overwritten(&mut self, bytes: u64) {
        let overwritten = &self.shared.overwritten;
        overwritten.set(overwritten.get() + bytes);
    }
}

/// The producer laps the reader before each single access, with what needs the most room.
#[test]
fn a_reader_is_lapped_before_each_of_its_steps() {
    let mut lapped = 0;
    for step in 0..60 {
        for len in [8, 16, 24, 40, 48] {
            let kernel = Kernel::starting_at(64, 0);
            for _ in 0..2 {
                kernel.produce(8);
            }
            let lap = [Action::Record(len), Action::Record(8), Action::Record(len)];
            let script: Vec<_> = (0..)
                .zip(lap)
                .map(|(at, action)| (if at == 0 { step } else { 0 }, action))
                .collect();
            lapped += u64::from(read(&kernel, &script, u64::MAX) > 0);
        }
    }
    assert!(lapped > 50, "{lapped}");
}

/// A producer that is always faster: the turn ends all the same.
#[test]
fn a_reader_that_is_always_lapped_comes_back() {
    let kernel = Kernel::starting_at(128, 0);
    let produce = || {
        for _ in 0..20 {
            kernel.produce(8);
        }
    };
    produce();
    let copy = copy_for(&kernel);
    let seen = Seen {
        kernel: &kernel,
        step: |access| {
            if access == Access::Payload {
                produce();
            }
        },
    };
    let mut given = Given::new(&kernel, &copy);
    for _ in 0..10 {
        let turn = take_turn(
            seen,
            &Journal::new(),
            &Notes::new(),
            u64::MAX,
            &copy,
            &mut given,
        );
        let turn = turn.expect("a ring that a kernel writes");
        assert!(!turn.settled && turn.delivered == 0);
    }
}
