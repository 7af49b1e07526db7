// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Sleeps until the time is over or a signal comes. The signals are blocked, so that none comes at another time.

use rustix::fd::{FromRawFd, OwnedFd};
use std::io;
use std::mem::MaybeUninit;
use std::ptr::null_mut;
use std::time::Duration;

/// What a signal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM, SIGINT.
    End,
    /// SIGUSR1: the counters are wanted.
    Report,
}

/// The signals that are waited for.
pub struct Signals(libc::sigset_t);

impl Signals {
    /// Blocks them.
    pub fn block() -> Signals {
        let mut set = MaybeUninit::uninit();
        // SAFETY: 1. sigemptyset initializes the set; 2. the numbers are those of signals; 3. the mask is changed before
        // there is a second thread.
        unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGUSR1] {
                libc::sigaddset(set.as_mut_ptr(), signal);
            }
            let set = set.assume_init();
            libc::sigprocmask(libc::SIG_BLOCK, &set, null_mut());
            Signals(set)
        }
    }

    /// A descriptor that is readable when one has come, for [`Signals::wait`] to take.
    pub fn descriptor(&self) -> io::Result<OwnedFd> {
        // SAFETY: the set lives through the call.
        let fd = unsafe { libc::signalfd(-1, &self.0, libc::SFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just made this descriptor, for us alone.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }

    /// Sleeps for so long at most.
    pub fn wait(&self, time: Duration) -> Option<Signal> {
        let time = libc::timespec {
            tv_sec: time.as_secs() as libc::time_t,
            tv_nsec: libc::c_long::from(time.subsec_nanos() as i32),
        };
        // SAFETY: set and time live through the call.
        match unsafe { libc::sigtimedwait(&self.0, null_mut(), &time) } {
            libc::SIGUSR1 => Some(Signal::Report),
            libc::SIGTERM | libc::SIGINT => Some(Signal::End),
            _ => None,
        }
    }
}
