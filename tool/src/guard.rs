// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `rbshim guard`: keeps one process from ever sleeping on data.
//!
//! A BPF program looks at the rings whenever a thread of the process is about to wait ([`program`]). It cannot do three
//! things, which are done here ([`keeper`]): wake a thread that slept on data before the program was there; wake one
//! whose ring is full; and notice that the process waits for other rings, or in other epoll instances, than before.

mod attached;
mod bell;
mod keeper;
mod log;
mod program;
mod tally;
mod target;

use crate::cli;
use crate::error::{Failure, Result, Status};
use crate::process::Process;
use crate::process::active::Active;
use crate::signals::{Signal, Signals};
use crate::watch::tell_manager;
use keeper::Keeper;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use sd_notify::NotifyState;
use std::io;
use std::time::{Duration, Instant};

/// Guards until the process ends, or a signal comes. Returns the exit status.
pub fn guard(options: &cli::Guard) -> Result<u8> {
    let signals = Signals::block();
    let system = |error: io::Error| Failure::from_io("guarding", &error);
    let pid = Pid::from_raw(options.pid);
    let pidfd = pid.ok_or(io::Error::from(io::ErrorKind::InvalidInput));
    let pidfd = pidfd.and_then(|pid| Ok(pidfd_open(pid, PidfdFlags::empty())?));
    let pidfd = pidfd.map_err(|error| crate::process::gone(options.pid, &error))?;
    let signalled = signals.descriptor().map_err(system)?;
    let process = Process::look(options.pid)?;
    refuse(&process)?;
    let mut keeper = Keeper::new(process)?;
    tell_manager(&[NotifyState::Ready]);
    let interval = Duration::from_millis(options.interval);
    let mut next = Instant::now() + interval;
    loop {
        let now = Instant::now();
        let time = keeper.due().map_or(next, |due| due.min(next));
        let time = Timespec::try_from(time.saturating_duration_since(now)).unwrap_or_default();
        let mut fds = [
            PollFd::new(&signalled, PollFlags::IN),
            PollFd::from_borrowed_fd(keeper.bell.map(), PollFlags::IN),
            PollFd::new(&pidfd, PollFlags::IN),
        ];
        match poll(&mut fds, Some(&time)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(system(error.into())),
        }
        let [signal, rung, ended] = fds.map(|fd| !fd.revents().is_empty());
        if ended {
            keeper.log.ended(&keeper.process);
            break;
        }
        // One that comes only now is left for the next poll.
        let news = if signal {
            signals.wait(Duration::ZERO)
        } else {
            None
        };
        match news {
            Some(Signal::End) => break,
            Some(Signal::Report) => keeper.report()?,
            None => {}
        }
        if rung {
            keeper.rung()?;
        }
        keeper.attend()?;
        if Instant::now() >= next {
            keeper.look()?;
            next = Instant::now() + interval;
            tell_manager(&[NotifyState::Watchdog]);
        }
    }
    tell_manager(&[NotifyState::Stopping]);
    keeper.report()?;
    Ok(0)
}

/// What cannot or need not be guarded.
fn refuse(process: &Process) -> Result<()> {
    let pid = process.pid;
    let mut start = [0; 5];
    let program = std::fs::File::open(format!("/proc/{pid}/exe"));
    // Without a program it is a thread of the kernel, which reads no ring.
    let read = program.and_then(|mut program| io::Read::read_exact(&mut program, &mut start));
    if read.is_ok() && start == *b"\x7fELF\x01" {
        let message = format!("{pid}: a 32-bit process, whose system calls have other numbers");
        return Err(Failure::new(Status::System, message));
    }
    if Active::default().in_process(pid) {
        let message = format!("{pid}: it has rbshim in it, and needs no guard");
        return Err(Failure::new(Status::No, message));
    }
    Ok(())
}
