// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Single decisions.

use super::*;

/// Threads have CPU clocks of their own.
#[test]
fn a_slow_ring_that_threads_take_turns_with_never_sees_a_window() {
    let mut rate = Rate::default();
    let mut wall = SECOND;
    for turn in 0..10_000u64 {
        wall += 50_000;
        let other = if turn / 3 % 2 == 0 { 0 } else { 60 * SECOND };
        let mut call = Call::default();
        let walked = Walked {
            records: 2,
            bytes: 48,
        };
        let held = rate.holds(&SPIN);
        if rate.note(&mut call, walked, held, &SPIN) != Clocks::Neither {
            let cpu = other + SECOND + turn * 3_000;
            let window = rate.decide(&mut call, Now { wall, cpu }, &SPIN);
            assert_eq!(window, None, "{turn} {rate:?}");
        }
    }
}

#[test]
fn an_overslept_spin_backs_off() {
    let mut reader = Reader::steady(SPIN, 200);
    reader.run(20 * MS);
    let mut rate = reader.rate;
    assert!(rate.hot());
    let (mut call, mut walked) = (Call::default(), Walked::default());
    let mut decide = |rate: &mut Rate, call: &mut Call, wall| {
        walked.records += 100;
        walked.bytes += 2_400;
        let held = rate.holds(&SPIN);
        assert_ne!(rate.note(call, walked, held, &SPIN), Clocks::Neither);
        rate.decide(call, Now { wall, cpu: 0 }, &SPIN)
    };
    let Some(asked) = decide(&mut rate, &mut call, reader.now + 20_000) else {
        panic!("{rate:?}");
    };
    let took = (OVERSLEPT + 1) * asked;
    call.ended(took);
    let next = decide(&mut rate, &mut call, reader.now + 20_000 + took);
    assert_eq!(next, None);
    assert!(!rate.hot());
}

#[test]
fn nothing_asked_for_is_nothing_done() {
    let off = Limits { spin: 0, ..SPIN };
    for gap in [40, 1_000, 20_000] {
        let seen = Reader::steady(off, gap).run(SECOND / 10);
        assert_eq!(seen.windows, 0);
    }
}

#[test]
fn a_programs_own_work_between_polls_is_no_cost_of_waking_up() {
    // A record every 10 us, and 200 us of work after each 20 of them; or one wake-up as dear for each.
    for (batch, cheaper) in [(20, false), (1, true)] {
        let estimate = Estimate {
            time: 1_000_000,
            count: 100,
            cold_gap: 10_000,
            cost: 10_000,
            batch,
            ..Estimate::default()
        };
        assert_eq!(estimate.spin_is_cheaper(), cheaper, "{batch}");
    }
}
