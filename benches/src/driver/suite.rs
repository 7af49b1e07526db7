// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! All cases, round by round.

use crate::Failure;
use crate::calls;
use crate::case::{Case, Peer};
use crate::cases::Entry;
use crate::compare::line;
use crate::results::{Key, Results, Row};
use crate::run::run;
use crate::setup_of;
use std::path::Path;
use std::time::{Duration, Instant};

/// What a run takes besides being measured, roughly; only for the first guess of the time left.
const OVERHEAD: f64 = 0.25;

/// A run that fails is tried again so often: it is reported all the same.
const ATTEMPTS: usize = 2;

struct Progress {
    start: Instant,
    done: usize,
    total: usize,
    seconds_done: f64,
    seconds_total: f64,
}

impl Progress {
    fn left(&self) -> Duration {
        let spent = self.start.elapsed().as_secs_f64();
        let each = match self.done {
            0 => 1.0,
            _ => spent / self.seconds_done,
        };
        Duration::from_secs_f64(each * (self.seconds_total - self.seconds_done).max(0.0))
    }

    fn report(&mut self, cost: f64, what: &str) {
        self.done += 1;
        self.seconds_done += cost;
        let left = self.left().as_secs();
        let (done, total) = (self.done, self.total);
        eprintln!(
            "[{done}/{total}, {}:{:02} left] {what}",
            left / 60,
            left % 60
        );
    }
}

fn cost(case: &Case) -> f64 {
    case.seconds + case.warm_up + OVERHEAD
}

/// Measures everything. The readers take turns within a round of a case.
pub fn measure(entries: &[Entry], rounds: usize, library: &Path) -> Result<Results, Failure> {
    let per_round: usize = entries.iter().map(|entry| entry.peers.len()).sum();
    let seconds: f64 = entries
        .iter()
        .map(|entry| cost(&entry.case) * entry.peers.len() as f64)
        .sum();
    let mut progress = Progress {
        start: Instant::now(),
        done: 0,
        total: rounds * (per_round + 1),
        seconds_done: 0.0,
        seconds_total: rounds as f64 * (seconds + 1.0),
    };
    let mut results = Results {
        rounds,
        ..Results::default()
    };
    for round in 0..rounds {
        for entry in entries {
            for turn in 0..entry.peers.len() {
                let peer = entry.peers[(turn + round) % entry.peers.len()];
                let what = format!("{}: {}: ", entry.name, peer.name());
                let outcome = attempt(entry, peer, round, library, &mut results);
                progress.report(cost(&entry.case), &(what + &outcome));
            }
        }
        results.timed.extend(calls::round(round, library)?);
        progress.report(1.0, "empty calls, start-up");
    }
    Ok(results)
}

/// One run. Says what came of it.
fn attempt(
    entry: &Entry,
    peer: Peer,
    round: usize,
    library: &Path,
    results: &mut Results,
) -> String {
    let setup = setup_of(peer, &entry.case, library.into());
    let mut outcome = String::new();
    for _ in 0..ATTEMPTS {
        match run(&entry.case, &setup) {
            Ok(measured) => {
                outcome += &line(&measured);
                results.rows.push(Row {
                    key: Key {
                        name: entry.name.clone(),
                        peer,
                        round,
                    },
                    case: entry.case.clone(),
                    measured,
                });
                break;
            }
            Err(error) => {
                let failure = format!("{}, {}, round {round}: {error}", entry.name, peer.name());
                outcome += &format!("FAILED: {error}; ");
                results.failures.push(failure);
            }
        }
    }
    outcome
}
