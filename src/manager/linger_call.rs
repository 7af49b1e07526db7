// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Spinning in a poll, with records held back.

use super::ManagerHandle;
use crate::ring::consumer::Turn;
use crate::ring::linger::{Call, Clocks, Limits, Now};
use crate::ring::wait::{Round, WaitPolicy, Walked};
use crate::sys::clock::{monotonic_ns, thread_cpu_ns};
use core::hint::spin_loop;

/// Pauses between two looks at the clock: some tenths of a microsecond.
const PAUSES: u32 = 8;

/// The wait policy of one poll that spins where that is cheaper than being woken.
pub(super) struct LingerCall {
    manager: ManagerHandle,
    /// Of the last round.
    limits: Limits,
    call: Call,
    /// Whether the last round was to hold back.
    held: bool,
    /// When the window began that the last decision opened, and how long it is to last, ns.
    window: (u64, u64),
}

impl LingerCall {
    pub fn new(manager: ManagerHandle) -> Self {
        LingerCall {
            manager,
            limits: manager.limits(),
            call: Call::default(),
            held: false,
            window: (0, 0),
        }
    }

    /// Takes note of the single turn of a call, of one ring, which has settled it.
    #[inline(always)]
    pub fn note_turn(manager: ManagerHandle, turn: Turn) {
        let (mut call, limits) = (Call::default(), manager.limits_of_one());
        let clocks = manager.with_rate(|rate| rate.note(&mut call, turn.walked, false, &limits));
        if clocks != Clocks::Neither {
            LingerCall {
                limits,
                call,
                ..LingerCall::new(manager)
            }
            .decide(clocks);
        }
    }

    #[inline(never)]
    fn decide(&mut self, clocks: Clocks) -> bool {
        let cpu = match clocks {
            Clocks::Both => thread_cpu_ns(),
            _ => 0,
        };
        let wall = monotonic_ns();
        let (call, limits) = (&mut self.call, &self.limits);
        let window = self
            .manager
            .with_rate(|rate| rate.decide(call, Now { wall, cpu }, limits));
        let promising = self.manager.with_rate(|rate| rate.is_promising());
        if window.is_some() && promising && !self.manager.may_spin() {
            self.call = Call::default();
            self.limits = self.manager.limits();
            return false;
        }
        self.window = (wall, window.unwrap_or(0));
        window.is_some()
    }
}

impl WaitPolicy for LingerCall {
    #[inline]
    fn round(&mut self) -> Round {
        let limits = &self.limits;
        let round = self.manager.with_rate(|rate| Round {
            hold: rate.holds(limits),
            hot: rate.hot(),
        });
        self.held = round.hold;
        round
    }

    #[inline]
    fn waits(&mut self, walked: Walked) -> bool {
        if self.limits.rings != self.manager.taking_part() as u64 {
            self.limits = self.manager.limits();
        }
        let (call, held, limits) = (&mut self.call, self.held, &self.limits);
        let clocks = self
            .manager
            .with_rate(|rate| rate.note(call, walked, held, limits));
        clocks != Clocks::Neither && self.decide(clocks)
    }

    fn wait(&mut self) {
        self.manager.count_windows(|counters| &counters.lingers);
        if !self.manager.with_rate(|rate| rate.is_lingering()) {
            // In a trial each ring has still to be found and held.
            self.manager.look_soon();
        }
        let (since, length) = self.window;
        self.call.ended(spin(length, since));
    }
}

/// Shortest time that the pauses between two looks at the clock may take, ns: a clock may stand still.
const PAUSES_NS: u64 = 10;

/// Waits for `length` ns from `since` on without looking at a ring, whose lines the producer needs.
/// Returns how long it took: `length` at least, also where the clock says less.
pub(super) fn spin(length: u64, since: u64) -> u64 {
    let mut looks = length / PAUSES_NS;
    loop {
        for _ in 0..PAUSES {
            spin_loop();
        }
        let took = monotonic_ns().wrapping_sub(since);
        if took >= length || looks == 0 {
            return took.max(length);
        }
        looks = looks.wrapping_sub(1);
    }
}
