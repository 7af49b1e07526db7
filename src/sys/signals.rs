// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The signals of a thread that spins in user space, and must notice all the same that a handler has run.
//!
//! A handler that runs while a thread spins leaves no trace. So all signals are blocked meanwhile, and let through
//! now and then in a system call that says whether one was handled.

use super::errno::Errno;
use core::ffi::c_int;
use core::mem::zeroed;
use core::ptr;
use libc::{nfds_t, pollfd, sigset_t, timespec};

// A cancellation point, as in `epoll`.
unsafe extern "C-unwind" {
    fn ppoll(
        fds: *mut pollfd,
        count: nfds_t,
        timeout: *const timespec,
        mask: *const sigset_t,
    ) -> c_int;
}

/// The signals that the calling thread has blocked itself.
#[derive(Clone, Copy)]
pub struct Mask(sigset_t);

impl Mask {
    /// Blocks all signals, but for those that libc needs itself (to cancel a thread, for one), and says which
    /// were blocked before. Errors: whatever a security module says.
    pub fn block_all() -> Result<Self, Errno> {
        // SAFETY: integers, which the two calls fill in; both sets are valid for them.
        let (failed, before) = unsafe {
            let (mut all, mut before): (sigset_t, sigset_t) = (zeroed(), zeroed());
            libc::sigfillset(&raw mut all);
            let failed = libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
            (failed, before)
        };
        if failed == 0 {
            Ok(Mask(before))
        } else {
            Err(Errno(failed))
        }
    }

    /// Blocks these signals again, and no others. Handlers of those that have come run before this returns.
    pub fn restore(&self) {
        // SAFETY: the set is valid for the call; the old one is not asked for.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, ptr::null_mut()) };
    }

    /// Lets the signals through that have come and that this mask does not block. Whether a handler has run; a signal
    /// that is ignored, or that only stops the process for a while, does not count.
    ///
    /// Errors: whatever a security module says.
    pub fn let_through(&self) -> Result<bool, Errno> {
        let no_time = timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: no fds; time and mask are valid for the call. It looks for signals with the mask in place, before it
        // returns in any case.
        if unsafe { ppoll(ptr::null_mut(), 0, &raw const no_time, &raw const self.0) } == 0 {
            return Ok(false);
        }
        match Errno::last() {
            Errno(libc::EINTR) => Ok(true),
            error => Err(error),
        }
    }
}
