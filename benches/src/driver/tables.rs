// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The tables of docs/performance.md.

use crate::case::Peer;
use crate::cases::{Entry, Group};
use crate::figures::{BOTH, P50, P99, POLLS, POLLS_A_BURST, PRODUCER, RATE, READER, THOUSANDS};
use crate::results::{Figure, Results};
use crate::statistics::Spread;
use crate::{calls, instructions};

pub mod verdicts;

const READERS: [Peer; 6] = [
    Peer::Libbpf,
    Peer::Aya,
    Peer::Rbshim,
    Peer::RbshimCoalesce,
    Peer::RbshimBusy,
    Peer::Alone,
];

fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut text = line(&header.iter().map(ToString::to_string).collect::<Vec<_>>());
    text += &format!("|{}\n", "---|".repeat(header.len()));
    for row in rows {
        text += &line(row);
    }
    text
}

/// Three digits that matter.
fn number(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

fn with_spread(spread: Option<Spread>) -> String {
    spread.map_or("not measured".into(), |spread| {
        let (least, most) = (number(spread.least), number(spread.most));
        format!("{} ({least} to {most})", number(spread.median))
    })
}

fn median(spread: Option<Spread>) -> String {
    spread.map_or("–".into(), |spread| number(spread.median))
}

fn ratio(spread: Option<Spread>) -> String {
    spread.map_or("–".into(), |spread| format!("{:.2}", spread.median))
}

fn of_group(entries: &[Entry], group: Group) -> impl Iterator<Item = &Entry> {
    entries.iter().filter(move |entry| entry.group == group)
}

/// Who is shown where many rings are filled.
pub const MANY_RINGS: [Peer; 4] = [Peer::Libbpf, Peer::Aya, Peer::Rbshim, Peer::Alone];

pub fn rings(results: &Results, entries: &[Entry]) -> String {
    let of = |entry: &Entry| {
        let shown = |peer| with_spread(results.figure(&entry.name, peer, RATE));
        let to_libbpf =
            |figure| ratio(results.ratio(&entry.name, Peer::Rbshim, Peer::Libbpf, figure));
        let mut row = vec![entry.name.clone()];
        row.extend(MANY_RINGS.map(shown));
        row.extend([RATE, BOTH, P50, P99].map(to_libbpf));
        row
    };
    let rows: Vec<Vec<String>> = of_group(entries, Group::Rings).map(of).collect();
    let header = [
        "M records/s",
        "libbpf",
        "aya",
        "rbshim",
        "producer alone",
        "to libbpf: M/s",
        "both's CPU",
        "p50",
        "p99",
    ];
    table(&header, &rows)
}

/// Who is shown at saturation.
pub const SATURATED: [Peer; 5] = [
    Peer::Libbpf,
    Peer::LibbpfRs,
    Peer::Aya,
    Peer::Rbshim,
    Peer::Alone,
];

pub fn saturation(results: &Results, entries: &[Entry]) -> String {
    let peers = SATURATED;
    let rows: Vec<Vec<String>> = of_group(entries, Group::Saturation)
        .map(|entry| {
            let mut row = vec![entry.name.clone()];
            row.extend(peers.iter().map(|peer| {
                if entry.peers.contains(peer) {
                    with_spread(results.figure(&entry.name, *peer, RATE))
                } else {
                    "–".into()
                }
            }));
            row.push(ratio(results.ratio(
                &entry.name,
                Peer::Rbshim,
                Peer::Libbpf,
                RATE,
            )));
            row
        })
        .collect();
    let header = [
        "M records/s",
        "libbpf",
        "libbpf-rs",
        "aya",
        "rbshim",
        "producer alone",
        "rbshim to libbpf",
    ];
    table(&header, &rows)
}

/// What is shown of each reader: heading, figure, and whether its ratio to libbpf is shown too.
fn columns(group: Group) -> Vec<(&'static str, Figure, bool)> {
    let (producer, both) = (("producer, ns", PRODUCER, true), ("both, ns", BOTH, true));
    let latencies = [("p50, us", P50, true), ("p99, us", P99, true)];
    let mut columns: Vec<(&str, Figure, bool)> = match group {
        Group::Windows => vec![producer, both],
        _ => vec![
            ("thousands/s", THOUSANDS, false),
            producer,
            ("reader, ns", READER, true),
            both,
        ],
    };
    columns.extend(latencies);
    if group == Group::Windows {
        columns.extend([
            ("polls/s", POLLS, false),
            ("polls/burst", POLLS_A_BURST, false),
        ]);
    }
    columns
}

/// A row for each reader of each case.
pub fn readers(results: &Results, entries: &[Entry], group: Group) -> String {
    let columns = columns(group);
    let mut rows = Vec::new();
    for entry in of_group(entries, group) {
        for peer in READERS {
            if !entry.peers.contains(&peer) {
                continue;
            }
            let mut row = vec![entry.name.clone(), peer.name().into()];
            for (_, figure, with_ratio) in &columns {
                let value = median(results.figure(&entry.name, peer, *figure));
                let to_libbpf = results.ratio(&entry.name, peer, Peer::Libbpf, *figure);
                row.push(match (peer, to_libbpf) {
                    (Peer::Libbpf, _) | (_, None) => value,
                    _ if !with_ratio => value,
                    _ => format!("{value} (×{})", ratio(to_libbpf)),
                });
            }
            rows.push(row);
        }
    }
    let mut header = vec!["case", "reader"];
    header.extend(columns.iter().map(|(heading, ..)| heading));
    table(&header, &rows)
}

/// libbpf and rbshim side by side.
pub fn pairs(results: &Results, entries: &[Entry], group: Group) -> String {
    let rows: Vec<Vec<String>> = of_group(entries, group)
        .map(|entry| {
            let name = &entry.name;
            let of = |figure| results.ratio(name, Peer::Rbshim, Peer::Libbpf, figure);
            let again = results.ratio(name, Peer::LibbpfAgain, Peer::Libbpf, RATE);
            vec![
                name.clone(),
                with_spread(results.figure(name, Peer::Libbpf, RATE)),
                with_spread(results.figure(name, Peer::Rbshim, RATE)),
                ratio(of(RATE)),
                ratio(again),
                median(results.figure(name, Peer::Libbpf, BOTH)),
                median(results.figure(name, Peer::Rbshim, BOTH)),
                ratio(of(BOTH)),
            ]
        })
        .collect();
    let header = [
        "case",
        "libbpf, M/s",
        "rbshim, M/s",
        "ratio",
        "libbpf to itself",
        "libbpf, CPU ns",
        "rbshim, CPU ns",
        "ratio",
    ];
    table(&header, &rows)
}

pub fn timed(results: &Results) -> String {
    let few = calls::FEW.map(|(what, _)| what);
    let rows: Vec<Vec<String>> = [calls::POLL, calls::CONSUME, calls::START]
        .iter()
        .chain(&few)
        .map(|what| {
            vec![
                what.to_string(),
                with_spread(results.time(what, Peer::Libbpf)),
                with_spread(results.time(what, Peer::Rbshim)),
                ratio(results.time_ratio(what, Peer::Rbshim)),
                ratio(results.time_ratio(what, Peer::LibbpfAgain)),
            ]
        })
        .collect();
    let header = [
        "what",
        "libbpf, ns",
        "rbshim, ns",
        "ratio",
        "libbpf to itself",
    ];
    table(&header, &rows)
}

pub fn counted(results: &Results) -> String {
    if results.counted.is_empty() {
        return "Not counted: there was no valgrind.".into();
    }
    let cell = |count: Option<f64>| count.map_or("–".into(), |count| format!("{count:.1}"));
    let through_api = instructions::COUNTS.iter().map(|(what, ..)| what);
    let alone = instructions::ALONE.iter().map(|(what, _)| what);
    let rows: Vec<Vec<String>> = through_api
        .chain(alone)
        .map(|what| {
            let mut row = vec![what.to_string()];
            row.extend(instructions::PEERS.map(|peer| cell(results.instructions(what, peer))));
            row
        })
        .collect();
    table(&["instructions", "libbpf", "rbshim"], &rows)
}
