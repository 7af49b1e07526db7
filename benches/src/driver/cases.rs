// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The cases of `make bench`.

pub mod rings;
pub mod windows;

use crate::case::{Case, Peer};

/// A case, its name, and who takes part.
#[derive(Clone, Debug)]
pub struct Entry {
    pub group: Group,
    pub name: String,
    pub case: Case,
    pub peers: Vec<Peer>,
}

/// What belongs into one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    Rings,
    RingRates,
    Saturation,
    Rates,
    Windows,
    BackToBack,
    Shapes,
}

impl Entry {
    /// With libbpf, libbpf again, and rbshim, besides those named.
    fn new(group: Group, name: &str, more: &[Peer], case: Case) -> Self {
        let mut peers = vec![Peer::Libbpf, Peer::LibbpfAgain, Peer::Rbshim];
        peers.extend(more);
        Entry {
            group,
            name: name.into(),
            case,
            peers,
        }
    }
}

/// Offered rates: records per second, and how many are produced by each call. A call takes some
/// tenths of a microsecond, so the highest rates need several.
const RATES: [(u32, u32); 9] = [
    (1_000, 1),
    (10_000, 1),
    (50_000, 1),
    (100_000, 1),
    (200_000, 1),
    (500_000, 1),
    (1_000_000, 1),
    (2_000_000, 10),
    (5_000_000, 10),
];

/// Rates at which the coalescing window is measured too.
const COALESCED: std::ops::RangeInclusive<u32> = 10_000..=500_000;

/// Rates at which busy polling is measured too, and what the producer takes when it wakes nobody.
const BUSY: [u32; 4] = [1_000, 10_000, 50_000, 200_000];

/// Fewer records than so many a second are counted for longer.
const SLOW: u32 = 50_000;

const BATCH: u32 = 500;

/// One ring at saturation.
pub const ONE_RING: &str = "batches of 500";

/// The name of the case with an offered rate.
pub fn rate_name(rate: u32) -> String {
    match rate {
        1_000_000.. => format!("{} M/s offered", rate / 1_000_000),
        _ => format!("{}k/s offered", rate / 1000),
    }
}

/// All cases, each to be measured for so many seconds.
pub fn all(seconds: f64) -> Vec<Entry> {
    let full = Case {
        batch: BATCH,
        seconds,
        warm_up: 0.1,
        ..Case::default()
    };
    let mut entries = rings::all(&full);
    entries.extend(windows::all(&full));
    let mut add = |group, name: &str, more: &[Peer], case: Case| {
        entries.push(Entry::new(group, name, more, case));
    };
    let everybody = [Peer::Aya, Peer::LibbpfRs, Peer::Alone];

    for batch in [1, 10, BATCH] {
        let name = format!("batches of {batch}");
        let case = Case {
            batch,
            ..full.clone()
        };
        add(Group::Saturation, &name, &everybody, case);
    }
    let mut stamped = full.clone();
    stamped.stamp = true;
    add(
        Group::Saturation,
        "batches of 500, stamped",
        &everybody,
        stamped.clone(),
    );
    let mut sampled = full.clone();
    sampled.sampled = true;
    add(
        Group::Saturation,
        "sampled notifications",
        &[Peer::Aya, Peer::LibbpfRs],
        sampled,
    );
    let mut kernel = full.clone();
    (kernel.size, kernel.atomic) = (8, true);
    add(Group::Saturation, "method of rb-libbpf", &everybody, kernel);

    for (rate, batch) in RATES {
        let mut case = stamped.clone();
        (case.rate, case.batch) = (rate.into(), batch);
        if rate < SLOW {
            case.seconds = seconds.max(1.0);
        }
        let mut peers = vec![Peer::Aya];
        if COALESCED.contains(&rate) {
            peers.push(Peer::RbshimCoalesce);
        }
        if BUSY.contains(&rate) {
            peers.extend([Peer::RbshimBusy, Peer::Alone]);
        }
        add(Group::Rates, &rate_name(rate), &peers, case);
    }

    for (batch, sampled) in [(1, false), (1, true), (BATCH, false), (BATCH, true)] {
        let name = format!("batch {batch}{}", if sampled { ", sampled" } else { "" });
        let case = Case {
            batch,
            sampled,
            b2b: true,
            ..full.clone()
        };
        add(Group::BackToBack, &name, &[Peer::Aya], case);
    }

    let mut shape = |name: &str, change: &dyn Fn(&mut Case)| {
        let mut case = full.clone();
        change(&mut case);
        add(Group::Shapes, name, &[], case);
    };
    for size in [8, 64, 512, 4096] {
        shape(&format!("records of {size} bytes"), &|case| {
            case.size = size
        });
    }
    shape("ring of 4 KiB", &|case| case.ring = 4 << 10);
    shape("ring of 16 MiB", &|case| case.ring = 16 << 20);
    shape("two producers", &|case| case.producers = 2);
    for rings in rings::ONE_FILLED {
        shape(&rings::one_filled_name(rings), &|case| case.rings = rings);
    }
    shape("callback of 200 ns", &|case| case.callback_ns = 200);
    shape("callback of 2 us", &|case| case.callback_ns = 2000);
    entries
}
