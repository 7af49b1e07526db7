// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Sums over runs, as rows of a table.

use super::cells::{HUNG, Outcome, PASSED};
use std::fmt::Write as _;

/// Sums over cells.
#[derive(Default)]
pub struct Sum {
    cells: u32,
    libbpf_runs: u32,
    libbpf_hung: u32,
    libbpf_failed: u32,
    pub rbshim_hung: u32,
    pub rbshim_failed: u32,
    /// In the order of `COUNTED`.
    pub numbers: [i64; COUNTED.len()],
}

pub const COUNTED: [&str; 8] = [
    "delivered",
    "bytes",
    "dropped",
    "lost",
    "out_of_order",
    "damaged",
    "lingers",
    "coalesced",
];

impl Sum {
    pub fn add(&mut self, libbpf: Option<&Outcome>, rbshim: &Outcome) {
        self.cells += 1;
        if let Some(libbpf) = libbpf {
            self.libbpf_runs += 1;
            self.libbpf_hung += u32::from(libbpf.status == Some(HUNG));
            self.libbpf_failed += u32::from(!matches!(libbpf.status, Some(PASSED | HUNG)));
        }
        self.rbshim_hung += u32::from(rbshim.status == Some(HUNG));
        self.rbshim_failed += u32::from(!matches!(rbshim.status, Some(PASSED | HUNG)));
        for (sum, name) in self.numbers.iter_mut().zip(COUNTED) {
            *sum += rbshim.number(name).unwrap_or(0);
        }
    }

    pub fn row(&self, of: &str) -> String {
        let mut row = format!("| {of} | {} | ", self.cells);
        if self.libbpf_runs == 0 {
            row.push_str("not run");
        } else {
            let _ = write!(row, "hung in {}", self.libbpf_hung);
        }
        if self.libbpf_failed > 0 {
            let _ = write!(row, ", failed in {}", self.libbpf_failed);
        }
        for number in self.numbers {
            let _ = write!(row, " | {number}");
        }
        let _ = write!(row, " | {} | {} |", self.rbshim_hung, self.rbshim_failed);
        row + "\n"
    }
}

pub const HEAD: &str = "| reader, rings, notifications | cells | libbpf | rbshim: records | bytes | dropped | \
                    lost | out of order | damaged | windows spun | slept | hung | failed |\n\
                    |---|---|---|---|---|---|---|---|---|---|---|---|---|\n";
