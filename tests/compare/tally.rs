// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What has been compared: a run that never met a case has not shown that it is the same.

use super::seen::{Seen, UNTOUCHED};
use std::collections::BTreeMap;
use std::fmt::Debug;

#[derive(Default)]
pub struct Tally {
    operations: BTreeMap<String, u64>,
    calls: BTreeMap<String, u64>,
    differences: BTreeMap<&'static str, u64>,
    records: u64,
    bytes: u64,
    dropped: u64,
    in_callbacks: u64,
    /// Calls that took the records of several rings in another order.
    by_turns: BTreeMap<&'static str, u64>,
    /// Looks at readiness, and those at which only one side had been notified yet.
    pub looks: u64,
    pub late: u64,
}

impl Tally {
    pub fn count(&mut self, operation: impl Debug) {
        let name = format!("{operation:?}");
        let name = name.split([' ', '(']).next().unwrap_or_default();
        *self.operations.entry(name.to_string()).or_default() += 1;
    }

    pub fn count_seen(&mut self, log: &[Seen]) {
        for seen in log {
            match seen {
                Seen::Call(name, value, error) => self.count_call(name, *value, *error),
                Seen::Record { data, .. } => {
                    self.records += 1;
                    self.bytes += data.len() as u64;
                }
                Seen::Produced { dropped, .. } => self.dropped += u64::from(*dropped),
                Seen::Acting => self.in_callbacks += 1,
                Seen::Kernel { .. } | Seen::Readiness(_) => {}
            }
        }
    }

    pub fn count_call(&mut self, name: &str, value: i64, error: i32) {
        let kind = match (value, error) {
            (_, UNTOUCHED) => "",
            (0.., _) => " NULL",
            (..0, _) => " failed",
        };
        *self.calls.entry(format!("{name}{kind}")).or_default() += 1;
    }

    pub fn count_drained(&mut self, samples: &[(u32, u32)]) {
        self.records += samples.len() as u64;
        self.bytes += samples
            .iter()
            .map(|(size, _)| u64::from(*size))
            .sum::<u64>();
    }

    /// rbshim did nothing where libbpf consumed.
    pub fn nothing_wanted(&mut self, name: &'static str) {
        *self.differences.entry(name).or_default() += 1;
    }

    /// rbshim gave rings their turns where libbpf drains one after the other.
    pub fn taken_by_turns(&mut self, why: &'static str) {
        *self.by_turns.entry(why).or_default() += 1;
    }

    pub fn report(&self) {
        println!("operations: {}", list(&self.operations));
        println!("calls on each side: {}", list(&self.calls));
        println!(
            "on each side: {} records, {} bytes, {} dropped; {} acts in callbacks",
            self.records, self.bytes, self.dropped, self.in_callbacks
        );
        println!(
            "{} looks at readiness, {} had to wait for a wake-up",
            self.looks, self.late
        );
        for (why, times) in &self.by_turns {
            println!("rings by turns, {why}: another order {times} times");
        }
        if self.differences.is_empty() {
            println!("asserted differences: none");
        }
        for (name, times) in &self.differences {
            println!(
                "asserted difference: {name} with n = 0: libbpf consumes, rbshim returns 0: {times} times"
            );
        }
    }

    /// Panics if no call has ever taken the rings' records in another order than libbpf, for each reason.
    pub fn assert_turns(&self) {
        assert_eq!(self.by_turns.len(), 2, "{:?}", self.by_turns);
    }

    /// Panics if one of these calls has never been met.
    pub fn assert_calls(&self, calls: &[&str]) {
        for call in calls {
            assert!(self.calls.contains_key(*call), "never met: {call}");
        }
        assert!(self.records > 0);
    }

    /// Panics if one of these has never done what libbpf does not.
    pub fn assert_differences(&self, names: &[&str]) {
        for name in names {
            let met = self.differences.contains_key(name);
            assert!(met, "{name} with n = 0 did what libbpf does");
        }
    }
}

fn list(counts: &BTreeMap<String, u64>) -> String {
    let items: Vec<String> = counts
        .iter()
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    items.join(", ")
}
