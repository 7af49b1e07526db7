// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The policy as its users meet it: what it does for producers of this and that kind.

mod machine;
mod many;
mod properties;
mod simulation;
mod trials;
mod windows;

use super::decide::{FILL_PART, OVERSLEPT, SLICE_MIN, SPINS_MAX, SPINS_MIN, length};
use super::rate::{Estimate, PAUSE_MIN, Pause, SKIP_MAX, STALLED, Sample};
use super::*;
use machine::{MACHINE, Machine, SLOW, Seen, TICK, VIRTUAL};
use simulation::{Reader, SPIN};

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MS;

/// Repeatable disorder: gaps about `mean`, most of them shorter, few much longer.
fn scattered(mean: u64) -> impl FnMut(u64) -> u64 {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    move |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let uniform = (state >> 11) as f64 / (1u64 << 53) as f64;
        (-(1.0 - uniform).ln() * mean as f64) as u64
    }
}

#[test]
fn a_fast_ring_is_hot_after_a_few_wakeups_and_stays_it() {
    for gap in [100, 200, 400, 700, 1_000] {
        let mut reader = Reader::steady(SPIN, gap);
        let woken = (1..=64).find(|_| {
            reader.wake_up();
            reader.rate.hot()
        });
        assert!(woken.is_some(), "{gap} {:?}", reader.rate);
        let seen = reader.run(50 * MS);
        assert!(reader.rate.hot(), "{gap} {:?}", reader.rate);
        let per_wakeup = seen.records / seen.wakeups;
        assert!(per_wakeup * gap >= SPINS_MIN / 2, "{gap} {seen:?}");
    }
}

#[test]
fn lingering_saves_most_wakeups_where_they_are_dear() {
    for gap in [400, 700, 1_000, 2_000] {
        let wakeups = |spin| {
            let mut reader = Reader::steady(Limits { spin, ..SPIN }, gap);
            reader.machine = SLOW;
            reader.run(50 * MS);
            let seen = reader.run(200 * MS);
            seen.wakeups * MS / seen.records
        };
        let [with, without] = [SPIN.spin, 0].map(wakeups);
        assert!(
            with * 3 <= without,
            "{with} and {without} a 1,000,000: {gap}"
        );
    }
}

#[test]
fn a_slow_ring_sees_next_to_no_window() {
    for gap in [20_000, 50_000, 1_000_000] {
        for scatter in [false, true] {
            let mut reader = Reader::steady(SPIN, gap);
            if scatter {
                reader.now_with(scattered(gap));
            }
            let seen = reader.run(2 * SECOND);
            // By chance a window for a trial brings a record.
            assert!(seen.spun * 5_000 <= 2 * SECOND, "{gap} {seen:?}");
        }
    }
}

/// CPU time of both sides for 1,000 records.
fn cost(spin: u64, machine: Machine, gap: u64, scatter: bool) -> u64 {
    let mut reader = Reader::steady(Limits { spin, ..SPIN }, gap);
    reader.machine = machine;
    if scatter {
        reader.now_with(scattered(gap));
    }
    reader.run(10 * MS);
    let seen = reader.run(50 * MS);
    seen.cpu * 1_000 / seen.records
}

#[test]
fn lingering_costs_no_more_cpu_time_than_it_saves() {
    let gaps = [
        40, 100, 300, 600, 1_000, 1_500, 2_000, 3_000, 4_000, 6_000, 8_000, 12_000, 20_000, 50_000,
    ];
    for (machine, gap) in [MACHINE, SLOW]
        .into_iter()
        .flat_map(|m| gaps.map(|gap| (m, gap)))
    {
        for scatter in [false, true] {
            let [with, without] = [SPIN.spin, 0].map(|spin| cost(spin, machine, gap, scatter));
            let most = without + without / 10;
            assert!(
                with <= most,
                "{with} > {without}: {gap} {scatter} {machine:?}"
            );
        }
    }
}

/// The producer is the reader's own program, between two polls: no window ever finds anything.
#[test]
fn a_program_that_answers_itself_loses_next_to_nothing() {
    for burst in [2, 3, 10, 100, 1_000] {
        for machine in [MACHINE, SLOW] {
            let mut reader = Reader::steady(SPIN, u64::MAX / 4);
            reader.machine = machine;
            let mut turns = |count: u64| {
                let began = reader.now;
                reader.seen = Seen::default();
                for _ in 0..count {
                    reader.now += burst * 50;
                    reader.call_with(burst);
                }
                (reader.seen, reader.now - began)
            };
            let (early, took) = turns(2_000);
            assert!(early.lost * 20 < took, "{burst} {early:?} of {took}");
            let (late, took) = turns(20_000);
            assert!(late.lost * 100 < took, "{burst} {late:?} of {took}");
        }
    }
}

#[test]
fn trials_that_find_nothing_become_rarer_up_to_a_limit() {
    let mut reader = Reader::steady(SPIN, u64::MAX / 4);
    let mut waited = 0u32;
    let mut between = Vec::new();
    while between.len() <= 16 {
        reader.seen = Seen::default();
        reader.now += 500;
        reader.call_with(100);
        waited += 1;
        if reader.seen.windows > 0 {
            assert_eq!(reader.seen.windows, 1, "one is a trial");
            between.push(waited);
            waited = 0;
        }
        assert!(waited < 2 * SKIP_MAX, "no trial any more: {between:?}");
    }
    // Before the first it is seen how fast records come at all.
    between.remove(0);
    assert!(
        between.windows(2).all(|pair| pair[0] <= pair[1]),
        "{between:?}"
    );
    assert!(between.contains(&between[15]) && between[15] >= SKIP_MAX);
    // What a stretch without lingering takes comes on top.
    assert!(between[9] * 10 >= between[8] * 15, "{between:?}");
}

#[test]
fn a_call_returns_in_time() {
    for gap in [40, 400, 1_000] {
        for machine in [MACHINE, SLOW] {
            let mut reader = Reader::steady(SPIN, gap);
            reader.machine = machine;
            let seen = reader.run(50 * MS);
            // No window begins after the limit.
            let limit = SPINS_MAX + SPIN.spin;
            assert!(seen.longest <= limit, "{gap} {seen:?}");
        }
    }
}

#[test]
fn notifications_that_the_program_samples_are_left_to_it() {
    for (gap, sample) in [(1_000, 200), (2_000, 500), (5_000, 100), (10_000, 1_000)] {
        let mut reader = Reader::steady(SPIN, gap);
        reader.sample = sample;
        let seen = reader.run(SECOND);
        assert!(seen.spun * 200 <= SECOND, "{gap} {sample} {seen:?}");
    }
}

#[test]
fn a_ring_that_slows_down_is_left_alone_and_one_that_speeds_up_is_found() {
    let mut reader = Reader::steady(SPIN, 300);
    reader.run(20 * MS);
    assert!(reader.rate.hot());
    reader.now_with(|_| 40_000);
    reader.run(20 * MS);
    let slow = reader.run(SECOND);
    assert_eq!(slow.windows, 0, "{slow:?}");
    reader.now_with(|_| 300);
    reader.run(100 * MS);
    assert!(reader.rate.hot(), "{:?}", reader.rate);
}

#[test]
fn a_ring_that_pauses_now_and_then_stays_hot_in_between() {
    let mut count = 0u64;
    // 1,000 records, then 5 ms of nothing.
    let mut reader = Reader::new(SPIN, move |_| {
        count += 1;
        if count % 1_000 == 0 { 5 * MS } else { 300 }
    });
    reader.run(100 * MS);
    let seen = reader.run(SECOND);
    assert!(seen.lost * 50 < SECOND, "{seen:?}");
    assert!(seen.records > 30 * seen.wakeups, "{seen:?}");
}

/// The scheduler takes the CPU from a reader that spins, and leaves it to one that sleeps.
#[test]
fn a_reader_that_has_a_part_of_its_cpu_does_not_spin_it_away() {
    for gap in [300, 1_000] {
        for away in [MS, 3 * MS, 10 * MS] {
            let mut reader = Reader::steady(SPIN, gap);
            reader.neighbour = Some((3 * MS, away));
            reader.run(SECOND);
            let seen = reader.run(4 * SECOND);
            assert!(seen.spun * 50 <= 4 * SECOND, "{gap} {away} {seen:?}");
        }
    }
}

/// By the host of a virtual machine, or for other work.
#[test]
fn a_cpu_that_is_taken_away_now_and_then_is_lingered_on_in_between() {
    for (runs, away) in [(100 * MS, MS), (20 * MS, 100_000)] {
        let mut reader = Reader::steady(SPIN, 300);
        reader.neighbour = Some((runs, away));
        reader.run(SECOND);
        let seen = reader.run(4 * SECOND);
        assert!(seen.spun * 2 >= SECOND, "{runs} {away} {seen:?}");
    }
}

#[test]
fn a_small_ring_is_not_lingered_for_until_it_is_full() {
    for size in [4096, 16 * 1024, 64 * 1024] {
        for span in [16, 64, 256, 1024] {
            for gap in [60, 300, 1_000] {
                let mut reader = Reader::steady(Limits { size, ..SPIN }, gap);
                reader.span = span;
                // The simulation looks at the length of each window.
                reader.run(20 * MS);
            }
        }
    }
}

/// A program may bring a clock of its own.
#[test]
fn a_clock_that_stands_still_ends_a_call_all_the_same() {
    for brings in [0, 1, 100] {
        let mut reader = Reader::steady(SPIN, 300);
        reader.run(20 * MS);
        assert!(reader.rate.hot());
        let (mut rate, mut call, mut walked) = (reader.rate, Call::default(), Walked::default());
        let now = Now {
            wall: reader.now,
            cpu: 0,
        };
        let mut windows = 0;
        loop {
            walked.records += brings;
            walked.bytes += brings * 16;
            if rate.note(&mut call, walked, true, &SPIN) == Clocks::Neither {
                break;
            }
            let Some(length) = rate.decide(&mut call, now, &SPIN) else {
                break;
            };
            call.ended(length);
            windows += 1;
            assert!(windows <= SPINS_MAX / 1_000, "{brings} {rate:?}");
        }
    }
}
