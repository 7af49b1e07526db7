// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Instructions of the calls, counted by callgrind: figures without noise.

use crate::Failure;
use crate::case::Peer;
use crate::filled::{self, Filled};
use crate::results::Counted;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

pub const PEERS: [Peer; 2] = [Peer::Libbpf, Peer::Rbshim];

/// What is counted, how the program calls it, and the function whose instructions they are.
pub const COUNTS: [(&str, &str, &str); 6] = [
    ("each record", "consume", "ring_buffer__consume"),
    ("empty consume", "empty-consume", "ring_buffer__consume"),
    ("empty poll(0)", "empty-poll", "ring_buffer__poll"),
    ("poll that finds one record", "single", "ring_buffer__poll"),
    ("each record, one a call", "one", "ring_buffer__consume_n"),
    ("each record, two a call", "two", "ring_buffer__consume_n"),
];

/// The same of the ring's code by itself.
pub const ALONE: [(&str, &str); 5] = [
    ("ring alone, each record", "records"),
    ("ring alone, each record while hot", "hot"),
    ("ring alone, each discarded record", "discarded"),
    ("ring alone, empty call", "empty"),
    ("ring alone, call that finds one record", "single"),
];

/// Two runs differ by so many records or calls. Their difference is what counts: what happens once drops out.
const FEW: u32 = 1_000;
const MANY: u32 = 11_000;

/// All counts. None if there is no valgrind.
pub fn count(library: &Path) -> Result<Vec<Counted>, Failure> {
    let version = Command::new("valgrind").arg("--version").output();
    if version.is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        eprintln!("There is no valgrind: instructions are not counted.");
        return Ok(Vec::new());
    }
    let mut all = Vec::new();
    let mut add = |what: &str, peer, run: &dyn Fn(u32) -> Result<i64, Failure>| {
        let difference = run(MANY)? - run(FEW)?;
        all.push(Counted {
            what: what.into(),
            peer,
            instructions: difference as f64 / f64::from(MANY - FEW),
        });
        Ok::<(), Failure>(())
    };
    for (what, calls, function) in COUNTS {
        for peer in PEERS {
            let run = |count| through_api(peer, library, calls, function, count);
            add(what, peer, &run)?;
        }
    }
    for (what, calls) in ALONE {
        add(what, Peer::Rbshim, &|count| alone(calls, count))?;
    }
    Ok(all)
}

/// Calls of the C functions, on a ring of the kernel's.
fn through_api(
    peer: Peer,
    library: &Path,
    calls: &str,
    function: &str,
    count: u32,
) -> Result<i64, Failure> {
    let ring = Filled::new()?;
    let filled = ["consume", "one", "two"].contains(&calls);
    if filled {
        ring.fill(count)?;
    }
    let mut command = callgrind(function);
    command.arg(filled::PROGRAM);
    ring.calls(&mut command, peer, library, calls, count)?;
    let expected = match calls {
        _ if filled || calls == "single" => format!("{count} {count}"),
        _ => "0 0".into(),
    };
    collected(&mut command, &expected)
}

/// Calls of the ring's code, on a ring in ordinary memory.
fn alone(calls: &str, count: u32) -> Result<i64, Failure> {
    let mut command = callgrind("consume_alone");
    command
        .arg(std::env::current_exe()?.with_file_name("ring-alone"))
        .args([calls, &count.to_string()]);
    let expected = match calls {
        "discarded" | "empty" => 0,
        _ => count,
    };
    collected(&mut command, &expected.to_string())
}

fn callgrind(function: &str) -> Command {
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(format!("--toggle-collect={function}"))
        .env_remove("LD_PRELOAD");
    command
}

/// Runs it. What the program says must be as expected.
fn collected(command: &mut Command, expected: &str) -> Result<i64, Failure> {
    let output = command.output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    let said = String::from_utf8_lossy(&output.stdout);
    // What follows is how long it took.
    if said.lines().next() != Some(expected) {
        return Err(format!("{command:?}: {said}, not {expected}: {errors}").into());
    }
    let collected = errors
        .lines()
        .find_map(|line| line.split_once("Collected :"));
    let collected = collected.ok_or("callgrind has counted nothing")?.1;
    Ok(collected.trim().parse()?)
}
