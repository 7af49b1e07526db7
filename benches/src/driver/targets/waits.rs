// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Ways to wait that the user asks for: coalescing windows, busy polling.

use super::{Judge, MEDIAN_LATENCY, PRODUCERS_COST, TAIL_LATENCY};
use crate::case::Peer;
use crate::cases::{rate_name, windows};
use crate::figures::{POLLS, POLLS_A_BURST};
use crate::verdict::Bound::AtMost;

pub fn judge(judge: &mut Judge) {
    for rate in [1_000, 10_000, 50_000] {
        for (figure, bound) in [
            (MEDIAN_LATENCY, AtMost(0.1)),
            (TAIL_LATENCY, AtMost(0.5)),
            (PRODUCERS_COST, AtMost(0.05)),
        ] {
            judge.ratio(&rate_name(rate), Peer::RbshimBusy, figure, bound);
        }
    }

    let coalesce = Peer::RbshimCoalesce;
    let a_burst = ("polls a burst, coalesced", POLLS_A_BURST);
    // About three.
    judge.figure(windows::BURSTS_OF_20, coalesce, a_burst, AtMost(3.5));
    judge.figure(windows::BURSTS_OF_100, coalesce, a_burst, AtMost(8.0));
    judge.ratio(windows::SLOW, coalesce, PRODUCERS_COST, AtMost(0.15));
    // That windows open at all: without them the producer pays what it pays with libbpf.
    judge.ratio(windows::FAST, coalesce, PRODUCERS_COST, AtMost(0.5));
    let a_second = ("polls a second, coalesced", POLLS);
    judge.figure(windows::TWO_RINGS, coalesce, a_second, AtMost(110.0));
}
