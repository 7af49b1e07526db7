// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! One line for each event, on stderr, fit for the journal: a priority that it understands, `key=value` words.

use crate::process::Process;
use crate::rings::Ring;
use crate::text::plain;

/// syslog's priorities.
#[derive(Clone, Copy, Debug)]
pub enum Priority {
    /// Something is wrong.
    Warning = 4,
    /// Something was done.
    Notice = 5,
    /// Nothing out of the ordinary.
    Info = 6,
}

/// Where the lines go.
#[derive(Debug)]
pub struct Journal {
    marked: bool,
}

impl Journal {
    /// systemd says whether stderr is the journal.
    pub fn new() -> Journal {
        Journal {
            marked: std::env::var_os("JOURNAL_STREAM").is_some(),
        }
    }

    /// Writes a line.
    pub fn line(&self, priority: Priority, text: &str) {
        use std::io::Write;
        let mark = if self.marked {
            format!("<{}>", priority as u8)
        } else {
            String::new()
        };
        // Nobody may read it; the work goes on.
        let _ = writeln!(std::io::stderr(), "{mark}{text}");
    }
}

impl Default for Journal {
    fn default() -> Journal {
        Journal::new()
    }
}

/// A ring.
pub fn named(ring: &Ring) -> String {
    format!("ring={} name=\"{}\"", ring.id, quoted(&ring.name))
}

/// The readers of a ring, with a space before each.
pub fn list(readers: &[Process]) -> String {
    readers
        .iter()
        .map(|reader| format!(" {}", process(reader)))
        .collect()
}

/// A reader.
pub fn process(reader: &Process) -> String {
    format!("reader=\"{}[{}]\"", quoted(&reader.name), reader.pid)
}

/// Between quotation marks.
fn quoted(name: &[u8]) -> String {
    plain(name).replace('"', "\\x22")
}
