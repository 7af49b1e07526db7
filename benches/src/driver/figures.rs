// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The figures of a run that are compared.

use crate::results::Figure;

pub const RATE: Figure = |run| Some(run.mps);
pub const THOUSANDS: Figure = |run| Some(run.mps * 1e3);
pub const PRODUCER: Figure = |run| Some(run.producer_ns);
pub const READER: Figure = |run| Some(run.reader_ns);
pub const BOTH: Figure = |run| Some(run.both_ns);
pub const P50: Figure = |run| run.p50_us;
/// Of the median slice.
pub const P99: Figure = |run| run.p99_slice_us;

pub const POLLS: Figure = |run| Some(run.returns);
pub const POLLS_A_BURST: Figure = |run| run.returns_per_burst;
/// The share of the records tried that found no space.
pub const DROPPED: Figure = |run| Some(run.dropped as f64 / (run.accepted + run.dropped) as f64);

/// All of them, with their names.
pub const ALL: [(&str, Figure); 12] = [
    ("M/s", RATE),
    ("producer ns", PRODUCER),
    ("reader ns", READER),
    ("both ns", BOTH),
    ("p50 us", P50),
    ("p99 us", |run| run.p99_us),
    ("p99 slice us", P99),
    ("p99.9 us", |run| run.p999_us),
    ("polls/s", POLLS),
    ("polls/burst", POLLS_A_BURST),
    ("sleeps/s", |run| Some(run.sleeps)),
    ("preempted/s", |run| Some(run.preempted)),
];
