// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Reserving and committing, on a ring that writes down how it is used.

use super::*;
use crate::ring::memory::Fence;
use std::cell::{Cell, RefCell};

const SIZE: u64 = 64;
const BUSY: u32 = 1 << 31;
const DISCARD: u32 = 1 << 30;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    Fence(Ordering),
    Header(u64, u32),
    Store(u64, Ordering),
    Exchange(u64, u32, Ordering),
}

thread_local! {
    static STEPS: RefCell<Vec<Step>> = const { RefCell::new(Vec::new()) };
}

fn note(step: Step) {
    STEPS.with_borrow_mut(|steps| steps.push(step));
}

#[derive(Default)]
struct Ring {
    size: u64,
    producer: Cell<u64>,
    consumer: Cell<u64>,
    header: Cell<u32>,
}

impl Ring {
    fn at(producer: u64, consumer: u64) -> Self {
        STEPS.with_borrow_mut(Vec::clear);
        let ring = Ring {
            size: SIZE,
            ..Ring::default()
        };
        ring.producer.set(producer);
        ring.consumer.set(consumer);
        ring
    }
}

impl Fence for &Ring {
    fn fence(order: Ordering) {
        note(Step::Fence(order));
    }
}

impl ProducerMemory for &Ring {
    fn size(self) -> u64 {
        self.size
    }

    fn producer_pos(self, _: Ordering) -> u64 {
        self.producer.get()
    }

    fn set_producer_pos(self, pos: u64, order: Ordering) {
        note(Step::Store(pos, order));
        self.producer.set(pos);
    }

    fn consumer_pos(self, _: u64) -> u64 {
        self.consumer.get()
    }

    fn write_header(self, start: u64, word: u32) {
        note(Step::Header(start, word));
        self.header.set(word);
    }

    fn header(self, _: u64) -> u32 {
        self.header.get()
    }

    fn exchange_header(self, start: u64, word: u32, order: Ordering) {
        note(Step::Exchange(start, word, order));
        self.header.set(word);
    }
}

#[test]
fn a_busy_header_is_there_before_the_record_is_published() {
    let ring = Ring::at(16, 0);
    assert_eq!(reserve(&ring, 9), Ok(16));
    let steps = STEPS.with_borrow(Vec::clone);
    assert_eq!(
        steps,
        [
            Step::Fence(Ordering::Acquire),
            Step::Header(16, 9 | BUSY),
            Step::Store(40, Ordering::Release),
        ]
    );
}

#[test]
fn a_commit_clears_busy_by_an_exchange() {
    for (discard, word) in [(false, 9), (true, 9 | DISCARD)] {
        let ring = Ring::at(0, 0);
        let start = reserve(&ring, 9).unwrap();
        commit(&ring, start, discard);
        let last = STEPS.with_borrow(|steps| *steps.last().unwrap());
        assert_eq!(last, Step::Exchange(0, word, Ordering::AcqRel));
    }
}

#[test]
fn a_record_fits_to_the_last_byte_and_no_further() {
    assert_eq!(reserve(&Ring::at(0, 0), 56), Ok(0));
    assert_eq!(reserve(&Ring::at(0, 0), 57), Err(ReserveError::TooBig));
    assert_eq!(
        reserve(&Ring::at(0, 0), u32::MAX),
        Err(ReserveError::TooBig)
    );
    assert_eq!(reserve(&Ring::at(48, 0), 8), Ok(48));
    assert_eq!(reserve(&Ring::at(48, 0), 9), Err(ReserveError::NoSpace));
    assert_eq!(reserve(&Ring::at(64, 0), 0), Err(ReserveError::NoSpace));
}

/// bpf_user_ringbuf_drain() describes a record with a dynptr.
#[test]
fn a_record_that_no_bpf_program_can_be_given_is_too_big_for_any_ring() {
    let mut ring = Ring::at(0, 0);
    ring.size = 1 << 30;
    for len in [1 << 24, (1 << 24) + 1, 1 << 29, (1 << 30) - 8, u32::MAX] {
        assert_eq!(reserve(&ring, len), Err(ReserveError::TooBig));
    }
    assert_eq!(ring.producer.get(), 0);
    assert_eq!(reserve(&ring, (1 << 24) - 1), Ok(0));
}

#[test]
fn positions_wrap() {
    let start = u64::MAX - 7;
    assert_eq!(reserve(&Ring::at(start, start), 8), Ok(start));
    let ring = Ring::at(8, start);
    assert_eq!(reserve(&ring, 40), Ok(8));
    assert_eq!(ring.producer.get(), 56);
    assert_eq!(reserve(&ring, 0), Err(ReserveError::NoSpace));
}

/// The kernel refuses such a ring, and an atomic may not stand there.
#[test]
fn no_record_begins_where_another_writer_has_left_an_odd_position() {
    for start in [1, 4, 7, SIZE - 1, u64::MAX] {
        let ring = Ring::at(start, start & !7);
        assert_eq!(reserve(&ring, 8), Err(ReserveError::NoSpace));
        assert_eq!(ring.producer.get(), start);
    }
}

#[test]
fn a_record_is_found_by_its_payload_also_over_the_end_of_the_area() {
    for start in (0..SIZE).step_by(8) {
        let payload = payload_of_start(start, SIZE);
        assert!(payload < SIZE);
        assert_eq!(start_of_payload(payload, SIZE), start);
    }
}
