// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Coalescing windows that fit how records come: in bursts, or evenly.

use super::{Entry, Group};
use crate::case::{Case, Peer};

pub const BURSTS_OF_20: &str = "bursts of 20";
pub const BURSTS_OF_100: &str = "bursts of 100";
pub const SLOW: &str = "2.8k/s, 10 ms";
pub const FAST: &str = "200k/s, 40 us";
pub const TWO_RINGS: &str = "2 rings, 10k/s, 10 ms";

/// `full` is one ring at saturation. What comes slowly is counted for a second at least.
pub fn all(full: &Case) -> Vec<Entry> {
    let base = Case {
        batch: 1,
        stamp: true,
        ..full.clone()
    };
    let slow = Case {
        seconds: full.seconds.max(1.0),
        ..base.clone()
    };
    let burst = |records, gap_us, every_ms| Case {
        burst: records,
        burst_gap_us: gap_us,
        burst_every_ms: every_ms,
        window_us: 2_000,
        ..slow.clone()
    };
    let even = |case: &Case, rate, window_us| Case {
        rate,
        window_us,
        ..case.clone()
    };
    let mut two_rings = even(&slow, 10e3, 10_000);
    (two_rings.rings, two_rings.warm) = (2, true);
    [
        (BURSTS_OF_20, burst(20, 200, 30)),
        (BURSTS_OF_100, burst(100, 100, 50)),
        (SLOW, even(&slow, 2.8e3, 10_000)),
        (FAST, even(&base, 200e3, 40)),
        (TWO_RINGS, two_rings),
    ]
    .map(|(name, case)| Entry {
        group: Group::Windows,
        name: name.into(),
        case,
        peers: vec![Peer::Libbpf, Peer::Rbshim, Peer::RbshimCoalesce],
    })
    .into()
}
