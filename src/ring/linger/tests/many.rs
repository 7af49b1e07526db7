// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What the policy does for several rings, filled by turns.

use super::*;

const RINGS: [usize; 3] = [4, 16, 64];

/// A reader of `rings` rings whose producer needs `gap` ns for a record, on a machine whose reader keeps up.
fn reader(spin: u64, machine: Machine, rings: usize, warm: usize, gap: u64) -> Reader {
    let machine = Machine {
        record: 20,
        ..machine
    };
    Reader::steady(Limits { spin, ..SPIN }, gap).several(machine, rings, warm)
}

/// Every machine, number of rings and gap at saturation.
fn saturated() -> impl Iterator<Item = (Machine, usize, u64)> {
    [MACHINE, SLOW, VIRTUAL].into_iter().flat_map(|machine| {
        RINGS
            .into_iter()
            .flat_map(move |rings| [30, 45, 60].map(|gap| (machine, rings, gap)))
    })
}

#[test]
fn many_rings_at_saturation_are_held_within_10_ms_and_stay_it() {
    for (machine, rings, gap) in saturated() {
        let mut reader = reader(SPIN.spin, machine, rings, rings, gap);
        reader.run(10 * MS);
        let seen = reader.run(200 * MS);
        assert!(
            seen.wakeups * 20 < seen.records,
            "{rings} {gap} {machine:?} {seen:?}"
        );
    }
}

#[test]
fn a_clock_interrupt_that_takes_its_time_ends_nothing() {
    for (machine, rings, gap) in saturated() {
        let [without, with] = [None, Some(TICK)].map(|tick| {
            let mut reader = reader(SPIN.spin, machine, rings, rings, gap);
            reader.neighbour = tick;
            reader.run(20 * MS);
            reader.run(400 * MS).wakeups
        });
        assert!(
            with <= without + without / 10,
            "{with} > {without}: {rings} {gap} {machine:?}"
        );
    }
}

/// CPU time of both sides for 1,000 records.
fn cost_of_many(spin: u64, machine: Machine, rings: usize, gap: u64, scatter: bool) -> u64 {
    let mut reader = reader(spin, machine, rings, rings, gap);
    if scatter {
        reader.now_with(scattered(gap));
    }
    reader.run(50 * MS);
    let seen = reader.run(200 * MS);
    seen.cpu * 1_000 / seen.records
}

#[test]
fn lingering_for_many_rings_costs_no_more_cpu_time_than_it_saves() {
    let gaps = [
        40, 100, 300, 1_000, 2_000, 4_000, 8_000, 12_000, 20_000, 50_000,
    ];
    let mut bad = Vec::new();
    for machine in [MACHINE, SLOW, VIRTUAL] {
        for (rings, gap) in RINGS.into_iter().flat_map(|r| gaps.map(|gap| (r, gap))) {
            for scatter in [false, true] {
                let [with, without] =
                    [SPIN.spin, 0].map(|spin| cost_of_many(spin, machine, rings, gap, scatter));
                if with > without + without / 10 {
                    bad.push((machine.call, rings, gap, scatter, with, without));
                }
            }
        }
    }
    assert!(bad.is_empty(), "{bad:?}");
}

#[test]
fn a_call_for_many_rings_returns_in_time() {
    for (machine, rings, gap) in saturated() {
        let mut reader = reader(SPIN.spin, machine, rings, rings, gap);
        let seen = reader.run(200 * MS);
        let further = 40_000 * (rings as u64 - 1);
        let limit = SPINS_MAX + further + 4 * SPIN.spin;
        assert!(seen.longest <= limit, "{rings} {gap} {seen:?}");
        assert!(
            seen.longest > SPINS_MAX || rings == 4,
            "one ring's: {rings} {gap} {seen:?}"
        );
    }
}

#[test]
fn windows_for_many_rings_are_up_to_four_times_as_long() {
    for (machine, rings, gap) in saturated() {
        let mut reader = reader(SPIN.spin, machine, rings, rings, gap);
        reader.run(10 * MS);
        let seen = reader.run(100 * MS);
        assert!(seen.widest <= 4 * SPIN.spin, "{rings} {gap} {seen:?}");
        assert!(
            seen.widest > SPIN.spin || rings == 4,
            "{rings} {gap} {seen:?}"
        );
    }
}

#[test]
fn one_warm_ring_of_many_behaves_as_one_ring() {
    for machine in [MACHINE, SLOW] {
        for gap in [40, 400, 1_000, 4_000, 20_000] {
            let per_record = |rings| {
                let mut reader = reader(SPIN.spin, machine, rings, 1, gap);
                reader.run(50 * MS);
                let seen = reader.run(200 * MS);
                assert!(seen.widest <= SPIN.spin, "{rings} {gap} {seen:?}");
                seen.cpu * 1_000 / seen.records
            };
            let [one, of_many] = [1, 64].map(per_record);
            assert!(
                of_many <= one + one / 10,
                "{of_many} > {one}: {gap} {machine:?}"
            );
        }
    }
}

/// The rings of a program that answers itself: a record in each, then none until the next poll.
#[test]
fn trials_for_many_rings_that_find_nothing_become_rarer() {
    for (machine, rings) in [MACHINE, SLOW]
        .into_iter()
        .flat_map(|m| RINGS.map(|r| (m, r)))
    {
        let mut reader = reader(SPIN.spin, machine, rings, rings, u64::MAX / 4);
        let mut turns = |count: u64| {
            let began = reader.now;
            reader.seen = Seen::default();
            for _ in 0..count {
                reader.now += 500;
                reader.call_each(3);
            }
            (reader.seen, reader.now - began)
        };
        let (early, _) = turns(2_000);
        assert!(early.windows > 0, "{rings} {early:?}");
        // A trial has several windows, where one ring's has one.
        assert!(early.lost_in_a_row <= 8 * SPIN.spin, "{early:?}");
        let (late, took) = turns(20_000);
        assert!(late.lost * 50 < took, "{rings} {late:?} of {took}");
    }
}

#[test]
fn the_empty_end_of_a_burst_is_given_up_soon() {
    for (machine, rings) in [MACHINE, SLOW]
        .into_iter()
        .flat_map(|m| RINGS.map(|r| (m, r)))
    {
        let mut reader = reader(SPIN.spin, machine, rings, rings, 0);
        let mut count = 0u64;
        // 20,000 records at a time.
        reader.now_with(move |_| {
            count += 1;
            if count % 20_000 == 0 { 20 * MS } else { 50 }
        });
        reader.run(100 * MS);
        let seen = reader.run(SECOND);
        // What a wake-up costs both sides and how long it takes, for up to eight rings, and a window.
        let wakeup = machine.call + machine.producer + machine.latency;
        let limit = 8 * wakeup + 4 * SPIN.spin;
        assert!(seen.lost_in_a_row <= limit, "{rings} {seen:?}");
        assert!(seen.records > 20 * seen.wakeups, "{rings} {seen:?}");
    }
}
