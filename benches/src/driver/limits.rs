// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Readers whose CPU time is short, and what they lose. Lingering is never to take time that a reader needs.

pub mod condition;
mod group;
mod page;

use crate::case::{Case, Peer};
use crate::run::{Measured, run_starved};
use crate::{Failure, cpu, machine, setup_of};
use clap::Args;
use condition::{Condition, Place, Priority};
use group::{Group, Throttled};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

/// Who is compared.
const PEERS: [Peer; 5] = [
    Peer::Libbpf,
    Peer::LibbpfAgain,
    Peer::Rbshim,
    Peer::RbshimSettles,
    Peer::RbshimUnaware,
];

/// Percent of one CPU.
const QUOTAS: [u32; 3] = [30, 50, 75];
const RATES: [u32; 3] = [100_000, 600_000, 1_000_000];
/// KiB of each ring, and how many there are.
const RINGS: [(u32, u32); 3] = [(64, 1), (512, 1), (64, 4)];
/// Where no quota is.
const OTHER_RATES: [u32; 2] = [100_000, 1_000_000];

const BEST: Priority = Priority::Nice(cpu::HIGHEST);

/// Other ways to be short of time than by a limit.
const SHORT: [(&str, Priority, Place); 8] = [
    ("SCHED_IDLE", Priority::Idle, Place::Own),
    ("nice 19", Priority::Nice(19), Place::Own),
    (
        "nice 19 beside a busy loop",
        Priority::Nice(19),
        Place::Busy,
    ),
    ("nice 0 beside a busy loop", Priority::Nice(0), Place::Busy),
    ("on the producer's CPU", BEST, Place::Producers),
    (
        "nice 19 on the producer's CPU",
        Priority::Nice(19),
        Place::Producers,
    ),
    ("SCHED_FIFO", Priority::Fifo, Place::Own),
    (
        "SCHED_FIFO on the producer's CPU",
        Priority::Fifo,
        Place::Producers,
    ),
];

/// A case, and what its reader's time is short by.
struct Scenario {
    name: String,
    /// Percent of one CPU.
    quota: Option<u32>,
    priority: Priority,
    place: Place,
    case: Case,
}

/// A run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    pub scenario: String,
    pub limited: bool,
    pub peer: Peer,
    pub round: usize,
    pub tried: u64,
    pub dropped: u64,
    pub throttled: u64,
    pub throttled_ms: f64,
    pub reader_load: f64,
    pub producer_ns: f64,
    pub polls: f64,
}

impl Row {
    /// Of all records that were tried.
    pub fn dropped_percent(&self) -> f64 {
        100.0 * self.dropped as f64 / self.tried as f64
    }
}

fn scenarios(seconds: f64) -> Vec<Scenario> {
    let case = |rate: u32, kib: u32, rings: u32| Case {
        rate: rate.into(),
        ring: kib * 1024,
        rings,
        warm: rings > 1,
        seconds,
        // What a reader loses while it learns counts too.
        warm_up: 0.0,
        ..Case::default()
    };
    let load = |rate: u32, kib: u32| format!("{}k/s, {kib} KiB", rate / 1000);
    let mut all = Vec::new();
    for quota in QUOTAS {
        for rate in RATES {
            for (kib, rings) in RINGS {
                let load = load(rate, kib);
                all.push(Scenario {
                    name: format!("{quota} %, {load}, rings: {rings}"),
                    quota: Some(quota),
                    priority: BEST,
                    place: Place::Own,
                    case: case(rate, kib, rings),
                });
            }
        }
    }
    for (name, priority, place) in SHORT {
        for rate in OTHER_RATES {
            all.push(Scenario {
                name: format!("{name}, {}", load(rate, 64)),
                quota: None,
                priority,
                place,
                case: case(rate, 64, 1),
            });
        }
    }
    all
}

/// What to measure.
#[derive(Args)]
pub struct Orders {
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// Only the cases whose names contain this
    #[arg(long, default_value = "")]
    only: String,
    /// Add to the figures that are in the folder, so that a busy machine need not be quiet for long at a time
    #[arg(long)]
    add: bool,
}

/// Measures, and writes a page and the raw figures into `docs`.
pub fn measure(orders: &Orders, library: &Path, docs: &Path) -> Result<(), Failure> {
    let mut scenarios = scenarios(orders.seconds);
    let all: Vec<_> = scenarios.iter().map(|it| it.name.clone()).collect();
    scenarios.retain(|scenario| scenario.name.contains(&orders.only));
    let before = machine::stolen()?;
    let mut rows = if orders.add {
        page::rows(docs)?
    } else {
        Vec::new()
    };
    let rounds = orders.rounds;
    for round in 0..rounds {
        for (number, scenario) in scenarios.iter().enumerate() {
            for turn in 0..PEERS.len() {
                // Nobody always comes first.
                let peer = PEERS[(turn + round + number) % PEERS.len()];
                let row = scenario.row(peer, round, library)?;
                eprintln!(
                    "[{}/{rounds}, {}/{}] {}: {}: {:.3}% dropped, throttled {} times",
                    round + 1,
                    number + 1,
                    scenarios.len(),
                    row.scenario,
                    peer.name(),
                    row.dropped_percent(),
                    row.throttled,
                );
                rows.push(row);
            }
        }
    }
    // In the order of the scenarios, also where they were measured in another one.
    rows.sort_by_key(|row| all.iter().position(|name| *name == row.scenario));
    let machine = machine::describe(before)?;
    page::write(&rows, orders.seconds, &machine, docs)
}

impl Scenario {
    fn row(&self, peer: Peer, round: usize, library: &Path) -> Result<Row, Failure> {
        let group = self.quota.map(Group::with_quota).transpose()?.map(Arc::new);
        let mut setup = setup_of(peer, &self.case, library.into());
        setup.condition = Condition {
            priority: self.priority,
            place: self.place,
            group: group.clone(),
        };
        let measured = match self.place {
            Place::Busy => beside_busy_loop(|| run_starved(&self.case, &setup))?,
            Place::Own | Place::Producers => run_starved(&self.case, &setup)?,
        };
        let throttled = group.map(|group| group.throttled()).transpose()?;
        Ok(self.to_row(peer, round, &measured, throttled.unwrap_or_default()))
    }

    fn to_row(&self, peer: Peer, round: usize, run: &Measured, throttled: Throttled) -> Row {
        Row {
            scenario: self.name.clone(),
            limited: self.quota.is_some(),
            peer,
            round,
            tried: run.accepted + run.dropped,
            dropped: run.dropped,
            throttled: throttled.times,
            throttled_ms: throttled.milliseconds,
            reader_load: run.reader_load,
            producer_ns: run.producer_ns,
            polls: run.returns,
        }
    }
}

/// Works while a loop that never sleeps has the reader's CPU too.
fn beside_busy_loop<T>(work: impl FnOnce() -> T) -> T {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            // Where it may not be pinned it is on any CPU.
            let _ = cpu::pin(cpu::READER);
            while !stop.load(Relaxed) {
                std::hint::spin_loop();
            }
        });
        let result = work();
        stop.store(true, Relaxed);
        result
    })
}
