// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Many rings: all of them filled, by turns or by a thread each, or only one of them.

use super::{Entry, Group, rate_name};
use crate::case::{Case, Peer};

/// How many rings are filled by turns.
pub const FILLED: [u32; 3] = [4, 16, 64];

/// How many there are where only one is filled.
pub const ONE_FILLED: [u32; 3] = [16, 64, 256];

/// Records offered per second to all rings together.
const RATES: [u32; 4] = [50_000, 200_000, 500_000, 1_000_000];

/// As many as two CPUs have use for.
const THREADS: u32 = 4;

/// How records come at saturation.
#[derive(Clone, Copy)]
pub enum Calls {
    Batches,
    Single,
}

/// The name of the case at saturation.
pub fn name(rings: u32, calls: Calls, stamped: bool) -> String {
    let calls = match calls {
        Calls::Batches => "",
        Calls::Single => ", one a call",
    };
    let stamped = if stamped { ", stamped" } else { "" };
    format!("{rings} rings{calls}{stamped}")
}

/// The name of the case with an offered rate.
pub fn offered_name(rings: u32, rate: u32) -> String {
    format!("{rings} rings, {}", rate_name(rate))
}

/// The name of the case in which one ring of many is filled.
pub fn one_filled_name(rings: u32) -> String {
    format!("{rings} rings, one filled")
}

/// `full` is one ring at saturation.
pub fn all(full: &Case) -> Vec<Entry> {
    let beside = [Peer::Aya, Peer::Alone];
    let mut entries = Vec::new();
    for calls in [Calls::Batches, Calls::Single] {
        for stamp in [false, true] {
            for rings in FILLED {
                let mut case = full.clone();
                (case.rings, case.warm, case.stamp) = (rings, true, stamp);
                if let Calls::Single = calls {
                    case.batch = 1;
                }
                let name = name(rings, calls, stamp);
                entries.push(Entry::new(Group::Rings, &name, &beside, case));
            }
        }
    }
    let mut threads = full.clone();
    (threads.rings, threads.ring_threads) = (THREADS, true);
    let name = format!("{THREADS} rings, a thread each");
    entries.push(Entry::new(Group::Rings, &name, &beside, threads));
    for rings in FILLED {
        for rate in RATES {
            let mut case = full.clone();
            (case.rings, case.warm, case.stamp) = (rings, true, true);
            (case.rate, case.batch) = (rate.into(), 1);
            let name = offered_name(rings, rate);
            entries.push(Entry::new(Group::RingRates, &name, &beside, case));
        }
    }
    entries
}
