// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The protocol step by step, on a ring that writes down how it is used.

mod as_libbpf;
mod found;
mod hot;
mod jumps;
mod left_behind;
mod lingering;
mod passed;
mod positions;
mod protocol;
mod rings;

use super::*;
use crate::ring::journal::Held;
use crate::ring::memory::Fence;
use crate::ring::receiver::{Received, Record};
use crate::ring::rounds::one::read_one;
use crate::ring::wait::WaitPolicy;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

const SIZE: u64 = 4096;
const BUSY: u32 = 1 << 31;
const DISCARD: u32 = 1 << 30;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    LoadProducer,
    LoadHeader(u64),
    Store(u64, Ordering),
    Replace(u64, u64, Ordering),
    Fence(Ordering),
    Deliver(u64),
    Wait,
}

thread_local! {
    static STEPS: RefCell<Vec<Step>> = const { RefCell::new(Vec::new()) };
    /// Before the step of this number the call is left, by unwinding.
    static LEAVE_AT: Cell<Option<usize>> = const { Cell::new(None) };
}

fn note(step: Step) {
    let number = STEPS.with_borrow(Vec::len);
    if LEAVE_AT.get() == Some(number) {
        LEAVE_AT.set(None);
        resume_unwind(Box::new("left"));
    }
    STEPS.with_borrow_mut(|steps| steps.push(step));
}

fn steps() -> Vec<Step> {
    STEPS.with_borrow(Vec::clone)
}

/// The steps since the last of `step`.
fn steps_since(step: Step) -> Vec<Step> {
    let steps = steps();
    let at = steps.iter().rposition(|&other| other == step);
    steps[at.expect("the step") + 1..].to_vec()
}

/// A ring whose headers are kept by position, and an event that happens at a store of `consumer_pos`.
struct Ring {
    size: u64,
    consumer: Cell<u64>,
    producer: Cell<u64>,
    headers: RefCell<HashMap<u64, u32>>,
    journal: Journal,
    at_seqcst_store: Cell<Option<fn(&Ring)>>,
    at_release_store: Cell<Option<fn(&Ring)>>,
}

impl Ring {
    fn starting_at(position: u64) -> Self {
        STEPS.with_borrow_mut(Vec::clear);
        Ring {
            size: SIZE,
            consumer: Cell::new(position),
            producer: Cell::new(position),
            headers: RefCell::default(),
            journal: Journal::new(),
            at_seqcst_store: Cell::new(None),
            at_release_store: Cell::new(None),
        }
    }

    /// With `count` records of 8 bytes from position 0.
    fn with_records(count: usize) -> Self {
        let ring = Ring::starting_at(0);
        for _ in 0..count {
            ring.reserve(8);
        }
        ring
    }

    /// Reserves the next record with this header word and returns its start.
    fn reserve(&self, word: u32) -> u64 {
        let start = self.producer.get();
        self.headers.borrow_mut().insert(start, word);
        let span = Header::from_word(word).span();
        self.producer.set(start.wrapping_add(span));
        start
    }

    fn set_header(&self, start: u64, word: u32) {
        self.headers.borrow_mut().insert(start, word);
    }

    fn held(&self) -> Held {
        self.journal.held()
    }

    /// What `consumer_pos` will be once whoever enters next has made good what is held back.
    fn repaired(&self) -> u64 {
        let (held, pos) = (self.held(), self.consumer.get());
        if held != Held::NOTHING && held.is_behind(pos, self.size) {
            held.reached
        } else {
            pos
        }
    }
}

impl Fence for &Ring {
    fn fence(order: Ordering) {
        note(Step::Fence(order));
    }
}

impl ConsumerMemory for &Ring {
    fn size(self) -> u64 {
        self.size
    }

    fn consumer_pos(self, _: Ordering) -> u64 {
        self.consumer.get()
    }

    fn set_consumer_pos(self, pos: u64, order: Ordering) {
        note(Step::Store(pos, order));
        // The event comes before the store is seen: the producer still finds us behind.
        let event = if order == Ordering::SeqCst {
            self.at_seqcst_store.take()
        } else {
            self.at_release_store.take()
        };
        if let Some(event) = event {
            event(self);
        }
        self.consumer.set(pos);
    }

    fn replace_consumer_pos(self, current: u64, pos: u64, order: Ordering) -> bool {
        note(Step::Replace(current, pos, order));
        let replaced = self.consumer.get() == current;
        if replaced {
            self.consumer.set(pos);
        }
        replaced
    }

    fn producer_pos(self, _: u64) -> u64 {
        note(Step::LoadProducer);
        self.producer.get()
    }

    fn header(self, start: u64) -> u32 {
        note(Step::LoadHeader(start));
        self.headers.borrow()[&start]
    }
}

type Answer<'a> = Box<dyn FnMut(Record) -> Received + 'a>;

/// Takes records and checks at each what a callback would see.
struct Taker<'a> {
    ring: &'a Ring,
    answer: Answer<'a>,
    hot: bool,
    records: Vec<Record>,
    found: Vec<u64>,
    rescues: usize,
}

impl<'a> Taker<'a> {
    fn new(ring: &'a Ring) -> Self {
        Taker::answering(ring, |_| Received::Consumed)
    }

    fn answering(ring: &'a Ring, answer: impl FnMut(Record) -> Received + 'a) -> Self {
        if ring.journal.fenced() == Fenced::NOWHERE {
            ring.journal.set_fenced(Fenced(ring.consumer.get()));
        }
        Taker {
            ring,
            answer: Box::new(answer),
            hot: false,
            records: Vec::new(),
            found: Vec::new(),
            rescues: 0,
        }
    }

    /// Leaves the callback of the record at `start` the first time, by unwinding.
    fn leaving_at(ring: &'a Ring, start: u64) -> Self {
        let mut left = false;
        Taker::answering(ring, move |record| {
            if record.start == start && !left {
                left = true;
                resume_unwind(Box::new("left"));
            }
            Received::Consumed
        })
    }

    fn consume(&mut self, max: u64) -> Result<u64, Stop> {
        self.hot = false;
        call(self.ring, &self.ring.journal, max, self)
    }

    /// One call that lingers.
    fn linger(&mut self, windows: &mut Windows) -> Result<u64, Stop> {
        self.hot = windows.hot;
        read_one(self.ring, &self.ring.journal, u64::MAX, self, windows)
    }

    /// One call that lingers, and that a callback or a window leaves.
    fn leave(&mut self, windows: &mut Windows) {
        let left = catch_unwind(AssertUnwindSafe(|| self.linger(windows)));
        assert!(left.is_err(), "nobody has left: {left:?}");
    }

    fn starts(&self) -> Vec<u64> {
        self.records.iter().map(|record| record.start).collect()
    }
}

impl Receiver for Taker<'_> {
    fn record(&mut self, record: Record) -> Received {
        let pos = self.ring.consumer.get();
        if self.hot {
            let behind = record.start.wrapping_sub(pos);
            assert!(behind < UNPUBLISHED_MAX, "{behind} bytes unpublished");
        } else {
            assert_eq!(pos, record.start);
        }
        let (published, reached) = (pos, record.start);
        assert_eq!(self.ring.held(), Held { published, reached });
        note(Step::Deliver(record.start));
        self.records.push(record);
        (self.answer)(record)
    }

    fn found(&mut self, bytes: u64) {
        self.found.push(bytes);
    }

    fn rescued(&mut self) {
        self.rescues += 1;
    }
}

type Event<'a> = Box<dyn FnMut() + 'a>;

/// Waits as often as there are events, which happen in the windows.
struct Windows<'a> {
    hot: bool,
    events: Vec<Event<'a>>,
}

impl<'a> Windows<'a> {
    fn none() -> Self {
        Windows {
            hot: false,
            events: Vec::new(),
        }
    }

    fn then(mut self, event: impl FnMut() + 'a) -> Self {
        self.events.push(Box::new(event));
        self
    }

    fn hot(self) -> Self {
        Windows { hot: true, ..self }
    }
}

impl WaitPolicy for Windows<'_> {
    fn round(&mut self) -> Round {
        Round {
            hold: !self.events.is_empty(),
            hot: self.hot,
        }
    }

    fn waits(&mut self, _: Walked) -> bool {
        !self.events.is_empty()
    }

    fn wait(&mut self) {
        note(Step::Wait);
        self.events.remove(0)();
    }
}

/// The last store of `consumer_pos` is SeqCst, a full fence follows it.
fn assert_fenced(position: u64) {
    let steps = steps();
    let last_store = steps
        .iter()
        .rposition(|step| matches!(step, Step::Store(..)))
        .expect("a publication");
    assert_eq!(steps[last_store], Step::Store(position, Ordering::SeqCst));
    assert_eq!(steps[last_store + 1], Step::Fence(Ordering::SeqCst));
}

/// The last store of `consumer_pos` is the start of a record that is there, without a fence, which the next call owes.
fn assert_fence_owed(ring: &Ring, position: u64) {
    let fence = Step::Fence(Ordering::SeqCst);
    let after = steps_since(Step::Store(position, Ordering::Release));
    let stores = |step: &Step| *step == fence || matches!(step, Step::Store(..));
    assert!(!after.iter().any(stores), "{after:?}");
    assert_eq!(ring.journal.fenced(), Fenced::NOWHERE);
}
