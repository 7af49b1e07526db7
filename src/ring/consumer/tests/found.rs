// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What the receiver is told of how full the ring is.

use super::*;

/// Each record of 8 bytes takes 16.
const SPAN: u64 = 16;

#[test]
fn each_look_that_finds_something_says_how_much() {
    let ring = Ring::with_records(3);
    let mut taker = Taker::new(&ring);
    assert_eq!(taker.consume(u64::MAX), Ok(3));
    assert_eq!(taker.found, [3 * SPAN]);
    ring.reserve(8 | DISCARD);
    ring.reserve(8 | BUSY);
    assert_eq!(taker.consume(u64::MAX), Ok(0));
    // What is discarded and what is not committed yet takes room too; the latter is found again.
    assert_eq!(taker.found, [3 * SPAN, 2 * SPAN]);
    assert_eq!(taker.consume(u64::MAX), Ok(0));
    assert_eq!(taker.found, [3 * SPAN, 2 * SPAN, SPAN]);
}

#[test]
fn where_nothing_is_nothing_is_said() {
    let ring = Ring::starting_at(0);
    let mut taker = Taker::new(&ring);
    assert_eq!(taker.consume(u64::MAX), Ok(0));
    ring.producer.set(SIZE + 8);
    assert_eq!(taker.consume(u64::MAX), Err(Stop::Corrupt(0)));
    assert!(taker.found.is_empty());
}

#[test]
fn a_call_for_so_many_records_says_all_that_is_there() {
    let ring = Ring::with_records(5);
    let mut taker = Taker::new(&ring);
    assert_eq!(taker.consume(2), Ok(2));
    assert_eq!(taker.consume(2), Ok(2));
    assert_eq!(taker.found, [5 * SPAN, 3 * SPAN]);
}

#[test]
fn what_is_held_back_was_found_before() {
    for hot in [false, true] {
        let ring = Ring::with_records(2);
        let mut taker = Taker::new(&ring);
        let mut windows = Windows::none().then(|| _ = ring.reserve(8));
        windows.hot = hot;
        assert_eq!(taker.linger(&mut windows), Ok(3));
        assert_eq!(taker.found, [2 * SPAN, SPAN], "hot: {hot}");
    }
}
