// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What a call costs that finds nothing, and how long a program takes until it has opened its first ring.

use crate::Failure;
use crate::case::Peer;
use crate::cpu;
use crate::results::Timed;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

pub const POLL: &str = "empty poll(0)";
pub const CONSUME: &str = "empty consume";
pub const START: &str = "start to first ring";

/// The readers compared here.
pub const PEERS: [Peer; 3] = [Peer::Libbpf, Peer::LibbpfAgain, Peer::Rbshim];

/// Starts of a program in one round.
const STARTS: usize = 20;

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
    let mut times = vec![Vec::new(); PEERS.len()];
    for _ in 0..STARTS {
        for (peer, times) in PEERS.iter().zip(&mut times) {
            times.push(start(*peer, library, None)?.0);
        }
    }
    for (peer, times) in PEERS.iter().zip(times) {
        let spread = crate::statistics::spread(times).ok_or("no starts")?;
        add(START, *peer, spread.median);
    }
    Ok(all)
}

/// Nanoseconds from before the start of the program until its ring was open, and those of a call.
fn start(peer: Peer, library: &Path, call: Option<&str>) -> Result<(f64, f64), Failure> {
    let mut command = Command::new(env!("CALLS_PROGRAM"));
    command.env_clear().args(call);
    if peer == Peer::Rbshim {
        command.env("LD_PRELOAD", library);
    }
    // SAFETY: Between fork and exec it makes system calls only.
    unsafe {
        command.pre_exec(|| {
            cpu::come_first();
            cpu::pin(cpu::READER)
        })
    };
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
