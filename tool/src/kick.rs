// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Wakes a reader that sleeps on data, without touching its data or its memory.
//!
//! Where the ring has room, the kernel does it: an empty record that is discarded at once, with a forced wake-up. Where
//! it is full there is no such record. Then a descriptor of the same map is added to the reader's own epoll instance,
//! to be reported once, with the data that the reader expects with its ring; to the reader that is its ring becoming
//! ready. Both leave nothing behind, also if this process is killed: the kernel removes the descriptor with it.

mod command;
mod one_shot;
mod record;

use crate::error::{Failure, Result};
use crate::process::Process;
use crate::process::wait::How;
use crate::rings::{Kind, Mapping, Ring};
pub use command::kick;
use std::sync::atomic::Ordering::Acquire;
use std::time::{Duration, Instant};

/// A reader that has not moved after so long was not woken, or has something else to do.
const PATIENCE: Duration = Duration::from_secs(1);

/// What woke the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// An empty record.
    Record,
    /// A second descriptor in the reader's epoll instance.
    OneShot,
}

impl Means {
    /// For messages.
    pub fn name(self) -> &'static str {
        match self {
            Means::Record => "an empty record",
            Means::OneShot => "a one-shot event",
        }
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The reader has read so many bytes since.
    Woken(Means, u64),
    /// It moved before anything was done.
    Moves,
    /// It does not sleep in a wait for this ring: nothing was done.
    Awake,
    /// It sleeps on, and has not read: what could be done was done.
    SleepsOn,
    /// Its ring is full and it waits by io_uring, for which there is no way.
    NoWay,
    /// The ring is gone.
    Gone,
}

/// Wakes the reader of a ring, if it sleeps. `readers` are the processes that have the ring mapped.
pub fn ring(ring: &Ring, readers: &[i32]) -> Result<Outcome> {
    if ring.kind == Kind::User {
        return Ok(Outcome::Awake);
    }
    let Some(mapping) = ring.open()? else {
        return Ok(Outcome::Gone);
    };
    let before = mapping.consumer().load(Acquire);
    let processes: Vec<Process> = readers
        .iter()
        .filter_map(|pid| Process::look(*pid).ok())
        .collect();
    if !processes.iter().any(|process| sleeps(process, ring.id)) {
        return Ok(Outcome::Awake);
    }
    if mapping.consumer().load(Acquire) != before {
        return Ok(Outcome::Moves);
    }
    // An overwriting ring always has room: for the record, an older one would go.
    let forced =
        ring.kind == Kind::Ring && record::force(&mapping).map_err(|error| failed(ring, &error))?;
    if forced {
        if let Some(read) = moved(&mapping, before, PATIENCE) {
            return Ok(Outcome::Woken(Means::Record, read));
        }
    }
    for process in &processes {
        let tried = one_shot::add(&mapping, process, ring.id, before);
        if let Some(read) = tried.map_err(|error| failed(ring, &error))? {
            return Ok(Outcome::Woken(Means::OneShot, read));
        }
    }
    let uring = |process: &Process| process.waiters(ring.id).is_empty();
    if processes.iter().all(uring) {
        return Ok(Outcome::NoWay);
    }
    Ok(Outcome::SleepsOn)
}

/// Whether one of its threads sleeps in a wait for the ring, as far as can be seen.
pub fn sleeps(process: &Process, ring: u32) -> bool {
    let mut waiters = process.waiters(ring).into_iter();
    let waits = waiters.any(|waiter| waiter.thread.asleep());
    waits || process.how(ring) == How::Uring && process.sleeps_in_uring()
}

/// Waits until the reader has moved; how far it got.
fn moved(mapping: &Mapping, before: u64, patience: Duration) -> Option<u64> {
    let deadline = Instant::now() + patience;
    loop {
        let now = mapping.consumer().load(Acquire);
        if now != before {
            return Some(now.wrapping_sub(before));
        }
        if Instant::now() >= deadline {
            return None;
        }
        std::thread::sleep(Duration::from_micros(100));
    }
}

fn failed(ring: &Ring, error: &std::io::Error) -> Failure {
    match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => crate::privileges::missing(
            &format!("waking the reader of ring {}", ring.id),
            &["CAP_SYS_ADMIN", "CAP_SYS_PTRACE", "CAP_BPF"],
        ),
        _ => Failure::from_io(format!("waking the reader of ring {}", ring.id), error),
    }
}
