// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The rings as JSON.

use crate::survey::Row;
use serde_json::{Value, json};

/// All of them. Names are as they are, but for bytes that are no UTF-8.
pub fn rows(rows: &[Row], hidden: usize) -> String {
    let rings: Vec<Value> = rows.iter().map(row).collect();
    let document = json!({"rings": rings, "processes_not_seen": hidden});
    format!("{document:#}\n")
}

fn row(row: &Row) -> Value {
    let readers: Vec<Value> = row
        .readers
        .iter()
        .map(|reader| {
            json!({
                "pid": reader.pid,
                "name": String::from_utf8_lossy(&reader.name),
                "waits": reader.how.name(),
                "rbshim": reader.rbshim,
            })
        })
        .collect();
    json!({
        "id": row.ring.id,
        "name": String::from_utf8_lossy(&row.ring.name),
        "kind": row.ring.kind.name(),
        "size": row.ring.size,
        "unread": row.unread,
        "high_water": row.high_water,
        "consumer_pos": row.consumer,
        "producer_pos": row.producer,
        "bytes_in_per_second": row.rates.0,
        "bytes_out_per_second": row.rates.1,
        "records_in_per_second": row.records[0].map(|rate| rate.per_second),
        "records_out_per_second": row.records[1].map(|rate| rate.per_second),
        "records_estimated": row.records.iter().flatten().any(|rate| !rate.exact),
        "waiting_ms": row.waiting.map(|time| time.as_millis() as u64),
        "state": row.state.name(),
        "readers": readers,
    })
}
