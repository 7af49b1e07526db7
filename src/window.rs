// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Lingering on a real ring: the clock, the spinning, the sleep.

use crate::mapped_ring::RingHandle;
use crate::ring::consumer::Walked;
use crate::ring::linger::{Call, Clocks, Ended, Now, Patience, Terms, Window};
use crate::sys::clock::{monotonic_ns, thread_cpu_ns};
use crate::sys::nap::Nap;
use core::hint::spin_loop;

/// Rings smaller than this many bytes publish each record's start, however hot they are.
const HOT_SIZE_MIN: u64 = 64 * 1024;

/// Pauses between two looks at the clock: some tenths of a microsecond.
const PAUSES: u32 = 8;

/// The windows of one call on one ring.
#[derive(Debug)]
pub struct Windows {
    ring: RingHandle,
    terms: Terms,
    call: Call,
    /// What the last decision opened, and when.
    open: Option<(Window, u64)>,
    /// What to sleep with, if this call may.
    nap: Option<Nap>,
}

impl Windows {
    /// For a call on `ring` that must return at `deadline`, in ns of [`monotonic_ns`], and may sleep
    /// with `nap` if there is one.
    pub fn new(ring: RingHandle, terms: Terms, deadline: u64, nap: Option<Nap>) -> Self {
        Windows {
            ring,
            terms,
            call: Call::until(deadline),
            open: None,
            nap,
        }
    }
}

impl Patience for Windows {
    #[inline]
    fn hot(&self) -> bool {
        self.ring.with_rate(|rate| rate.hot())
            && self.terms.size >= HOT_SIZE_MIN
            && !self.ring.is_watched()
    }

    #[inline]
    fn waits(&mut self, walked: Walked) -> bool {
        let terms = self.terms;
        let call = &mut self.call;
        let clocks = self.ring.with_rate(|rate| rate.note(call, walked, &terms));
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
        let window = self.ring.with_rate(|rate| rate.decide(call, now, &terms));
        self.open = window.map(|window| (window, now.wall));
        if matches!(window, Some(Window::Sleep(_))) && self.nap.is_none() {
            // The next call will be ready for it.
            self.call.refuse();
            return false;
        }
        window.is_some()
    }

    fn wait(&mut self) {
        let ended = match (self.open, self.nap) {
            (Some((Window::Spin(length), since)), _) => {
                self.ring.stats().count(|counters| counters.lingers.add(1));
                spin(length, since)
            }
            (Some((Window::Sleep(length), since)), Some(nap)) => {
                self.ring
                    .stats()
                    .count(|counters| counters.coalesced.add(1));
                nap.sleep(since, since.saturating_add(length))
            }
            _ => Ended::Early,
        };
        self.call.ended(ended);
    }
}

/// Waits for `length` ns from `since` on without looking at the ring, whose lines the producer needs.
fn spin(length: u64, since: u64) -> Ended {
    loop {
        for _ in 0..PAUSES {
            spin_loop();
        }
        let took = monotonic_ns().wrapping_sub(since);
        if took >= length {
            return Ended::InTime(took);
        }
    }
}
