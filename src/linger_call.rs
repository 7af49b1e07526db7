// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Lingering on a real ring: the clock, the spinning, the sleep.

use crate::mapped_ring::RingHandle;
use crate::ring::linger::{Call, Clocks, Ended, Limits, Now, Window};
use crate::ring::wait::{WaitPolicy, Walked};
use crate::sys::clock::{monotonic_ns, thread_cpu_ns};
use crate::sys::edge_sleep::EdgeSleep;
use core::hint::spin_loop;

/// Rings smaller than this many bytes publish each record's start, however hot they are.
const HOT_SIZE_MIN: u64 = 64 * 1024;

/// Pauses between two looks at the clock: some tenths of a microsecond.
const PAUSES: u32 = 8;

/// The wait policy of one call that lingers on one ring.
#[derive(Debug)]
pub struct LingerCall {
    ring: RingHandle,
    limits: Limits,
    call: Call,
    /// What the last decision opened, and when.
    open: Option<(Window, u64)>,
    /// What to sleep with, if this call may.
    sleep: Option<EdgeSleep>,
}

impl LingerCall {
    /// For a call on `ring` that must return at `deadline`, in ns of [`monotonic_ns`], and may sleep
    /// with `sleep` if there is one.
    pub fn new(ring: RingHandle, limits: Limits, deadline: u64, sleep: Option<EdgeSleep>) -> Self {
        LingerCall {
            ring,
            limits,
            call: Call::until(deadline),
            open: None,
            sleep,
        }
    }
}

impl WaitPolicy for LingerCall {
    #[inline]
    fn hot(&self) -> bool {
        self.ring.with_rate(|rate| rate.hot())
            && self.limits.size >= HOT_SIZE_MIN
            && !self.ring.is_watched()
    }

    #[inline]
    fn waits(&mut self, walked: Walked) -> bool {
        let limits = self.limits;
        let call = &mut self.call;
        let clocks = self.ring.with_rate(|rate| rate.note(call, walked, &limits));
        if clocks == Clocks::Neither {
            return false;
        }
        let now = Now {
            wall: monotonic_ns(),
            cpu: if clocks == Clocks::Both {
                thread_cpu_ns()
            } else {
                0
            },
        };
        let window = self.ring.with_rate(|rate| rate.decide(call, now, &limits));
        self.open = window.map(|window| (window, now.wall));
        if matches!(window, Some(Window::Sleep(_))) && self.sleep.is_none() {
            // The next call will be ready for it.
            self.call.window_not_opened();
            return false;
        }
        window.is_some()
    }

    fn wait(&mut self) {
        let ended = match (self.open, self.sleep) {
            (Some((Window::Spin(length), since)), _) => {
                self.ring.stats().count(|counters| counters.lingers.add(1));
                Ended::InTime(spin(length, since))
            }
            (Some((Window::Sleep(length), since)), Some(sleep)) => {
                self.ring
                    .stats()
                    .count(|counters| counters.coalesced.add(1));
                let took = sleep.until(since.saturating_add(length), since);
                took.map_or(Ended::Early, Ended::InTime)
            }
            _ => Ended::Early,
        };
        self.call.ended(ended);
    }
}

/// Waits for `length` ns from `since` on without looking at the ring, whose lines the producer needs.
/// Returns how long it took.
fn spin(length: u64, since: u64) -> u64 {
    loop {
        for _ in 0..PAUSES {
            spin_loop();
        }
        let took = monotonic_ns().wrapping_sub(since);
        if took >= length {
            return took;
        }
    }
}
