// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Sleep until a time, or until an epoll instance reports something *new*.
//!
//! A ring with a record held back is readable, so a wait on the manager's epoll, which is
//! level-triggered, would not sleep. An outer epoll watches it edge-triggered: it reports only what has
//! come since it was last asked. A timer beside it ends the sleep: timeouts of waiting calls may be
//! 50 us late ("timer slack"), and before Linux 5.11 epoll's are in ms.

use super::epoll::{self, Event};
use super::errno::Errno;
use core::ffi::c_int;
use core::ptr;

const INNER: u64 = 0;
const TIMER: u64 = 1;

/// The outer epoll instance and the timer; a copy of their fds.
#[derive(Clone, Copy, Debug)]
pub struct EdgeSleep {
    outer: c_int,
    timer: c_int,
}

/// What ended a sleep.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Woken {
    /// Its time.
    InTime,
    /// Something new.
    Early,
    /// A signal, before there was anything new.
    BySignal,
}

impl EdgeSleep {
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
        let sleep = EdgeSleep { outer, timer };
        epoll::add(outer, inner, epoll::READABLE_EDGE, INNER)
            .and_then(|()| epoll::add(outer, timer, epoll::READABLE_EDGE, TIMER))
            .inspect_err(|_| sleep.destroy())?;
        Ok(sleep)
    }

    /// Forgets the events so far: only what comes after this ends the next sleep.
    pub fn forget(self) {
        self.wait(0);
    }

    /// Sleeps until `until`; it is `since` now, both in ns of [`monotonic_ns`].
    ///
    /// [`monotonic_ns`]: super::clock::monotonic_ns
    pub fn until(self, until: u64, since: u64) -> Woken {
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
            return Woken::Early;
        }
        // A fork shares the timer, and may set it to another time or take its event.
        let at_most = until.saturating_sub(since) / 1_000_000 + 2;
        self.wait(c_int::try_from(at_most).unwrap_or(c_int::MAX))
    }

    /// Closes both.
    pub fn destroy(self) {
        epoll::destroy(self.timer);
        epoll::destroy(self.outer);
    }

    /// Waits up to `timeout_ms`.
    fn wait(self, timeout_ms: c_int) -> Woken {
        let mut events = [Event {
            events: 0,
            u64: INNER,
        }; 2];
        let errno = Errno::last();
        // SAFETY: there is room for two events.
        let ready = unsafe { epoll::wait(self.outer, events.as_mut_ptr(), 2, timeout_ms) };
        let [first, _] = events;
        if ready.is_err() {
            // The call may succeed yet.
            errno.set();
        }
        match ready {
            Err(Errno(libc::EINTR)) => Woken::BySignal,
            Ok(0) => Woken::InTime,
            Ok(1) if first.u64 == TIMER => Woken::InTime,
            _ => Woken::Early,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::clock::monotonic_ns;
    use core::mem::zeroed;
    use std::sync::mpsc;
    use std::time::Duration;

    fn armed(sleep: EdgeSleep) -> bool {
        // SAFETY: integers, which the kernel fills in.
        let left = unsafe {
            let mut left: libc::itimerspec = zeroed();
            assert_eq!(libc::timerfd_gettime(sleep.timer, &raw mut left), 0);
            left.it_value
        };
        left.tv_sec != 0 || left.tv_nsec != 0
    }

    /// As a fork of the process may, whose timer is the same.
    #[test]
    fn a_sleep_ends_though_somebody_else_sets_its_timer() {
        let inner = epoll::create().unwrap();
        let sleep = EdgeSleep::new(inner).unwrap();
        let (ended, waiting) = mpsc::channel();
        let sleeper = std::thread::spawn(move || {
            let since = monotonic_ns();
            ended.send(sleep.until(since + 200_000_000, since)).unwrap();
        });
        while !armed(sleep) {
            std::thread::yield_now();
        }
        // SAFETY: integers.
        let mut later: libc::itimerspec = unsafe { zeroed() };
        later.it_value.tv_sec = 3_600;
        // SAFETY: `later` is valid for the call; the old value is not asked for.
        let set = unsafe { libc::timerfd_settime(sleep.timer, 0, &later, ptr::null_mut()) };
        assert_eq!(set, 0);
        let how = waiting.recv_timeout(Duration::from_secs(30));
        assert_eq!(how, Ok(Woken::InTime));
        sleeper.join().unwrap();
        sleep.destroy();
        epoll::destroy(inner);
    }
}
