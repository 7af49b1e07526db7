// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Several setups on one case, by turns.

use crate::Failure;
use crate::case::{Case, Peer};
use crate::figures;
use crate::limits::condition::Condition;
use crate::reader::Setup;
use crate::run::{Measured, run};
use crate::statistics::spread;
use std::path::PathBuf;

/// A setup from `none`, `PATH` or `PATH+NAME=VALUE+...`; or the name of a peer.
pub fn setup(text: &str) -> Result<Setup, Failure> {
    let mut parts = text.split('+');
    let library = parts.next().unwrap_or_default();
    let environment = parts.map(variable).collect::<Result<_, _>>()?;
    let (peer, library) = match library {
        "none" | "libbpf" => (Peer::Libbpf, None),
        "aya" => (Peer::Aya, None),
        "libbpf-rs" => (Peer::LibbpfRs, None),
        "alone" => (Peer::Alone, None),
        path => (Peer::Rbshim, Some(PathBuf::from(path))),
    };
    Ok(Setup {
        peer,
        library,
        environment,
        condition: Condition::BEST,
    })
}

pub fn variable(text: &str) -> Result<(String, String), Failure> {
    let (name, value) = text.split_once('=').ok_or("not NAME=VALUE")?;
    Ok((name.into(), value.into()))
}

/// Runs each setup in each round and prints medians, the least and the most, and the median of the
/// ratios to the first setup in the same round.
pub fn compare(case: &Case, names: &[String], rounds: usize) -> Result<(), Failure> {
    let setups = names
        .iter()
        .map(|name| setup(name))
        .collect::<Result<Vec<_>, _>>()?;
    let mut runs = vec![Vec::new(); setups.len()];
    for round in 0..rounds {
        for turn in 0..setups.len() {
            // Nobody always comes first.
            let index = (turn + round) % setups.len();
            let measured = run(case, &setups[index])?;
            eprintln!(
                "{}/{rounds} {:<28} {}",
                round + 1,
                names[index],
                line(&measured)
            );
            runs[index].push(measured);
        }
    }
    println!("figure, library, median [least to most], ratio to the first in the same round");
    for (figure, value) in figures::ALL {
        for (name, measured) in names.iter().zip(&runs) {
            let ratios = measured.iter().zip(&runs[0]);
            let ratios = ratios.filter_map(|(own, base)| Some(value(own)? / value(base)?));
            let (Some(values), Some(ratios)) =
                (spread(measured.iter().filter_map(value)), spread(ratios))
            else {
                continue;
            };
            println!(
                "{figure:<12} {name:<40} {:>12.3} [{:.3} to {:.3}] x{:.3}",
                values.median, values.least, values.most, ratios.median
            );
        }
    }
    Ok(())
}

/// A run for people.
pub fn line(run: &Measured) -> String {
    let mut text = format!(
        "{:.3} M/s, producer {:.0} ns, reader {:.0} ns ({:.0}% load), both {:.0} ns",
        run.mps,
        run.producer_ns,
        run.reader_ns,
        run.reader_load * 100.0,
        run.both_ns
    );
    if let (Some(p50), Some(p99), Some(slice)) = (run.p50_us, run.p99_us, run.p99_slice_us) {
        text += &format!(", p50 {p50:.1} us, p99 {p99:.1} us (median slice: {slice:.1})");
    }
    let tried = (run.accepted + run.dropped) as f64;
    let dropped = run.dropped as f64 / tried * 100.0;
    text += &format!(
        ", {:.0} polls/s, {:.0} sleeps/s, {dropped:.1}% dropped",
        run.returns, run.sleeps
    );
    text
}
