// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Where rbshim differs from libbpf as it says: that and nothing else.

use super::operations::RINGS;
use super::pair::Pair;
use super::seen::{Seen, UNTOUCHED};
use super::side::Side;

impl Pair {
    /// With n = 0, rbshim does nothing; libbpf consumes. What it took, rbshim then takes by a call
    /// that wants records.
    pub fn nothing_wanted(
        &mut self,
        name: &'static str,
        call: impl Fn(&Side),
    ) -> Result<(), String> {
        // A callback that fails in the one call would fail in the other of rbshim's.
        self.both(|side| side.set_script(None))?;
        call(self.libbpf);
        let mut libbpf = self.libbpf.take_log();
        call(self.rbshim);
        let mut rbshim = self.rbshim.take_log();
        // No such ring, no record to take, or a discarded one, which libbpf walks without a sign.
        if libbpf != rbshim {
            let nothing = Seen::Call(name, 0, UNTOUCHED);
            if rbshim.last() != Some(&nothing) || !records(&rbshim, None).is_empty() {
                return Err(format!(
                    "rbshim's {name} with n = 0 did something: {rbshim:?}"
                ));
            }
            let taken = records(&libbpf, None).len() as i64;
            if taken == 0 || libbpf.last() != Some(&Seen::Call(name, taken, UNTOUCHED)) {
                return Err(format!("libbpf's {name} with n = 0: {libbpf:?}"));
            }
            self.tally.nothing_wanted(name);
        }

        for (side, log) in [(self.libbpf, &mut libbpf), (self.rbshim, &mut rbshim)] {
            side.consume();
            log.append(&mut side.take_log());
        }
        for map in 0..RINGS {
            if records(&libbpf, Some(map)) != records(&rbshim, Some(map)) {
                return Err(format!("\n  libbpf: {libbpf:?}\n  rbshim: {rbshim:?}"));
            }
            self.kernel(map)?;
        }
        Ok(())
    }
}

/// Why the order differs.
const EMITTED: &str = "a callback has produced more";
const LIMITED: &str = "ring_buffer__consume_n begins where it stopped";

impl Pair {
    /// A call that reads all rings to the end. Where a callback has produced records, rbshim gives the other
    /// rings their turn before those; libbpf does not. Each ring's records are the same, in their order.
    pub fn by_turns(&mut self, call: impl Fn(&Side)) -> Result<(), String> {
        call(self.libbpf);
        call(self.rbshim);
        let logs = [self.libbpf.take_log(), self.rbshim.take_log()];
        let [libbpf, rbshim] = &logs;
        if libbpf == rbshim {
            self.tally.count_seen(libbpf);
            return Ok(());
        }
        let emitted = |log: &[Seen]| {
            let acting = log.iter().position(|seen| matches!(seen, Seen::Acting));
            let after = acting.map_or(&[][..], |acting| &log[acting..]);
            after
                .iter()
                .any(|seen| matches!(seen, Seen::Produced { .. }))
        };
        let same = (0..RINGS).all(|map| records(libbpf, Some(map)) == records(rbshim, Some(map)));
        let ends = libbpf.last() == rbshim.last() && libbpf.len() == rbshim.len();
        if !(same && ends && emitted(libbpf) && emitted(rbshim)) {
            return Err(format!("\n  libbpf: {libbpf:?}\n  rbshim: {rbshim:?}"));
        }
        self.tally.taken_by_turns(EMITTED);
        self.turned = true;
        Ok(())
    }

    /// A call for `n` records of several rings: libbpf begins with the first ring each time, rbshim after the
    /// ring at which the last call stopped. As many come, and by the next call for all of them the same.
    pub fn some_wanted(&mut self, n: usize) -> Result<(), String> {
        // It would act in the callback of another record.
        self.both(|side| side.set_script(None))?;
        let mut logs = [self.libbpf, self.rbshim].map(|side| {
            side.consume_n(n);
            side.take_log()
        });
        let [libbpf, rbshim] = &logs;
        let results = logs.each_ref().map(|log| log.last().cloned());
        if results[0] != results[1] {
            return Err(format!("\n  libbpf: {libbpf:?}\n  rbshim: {rbshim:?}"));
        }
        if libbpf == rbshim {
            self.tally.count_seen(libbpf);
        } else {
            self.tally.taken_by_turns(LIMITED);
            self.turned = true;
        }
        // A discarded record that only one of them has walked leaves no sign in the log.
        for (side, log) in [self.libbpf, self.rbshim].into_iter().zip(&mut logs) {
            side.consume();
            log.append(&mut side.take_log());
        }
        let [libbpf, rbshim] = &logs;
        for map in 0..RINGS {
            if records(libbpf, Some(map)) != records(rbshim, Some(map)) {
                return Err(format!("\n  libbpf: {libbpf:?}\n  rbshim: {rbshim:?}"));
            }
            self.kernel(map)?;
        }
        Ok(())
    }
}

/// The records in a log, or those of one ring.
fn records(log: &[Seen], ring: Option<usize>) -> Vec<&Seen> {
    log.iter()
        .filter(|seen| match seen {
            Seen::Record { map, .. } => ring.is_none_or(|ring| ring == *map),
            _ => false,
        })
        .collect()
}
