// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Readers that linger, on rings that are hot and on others.

use super::kernel::Commit::{Discard, ForceWakeup, NoWakeup, Plain};
use super::kernel::Ring;
use super::*;

#[test]
fn a_lingering_reader_is_woken_for_every_record() {
    check_threads(Ring::big, |ring| {
        vec![
            producer(ring, &[Plain, Plain]),
            reader(ring, Reader::lingering(1), 2),
        ]
    });
}

#[test]
fn a_reader_of_a_hot_ring_is_woken_for_every_record() {
    check_threads(Ring::big, |ring| {
        vec![
            producer(ring, &[Plain, Plain, Plain]),
            reader(ring, Reader::hot(1), 3),
        ]
    });
}

#[test]
fn a_reader_that_lingers_for_two_windows_is_woken() {
    check_threads(Ring::big, |ring| {
        vec![
            producer(ring, &[Plain, Plain]),
            reader(ring, Reader::hot(2), 2),
        ]
    });
}

#[test]
fn a_lingering_reader_is_woken_by_each_of_two_producers() {
    check_within(2, || {
        let ring = Ring::big(4);
        let producers = [producer(&ring, &[Plain]), producer(&ring, &[Plain])];
        let reader = reader(&ring, Reader::lingering(1), 2);
        for thread in producers.into_iter().chain([reader]) {
            thread.join().unwrap();
        }
    });
}

#[test]
fn a_lingering_reader_is_woken_when_records_are_committed_out_of_order() {
    check_threads(Ring::big, |ring| {
        vec![producer_out_of_order(ring), reader(ring, Reader::hot(1), 2)]
    });
}

#[test]
fn a_lingering_reader_is_woken_for_a_record_that_was_busy() {
    check_threads(Ring::big, |ring| {
        // No notification is left over that could wake the reader in the busy one's place.
        ring.produce(NoWakeup);
        let busy = ring.reserve().unwrap();
        let late = Arc::clone(ring);
        vec![
            thread::spawn(move || late.commit(busy, Plain)),
            reader(ring, Reader::lingering(2), 2),
        ]
    });
}

#[test]
fn a_lingering_reader_is_woken_around_discarded_records() {
    check_threads(Ring::big, |ring| {
        vec![
            producer(ring, &[Plain, Discard]),
            reader(ring, Reader::lingering(1), 2),
        ]
    });
}

#[test]
fn a_forced_wakeup_brings_a_lingering_reader_what_was_committed_without_one() {
    check_threads(Ring::big, |ring| {
        vec![
            producer(ring, &[NoWakeup, ForceWakeup]),
            reader(ring, Reader::lingering(1), 2),
        ]
    });
}

/// The call after that goes on with what it has left, and settles.
#[test]
fn a_reader_whose_call_returns_before_it_has_settled_is_woken_for_every_record() {
    check_threads(Ring::big, |ring| {
        let returning = Reader {
            returns: 1,
            ..Reader::lingering(1)
        };
        vec![producer(ring, &[Plain, Plain]), reader(ring, returning, 2)]
    });
}

/// As after busy polling: the first call that sleeps settles the ring.
#[test]
fn a_reader_that_has_left_the_ring_held_is_woken_for_every_record() {
    check_threads(Ring::big, |ring| {
        let holding = Reader {
            holds: 2,
            ..Reader::lingering(1)
        };
        vec![producer(ring, &[Plain, Plain]), reader(ring, holding, 2)]
    });
}

#[test]
fn space_is_used_again_only_after_its_record_was_delivered_in_a_ring_left_held() {
    check_reuse(Ring::big, || Reader {
        holds: 1,
        ..Reader::lingering(1)
    });
}

/// A coalescing sleep ends early for a notification, and takes it. (In truth it takes only the
/// sleep's own: a program that waits for the manager's epoll fd, or for the map's, is a waiter of its
/// own, which the kernel notifies as well.)
#[test]
fn a_sleep_that_takes_a_notification_does_not_take_the_one_that_is_due() {
    check_threads(Ring::with_pending, |ring| {
        let napping = Reader {
            takes: true,
            ..Reader::hot(1)
        };
        vec![
            producer(ring, &[ForceWakeup, Plain]),
            reader(ring, napping, 2),
        ]
    });
}

#[test]
fn space_is_used_again_only_after_its_record_was_delivered_while_lingering() {
    check_reuse(Ring::big, || Reader::lingering(1));
}

#[test]
fn space_of_a_hot_ring_is_used_again_only_after_its_record_was_delivered() {
    check_reuse(Ring::big, || Reader::hot(1));
}
