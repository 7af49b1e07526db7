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

/// The records in a log, or those of one ring.
fn records(log: &[Seen], ring: Option<usize>) -> Vec<&Seen> {
    log.iter()
        .filter(|seen| match seen {
            Seen::Record { map, .. } => ring.is_none_or(|ring| ring == *map),
            _ => false,
        })
        .collect()
}
