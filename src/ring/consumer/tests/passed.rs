// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Others read the ring on while a call is in a callback, and the producer fills it again.

use super::*;

/// Records of 8 bytes that fill a ring whose reader has caught up.
const FULL: usize = (SIZE as usize - 8) / 16;

fn fill(ring: &Ring) {
    for _ in 0..FULL {
        ring.reserve(8);
    }
}

/// A second reader of the same ring, which has notes of its own.
fn other_reader(ring: &Ring) -> Ring {
    Ring {
        size: ring.size,
        consumer: Cell::new(ring.consumer.get()),
        producer: Cell::new(ring.producer.get()),
        headers: RefCell::new(ring.headers.borrow().clone()),
        journal: Journal::new(),
        at_seqcst_store: Cell::new(None),
        at_release_store: Cell::new(None),
    }
}

/// Reads a full ring; `read_on` is called in the callback of its first record.
fn starts_read(ring: &Ring, max: u64, hot: bool, read_on: impl Fn(&Ring)) -> Vec<u64> {
    fill(ring);
    let mut first = true;
    let mut taker = Taker::answering(ring, |_| {
        if core::mem::take(&mut first) {
            read_on(ring);
        }
        Received::Consumed
    });
    loop {
        let result = if hot {
            taker.linger(&mut Windows::none().hot())
        } else {
            taker.consume(max)
        };
        if result.expect("no error") < max {
            return taker.starts();
        }
    }
}

/// In the callback: reads all, and the producer fills the ring again, twice.
fn read_on_twice(ring: &Ring) {
    for _ in 0..2 {
        assert!(Taker::new(ring).consume(u64::MAX).is_ok());
        fill(ring);
    }
}

/// The first record, and those of the last filling: all others were read in the callback.
fn first_and_last_filling() -> Vec<u64> {
    let last = (2 * FULL..3 * FULL).map(|number| number as u64 * 16);
    [0].into_iter().chain(last).collect()
}

#[test]
fn a_call_whose_records_are_written_over_goes_on_where_its_callback_was() {
    for max in [1, 2, 3, 8, 9, u64::MAX] {
        let ring = Ring::starting_at(0);
        let starts = starts_read(&ring, max, false, read_on_twice);
        assert_eq!(starts, first_and_last_filling(), "max {max}");
        assert_eq!(ring.consumer.get(), ring.producer.get());
        assert!(is_settled(&ring, &ring.journal));
    }
}

#[test]
fn a_call_on_a_hot_ring_does_the_same() {
    let ring = Ring::starting_at(0);
    let starts = starts_read(&ring, u64::MAX, true, read_on_twice);
    assert_eq!(starts, first_and_last_filling());
    assert!(is_settled(&ring, &ring.journal));
}

#[test]
fn a_call_whose_records_are_there_goes_back_to_them() {
    let ring = Ring::starting_at(0);
    let starts = starts_read(&ring, u64::MAX, false, |ring| {
        assert!(Taker::new(ring).consume(u64::MAX).is_ok());
        ring.reserve(8);
    });
    let all: Vec<u64> = (0..=FULL as u64).map(|number| number * 16).collect();
    assert_eq!(starts, all);
}

#[test]
fn what_the_callback_of_a_written_over_call_answers_is_heard() {
    let ring = Ring::starting_at(0);
    fill(&ring);
    let mut first = true;
    let mut taker = Taker::answering(&ring, |_| {
        if core::mem::take(&mut first) {
            read_on_twice(&ring);
            return Received::Failed(-5);
        }
        Received::Consumed
    });
    assert_eq!(taker.consume(u64::MAX), Err(Stop::Failed(-5)));
    assert_eq!(ring.consumer.get(), 2 * FULL as u64 * 16);
    assert_eq!(taker.consume(u64::MAX), Ok(FULL as u64));
    assert_eq!(taker.starts(), first_and_last_filling());
}

#[test]
fn a_reservation_that_was_under_way_when_a_call_went_back_does_not_stop_the_ring() {
    let ring = Ring::starting_at(0);
    let half = || (0..FULL / 2).for_each(|_| _ = ring.reserve(8));
    half();
    let read = Cell::new(0);
    let mut taker = Taker::answering(&ring, |record| {
        if record.start == 0 && read.replace(1) == 0 {
            for _ in 0..2 {
                assert!(Taker::new(&ring).consume(u64::MAX).is_ok());
                // What the call around this one has seen is there still.
                if ring.producer.get() < SIZE / 2 {
                    half();
                }
            }
        } else if record.start == 16 && read.replace(2) == 1 {
            // It has seen a reader who has read all.
            fill(&ring);
        }
        Received::Consumed
    });
    assert!(taker.consume(u64::MAX).is_ok());
    assert_eq!(ring.consumer.get(), ring.producer.get());
    let starts = taker.starts();
    let made = ring.producer.get() / 16;
    let last = (made - FULL as u64..made).map(|number| number * 16);
    assert_eq!(starts[starts.len() - FULL..], last.collect::<Vec<_>>());
}

#[test]
fn a_call_that_goes_back_looks_once_more_when_the_kernel_can_see_it() {
    let ring = Ring::starting_at(0);
    let half = FULL / 2;
    (0..half).for_each(|_| _ = ring.reserve(8));
    let mut taker = Taker::answering(&ring, |record| {
        if record.start == 0 && ring.consumer.get() == 0 {
            assert!(Taker::new(&ring).consume(u64::MAX).is_ok());
            // Between the look and the store: as long as a thread may be kept from running.
            ring.at_release_store.set(Some(fill));
        }
        Received::Consumed
    });
    assert_eq!(taker.consume(u64::MAX), Ok(1 + FULL as u64));
    let new = (half..half + FULL).map(|number| number as u64 * 16);
    let expected: Vec<u64> = [0].into_iter().chain(new).collect();
    assert_eq!(taker.starts(), expected);
    assert!(is_settled(&ring, &ring.journal));
}

#[test]
fn a_reader_whose_position_another_moves_back_goes_on_where_it_was() {
    let ring = Ring::starting_at(0);
    fill(&ring);
    assert!(Taker::new(&ring).consume(u64::MAX).is_ok());
    fill(&ring);
    // Another reader stores the end of what it had in hand.
    ring.consumer.set(32);
    let mut taker = Taker::new(&ring);
    assert_eq!(taker.consume(u64::MAX), Ok(FULL as u64));
    assert_eq!(taker.starts()[0], FULL as u64 * 16);
    assert!(is_settled(&ring, &ring.journal));
}

#[test]
fn a_reader_who_does_not_know_where_others_were_stays() {
    let ring = Ring::starting_at(0);
    fill(&ring);
    ring.consumer.set(ring.producer.get());
    fill(&ring);
    ring.consumer.set(32);
    let other = other_reader(&ring);
    assert_eq!(Taker::new(&other).consume(u64::MAX), Err(Stop::Corrupt(32)));
    assert_eq!(other.consumer.get(), 32);
}
