// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The coalescing windows: what they do for producers of this and that kind, and single decisions.

mod simulation;

use super::*;
use proptest::prelude::*;
use simulation::Reader;

const US: u64 = 1_000;
const MS: u64 = 1_000 * US;
const SECOND: u64 = 1_000 * MS;
const SIZE: u64 = 512 * 1024;
const SPAN: u64 = 24;

#[test]
fn a_short_burst_takes_about_three_polls() {
    let mut reader = Reader::bursts(2 * MS, 20, 200 * US, 30 * MS);
    reader.run(100 * 30 * MS);
    let bursts = reader.records / 20;
    assert!(reader.polls <= 3 * bursts, "{} in {bursts}", reader.polls);
}

#[test]
fn a_long_burst_takes_few_polls() {
    let mut reader = Reader::bursts(2 * MS, 100, 100 * US, 50 * MS);
    reader.run(100 * 50 * MS);
    let bursts = reader.records / 100;
    assert!(reader.polls <= 8 * bursts, "{} in {bursts}", reader.polls);
}

#[test]
fn a_slow_producer_wakes_for_a_tenth_of_its_records_at_most() {
    let mut reader = Reader::steady(10 * MS, SECOND / 2_800);
    reader.run(10 * SECOND);
    assert!(reader.polls * 10 <= reader.records, "{}", reader.polls);
}

#[test]
fn short_windows_are_possible() {
    let mut reader = Reader::steady(40 * US, 5 * US);
    reader.run(SECOND);
    assert!(reader.polls * 100 <= reader.records, "{}", reader.polls);
    assert_eq!(reader.widest, 40 * US);
    // Shorter than the shortest that pays, but asked for.
    let mut reader = Reader::steady(10 * US, US);
    reader.run(100 * MS);
    assert_eq!(reader.widest, 10 * US);
}

/// A program may bring a clock of its own.
#[test]
fn a_clock_that_stands_still_ends_a_call_all_the_same() {
    let (mut coalescing, mut walked) = (Coalescing::default(), Walked::default());
    let mut call = coalescing.begin(MS, SIZE, u64::MAX).expect("a call");
    let (mut ended, mut windows) = (None, 0);
    while coalescing.next(&mut call, walked, ended, SECOND).is_some() {
        ended = Some(Ended::InTime);
        walked.records += 1;
        walked.bytes += SPAN;
        windows += 1;
        assert!(windows < 10_000);
    }
}

#[test]
fn a_window_is_never_shortened_below_what_pays() {
    let (mut coalescing, walked) = (Coalescing::default(), Walked::default());
    for (left, window) in [(20 * US, Some(20 * US)), (20 * US - 1, None)] {
        let mut call = coalescing.begin(MS, SIZE, SECOND + left).unwrap();
        let until = coalescing.next(&mut call, walked, None, SECOND);
        assert_eq!(until.map(|until| until - SECOND), window);
    }
}

#[test]
fn a_window_fills_a_quarter_of_the_smallest_ring_at_most() {
    for size in [4096, 64 * 1024, SIZE] {
        for gap in [100, US, 10 * US] {
            let mut reader = Reader::steady(10 * MS, gap);
            reader.size = size;
            reader.run(100 * MS);
            reader.widest = 0;
            reader.run(100 * MS);
            let room = size / 4 / SPAN * gap;
            // Where no window that pays has room, none is opened.
            let most = room + room / 8;
            assert!(reader.widest <= most, "{size} {gap}: {}", reader.widest);
            let least = (room - room / 8).min(10 * MS);
            assert!(
                reader.widest >= least || least < 40 * US,
                "{size} {gap}: {}",
                reader.widest
            );
        }
    }
}

#[test]
fn a_call_ends_by_its_limit() {
    for longest in [MS, 3 * MS, 10 * MS, 50 * MS] {
        let mut reader = Reader::steady(longest, 100 * US);
        reader.run(SECOND);
        assert_eq!(reader.call, longest.max(10 * MS), "{longest}");
    }
}

#[test]
fn a_call_ends_by_its_deadline() {
    for left in [MS, 3 * MS + 500 * US, 7 * MS] {
        let mut reader = Reader::steady(2 * MS, 100 * US);
        reader.deadline = reader.now + left;
        reader.poll();
        assert_eq!(reader.now, reader.deadline);
    }
}

#[test]
fn windows_that_bring_nothing_become_rarer() {
    let mut reader = Reader::steady(2 * MS, 5 * MS);
    let mut between = Vec::new();
    while between.len() < 10 {
        let before = (reader.windows, reader.polls);
        while reader.windows == before.0 {
            reader.poll();
        }
        between.push(reader.polls - before.1 - 1);
    }
    assert_eq!(between, [0, 1, 2, 4, 8, 16, 32, 64, 64, 64]);
    assert_eq!(reader.empty, reader.windows);
}

#[test]
fn one_window_that_brings_something_makes_the_next_ones_as_frequent_as_ever() {
    let mut reader = Reader::steady(2 * MS, 5 * MS);
    reader.run(SECOND);
    assert!(reader.coalescing.penalty > 1);
    reader.gap = Box::new(|| 200 * US);
    let windows = reader.windows;
    while reader.windows == windows {
        reader.poll();
    }
    assert_eq!((reader.coalescing.skip, reader.coalescing.penalty), (0, 0));
    let before = (reader.polls, reader.windows);
    reader.run(100 * MS);
    let polls = reader.polls - before.0;
    assert!(reader.windows - before.1 >= 4 * polls, "{polls} polls");
}

/// A call whose first window is open, for 2 ms from `SECOND` on, with ten records walked.
fn opened() -> (Coalescing, Call, Walked) {
    let mut coalescing = Coalescing::default();
    let mut call = coalescing.begin(2 * MS, SIZE, u64::MAX).unwrap();
    let walked = Walked {
        records: 10,
        bytes: 240,
    };
    let until = coalescing.next(&mut call, walked, None, SECOND);
    assert_eq!(until, Some(SECOND + 2 * MS));
    (coalescing, call, walked)
}

#[test]
fn a_window_goes_on_after_another_rings_first_record() {
    let (mut coalescing, mut call, mut walked) = opened();
    for early in [1, MS, 2 * MS - 1] {
        walked.records += 1;
        let until = coalescing.next(&mut call, walked, Some(Ended::ByRing), SECOND + early);
        assert_eq!(until, Some(SECOND + 2 * MS), "{early}");
    }
    // All that has come since it opened is what it has brought.
    walked.bytes += 3 * SPAN;
    let end = SECOND + 2 * MS;
    let until = coalescing.next(&mut call, walked, Some(Ended::InTime), end);
    assert_eq!(until, Some(end + 2 * MS));
    assert_eq!((coalescing.bytes, coalescing.took), (3 * SPAN, 2 * MS));
}

#[test]
fn a_ring_that_comes_as_the_window_ends_ends_it() {
    let (mut coalescing, mut call, walked) = opened();
    let end = SECOND + 2 * MS;
    let until = coalescing.next(&mut call, walked, Some(Ended::ByRing), end);
    assert_eq!(until, None, "nothing has come");
    assert_eq!(coalescing.skip, 1);
}

#[test]
fn anything_else_ends_the_call_and_counts_for_nothing() {
    let (mut coalescing, mut call, mut walked) = opened();
    let before = coalescing;
    for records in [0, 5] {
        walked.records += records;
        let until = coalescing.next(&mut call, walked, Some(Ended::Early), SECOND + MS);
        assert_eq!(until, None);
        assert_eq!(coalescing, before);
    }
}

/// Any number, the strange ones often.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0),
        Just(u64::MAX),
        0..10u64,
        0..10_000_000u64,
        any::<u64>()
    ]
}

fn ended() -> impl Strategy<Value = Option<Ended>> {
    prop_oneof![
        Just(None),
        Just(Some(Ended::InTime)),
        Just(Some(Ended::ByRing)),
        Just(Some(Ended::Early))
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Debug builds panic where arithmetic overflows.
    #[test]
    fn no_history_is_too_strange(
        longest in number(),
        size in number(),
        deadline in number(),
        steps in prop::collection::vec((number(), number(), number(), ended(), any::<bool>()), 1..100),
    ) {
        let mut coalescing = Coalescing::default();
        let mut call = coalescing.begin(longest, size, deadline);
        for (records, bytes, now, ended, begins) in steps {
            if begins {
                call = coalescing.begin(longest, size, deadline);
            }
            let Some(call) = &mut call else {
                continue;
            };
            let until = coalescing.next(call, Walked { records, bytes }, ended, now);
            if let Some(until) = until {
                prop_assert!(until > now);
                prop_assert!(until - now <= longest || ended == Some(Ended::ByRing));
                prop_assert!(until <= deadline);
            }
        }
    }
}
