// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The program where the kernel runs it, for as long as this process has its descriptor.

use super::bell::Bell;
use super::program::{self, Maps, Subject, WORDS};
use super::target::Target;
use crate::bpf::{self, tracing};
use crate::error::{Failure, Result, Status, words};
use crate::process::Process;
use rustix::fd::{AsRawFd, OwnedFd};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;

/// A program may use 64 maps, of which two are ours.
const MOST_RINGS: usize = 62;

/// What the program has done for a ring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sleeps that it was there to see.
    pub seen: u64,
    /// Those before which it found a record, and woke the reader.
    pub woken: u64,
    /// Those for which there was no room to do so.
    pub full: u64,
}

/// The program, with whom it guards.
pub struct Attached {
    /// In the order of their words.
    pub targets: Vec<Target>,
    words: OwnedFd,
    _link: OwnedFd,
}

impl Attached {
    /// Attaches the program. `None` if a ring has gone.
    pub fn new(subject: Subject, targets: Vec<Target>, bell: &Bell) -> Result<Option<Attached>> {
        if targets.len() > MOST_RINGS {
            let message = format!("guarding: more than {MOST_RINGS} rings of one process");
            return Err(Failure::new(Status::System, message));
        }
        let mut rings = Vec::new();
        for target in &targets {
            match bpf::open_map(target.ring.id) {
                Ok(map) => rings.push(map),
                Err(error) if error.raw_os_error() == Some(libc::ENOENT) => return Ok(None),
                Err(error) => return Err(failed(&error, "")),
            }
        }
        let words = tracing::words(WORDS * targets.len(), *b"rbshim_guard\0\0\0\0");
        let words = words.map_err(|error| failed(&error, ""))?;
        let fds: Vec<i32> = rings.iter().map(AsRawFd::as_raw_fd).collect();
        let maps = Maps {
            rings: &fds,
            words: words.as_raw_fd(),
            bell: bell.map().as_raw_fd(),
        };
        let program = program::program(subject, &targets, maps).ok_or_else(|| {
            Failure::new(
                Status::Kernel,
                "guarding is for x86-64 and AArch64 machines",
            )
        })?;
        let program = tracing::load(b"rbshim_guard\0\0\0\0", &program)
            .map_err(|(error, reason)| failed(&error, &reason))?;
        let link = tracing::attach(c"sys_enter", &program).map_err(|error| failed(&error, ""))?;
        Ok(Some(Attached {
            targets,
            words,
            _link: link,
        }))
    }

    /// What it has done, in the order of the targets.
    pub fn counts(&self) -> Result<Vec<Counts>> {
        let words = tracing::read_words(&self.words, WORDS * self.targets.len())
            .map_err(|error| failed(&error, ""))?;
        let counts = |words: &[u64]| Counts {
            seen: words[program::SEEN],
            woken: words[program::WOKEN],
            full: words[program::FULL],
        };
        Ok(words.chunks_exact(WORDS).map(counts).collect())
    }
}

/// How the kernel knows the process: a container has process ids of its own.
pub fn subject(process: &Process) -> Result<Subject> {
    let gone = |error: io::Error| crate::process::gone(process.pid, &error);
    let namespace = fs::metadata(format!("/proc/{}/ns/pid", process.pid)).map_err(gone)?;
    let status = fs::read_to_string(format!("/proc/{}/status", process.pid)).map_err(gone)?;
    let ids = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    // The last one is that in its own namespace.
    let pid = ids.and_then(|ids| ids.split_whitespace().last()?.parse().ok());
    let device = namespace.dev();
    Ok(Subject {
        pid: pid.unwrap_or(process.pid),
        // As the kernel keeps it: twelve bits, then twenty.
        namespace: (
            u64::from(libc::major(device)) << 20 | u64::from(libc::minor(device)),
            namespace.ino(),
        ),
    })
}

fn failed(error: &io::Error, reason: &str) -> Failure {
    let reason = if reason.is_empty() {
        String::new()
    } else {
        format!(" ({})", crate::text::plain_str(reason))
    };
    match error.raw_os_error() {
        Some(libc::EPERM) => {
            crate::privileges::missing("guarding", &["CAP_SYS_ADMIN", "CAP_BPF", "CAP_PERFMON"])
        }
        Some(libc::ENOENT) => Failure::new(
            Status::Kernel,
            "this kernel has no tracepoint at system calls",
        ),
        Some(libc::EINVAL | libc::EACCES | libc::ENOSYS | libc::EOPNOTSUPP) => Failure::new(
            Status::Kernel,
            format!(
                "the kernel does not take the program, which needs Linux 5.12, CONFIG_BPF_EVENTS, and no lockdown: \
                 {}{reason}",
                words(error)
            ),
        ),
        _ => Failure::from_io("guarding", error),
    }
}
