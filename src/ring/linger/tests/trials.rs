// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Single decisions about several rings.

use super::*;

const SEVERAL: Limits = Limits {
    rings: 4,
    several: true,
    ..SPIN
};

/// A reader whose wake-ups cost `cost` ns a record, at a time when the last decision was at `SECOND`.
fn known(cost: u64) -> Rate {
    Rate {
        sample: Sample::begun(SECOND, 0),
        estimate: Estimate {
            time: 12_800,
            count: 128,
            cost,
            batch: 1,
            ..Estimate::default()
        },
        tried_with: 4,
        promising: true,
        ..Rate::default()
    }
}

/// Lets a window of 6 us pass, after which there are `records` more. Whether another one opens.
fn pass(rate: &mut Rate, call: &mut Call, wall: &mut u64, records: u64) -> bool {
    call.window = Some((SPIN.spin, SPIN.spin));
    *wall += SPIN.spin;
    let walked = Walked {
        records: call.walked.records + records,
        bytes: call.walked.bytes + records * 24,
    };
    assert_eq!(rate.note(call, walked, true, &SEVERAL), Clocks::Wall);
    let now = Now {
        wall: *wall,
        cpu: 0,
    };
    rate.decide(call, now, &SEVERAL).is_some()
}

#[test]
fn a_window_for_several_rings_is_as_long_as_its_records_want() {
    let wanted = [
        (1_000, 1, 6_000),
        (30, 4, 6_000),
        (100, 16, 12_800),
        (6_000, 4, 24_000),
        (6_001, 4, 6_000),
        (300, 64, 24_000),
        (500, 64, 6_000),
        (30, 64, 15_360),
    ];
    for (gap, rings, window) in wanted {
        assert_eq!(length(gap, rings, 6_000), window, "{gap} {rings}");
    }
}

#[test]
fn a_row_of_empty_windows_may_take_as_long_as_a_wakeup_for_each_ring() {
    // A wake-up costs 4.5 us; four of them are three windows.
    let (mut rate, mut call, mut wall) = (known(2_000), Call::default(), SECOND);
    rate.lingering = true;
    let goes_on = [0; 3].map(|records| pass(&mut rate, &mut call, &mut wall, records));
    assert_eq!(goes_on, [true, true, false]);
}

#[test]
fn a_trial_is_judged_by_all_of_its_windows() {
    // Cheaper from 3,375 ns on: three records in 12 us are not, though two in the last 6 us are.
    let (mut rate, mut call, mut wall) = (known(1_500), Call::default(), SECOND);
    for records in [1, 2] {
        assert!(pass(&mut rate, &mut call, &mut wall, records));
        assert!(!rate.lingering, "{rate:?}");
    }
}

#[test]
fn nothing_is_decided_with_rings_that_have_settled() {
    let walked = Walked {
        records: 2,
        bytes: 48,
    };
    for (held, clocks) in [(false, Clocks::Neither), (true, Clocks::Both)] {
        let mut rate = known(2_000);
        (rate.sample.records, rate.sample.looks) = (16, 7);
        let clock = rate.note(&mut Call::default(), walked, held, &SEVERAL);
        assert_eq!(clock, clocks, "{held}");
    }
}

/// By an exception or a `longjmp`.
#[test]
fn a_window_whose_call_was_left_does_not_hold_back_in_others() {
    let mut rate = Rate {
        open: true,
        ..known(2_000)
    };
    assert!(rate.holds(&SEVERAL));
    rate.note(&mut Call::default(), Walked::default(), true, &SEVERAL);
    assert!(!rate.holds(&SEVERAL));
}
