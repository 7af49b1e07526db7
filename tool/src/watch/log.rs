// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! One line for each event.

use crate::cli::Watch;
use crate::error::Failure;
use crate::journal::{Journal, Priority, list, named};
use crate::kick::Outcome;
use crate::process::Process;
use crate::rings::Ring;
use crate::state::{State, Track};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Of each ring's rescues no more than one line is written in this time; the counter goes on.
const QUIET: Duration = Duration::from_secs(10);

/// Where the lines go, and when there was the last one of each ring.
pub struct Log {
    journal: Journal,
    said: BTreeMap<u32, Instant>,
}

impl Log {
    /// On stderr.
    pub fn new() -> Log {
        Log {
            journal: Journal::new(),
            said: BTreeMap::new(),
        }
    }

    /// The first line.
    pub fn started(&self, options: &Watch, rings: usize) {
        let text = format!(
            "watching rings={rings} interval_ms={} stuck_after_ms={} kick={} suspected={}",
            options.interval, options.stuck_after, options.kick, options.suspected
        );
        self.journal.line(Priority::Info, &text);
    }

    /// A reader that sleeps on data.
    pub fn found(&self, ring: &Ring, readers: &[Process], state: State, track: Option<&Track>) {
        let (unread, waiting) =
            track.map_or((0, None), |track| (track.last.unread(), track.waiting()));
        let waited = waiting.unwrap_or_default().as_millis();
        let text = format!(
            "{} {} unread={unread} size={} waited_ms={waited}{}",
            state.name(),
            named(ring),
            ring.size,
            list(readers)
        );
        self.journal.line(Priority::Warning, &text);
    }

    /// What a kick has brought.
    pub fn kicked(&mut self, ring: &Ring, readers: &[Process], outcome: Outcome, rescues: u64) {
        let now = Instant::now();
        let said = self.said.get(&ring.id);
        let quiet = said.is_some_and(|said| now.duration_since(*said) < QUIET);
        let (priority, what) = match outcome {
            Outcome::Woken(..) if quiet => return,
            Outcome::Woken(means, read) => (
                Priority::Notice,
                format!(
                    "woken by=\"{}\" read={read} rescues={rescues}",
                    means.name()
                ),
            ),
            Outcome::Moves | Outcome::Awake | Outcome::Gone => return,
            Outcome::SleepsOn => (Priority::Warning, "not-woken".to_string()),
            Outcome::NoWay => (
                Priority::Warning,
                "not-woken why=\"full, io_uring\"".to_string(),
            ),
        };
        self.said.insert(ring.id, now);
        let text = format!("{what} {}{}", named(ring), list(readers));
        self.journal.line(priority, &text);
    }

    /// A reader that has moved after all.
    pub fn moved_late(&self, ring: &Ring, rescues: u64) {
        let text = format!("woken late=true rescues={rescues} {}", named(ring));
        self.journal.line(Priority::Notice, &text);
    }

    /// A kick that failed.
    pub fn failed(&self, ring: &Ring, failure: &Failure) {
        let text = format!("failed {} why=\"{failure}\"", named(ring));
        self.journal.line(Priority::Warning, &text);
    }

    /// A ring's counter.
    pub fn rescues(&self, ring: u32, rescues: u64) {
        self.journal.line(
            Priority::Info,
            &format!("rescues ring={ring} count={rescues}"),
        );
    }

    /// All of them.
    pub fn summary(&self, rings: usize, rescues: u64) {
        self.journal.line(
            Priority::Info,
            &format!("total rings={rings} rescues={rescues}"),
        );
    }
}
