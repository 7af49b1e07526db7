// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Single decisions, and sleeps.

use super::*;

/// Threads have CPU clocks of their own.
#[test]
fn a_slow_ring_that_threads_take_turns_with_never_sees_a_window() {
    let mut rate = Rate::default();
    let mut wall = SECOND;
    for turn in 0..10_000u64 {
        wall += 50_000;
        let other = if turn / 3 % 2 == 0 { 0 } else { 60 * SECOND };
        let mut call = Call::until(u64::MAX);
        let walked = Walked {
            records: 2,
            bytes: 48,
        };
        if rate.note(&mut call, walked, &SPIN) != Clocks::Neither {
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
    let (mut call, mut walked) = (Call::until(u64::MAX), Walked::default());
    let mut decide = |rate: &mut Rate, call: &mut Call, wall| {
        walked.records += 100;
        walked.bytes += 2_400;
        assert_ne!(rate.note(call, walked, &SPIN), Clocks::Neither);
        rate.decide(call, Now { wall, cpu: 0 }, &SPIN)
    };
    let Some(Window::Spin(asked)) = decide(&mut rate, &mut call, reader.now + 20_000) else {
        panic!("{rate:?}");
    };
    let took = (OVERSLEPT + 1) * asked;
    call.ended(Ended::InTime(took));
    let next = decide(&mut rate, &mut call, reader.now + 20_000 + took);
    assert_eq!(next, None);
    assert!(!rate.hot());
}

#[test]
fn a_window_ended_by_an_event_ends_the_call() {
    let mut reader = Reader::steady(SPIN, 200);
    reader.run(20 * MS);
    // A wake-up would have brought as many, or not.
    for (records, hot) in [(10, false), (10_000, true)] {
        let mut rate = reader.rate;
        let mut call = Call::until(u64::MAX);
        let mut walked = Walked {
            records: 100,
            bytes: 2_400,
        };
        let mut now = Now {
            wall: reader.now + 20_000,
            cpu: 0,
        };
        assert_eq!(rate.note(&mut call, walked, &SPIN), Clocks::Wall);
        assert!(rate.decide(&mut call, now, &SPIN).is_some());
        call.ended(Ended::Early);
        walked.records += records;
        now.wall += 2_000;
        rate.note(&mut call, walked, &SPIN);
        assert_eq!(rate.decide(&mut call, now, &SPIN), None);
        assert_eq!(rate.hot(), hot, "{records}");
    }
}

#[test]
fn sleeps_are_for_those_who_asked_for_them() {
    for gap in [100, 1_000, 5_000, 20_000, 50_000] {
        let seen = Reader::steady(SPIN, gap).run(SECOND / 4);
        assert_eq!(seen.slept, 0, "{gap} {seen:?}");
        let coalescing = Limits {
            sleep: 200_000,
            ..SPIN
        };
        let mut reader = Reader::steady(coalescing, gap);
        reader.run(SECOND / 4);
        let seen = reader.run(SECOND / 4);
        assert!(seen.slept * 2 > SECOND / 4, "{gap} {seen:?}");
        assert!(seen.records > 20 * seen.wakeups, "{gap} {seen:?}");
        let limit = SLEEPS_MAX.max(coalescing.sleep) + coalescing.sleep;
        assert!(seen.longest <= limit, "{gap} {seen:?}");
    }
}

#[test]
fn a_sleep_longer_than_the_limit_is_possible_once() {
    let long = Limits {
        sleep: 5 * SLEEPS_MAX,
        ..SPIN
    };
    let mut reader = Reader::steady(long, 100_000);
    let seen = reader.run(10 * SECOND);
    assert!(seen.windows > 0, "{seen:?} {:?}", reader.rate);
    assert!(seen.longest <= long.sleep + MS, "{seen:?}");
}

#[test]
fn no_sleep_is_begun_for_records_that_come_too_rarely() {
    let coalescing = Limits {
        sleep: 100_000,
        ..SPIN
    };
    for gap in [100_000, 1_000_000, 20_000_000] {
        let seen = Reader::steady(coalescing, gap).run(2 * SECOND);
        assert_eq!((seen.windows, seen.slept), (0, 0), "{gap} {seen:?}");
    }
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
        assert_eq!(estimate.is_cheaper(&SPIN), cheaper, "{batch}");
    }
}
