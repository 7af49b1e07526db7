// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Readers that do not linger.

use super::kernel::Commit::{Discard, ForceWakeup, NoWakeup, Plain};
use super::kernel::Ring;
use super::*;
use std::sync::atomic::Ordering::Release;

#[test]
fn a_reader_is_woken_for_every_record() {
    check_threads(Ring::new, |ring| {
        vec![
            producer(ring, &[Plain, Plain, Plain]),
            reader(ring, Reader::of(Style::Unbounded), 3),
        ]
    });
}

#[test]
fn a_reader_is_woken_by_each_of_two_producers() {
    check_threads(Ring::new, |ring| {
        vec![
            producer(ring, &[Plain]),
            producer(ring, &[Plain]),
            reader(ring, Reader::of(Style::Unbounded), 2),
        ]
    });
}

#[test]
fn a_reader_is_woken_when_records_are_committed_out_of_order() {
    check_threads(Ring::new, |ring| {
        vec![
            producer_out_of_order(ring),
            reader(ring, Reader::of(Style::Unbounded), 2),
        ]
    });
}

#[test]
fn a_reader_is_woken_for_a_record_that_was_busy_while_it_settled() {
    check_threads(Ring::new, |ring| {
        // No notification is left over that could wake the reader in the busy one's place.
        ring.produce(NoWakeup);
        let busy = ring.reserve().unwrap();
        let late = Arc::clone(ring);
        vec![
            thread::spawn(move || late.commit(busy, Plain)),
            reader(ring, Reader::of(Style::Unbounded), 2),
        ]
    });
}

#[test]
fn a_reader_is_woken_around_discarded_records() {
    check_threads(Ring::new, |ring| {
        vec![
            producer(ring, &[Discard, Plain, Discard]),
            reader(ring, Reader::of(Style::Unbounded), 3),
        ]
    });
}

#[test]
fn a_forced_wakeup_brings_what_was_committed_without_one() {
    check_threads(Ring::new, |ring| {
        vec![
            producer(ring, &[NoWakeup, ForceWakeup]),
            reader(ring, Reader::of(Style::Unbounded), 2),
        ]
    });
}

#[test]
fn a_reader_of_one_record_a_call_is_woken() {
    check_threads(Ring::new, |ring| {
        vec![
            producer(ring, &[Plain, Plain]),
            reader(ring, Reader::of(Style::OneByOne), 2),
        ]
    });
}

#[test]
fn a_reader_whose_callback_fails_is_woken() {
    check_threads(Ring::new, |ring| {
        vec![
            producer(ring, &[Plain, Plain]),
            reader(ring, Reader::of(Style::Failing), 2),
        ]
    });
}

/// A program that walks its ring itself, without fences, and then asks the library before it sleeps.
#[test]
fn a_reader_that_moves_its_position_itself_is_woken() {
    check_threads(Ring::new, |ring| {
        assert!(ring.produce(NoWakeup));
        let walking = Arc::clone(ring);
        vec![
            producer(ring, &[Plain]),
            thread::spawn(move || {
                let mut reader = Reader::default();
                // The library knows where the ring stood before.
                reader.call(&Ring::new(1));
                reader.next = 1;
                (&*walking).set_consumer_pos(SPAN, Release);
                reader.read(&walking, 2);
            }),
        ]
    });
}

#[test]
fn space_is_used_again_only_after_its_record_was_delivered() {
    check_reuse(Ring::new, Reader::default);
}
