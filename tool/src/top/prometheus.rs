// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The rings in Prometheus's text format, as a node exporter's textfile collector takes it.

use crate::state::State;
use crate::survey::Row;
use crate::text::plain;
use std::fmt::Write;

/// All metrics.
pub fn rows(rows: &[Row]) -> String {
    let mut text = String::new();
    let mut metric = |name: &str, kind: &str, help: &str, value: &dyn Fn(&Row) -> u64| {
        let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
        for row in rows {
            let _ = writeln!(text, "{name}{{{}}} {}", labels(row), value(row));
        }
    };
    metric(
        "rbshim_ring_size_bytes",
        "gauge",
        "Size of the ring's data.",
        &|row| row.ring.size,
    );
    metric(
        "rbshim_ring_unread_bytes",
        "gauge",
        "Bytes that are not read yet.",
        &|row| row.unread,
    );
    metric(
        "rbshim_ring_produced_bytes_total",
        "counter",
        "Bytes that were reserved, with headers.",
        &|row| row.producer,
    );
    metric(
        "rbshim_ring_consumed_bytes_total",
        "counter",
        "Bytes that were read, with headers.",
        &|row| row.consumer,
    );
    states(&mut text, rows);
    readers(&mut text, rows);
    text
}

fn states(text: &mut String, rows: &[Row]) {
    text.push_str("# HELP rbshim_ring_state 1 for the state that the ring is in.\n");
    text.push_str("# TYPE rbshim_ring_state gauge\n");
    for row in rows {
        for state in State::ALL {
            let is = u8::from(state == row.state);
            let labels = labels(row);
            let _ = writeln!(
                text,
                "rbshim_ring_state{{{labels},state=\"{}\"}} {is}",
                state.name()
            );
        }
    }
}

fn readers(text: &mut String, rows: &[Row]) {
    text.push_str("# HELP rbshim_ring_reader_info Who reads the ring, how it waits, and with rbshim or not.\n");
    text.push_str("# TYPE rbshim_ring_reader_info gauge\n");
    for row in rows {
        for reader in &row.readers {
            let _ = writeln!(
                text,
                "rbshim_ring_reader_info{{{},pid=\"{}\",comm=\"{}\",waits=\"{}\",rbshim=\"{}\"}} 1",
                labels(row),
                reader.pid,
                escaped(&reader.name),
                reader.how.name(),
                reader.rbshim,
            );
        }
    }
}

fn labels(row: &Row) -> String {
    format!(
        "id=\"{}\",name=\"{}\",kind=\"{}\"",
        row.ring.id,
        escaped(&row.ring.name),
        row.ring.kind.name()
    )
}

/// A label's value. [`plain`] has left no line break.
fn escaped(name: &[u8]) -> String {
    plain(name).replace('\\', "\\\\").replace('"', "\\\"")
}
