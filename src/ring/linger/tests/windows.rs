// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Single decisions.

use super::*;

/// Threads have CPU clocks of their own.
#[test]
fn a_slow_ring_that_threads_take_turns_with_is_not_lingered_for() {
    let mut rate = Rate {
        promising: true,
        ..Rate::default()
    };
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
    // Longer than a clock interrupt takes.
    let mut now = reader.now + 20_000;
    for (more, goes_on) in [(OVERSLEPT * asked, true), (SLICE_MIN, false)] {
        let took = asked + more;
        call.ended(took);
        now += took;
        let next = decide(&mut rate, &mut call, now);
        assert_eq!((next.is_some(), rate.hot()), (goes_on, goes_on), "{more}");
    }
}

/// As where a control group's CPU time is used up.
#[test]
fn a_stall_in_a_window_is_followed_by_a_pause_that_later_records_do_not_end() {
    let mut reader = Reader::steady(SPIN, 200);
    reader.run(20 * MS);
    let (mut call, mut walked) = (Call::default(), Walked::default());
    for took in [0, SPIN.spin + STALLED * 2] {
        call.ended(took);
        walked.records += 100;
        walked.bytes += 2_400;
        reader.now += took;
        let now = Now {
            wall: reader.now,
            cpu: 0,
        };
        assert_eq!(
            reader.rate.note(&mut call, walked, true, &SPIN),
            Clocks::Wall
        );
        let window = reader.rate.decide(&mut call, now, &SPIN);
        assert_eq!(window.is_some(), took == 0, "{:?}", reader.rate);
    }
    let paused = reader.run(PAUSE_MIN - MS);
    assert_eq!(paused.windows, 0, "{paused:?}");
    let later = reader.run(PAUSE_MIN);
    assert!(later.windows > 1_000, "{later:?}");
}

#[test]
fn a_pause_is_twice_as_long_as_the_last_one_unless_that_is_long_ago() {
    let mut pause = Pause::default();
    let mut now = SECOND;
    let mut length = |after: u64| {
        now += after * PAUSE_MIN;
        pause.begin(now);
        let length = (1..=2_000).find(|times| !pause.goes_on(now + times * PAUSE_MIN));
        let length = length.expect("an end");
        now += length * PAUSE_MIN;
        length
    };
    let in_a_row = [0; 12].map(&mut length);
    let expected = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 1_024];
    assert_eq!(in_a_row, expected);
    // 4 * 1,024 times halve it, 4 * 512 times once more.
    assert_eq!(length(4 * 1_536 - 1), 1_024);
    assert_eq!(length(4 * 1_536), 512);
    assert_eq!(length(100_000), 1);
}

#[test]
fn slow_records_are_worth_no_call_for_the_cpu_time() {
    let mut rate = Rate::default();
    for turn in 1..10_000 {
        let mut call = Call::default();
        let walked = Walked {
            records: 2,
            bytes: 48,
        };
        let clocks = rate.note(&mut call, walked, rate.holds(&SPIN), &SPIN);
        assert_ne!(clocks, Clocks::Both, "{turn} {rate:?}");
        let now = Now {
            wall: turn * 250_000,
            cpu: 0,
        };
        if clocks == Clocks::Wall {
            assert_eq!(rate.decide(&mut call, now, &SPIN), None);
        }
    }
}

#[test]
fn a_clock_for_the_cpu_time_that_is_forbidden_is_seldom_asked_for() {
    let mut rate = Rate {
        promising: true,
        ..Rate::default()
    };
    let mut asked = 0;
    for turn in 1..10_000 {
        let mut call = Call::default();
        let walked = Walked {
            records: 10,
            bytes: 240,
        };
        let clocks = rate.note(&mut call, walked, rate.holds(&SPIN), &SPIN);
        asked += u32::from(clocks == Clocks::Both);
        let now = Now {
            wall: turn * 10_000,
            cpu: 0,
        };
        if clocks != Clocks::Neither {
            assert_eq!(rate.decide(&mut call, now, &SPIN), None);
        }
    }
    assert!((1..=10).contains(&asked), "{asked}");
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
