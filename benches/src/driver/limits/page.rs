// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! docs/performance/limits.md, from its template.

use super::{PEERS, Row};
use crate::Failure;
use crate::case::Peer;
use crate::statistics::{Spread, spread};
use std::fs;
use std::path::{Path, PathBuf};

const TEMPLATE: &str = include_str!("../../../limits.md.in");

/// Percent of the records that nobody counts.
const NOTHING: f64 = 0.005;

fn raw(docs: &Path) -> PathBuf {
    docs.join("performance/limits.csv")
}

/// The raw figures that are there.
pub fn rows(docs: &Path) -> Result<Vec<Row>, Failure> {
    let path = raw(docs);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let rows: Result<_, _> = csv::Reader::from_path(path)?.deserialize().collect();
    Ok(rows?)
}

/// Writes the page and the raw figures. Says in how many scenarios rbshim drops more than libbpf.
pub fn write(
    rows: &[Row],
    seconds: f64,
    machine: &[(String, String)],
    docs: &Path,
) -> Result<(), Failure> {
    let mut writer = csv::Writer::from_path(raw(docs))?;
    for row in rows {
        writer.serialize(row)?;
    }
    writer.flush()?;
    let of = |limited: bool| rows.iter().filter(move |row| row.limited == limited);
    let machine: Vec<_> = machine
        .iter()
        .map(|(name, value)| format!("- {name}: {value}"))
        .collect();
    let mut page = TEMPLATE.to_string();
    for (name, text) in [
        ("quotas", table(of(true).collect())),
        ("others", table(of(false).collect())),
        ("verdict", verdict(rows)),
        ("rounds", rounds(rows).to_string()),
        ("seconds", seconds.to_string()),
        ("runs", rows.len().to_string()),
        ("machine", machine.join("\n")),
    ] {
        page = page.replace(&format!("{{{{{name}}}}}"), text.trim_end());
    }
    let path = docs.join("performance/limits.md");
    fs::write(&path, page)?;
    println!("{}\n{}", verdict(rows), path.display());
    Ok(())
}

/// How often a scenario was measured with a reader, at least.
fn rounds(rows: &[Row]) -> usize {
    let of = |row: &Row| {
        let same = |it: &&Row| it.scenario == row.scenario && it.peer == row.peer;
        rows.iter().filter(same).count()
    };
    rows.iter().map(of).min().unwrap_or(0)
}

/// The scenarios in their order.
fn names<'a>(rows: &[&'a Row]) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    for row in rows {
        if !names.contains(&row.scenario.as_str()) {
            names.push(&row.scenario);
        }
    }
    names
}

fn figure(rows: &[&Row], name: &str, peer: Peer, figure: impl Fn(&Row) -> f64) -> Option<Spread> {
    let rows = rows.iter();
    spread(
        rows.filter(|row| row.scenario == name && row.peer == peer)
            .map(|row| figure(row)),
    )
}

fn table(rows: Vec<&Row>) -> String {
    let mut text = String::from("| case |");
    for peer in PEERS {
        text += &format!(" {} |", peer.name());
    }
    text += &format!("\n|---|{}\n", "---|".repeat(PEERS.len()));
    for name in names(&rows) {
        text += &format!("| {name} |");
        for peer in PEERS {
            text += &match figure(&rows, name, peer, Row::dropped_percent) {
                Some(drops) => format!(" {}{} |", percent(drops), waits(&rows, name, peer)),
                None => " – |".into(),
            };
        }
        text.push('\n');
    }
    text
}

fn percent(drops: Spread) -> String {
    let number = |value: f64| match value {
        0.0 => "0".into(),
        _ if value < NOTHING => "<0.01".into(),
        10.0.. => format!("{value:.0}"),
        _ => format!("{value:.2}"),
    };
    let (least, median, most) = (
        number(drops.least),
        number(drops.median),
        number(drops.most),
    );
    if least == most {
        return median;
    }
    format!("{median} ({least} to {most})")
}

/// How often the limit was met, if it was.
fn waits(rows: &[&Row], name: &str, peer: Peer) -> String {
    match figure(rows, name, peer, |row| row.throttled as f64) {
        Some(times) if times.most > 0.0 => format!("; {:.0} times", times.median),
        _ => String::new(),
    }
}

/// Whether rbshim drops more than libbpf in any scenario, beyond what libbpf itself drops in its worst round.
fn verdict(rows: &[Row]) -> String {
    let all: Vec<&Row> = rows.iter().collect();
    let names = names(&all);
    let worse: Vec<_> = names
        .iter()
        .filter(|name| {
            let drops = |peer| figure(&all, name, peer, Row::dropped_percent);
            let worst = [Peer::Libbpf, Peer::LibbpfAgain]
                .into_iter()
                .filter_map(drops)
                .map(|drops| drops.most)
                .fold(0.0, f64::max);
            drops(Peer::Rbshim).is_some_and(|own| own.median > worst + NOTHING)
        })
        .collect();
    match worse.as_slice() {
        [] => format!(
            "In none of {} cases rbshim drops more than libbpf does.",
            names.len()
        ),
        worse => format!(
            "In {} of {} cases rbshim drops more than libbpf in its worst round:\n{}",
            worse.len(),
            names.len(),
            worse
                .iter()
                .map(|name| format!("- {name}\n"))
                .collect::<String>()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(peer: Peer, round: usize, dropped: u64) -> Row {
        Row {
            scenario: "a case".into(),
            limited: true,
            peer,
            round,
            tried: 1000,
            dropped,
            throttled: 0,
            throttled_ms: 0.0,
            reader_load: 0.0,
            producer_ns: 0.0,
            polls: 0.0,
        }
    }

    #[test]
    fn more_drops_than_in_libbpfs_worst_round_are_named() {
        for (own, named) in [(7, false), (8, true)] {
            let libbpf = [1, 7, 2].into_iter().enumerate();
            let mut rows: Vec<_> = libbpf
                .map(|(round, dropped)| row(Peer::Libbpf, round, dropped))
                .collect();
            rows.extend([0, own, 900].map(|dropped| row(Peer::Rbshim, 0, dropped)));
            assert_eq!(verdict(&rows).contains("\n- a case\n"), named, "{own}");
        }
    }

    #[test]
    fn what_nobody_counts_is_not_zero() {
        let drops = |least, median, most| {
            percent(Spread {
                least,
                median,
                most,
            })
        };
        assert_eq!(drops(0.0, 0.0, 0.0), "0");
        assert_eq!(drops(0.0, 0.001, 12.3), "<0.01 (0 to 12)");
    }
}
