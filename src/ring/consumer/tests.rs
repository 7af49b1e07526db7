// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The protocol step by step, on a ring that writes down how it is used.

use super::*;
use crate::ring::memory::Fence;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;

const SIZE: u64 = 4096;
const BUSY: u32 = 1 << 31;
const DISCARD: u32 = 1 << 30;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    LoadProducer,
    LoadHeader(u64),
    Store(u64, Ordering),
    Fence(Ordering),
    Deliver(u64),
}

thread_local! {
    static STEPS: RefCell<Vec<Step>> = const { RefCell::new(Vec::new()) };
}

fn note(step: Step) {
    STEPS.with_borrow_mut(|steps| steps.push(step));
}

fn steps() -> Vec<Step> {
    STEPS.with_borrow(Vec::clone)
}

/// A ring whose headers are kept by position, and an event that happens at a store of `consumer_pos`.
#[derive(Default)]
struct Ring {
    consumer: Cell<u64>,
    producer: Cell<u64>,
    headers: RefCell<HashMap<u64, u32>>,
    at_seqcst_store: Cell<Option<fn(&Ring)>>,
}

impl Ring {
    fn starting_at(position: u64) -> Self {
        STEPS.with_borrow_mut(Vec::clear);
        let ring = Ring::default();
        ring.consumer.set(position);
        ring.producer.set(position);
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
}

impl Fence for &Ring {
    fn fence(order: Ordering) {
        note(Step::Fence(order));
    }
}

impl ConsumerMemory for &Ring {
    fn size(self) -> u64 {
        SIZE
    }

    fn consumer_pos(self, _: Ordering) -> u64 {
        self.consumer.get()
    }

    fn set_consumer_pos(self, pos: u64, order: Ordering) {
        note(Step::Store(pos, order));
        if order == Ordering::SeqCst {
            // The event comes before the store is seen: the producer still finds us behind.
            if let Some(event) = self.at_seqcst_store.take() {
                event(self);
            }
        }
        self.consumer.set(pos);
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

/// Takes records and checks at each what a callback would see.
struct Taker<'a> {
    ring: &'a Ring,
    answer: fn(Record) -> Received,
    fenced: Fenced,
    records: Vec<Record>,
    rescues: usize,
}

impl<'a> Taker<'a> {
    fn new(ring: &'a Ring) -> Self {
        Taker {
            ring,
            answer: |_| Received::Consumed,
            fenced: Fenced(ring.consumer.get()),
            records: Vec::new(),
            rescues: 0,
        }
    }

    fn answering(ring: &'a Ring, answer: fn(Record) -> Received) -> Self {
        Taker {
            answer,
            ..Taker::new(ring)
        }
    }

    fn consume(&mut self, max: u64) -> Result<u64, Stop> {
        let (result, fenced) = consume(self.ring, self.fenced, max, self);
        self.fenced = fenced;
        result
    }
}

impl Receiver for Taker<'_> {
    fn record(&mut self, record: Record) -> Received {
        assert_eq!(self.ring.consumer.get(), record.start);
        note(Step::Deliver(record.start));
        self.records.push(record);
        (self.answer)(record)
    }

    fn rescued(&mut self) {
        self.rescues += 1;
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

#[test]
fn each_start_is_published_before_its_callback_and_the_end_is_settled() {
    let ring = Ring::starting_at(0);
    let starts = [ring.reserve(8), ring.reserve(9), ring.reserve(0)];
    let mut taker = Taker::new(&ring);
    assert_eq!(taker.consume(u64::MAX), Ok(3));
    assert_eq!(
        taker.records.iter().map(|r| r.start).collect::<Vec<_>>(),
        starts
    );
    assert_eq!(
        taker.records.iter().map(|r| r.len).collect::<Vec<_>>(),
        [8, 9, 0]
    );
    let acquire = Step::Fence(Ordering::Acquire);
    assert_eq!(
        steps(),
        [
            Step::LoadProducer,
            acquire,
            Step::LoadHeader(0),
            acquire,
            Step::Deliver(0),
            Step::LoadHeader(16),
            acquire,
            Step::Store(16, Ordering::Release),
            Step::Deliver(16),
            Step::LoadHeader(40),
            acquire,
            Step::Store(40, Ordering::Release),
            Step::Deliver(40),
            Step::LoadProducer,
            acquire,
            Step::Store(48, Ordering::SeqCst),
            Step::Fence(Ordering::SeqCst),
            Step::LoadProducer,
            acquire,
        ]
    );
}

#[test]
fn a_call_that_finds_nothing_publishes_and_fences_nothing() {
    let ring = Ring::starting_at(0);
    assert_eq!(Taker::new(&ring).consume(u64::MAX), Ok(0));
    assert_eq!(
        steps(),
        [Step::LoadProducer, Step::Fence(Ordering::Acquire)]
    );
}

#[test]
fn a_position_that_no_call_of_ours_left_is_fenced_before_nothing_is_believed() {
    let ring = Ring::starting_at(0);
    let mut taker = Taker::new(&ring);
    taker.fenced = Fenced::NOWHERE;
    assert_eq!(taker.consume(u64::MAX), Ok(0));
    let look = [Step::LoadProducer, Step::Fence(Ordering::Acquire)];
    let fenced = [&look[..], &[Step::Fence(Ordering::SeqCst)], &look].concat();
    assert_eq!(steps(), fenced);
    assert_eq!(taker.consume(u64::MAX), Ok(0));
    assert_eq!(steps(), [&fenced[..], &look].concat(), "once is enough");
}

#[test]
fn a_record_reserved_and_committed_while_we_publish_is_found_by_the_second_look() {
    let ring = Ring::starting_at(0);
    ring.reserve(8);
    ring.at_seqcst_store.set(Some(|ring| {
        ring.reserve(8);
    }));
    let mut taker = Taker::new(&ring);
    assert_eq!(taker.consume(u64::MAX), Ok(2));
    assert_eq!(taker.rescues, 1);
    assert_fenced(32);
}

#[test]
fn a_busy_head_committed_while_we_publish_is_found_by_the_second_look() {
    let ring = Ring::starting_at(0);
    ring.reserve(8);
    ring.reserve(8 | BUSY);
    ring.at_seqcst_store
        .set(Some(|ring| ring.set_header(16, 8)));
    let mut taker = Taker::new(&ring);
    assert_eq!(taker.consume(u64::MAX), Ok(2));
    assert_eq!(taker.rescues, 1);
    assert_fenced(32);
}

#[test]
fn a_busy_head_is_not_delivered_and_what_is_behind_it_waits() {
    let ring = Ring::starting_at(0);
    ring.reserve(8);
    ring.reserve(8 | BUSY);
    ring.reserve(8);
    let mut taker = Taker::new(&ring);
    assert_eq!(taker.consume(u64::MAX), Ok(1));
    assert_fenced(16);
    assert_eq!(taker.consume(u64::MAX), Ok(0));
    ring.set_header(16, 8);
    assert_eq!(taker.consume(u64::MAX), Ok(2));
    assert_eq!(ring.consumer.get(), 48);
}

#[test]
fn a_bounded_call_ends_fenced() {
    let ring = Ring::starting_at(0);
    ring.reserve(8);
    ring.reserve(8);
    let mut taker = Taker::new(&ring);
    assert_eq!(taker.consume(1), Ok(1));
    assert_fenced(16);
    assert_eq!(taker.consume(1), Ok(1));
    assert_fenced(32);
    assert_eq!(taker.consume(1), Ok(0));
}

#[test]
fn none_asked_for_consumes_nothing() {
    let ring = Ring::starting_at(0);
    ring.reserve(8);
    assert_eq!(Taker::new(&ring).consume(0), Ok(0));
    assert_eq!(steps(), []);
}

#[test]
fn a_failing_callback_consumes_its_record_and_ends_fenced() {
    let ring = Ring::starting_at(0);
    for len in [8, 16, 8] {
        ring.reserve(len);
    }
    let mut taker = Taker::answering(&ring, |record| match record.len {
        16 => Received::Failed(-7),
        _ => Received::Consumed,
    });
    assert_eq!(taker.consume(u64::MAX), Err(Stop::Failed(-7)));
    assert_fenced(40);
    assert_eq!(taker.consume(u64::MAX), Ok(1));
}

#[test]
fn a_refused_record_stays_and_the_call_ends_fenced() {
    let ring = Ring::starting_at(0);
    ring.reserve(8);
    ring.reserve(16);
    let mut taker = Taker::answering(&ring, |record| match record.len {
        16 => Received::Refused,
        _ => Received::Consumed,
    });
    assert_eq!(taker.consume(u64::MAX), Err(Stop::Refused));
    assert_eq!(ring.consumer.get(), 16);
    assert_eq!(steps().last(), Some(&Step::Fence(Ordering::SeqCst)));
}

#[test]
fn discarded_records_are_walked_and_their_space_comes_back_in_time() {
    let ring = Ring::starting_at(0);
    for _ in 0..100 {
        ring.reserve(16 | DISCARD);
    }
    assert_eq!(Taker::new(&ring).consume(u64::MAX), Ok(0));
    assert_fenced(2400);
    let mut published = 0;
    for step in steps() {
        if let Step::Store(position, order) = step {
            assert!(position - published <= UNPUBLISHED_MAX + 24);
            let end = position == 2400;
            assert_eq!(
                order == Ordering::SeqCst,
                end,
                "only a start goes without a fence"
            );
            published = position;
        }
    }
}

#[test]
fn a_record_after_discards_sees_its_own_start() {
    let ring = Ring::starting_at(0);
    ring.reserve(8 | DISCARD);
    ring.reserve(8);
    ring.reserve(8 | DISCARD);
    assert_eq!(Taker::new(&ring).consume(u64::MAX), Ok(1));
    assert_fenced(48);
}

#[test]
fn positions_wrap() {
    for start in [u64::MAX - 15, (1 << 63) - 16, (1 << 32) - 16] {
        let ring = Ring::starting_at(start);
        for _ in 0..3 {
            ring.reserve(8);
        }
        assert_eq!(Taker::new(&ring).consume(u64::MAX), Ok(3));
        assert_fenced(start.wrapping_add(48));
    }
}

#[test]
fn a_position_ahead_of_the_producers_is_nothing_there() {
    let ring = Ring::starting_at(64);
    ring.producer.set(32);
    assert_eq!(Taker::new(&ring).consume(u64::MAX), Ok(0));
    assert_eq!(ring.consumer.get(), 64);
}

#[test]
fn a_header_beyond_what_was_published_is_corrupt_each_time_and_keeps_its_place() {
    let ring = Ring::starting_at(0);
    ring.reserve(8);
    let bad = ring.reserve(8);
    ring.set_header(bad, 9);
    let mut taker = Taker::new(&ring);
    assert_eq!(taker.consume(u64::MAX), Err(Stop::Corrupt(16)));
    assert_fenced(16);
    assert_eq!(taker.consume(u64::MAX), Err(Stop::Corrupt(16)));
    assert_eq!(taker.records.len(), 1);
}

#[test]
fn a_producer_more_than_a_ring_ahead_is_corrupt() {
    let ring = Ring::starting_at(0);
    ring.producer.set(SIZE + 8);
    assert_eq!(Taker::new(&ring).consume(u64::MAX), Err(Stop::Corrupt(0)));
}

#[test]
fn a_position_that_no_record_can_have_is_corrupt() {
    let ring = Ring::starting_at(4);
    ring.producer.set(24);
    assert_eq!(Taker::new(&ring).consume(u64::MAX), Err(Stop::Corrupt(4)));
}

/// A ring of which, as in a 32-bit program, only the low word of `producer_pos` can be read.
#[derive(Clone, Copy)]
struct Narrow<'a>(&'a Ring);

impl Fence for Narrow<'_> {
    fn fence(order: Ordering) {
        <&Ring>::fence(order);
    }
}

impl ConsumerMemory for Narrow<'_> {
    fn size(self) -> u64 {
        SIZE
    }

    fn consumer_pos(self, order: Ordering) -> u64 {
        self.0.consumer_pos(order)
    }

    fn set_consumer_pos(self, pos: u64, order: Ordering) {
        self.0.set_consumer_pos(pos, order);
    }

    fn producer_pos(self, near: u64) -> u64 {
        crate::ring::memory::extend(near, self.0.producer.get() as u32)
    }

    fn header(self, start: u64) -> u32 {
        self.0.header(start)
    }
}

#[test]
fn a_32_bit_program_reads_on_past_4_gib_and_keeps_all_of_its_position() {
    let word = 1u64 << 32;
    for start in [word - 24, 5 * word - 24, word - 4096, word] {
        let ring = Ring::starting_at(start);
        let mut taker = Taker::new(&ring);
        for _ in 0..1000 {
            ring.reserve(8);
            ring.reserve(100);
            let (result, fenced) = consume(Narrow(&ring), taker.fenced, u64::MAX, &mut taker);
            taker.fenced = fenced;
            assert_eq!(result, Ok(2));
        }
        assert_eq!(ring.consumer.get(), start + 1000 * (16 + 112));
    }
}

#[test]
fn a_32_bit_program_sees_a_producer_more_than_a_ring_ahead() {
    let ring = Ring::starting_at((1 << 32) - 16);
    ring.producer.set((1 << 32) + SIZE);
    let mut taker = Taker::new(&ring);
    let (result, _) = consume(Narrow(&ring), taker.fenced, u64::MAX, &mut taker);
    assert_eq!(result, Err(Stop::Corrupt((1 << 32) - 16)));
}
