// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What a manager knows of its records and wake-ups, and which of its polls may wait with records held
//! back.

use super::ManagerHandle;
use super::coalesce_call::CoalesceCall;
use super::linger_call::LingerCall;
use super::taking_part::{Looked, NOT_YET};
use crate::log::warning;
use crate::options::{COALESCE_MAX, options};
use crate::ring::coalesce::{self, Coalescing};
use crate::ring::linger::{Limits, Rate};
use crate::stats::{Counter, Counters};
use crate::sys::clock::monotonic_ns;
use crate::sys::edge_sleep::EdgeSleep;
use crate::sys::errno::Errno;
use crate::sys::{cpu, cpu_limit};
use core::ffi::c_int;

/// Other rings than one have records these days, unless so many polls in a row were notified about one
/// ring alone, the same.
const ALONE: u32 = 16;

/// The state of a manager's lingering and coalescing.
#[derive(Debug)]
pub(super) struct Lingering {
    /// Polls in a row that were notified about one ring, the same, and nothing else.
    alone: u32,
    /// The event of the last of them.
    last_event: u64,
    /// Longest time to spin for one ring, us; 0: not at all.
    linger_us: u32,
    /// Whether it is known that there is CPU time to spin with.
    may_spin: bool,
    /// Longest time to sleep in a coalescing window, us; 0: not at all.
    coalesce_us: u32,
    /// What to sleep with, once a window has been asked for.
    sleep: Option<EdgeSleep>,
    rate: Rate,
    coalescing: Coalescing,
    /// Bytes of the smallest ring.
    smallest: u64,
    /// When rings that do not take part were last looked for during a poll, ns; 0: it is time again;
    /// [`NOT_YET`].
    looked_at: u64,
}

impl Lingering {
    /// Spins up to `linger_us`, and never sleeps.
    pub fn new(linger_us: u32) -> Self {
        Lingering {
            alone: 0,
            last_event: u64::MAX,
            linger_us,
            may_spin: false,
            coalesce_us: 0,
            sleep: None,
            rate: Rate::default(),
            coalescing: Coalescing::default(),
            smallest: u64::MAX,
            looked_at: NOT_YET,
        }
    }
}

/// Whether this process has a CPU for what it reads while another one produces: not on a single CPU, nor where a
/// control group limits its CPU time, unless the user has asked for lingering by its name.
#[cold]
fn may_spin() -> bool {
    if !cpu::several() {
        return false;
    }
    let all = cpu::online().saturating_mul(1_000);
    options().linger_asked || cpu_limit::thousandths().is_none_or(|limit| limit >= all)
}

impl ManagerHandle {
    /// Lets polls sleep up to `us` microseconds while records come, instead of being woken for each; 0
    /// is off. `us` above [`COALESCE_MAX`] counts as that.
    ///
    /// Errors: `EMFILE`, `ENFILE`, `ENOMEM`, `ENOSPC`; what was in force stays.
    pub fn set_coalesce_us(self, us: u32) -> Result<(), Errno> {
        let us = us.min(COALESCE_MAX);
        if us > 0 && self.with_lingering(|lingering| lingering.sleep.is_none()) {
            let sleep = EdgeSleep::new(self.epoll_fd())?;
            self.with_lingering(|lingering| lingering.sleep = Some(sleep));
        }
        self.with_lingering(|lingering| lingering.coalesce_us = us);
        Ok(())
    }

    /// Gives up coalescing, with a warning; `false` if there was none. The kernel limits how many epolls
    /// that watch another epoll may lead to one map.
    pub(super) fn stop_coalescing(self) -> bool {
        let Some(sleep) = self.with_lingering(|lingering| lingering.sleep.take()) else {
            return false;
        };
        sleep.destroy();
        self.with_lingering(|lingering| lingering.coalesce_us = 0);
        warning!(c"rbshim: no coalescing window: too many managers of one map\n");
        true
    }

    /// Closes what was slept with.
    pub(super) fn destroy_sleep(self) {
        if let Some(sleep) = self.with_lingering(|lingering| lingering.sleep.take()) {
            sleep.destroy();
        }
    }

    /// Never spins from now on.
    pub(super) fn stop_lingering(self) {
        self.with_lingering(|lingering| {
            lingering.linger_us = 0;
            lingering.rate = Rate::default();
        });
    }

    /// Takes note of a new ring of `size` bytes.
    pub(super) fn note_size(self, size: u64) {
        self.with_lingering(|lingering| lingering.smallest = lingering.smallest.min(size));
    }

    /// When a poll begun now must return, in ns of [`monotonic_ns`]. Spinning adds less than the
    /// shortest timeout; sleeps may add more.
    pub(super) fn deadline(self, timeout_ms: c_int) -> u64 {
        match u64::try_from(timeout_ms) {
            Ok(timeout) if self.minds_time() => {
                monotonic_ns().wrapping_add(timeout.wrapping_mul(1_000_000))
            }
            _ => u64::MAX,
        }
    }

    /// Reads the rings that take part, which `ready` events have named, waiting for more where that is
    /// worth it, until `deadline` at most.
    ///
    /// Errors: those of [`read`](Self::read); `EINTR` where a signal has ended the wait, and nothing was delivered.
    pub(super) fn read_lingering(
        self,
        ready: usize,
        looked: Looked,
        deadline: u64,
    ) -> Result<u64, Errno> {
        self.note_events(ready);
        // The program waits for a descriptor of its own: it is not to wait for a window.
        if looked != Looked::Other {
            if let Some((sleep, call)) = self.sleep_of_call(deadline) {
                // Whatever has been notified until here is looked at now.
                sleep.forget();
                self.look_for_rings();
                let mut policy = CoalesceCall::new(self, sleep, call);
                let delivered = self.read_limited(&mut policy)?;
                if delivered == 0 && policy.interrupted {
                    return Err(Errno(libc::EINTR));
                }
                return Ok(delivered);
            }
        }
        let mut policy = LingerCall::new(self);
        if self.limit().is_some() {
            return self.read_limited(&mut policy);
        }
        self.read(&mut policy)
    }

    /// Whether there is CPU time to spin with, asked when spinning is first worth it: it takes system calls that
    /// libbpf's reader does not make. Where there is none the manager does not linger any more.
    #[inline(never)]
    pub(super) fn may_spin(self) -> bool {
        if self.with_lingering(|lingering| lingering.may_spin) {
            return true;
        }
        let may = may_spin();
        self.with_lingering(|lingering| lingering.may_spin = may);
        if !may {
            self.stop_lingering();
        }
        may
    }

    /// Whether polls have a window to sleep in, or a time to return in, or had one once.
    #[inline(always)]
    pub(super) fn minds_time(self) -> bool {
        self.with_lingering(|lingering| lingering.coalesce_us > 0) || self.has_edge()
    }

    /// Whether one ring alone has records these days, judged by what the last wait was notified about.
    #[inline]
    pub(super) fn note_events(self, ready: usize) {
        if self.ring_cnt() == 1 {
            return;
        }
        let event = if ready == 1 { self.event(0) } else { u64::MAX };
        self.with_lingering(|lingering| {
            let again = ready == 1 && event == lingering.last_event;
            lingering.last_event = event;
            lingering.alone = if again {
                lingering.alone.saturating_add(1)
            } else {
                0
            };
        });
    }

    /// What to sleep with in this call, if it is to open windows.
    fn sleep_of_call(self, deadline: u64) -> Option<(EdgeSleep, coalesce::Call)> {
        self.with_lingering(|lingering| {
            let sleep = lingering.sleep?;
            if lingering.coalesce_us == 0 {
                return None;
            }
            let longest = u64::from(lingering.coalesce_us).wrapping_mul(1_000);
            let size = lingering.smallest;
            let call = lingering.coalescing.begin(longest, size, deadline)?;
            Some((sleep, call))
        })
    }

    #[inline]
    pub(super) fn limits(self) -> Limits {
        self.limits_of(self.taking_part() as u64)
    }

    /// Those of a call that one ring takes part in.
    #[inline(always)]
    pub(super) fn limits_of_one(self) -> Limits {
        self.limits_of(1)
    }

    #[inline(always)]
    fn limits_of(self, rings: u64) -> Limits {
        let one = self.ring_cnt() == 1;
        self.with_lingering(|lingering| Limits {
            spin: u64::from(lingering.linger_us).wrapping_mul(1_000),
            size: lingering.smallest,
            rings,
            several: rings > 1 || !one && lingering.alone < ALONE,
        })
    }

    /// Counts a window in each ring that takes part.
    pub(super) fn count_windows(self, counter: impl Fn(&Counters) -> &Counter) {
        if options().stats {
            for number in 0..self.taking_part() {
                if let Some(ring) = self.participant(number) {
                    ring.stats().count(|counters| counter(counters).add(1));
                }
            }
        }
    }

    /// Works on what is known of the records and wake-ups.
    #[inline(always)]
    pub(super) fn with_rate<T>(self, work: impl FnOnce(&mut Rate) -> T) -> T {
        self.with_lingering(|lingering| work(&mut lingering.rate))
    }

    pub(super) fn with_coalescing<T>(self, work: impl FnOnce(&mut Coalescing) -> T) -> T {
        self.with_lingering(|lingering| work(&mut lingering.coalescing))
    }

    pub(super) fn looked_at(self) -> u64 {
        self.with_lingering(|lingering| lingering.looked_at)
    }

    pub(super) fn set_looked_at(self, now: u64) {
        self.with_lingering(|lingering| lingering.looked_at = now);
    }

    /// Has rings that do not take part looked for after the next window.
    pub(super) fn look_soon(self) {
        self.set_looked_at(0);
    }

    /// `work` must not call back into the manager.
    #[inline(always)]
    fn with_lingering<T>(self, work: impl FnOnce(&mut Lingering) -> T) -> T {
        // SAFETY: a live manager that no other thread uses; no other reference to the field exists while
        // `work` runs, since nothing of the program's does.
        work(unsafe { &mut (*self.as_ptr()).lingering })
    }
}
