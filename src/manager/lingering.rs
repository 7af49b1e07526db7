// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Which polls of a manager linger: those in which one ring alone has records, and is likely to have more.

use super::{CALL_MAX, ManagerHandle};
use crate::linger_call::LingerCall;
use crate::mapped_ring::RingHandle;
use crate::options::COALESCE_MAX;
use crate::ring::linger::Limits;
use crate::sys::clock::monotonic_ns;
use crate::sys::cpu;
use crate::sys::edge_sleep::EdgeSleep;
use crate::sys::errno::Errno;
use core::ffi::c_int;

/// A manager lingers for one of several rings after so many polls in a row that were notified about that
/// ring and no other: the records of the others have to wait until the call returns.
const ALONE: u32 = 16;

/// What a manager's polls know about lingering.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lingering {
    /// Polls in a row that were notified about one ring, the same, and nothing else.
    alone: u32,
    /// The event of the last of them.
    last_event: u64,
    /// Longest time to spin, us; 0: not at all.
    linger_us: u32,
    /// Longest time to sleep in a coalescing window, us; 0: not at all.
    coalesce_us: u32,
    /// What to sleep with, once a window has been asked for.
    sleep: Option<EdgeSleep>,
}

impl Lingering {
    /// Spins up to `linger_us`, and never sleeps.
    pub fn new(linger_us: u32) -> Self {
        let linger_us = match linger_us {
            // On a single CPU nothing can come while we spin.
            1.. if cpu::several() => linger_us,
            _ => 0,
        };
        Lingering {
            alone: 0,
            last_event: 0,
            linger_us,
            coalesce_us: 0,
            sleep: None,
        }
    }

    /// Closes what was slept with.
    pub fn destroy(self) {
        if let Some(sleep) = self.sleep {
            sleep.destroy();
        }
    }
}

impl ManagerHandle {
    /// Lets polls sleep up to `us` microseconds while records come, instead of being woken for each; 0
    /// is off. `us` above [`COALESCE_MAX`] counts as that.
    ///
    /// Errors: `EMFILE`, `ENFILE`, `ENOMEM`, `ENOSPC`; what was in force stays.
    pub fn set_coalesce_us(self, us: u32) -> Result<(), Errno> {
        let mut lingering = self.lingering();
        if us > 0 && lingering.sleep.is_none() {
            lingering.sleep = Some(EdgeSleep::new(self.epoll_fd())?);
        }
        lingering.coalesce_us = us.min(COALESCE_MAX);
        self.set_lingering(lingering);
        Ok(())
    }

    /// When a poll begun now must return, in ns of [`monotonic_ns`]. Spinning adds less than the
    /// shortest timeout; sleeps may add more.
    pub(super) fn deadline(self, timeout_ms: c_int) -> u64 {
        let sleeps = self.lingering().coalesce_us > 0;
        match u64::try_from(timeout_ms) {
            Ok(timeout) if sleeps => monotonic_ns().wrapping_add(timeout.wrapping_mul(1_000_000)),
            _ => u64::MAX,
        }
    }

    /// Whether the ring that the last wait was notified about is the only one with records these days;
    /// `ready` events have been filled.
    pub(super) fn is_alone(self, ready: usize) -> bool {
        if ready == 1 && self.ring_cnt() == 1 {
            return true;
        }
        let mut lingering = self.lingering();
        let event = if ready == 1 { self.event(0) } else { u64::MAX };
        let again = ready == 1 && event == lingering.last_event;
        lingering.last_event = event;
        lingering.alone = if again {
            lingering.alone.saturating_add(1)
        } else {
            0
        };
        self.set_lingering(lingering);
        lingering.alone >= ALONE
    }

    /// What to sleep with in the next call on the ring of the first event, if that is likely to.
    pub(super) fn edge_sleep(self) -> Option<EdgeSleep> {
        let sleep = self.lingering().sleep?;
        let ring = self.ring_of_event(0)?;
        let limits = self.limits(ring);
        ring.with_rate(|rate| rate.sleep_is_cheaper(&limits))
            .then_some(sleep)
    }

    /// Consumes the only ring that has been notified about, lingering where that is worth it.
    pub(super) fn linger(
        self,
        ring: RingHandle,
        deadline: u64,
        sleep: Option<EdgeSleep>,
    ) -> Result<u64, Errno> {
        ring.stats().count(|counters| counters.wakeups.add(1));
        let mut policy = LingerCall::new(ring, self.limits(ring), deadline, sleep);
        ring.consume_with(CALL_MAX, &mut policy)
    }

    fn limits(self, ring: RingHandle) -> Limits {
        let lingering = self.lingering();
        Limits {
            spin: u64::from(lingering.linger_us).wrapping_mul(1_000),
            sleep: u64::from(lingering.coalesce_us).wrapping_mul(1_000),
            size: ring.size(),
            others: self.ring_cnt() > 1,
        }
    }

    fn lingering(self) -> Lingering {
        // SAFETY: a live manager that no other thread uses.
        unsafe { (*self.as_ptr()).lingering }
    }

    fn set_lingering(self, lingering: Lingering) {
        // SAFETY: as in `lingering`; no reference to the field exists.
        unsafe { (*self.as_ptr()).lingering = lingering };
    }
}
