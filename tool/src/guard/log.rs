// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! One line for each event.

use super::attached::Counts;
use super::tally::Tally;
use super::target::Target;
use crate::error::Failure;
use crate::journal::{Journal, Priority, named, process};
use crate::kick::Outcome;
use crate::process::Process;
use crate::rings::Ring;

/// Where the lines go.
#[derive(Debug, Default)]
pub struct Log(Journal);

impl Log {
    /// From now on.
    pub fn guarding(&self, reader: &Process, target: &Target) {
        let mut by: Vec<String> = target
            .epolls
            .iter()
            .map(|fd| format!("epoll {fd}"))
            .collect();
        if target.uring {
            by.push("io_uring".into());
        }
        let text = format!(
            "guarding {} {} by=\"{}\"",
            process(reader),
            named(&target.ring),
            by.join(", ")
        );
        self.0.line(Priority::Info, &text);
    }

    /// A ring that it does not guard.
    pub fn safe(&self, reader: &Process, ring: &Ring, why: &str) {
        let text = format!(
            "not-guarded {} {} why=\"{why}\"",
            process(reader),
            named(ring)
        );
        self.0.line(Priority::Info, &text);
    }

    /// A reader that was woken from outside, which before it was guarded may have been necessary.
    pub fn kicked(&self, ring: &Ring, why: &str, outcome: Outcome) {
        let (priority, what) = match outcome {
            Outcome::Woken(means, read) => (
                Priority::Notice,
                format!("woken by=\"{}\" read={read}", means.name()),
            ),
            Outcome::Moves | Outcome::Awake | Outcome::Gone => return,
            Outcome::SleepsOn => (Priority::Warning, "not-woken".to_string()),
            Outcome::NoWay => (
                Priority::Warning,
                "not-woken cause=\"full, io_uring\"".to_string(),
            ),
        };
        self.0
            .line(priority, &format!("{what} why=\"{why}\" {}", named(ring)));
    }

    /// Something that failed, and is tried again.
    pub fn failed(&self, failure: &Failure) {
        self.0
            .line(Priority::Warning, &format!("failed why=\"{failure}\""));
    }

    /// A ring's counters.
    pub fn counts(&self, ring: u32, counts: Counts, tally: Tally) {
        let Counts { seen, woken, full } = counts;
        let Tally {
            first,
            kicked,
            rescued,
        } = tally;
        let text = format!(
            "guarded ring={ring} seen={seen} woken={woken} full={full} kicked={kicked} first={first} rescued={rescued}"
        );
        self.0.line(Priority::Info, &text);
    }

    /// The process has ended.
    pub fn ended(&self, reader: &Process) {
        self.0
            .line(Priority::Info, &format!("ended {}", process(reader)));
    }
}
