// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What holds for every history, however strange.

use super::*;
use proptest::prelude::*;

/// Any number, the strange ones often.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0),
        Just(1),
        Just(u64::MAX),
        Just(u64::MAX / 2),
        0..10u64,
        0..100_000u64,
        any::<u64>()
    ]
}

/// A decision: records and bytes walked until then, the clocks, how long a window before it took, whether
/// the round was to hold back, and whether a call begins.
fn step() -> impl Strategy<Value = (u64, u64, Now, u64, bool, bool)> {
    let now = (number(), number()).prop_map(|(wall, cpu)| Now { wall, cpu });
    (
        number(),
        number(),
        now,
        number(),
        any::<bool>(),
        any::<bool>(),
    )
}

fn limits() -> impl Strategy<Value = Limits> {
    let spin = prop_oneof![Just(0), 1_000..100_000u64, number()];
    let size = prop_oneof![(12..31u32).prop_map(|log| 1 << log), number()];
    (spin, size, number(), any::<bool>()).prop_map(|(spin, size, rings, several)| Limits {
        spin,
        size,
        rings,
        several,
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Debug builds panic where arithmetic overflows.
    #[test]
    fn no_history_is_too_strange(
        limits in limits(),
        steps in prop::collection::vec(step(), 1..100),
    ) {
        let mut rate = Rate::default();
        let mut call = Call::default();
        for (records, bytes, now, took, held, begins) in steps {
            if begins {
                call = Call::default();
            }
            call.ended(took);
            let walked = Walked { records, bytes };
            if rate.note(&mut call, walked, held, &limits) == Clocks::Neither {
                continue;
            }
            if let Some(length) = rate.decide(&mut call, now, &limits) {
                prop_assert!(length > 0);
                prop_assert!(length <= limits.spin.saturating_mul(limits.rings.clamp(1, 4)));
            }
            rate.hot();
            rate.holds(&limits);
        }
    }

    /// It costs what it costs without lingering.
    #[test]
    fn a_wakeup_for_a_single_record_asks_for_no_time(
        spin in number(),
        steps in prop::collection::vec(step(), 0..40),
    ) {
        let limits = Limits { spin, ..SPIN };
        let mut rate = Rate::default();
        for (records, bytes, now, _, _, _) in steps {
            let mut call = Call::default();
            if rate.note(&mut call, Walked { records, bytes }, rate.holds(&limits), &limits) != Clocks::Neither {
                rate.decide(&mut call, now, &limits);
            }
        }
        let single = Walked { records: 1, bytes: 24 };
        let mut call = Call::default();
        let held = rate.holds(&limits);
        prop_assert_eq!(rate.note(&mut call, single, held, &limits), Clocks::Neither);
    }

    /// Nor on any other machine.
    #[test]
    fn lingering_costs_no_more_cpu_time_than_it_saves_anywhere(
        gap in 50..100_000u64,
        latency in 500..40_000u64,
        producer in 500..20_000u64,
        call in 500..20_000u64,
        record in 10..30u64,
        scatter in any::<bool>(),
    ) {
        // As the policy takes it: the producer's part of a wake-up is about the reader's.
        let producer = producer.clamp(call, call * 5 / 2);
        let machine = Machine { producer, latency, call, record };
        let [with, without] = [SPIN.spin, 0].map(|spin| cost(spin, machine, gap, scatter));
        prop_assert!(with <= without + without / 8, "{} > {}", with, without);
    }
}

/// Each trial finds the next record within its window, and no other window does.
#[test]
fn records_in_step_with_the_calls_are_not_taken_for_fast_ones() {
    let machine = Machine {
        producer: 3_120,
        latency: 27_576,
        call: 3_120,
        record: 10,
    };
    let [with, without] = [SPIN.spin, 0].map(|spin| cost(spin, machine, 9_919, false));
    assert!(with <= without + without / 20, "{with} > {without}");
}
