// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What a call costs that finds nothing or is for a few records, and how long a program takes until it has opened its
//! first ring.

use crate::Failure;
use crate::case::Peer;
use crate::cpu;
use crate::filled::{self, Filled};
use crate::results::Timed;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

pub const POLL: &str = "empty poll(0)";
pub const CONSUME: &str = "empty consume";
pub const START: &str = "start to first ring";
/// What is measured of a filled ring, and how its program calls it.
pub const FEW: [(&str, &str); 2] = [
    ("each record, one a call", "one"),
    ("each record, two a call", "two"),
];

/// The readers compared here.
pub const PEERS: [Peer; 3] = [Peer::Libbpf, Peer::LibbpfAgain, Peer::Rbshim];

/// Starts of a program in one round.
const STARTS: usize = 20;

/// Records that a ring is filled with: nearly as many as it holds.
const FILL: u32 = 20_000;

/// One round of all of it. The starts are by turns, and each round has one figure: their median.
pub fn round(round: usize, library: &Path) -> Result<Vec<Timed>, Failure> {
    let mut all = Vec::new();
    let mut add = |what: &str, peer, nanoseconds| {
        all.push(Timed {
            what: what.into(),
            peer,
            round,
            nanoseconds,
        });
    };
    for (what, argument) in [(POLL, "poll"), (CONSUME, "consume")] {
        for turn in 0..PEERS.len() {
            let peer = PEERS[(turn + round) % PEERS.len()];
            add(what, peer, start(peer, library, Some(argument))?.1);
        }
    }
    by_turns(
        |peer| Ok(start(peer, library, None)?.0),
        |peer, median| add(START, peer, median),
    )?;
    for (what, calls) in FEW {
        let ring = Filled::new()?;
        by_turns(
            |peer| few(&ring, peer, library, calls),
            |peer, median| add(what, peer, median),
        )?;
    }
    Ok(all)
}

/// Measures each peer by turns, and says the median of each.
fn by_turns(
    mut measure: impl FnMut(Peer) -> Result<f64, Failure>,
    mut say: impl FnMut(Peer, f64),
) -> Result<(), Failure> {
    let mut times = vec![Vec::new(); PEERS.len()];
    for _ in 0..STARTS {
        for (peer, times) in PEERS.iter().zip(&mut times) {
            times.push(measure(*peer)?);
        }
    }
    for (peer, times) in PEERS.iter().zip(times) {
        let spread = crate::statistics::spread(times).ok_or("no starts")?;
        say(*peer, spread.median);
    }
    Ok(())
}

/// Nanoseconds for each record of a filled ring.
fn few(ring: &Filled, peer: Peer, library: &Path, calls: &str) -> Result<f64, Failure> {
    ring.fill(FILL)?;
    let mut command = Command::new(filled::PROGRAM);
    command.env_clear();
    ring.calls(&mut command, peer, library, calls, FILL)?;
    on_readers_cpu(&mut command);
    let output = command.output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let nanoseconds = match text.lines().collect::<Vec<_>>()[..] {
        [counts, nanoseconds] if counts == format!("{FILL} {FILL}") => {
            nanoseconds.parse::<f64>()?
        }
        _ => return Err(format!("{calls}: {output:?}").into()),
    };
    Ok(nanoseconds / f64::from(FILL))
}

fn on_readers_cpu(command: &mut Command) {
    // SAFETY: Between fork and exec it makes system calls only.
    unsafe {
        command.pre_exec(|| {
            cpu::come_first();
            cpu::pin(cpu::READER)
        })
    };
}

/// Nanoseconds from before the start of the program until its ring was open, and those of a call.
fn start(peer: Peer, library: &Path, call: Option<&str>) -> Result<(f64, f64), Failure> {
    let mut command = Command::new(env!("CALLS_PROGRAM"));
    command.env_clear().args(call);
    if peer == Peer::Rbshim {
        command.env("LD_PRELOAD", library);
    }
    on_readers_cpu(&mut command);
    let before = cpu::clock_ns(libc::CLOCK_MONOTONIC);
    let output = command.output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    // The dynamic linker only warns if it cannot preload.
    if !output.status.success() || !errors.is_empty() {
        return Err(format!("calls: {}: {errors}", output.status).into());
    }
    let text = String::from_utf8(output.stdout)?;
    let mut numbers = text.lines();
    let open: u64 = numbers.next().ok_or("no time")?.parse()?;
    let call = numbers.next().unwrap_or("0").parse()?;
    Ok((open.saturating_sub(before) as f64, call))
}
