// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What /proc shows of a process that reads rings: its threads, what they sleep in, its epoll instances.

pub mod active;
pub mod epoll;
pub mod mapped;
pub mod thread;
pub mod wait;

use crate::error::{Failure, Result, Status, words};
use epoll::Item;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::time::Duration;
use thread::Thread;

/// A process at one time.
#[derive(Clone, Debug)]
pub struct Process {
    /// Its id.
    pub pid: i32,
    /// When it was started, in the kernel's ticks: with the id, this is never another process.
    pub started: u64,
    /// Its name, which it chooses itself.
    pub name: Vec<u8>,
    /// All of its threads.
    pub threads: Vec<Thread>,
    /// Its epoll instances by descriptor, with what each watches.
    pub epolls: BTreeMap<i32, Vec<Item>>,
    /// It has an io_uring.
    pub uring: bool,
}

impl Process {
    /// Looks at a process.
    pub fn look(pid: i32) -> Result<Process> {
        let failed = |error: io::Error| gone(pid, &error);
        let (started, name) = identity(pid).map_err(failed)?;
        let threads = thread::all(pid).map_err(failed)?;
        let mut epolls = BTreeMap::new();
        let mut uring = false;
        for (fd, target) in descriptors(pid).map_err(failed)? {
            if target == epoll::EVENTPOLL {
                // One that is closed in this moment watches nothing.
                epolls.insert(fd, epoll::items(pid, fd).unwrap_or_default());
            }
            uring |= target == "anon_inode:[io_uring]";
        }
        Ok(Process {
            pid,
            started,
            name,
            threads,
            epolls,
            uring,
        })
    }

    /// Stopped by a signal or a debugger, or frozen with its control group.
    pub fn paused(&self) -> bool {
        !self.threads.is_empty() && self.threads.iter().all(Thread::paused)
    }

    /// A thread sleeps in `io_uring_enter`.
    pub fn sleeps_in_uring(&self) -> bool {
        let mut threads = self.threads.iter();
        threads.any(|thread| thread.call == thread::Call::Uring && thread.asleep())
    }

    /// Whether it is still the same process.
    pub fn lives(&self) -> bool {
        identity(self.pid).is_ok_and(|(started, _)| started == self.started)
    }
}

/// When it was started, and its name.
pub fn identity(pid: i32) -> io::Result<(u64, Vec<u8>)> {
    let stat = fs::read(format!("/proc/{pid}/stat"))?;
    let invalid = || io::Error::from(io::ErrorKind::InvalidData);
    // The name is in parentheses and may contain some.
    let open = stat
        .iter()
        .position(|byte| *byte == b'(')
        .ok_or_else(invalid)?;
    let close = stat
        .iter()
        .rposition(|byte| *byte == b')')
        .ok_or_else(invalid)?;
    let name = stat.get(open + 1..close).ok_or_else(invalid)?.to_vec();
    let rest = String::from_utf8_lossy(&stat[close + 1..]);
    // Field 22 of the line, of which the third is the first here.
    let started = rest.split_whitespace().nth(22 - 3);
    let started = started.and_then(|ticks| ticks.parse().ok());
    Ok((started.ok_or_else(invalid)?, name))
}

/// Its descriptors and what they are.
pub fn descriptors(pid: i32) -> io::Result<Vec<(i32, String)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))? {
        let entry = entry?;
        let number = entry.file_name();
        let number = number.to_str().and_then(|number| number.parse().ok());
        if let (Some(number), Ok(target)) = (number, fs::read_link(entry.path())) {
            found.push((number, target.to_string_lossy().into_owned()));
        }
    }
    Ok(found)
}

/// What is wrong with a process that cannot be looked at.
pub fn gone(pid: i32, error: &io::Error) -> Failure {
    match error.raw_os_error() {
        Some(libc::ENOENT | libc::ESRCH) => {
            Failure::new(Status::Missing, format!("{pid}: no such process"))
        }
        Some(libc::EACCES | libc::EPERM) => crate::privileges::missing(
            &format!("looking at process {pid}"),
            &["CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH"],
        ),
        _ => Failure::new(Status::System, format!("process {pid}: {}", words(error))),
    }
}

/// The processes there are.
pub fn all() -> Vec<i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// A timer that expires after this is no hope for a record.
pub const SOON: Duration = Duration::from_secs(10);
