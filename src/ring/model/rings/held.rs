// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Callbacks that fail, that are left, or that call in, while the other ring is held.

use super::super::kernel::Commit::{NoWakeup, Plain};
use super::*;

/// A record is in each ring, and one more comes in the first.
fn check_one_more(reader: fn() -> Reader) {
    check(3, &[(A, NoWakeup), (B, NoWakeup)], &[&[(A, Plain)]], reader);
}

#[test]
fn a_reader_is_woken_though_a_callback_fails_while_the_other_ring_is_held() {
    check_one_more(|| Reader {
        fails: Some(B),
        ..Reader::lingering(1)
    });
}

/// As it would be with libbpf, which has settled the other ring before.
#[test]
fn a_reader_that_sleeps_after_a_failure_is_woken_for_the_ring_that_was_held() {
    check_one_more(|| Reader {
        fails: Some(B),
        sleeps_after_failure: true,
        ..Reader::lingering(1)
    });
}

#[test]
fn a_reader_whose_callback_was_left_while_the_other_ring_was_held_gets_every_record() {
    check_one_more(|| Reader::acting(B, 0, Act::Leave));
}

#[test]
fn a_reader_whose_hot_callback_was_left_while_the_other_ring_was_held_gets_every_record() {
    check_one_more(|| Reader {
        hot: true,
        ..Reader::acting(B, 0, Act::Leave)
    });
}

#[test]
fn a_reader_of_two_rings_is_woken_after_a_window_that_was_left() {
    check_one_more(|| Reader {
        leaves_window: true,
        ..Reader::lingering(1)
    });
}

#[test]
fn a_reader_is_woken_after_a_callback_has_consumed_the_ring_that_was_held() {
    check_one_more(|| Reader::acting(B, 0, Act::ConsumeOther));
}

#[test]
fn a_reader_believes_another_one_that_has_consumed_the_ring_that_was_held() {
    check_one_more(|| Reader::acting(B, 0, Act::OthersConsume));
}

#[test]
fn a_reader_is_woken_after_a_callback_has_read_both_rings() {
    check_one_more(|| Reader::acting(B, 0, Act::Read(0)));
}

#[test]
fn a_reader_is_woken_after_a_callback_has_lingered_in_both_rings() {
    check_one_more(|| Reader::acting(B, 0, Act::Read(1)));
}

/// The call that the callback is in has had a turn of the first ring already, and must see for itself.
#[test]
fn a_reader_is_woken_though_a_call_in_a_callback_was_left_with_a_ring_held() {
    check_one_more(|| Reader {
        windows: 0,
        ..Reader::acting(B, 0, Act::ReadAndLeave)
    });
}

/// The first ring is full, and its producer wants two records more.
#[test]
fn space_of_a_held_ring_is_used_again_only_after_its_record_was_delivered() {
    check_within(3, || {
        let rings = Ring::two(2);
        for index in [A, A, B] {
            assert!(rings[index].produce(NoWakeup));
        }
        let full = rings.clone();
        let produced = thread::spawn(move || {
            let produce = || u64::from(full[A].produce(Plain));
            produce() + produce()
        });
        let reading = rings.clone();
        let reader = thread::spawn(move || {
            let mut reader = Reader::lingering(1);
            assert!(reader.call(&reading) == Called::CaughtUp);
            reader
        });
        let total = 2 + produced.join().unwrap();
        let mut reader = reader.join().unwrap();
        reader.call(&rings);
        assert_eq!(reader.next.map(Cell::into_inner), [total, 1]);
    });
}

/// The other ring has none, so it fences nothing.
#[test]
fn a_reader_of_two_rings_is_woken_though_a_callback_fails() {
    check(3, &[(B, NoWakeup)], &[&[(B, Plain)]], || Reader {
        fails: Some(B),
        ..Reader::new()
    });
}
