// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Sleep until a time, or until an epoll instance tells of something *new*.
//!
//! A ring with a record held back is readable, so waiting for the manager's epoll, which is
//! level-triggered, would not sleep. An outer one watches it edge-triggered: it tells of what has
//! come since it was last asked. A timer beside it ends the sleep: timeouts of waiting calls may be
//! 50 us late ("timer slack"), and before Linux 5.11 epoll's are in ms.

use super::clock::monotonic_ns;
use super::epoll::{self, Event};
use super::errno::Errno;
use crate::ring::linger::Ended;
use core::ffi::c_int;
use core::ptr;

const INNER: u64 = 0;
const TIMER: u64 = 1;

/// The outer epoll instance and the timer; a copy of their fds.
#[derive(Clone, Copy, Debug)]
pub struct Nap {
    outer: c_int,
    timer: c_int,
}

/// What ended a wait.
enum Told {
    /// Its timeout.
    Nothing,
    /// The timer alone.
    Timer,
    /// Something new, or a signal.
    More,
}

impl Nap {
    /// Watches the epoll instance `inner`. Errors: `EMFILE`, `ENFILE`, `ENOMEM`, `ENOSPC`.
    pub fn new(inner: c_int) -> Result<Self, Errno> {
        let outer = epoll::create()?;
        // SAFETY: no memory is passed.
        let timer = unsafe {
            libc::timerfd_create(
                libc::CLOCK_MONOTONIC,
                libc::TFD_CLOEXEC | libc::TFD_NONBLOCK,
            )
        };
        if timer < 0 {
            let error = Errno::last();
            epoll::destroy(outer);
            return Err(error);
        }
        let nap = Nap { outer, timer };
        epoll::add(outer, inner, epoll::READABLE_EDGE, INNER)
            .and_then(|()| epoll::add(outer, timer, epoll::READABLE_EDGE, TIMER))
            .inspect_err(|_| nap.destroy())?;
        Ok(nap)
    }

    /// Forgets what has been told of so far: only what comes after this ends the next sleep.
    pub fn forget(self) {
        self.told(0);
    }

    /// Sleeps until `until`, in ns of [`monotonic_ns`], begun at `since`.
    pub fn sleep(self, since: u64, until: u64) -> Ended {
        let at = libc::itimerspec {
            // SAFETY: integers.
            it_interval: unsafe { core::mem::zeroed() },
            it_value: libc::timespec {
                tv_sec: (until / 1_000_000_000) as _,
                tv_nsec: (until % 1_000_000_000) as _,
            },
        };
        let errno = Errno::last();
        // SAFETY: `at` is valid for the call; the old value is not asked for.
        let armed = unsafe {
            libc::timerfd_settime(self.timer, libc::TFD_TIMER_ABSTIME, &at, ptr::null_mut())
        };
        if armed != 0 {
            errno.set();
            return Ended::Early;
        }
        // A fork shares the timer, and may set it to another time or take its event.
        let at_most = until.saturating_sub(since) / 1_000_000 + 2;
        match self.told(c_int::try_from(at_most).unwrap_or(c_int::MAX)) {
            Told::Nothing | Told::Timer => Ended::InTime(monotonic_ns().wrapping_sub(since)),
            Told::More => Ended::Early,
        }
    }

    /// Closes both.
    pub fn destroy(self) {
        epoll::destroy(self.timer);
        epoll::destroy(self.outer);
    }

    /// Waits up to `timeout_ms`.
    fn told(self, timeout_ms: c_int) -> Told {
        let mut events = [Event {
            events: 0,
            u64: INNER,
        }; 2];
        let errno = Errno::last();
        // SAFETY: there is room for two events.
        let told = unsafe { epoll::wait(self.outer, events.as_mut_ptr(), 2, timeout_ms) };
        if told.is_err() {
            // A signal ends the sleep; the call succeeds.
            errno.set();
        }
        let [first, _] = events;
        match told {
            Ok(0) => Told::Nothing,
            Ok(1) if first.u64 == TIMER => Told::Timer,
            _ => Told::More,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::zeroed;
    use std::sync::mpsc;
    use std::time::Duration;

    fn armed(nap: Nap) -> bool {
        // SAFETY: integers, which the kernel fills in.
        let left = unsafe {
            let mut left: libc::itimerspec = zeroed();
            assert_eq!(libc::timerfd_gettime(nap.timer, &raw mut left), 0);
            left.it_value
        };
        left.tv_sec != 0 || left.tv_nsec != 0
    }

    /// As a fork of the process may, whose timer is the same.
    #[test]
    fn a_sleep_ends_though_somebody_else_sets_its_timer() {
        let inner = epoll::create().unwrap();
        let nap = Nap::new(inner).unwrap();
        let (ended, waiting) = mpsc::channel();
        let sleeper = std::thread::spawn(move || {
            let since = monotonic_ns();
            ended.send(nap.sleep(since, since + 200_000_000)).unwrap();
        });
        while !armed(nap) {
            std::thread::yield_now();
        }
        // SAFETY: integers.
        let mut later: libc::itimerspec = unsafe { zeroed() };
        later.it_value.tv_sec = 3_600;
        // SAFETY: `later` is valid for the call; the old value is not asked for.
        let set = unsafe { libc::timerfd_settime(nap.timer, 0, &later, ptr::null_mut()) };
        assert_eq!(set, 0);
        let how = waiting.recv_timeout(Duration::from_secs(30));
        assert!(matches!(how, Ok(Ended::InTime(_))), "{how:?}");
        sleeper.join().unwrap();
        nap.destroy();
        epoll::destroy(inner);
    }
}
