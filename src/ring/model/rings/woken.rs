// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A reader of two rings that sleeps on notifications alone gets every record of both.

use super::super::kernel::Commit::{ForceWakeup, NoWakeup, Plain};
use super::*;

#[test]
fn a_reader_of_two_rings_is_woken_for_every_record() {
    let producers: &[&[_]] = &[&[(A, Plain), (A, Plain)], &[(B, Plain)]];
    check(2, &[], producers, Reader::new);
}

#[test]
fn a_lingering_reader_of_two_rings_is_woken_for_every_record() {
    let producers: &[&[_]] = &[&[(A, Plain), (A, Plain)], &[(B, Plain)]];
    check(2, &[], producers, || Reader::lingering(1));
}

#[test]
fn a_reader_of_two_hot_rings_is_woken_for_every_record() {
    check(3, &[], &[&[(A, Plain), (B, Plain), (A, Plain)]], || {
        Reader {
            hot: true,
            ..Reader::lingering(1)
        }
    });
}

#[test]
fn a_reader_of_two_rings_that_lingers_for_two_windows_is_woken() {
    const COMMITS: &[(usize, Commit)] = &[(A, Plain), (B, Plain), (A, Plain)];
    check(2, &[], &[COMMITS], || Reader::lingering(2));
}

/// Walked, held, settled, and walked again in the same call.
#[test]
fn a_ring_that_has_settled_and_is_walked_again_is_settled_again() {
    check(3, &[(B, NoWakeup)], &[&[(A, Plain), (A, Plain)]], || {
        Reader::lingering(2)
    });
}

#[test]
fn a_forced_wakeup_brings_what_two_rings_have_without_one() {
    const COMMITS: &[(usize, Commit)] = &[(A, NoWakeup), (B, NoWakeup), (A, ForceWakeup)];
    check(3, &[], &[COMMITS], || Reader::lingering(1));
}

#[test]
fn a_reader_of_two_rings_is_woken_for_a_record_that_was_busy() {
    check_within(3, || {
        let rings = Ring::two(4);
        rings[A].produce(NoWakeup);
        let busy = rings[A].reserve().unwrap();
        rings[B].produce(NoWakeup);
        let late = rings.clone();
        let kernel = thread::spawn(move || late[A].commit(busy, Plain));
        let reading = rings.clone();
        let reader = thread::spawn(move || Reader::lingering(2).read(&reading, [2, 1]));
        kernel.join().unwrap();
        reader.join().unwrap();
    });
}

#[test]
fn a_reader_of_one_record_a_call_of_two_rings_is_woken() {
    let reader = || Reader {
        max: 1,
        ..Reader::new()
    };
    check(3, &[(A, NoWakeup)], &[&[(A, Plain), (B, Plain)]], reader);
    check(3, &[(A, NoWakeup), (B, NoWakeup)], &[&[(A, Plain)]], reader);
}

/// The limit is reached in one ring while the other is held.
#[test]
fn a_reader_of_two_records_a_call_is_woken() {
    check(3, &[(A, NoWakeup), (B, NoWakeup)], &[&[(A, Plain)]], || {
        Reader {
            max: 2,
            ..Reader::lingering(1)
        }
    });
}

/// Held back for a window that does not come, then settled.
#[test]
fn a_reader_that_holds_two_rings_and_does_not_wait_is_woken() {
    const COMMITS: &[(usize, Commit)] = &[(A, Plain), (B, Plain), (A, Plain)];
    check(2, &[], &[COMMITS], || Reader {
        declines: true,
        ..Reader::new()
    });
}
