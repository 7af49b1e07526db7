// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The rings as a table of plain text.

use crate::rings::census::Rate;
use crate::survey::Row;
use crate::text::{bytes, count, cut, plain};

/// The cells of a ring's line, in the order of [`HEADINGS`].
pub fn cells(row: &Row) -> [String; 11] {
    let percent = |part: u64| {
        let size = row.ring.size.max(1) as f64;
        format!("{:.0}%", 100.0 * part as f64 / size)
    };
    let rate = |rate: f64| format!("{}/s", bytes(rate as u64));
    [
        row.ring.id.to_string(),
        cut(&plain(&row.ring.name), 15).into_owned(),
        row.ring.kind.name().to_string(),
        bytes(row.ring.size),
        percent(row.unread),
        percent(row.high_water),
        rate(row.rates.0),
        rate(row.rates.1),
        records(row.records[0]),
        row.state.name().to_string(),
        readers(row),
    ]
}

/// Records a second; `~` is an estimate.
fn records(rate: Option<Rate>) -> String {
    match rate {
        Some(rate) if rate.exact => format!("{}/s", count(rate.per_second)),
        Some(rate) => format!("~{}/s", count(rate.per_second)),
        None => "-".into(),
    }
}

/// Above the table.
pub const HEADINGS: [&str; 11] = [
    "ID", "NAME", "KIND", "SIZE", "FILL", "HIGH", "IN", "OUT", "RECORDS", "STATE", "READER",
];

/// Who reads, how, and with what.
pub fn readers(row: &Row) -> String {
    let one = |reader: &crate::survey::ReaderRow| {
        let rbshim = if reader.rbshim { ", rbshim" } else { "" };
        let name = plain(&reader.name);
        format!("{name}[{}] {}{rbshim}", reader.pid, reader.how.name())
    };
    let list: Vec<String> = row.readers.iter().map(one).collect();
    if list.is_empty() {
        "-".into()
    } else {
        list.join("; ")
    }
}

/// The whole table.
pub fn rows(rows: &[Row], hidden: usize) -> String {
    let mut lines = vec![HEADINGS.map(str::to_string)];
    lines.extend(rows.iter().map(cells));
    let mut widths = [0; HEADINGS.len()];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for line in &lines {
        let mut shown = String::new();
        for (nth, (cell, width)) in line.iter().zip(widths).enumerate() {
            // Numbers to the right.
            if matches!(nth, 0 | 3..=8) {
                shown.push_str(&format!("{cell:>width$}  "));
            } else {
                shown.push_str(&format!("{cell:<width$}  "));
            }
        }
        text.push_str(shown.trim_end());
        text.push('\n');
    }
    if rows.is_empty() {
        text.push_str("no BPF ring buffers\n");
    }
    if hidden > 0 {
        text.push_str(&unseen(hidden));
    }
    text
}

/// Even with the capability a process may be closed to us: by an LSM, or in another user namespace.
fn unseen(hidden: usize) -> String {
    let why = if crate::privileges::has("CAP_SYS_PTRACE") {
        "not permitted"
    } else {
        "needs CAP_SYS_PTRACE"
    };
    format!("processes that could not be looked at, which may be readers: {hidden} ({why})\n")
}
