// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What a call does when it has caught up: settle, or one more window.

use super::rate::average;
use super::{Call, Clocks, Ended, Now, Rate, Terms, Walked, Window};

/// Records that a stretch without lingering is measured over at least, and times that it was looked
/// whether to: reading the thread's CPU time costs up to a microsecond.
const SAMPLE: u64 = 16;
const LOOKS: u32 = 8;

/// Looks between stretches in which the reader slept most of the time.
const REST: u32 = 64;

/// Windows after which the time without them is measured again: the program may have begun to ask for
/// fewer wake-ups.
const WINDOWS_MAX: u32 = 16_384;

/// How long a call may go on spinning, in ns, at least and at most: the program may have a flag to look
/// at.
pub(super) const SPINS_MIN: u64 = 100_000;
pub(super) const SPINS_MAX: u64 = 500_000;

/// In between, for as long as so many wake-ups cost: the record after the call's return sends one.
const SPINS_WAKEUPS: u64 = 20;

/// The same for sleeps; one sleep is always possible.
pub(super) const SLEEPS_MAX: u64 = 10_000_000;

/// Shortest spin that saves anything, in ns.
const SPIN_MIN: u64 = 1_000;

/// Shortest sleep that costs less than spinning, in ns.
const SLEEP_MIN: u64 = 20_000;

/// A window is to fill at most this part of the ring.
pub(super) const FILL_PART: u64 = 4;

/// A spin that took so many times as long was interrupted: somebody else needs the CPU.
pub(super) const OVERSLEPT: u64 = 8;

impl Rate {
    /// Takes note of what the call has walked. Which clocks are worth their cost now.
    #[inline]
    pub fn note(&mut self, call: &mut Call, walked: Walked, terms: &Terms) -> Clocks {
        if call.walked.records == 0 {
            self.calls = self.calls.saturating_add(1);
        }
        let records = walked.records.wrapping_sub(call.walked.records);
        let bytes = walked.bytes.wrapping_sub(call.walked.bytes);
        call.walked = walked;
        self.records = self.records.saturating_add(records);
        self.bytes = self.bytes.saturating_add(bytes);
        if call.window.is_some() {
            return Clocks::Wall;
        }
        if terms.spin == 0 && terms.sleep == 0 {
            return Clocks::Neither;
        }
        // A wake-up that has found a single record is to cost what it costs without lingering.
        let few = if terms.sleep > 0 { 1 } else { 2 };
        if records < few {
            return Clocks::Neither;
        }
        if self.paying {
            return Clocks::Wall;
        }
        if self.sit_out > 0 {
            self.sit_out = self.sit_out.wrapping_sub(1);
            self.since = 0;
            return Clocks::Neither;
        }
        self.looks = self.looks.wrapping_add(1);
        if self.since != 0 && (self.records < SAMPLE || self.looks < LOOKS) {
            return Clocks::Neither;
        }
        Clocks::Both
    }

    /// Whether to wait for more, and how.
    pub fn decide(&mut self, call: &mut Call, now: Now, terms: &Terms) -> Option<Window> {
        if call.began == 0 {
            call.began = now.wall;
        }
        let elapsed = now.wall.saturating_sub(self.since);
        let worth = match call.window {
            Some(window) => self.paid(window, call.ended, elapsed, terms),
            None if self.since == 0 => false,
            None if self.paying => self.still_pays(elapsed, terms),
            None => self.may_pay(elapsed, now.cpu, terms),
        };
        call.window = if worth {
            self.window(call, now.wall, terms)
        } else {
            None
        };
        // A stretch without lingering begins with both clocks.
        let begun = self.paying || now.cpu != 0;
        self.since = if begun { now.wall } else { 0 };
        self.cpu = now.cpu;
        (self.records, self.bytes, self.calls, self.looks) = (0, 0, 0, 0);
        call.window
    }

    /// Whether the window that has ended was worth it, and another one would be.
    fn paid(&mut self, window: Window, ended: Ended, elapsed: u64, terms: &Terms) -> bool {
        let took = match (window, ended) {
            (_, Ended::Early) => {
                // Who forces wake-ups is not to pay for windows too.
                if self.records <= self.batch {
                    self.fail();
                }
                return false;
            }
            (Window::Spin(asked), Ended::InTime(took)) if took / OVERSLEPT > asked => {
                self.fail();
                return false;
            }
            (_, Ended::InTime(took)) => took,
        };
        if self.records == 0 {
            // Whoever is to produce may be busy waking us still. As long as that may take, and not at
            // all in a trial.
            self.idle = self.idle.saturating_add(took);
            self.time = self.time.saturating_add(elapsed);
            let sleep = matches!(window, Window::Sleep(_));
            if sleep || !self.paying || self.idle.saturating_add(took) > self.wakeup() {
                self.fail();
            }
            return self.paying;
        }
        self.idle = 0;
        if !self.paying {
            // What was before the first window does not count against it.
            (self.time, self.count) = (0, 0);
        }
        self.add(elapsed);
        let drain = elapsed.saturating_sub(took) / self.records;
        self.drain = average(self.drain, drain);
        self.paying = self.pays(terms);
        if !self.paying {
            self.fail();
            return false;
        }
        self.penalty /= 2;
        self.windows = self.windows.wrapping_add(1);
        if self.windows >= WINDOWS_MAX {
            self.learn();
        }
        self.paying
    }

    /// Whether the ring that was lingered for at the end of the last call still is.
    fn still_pays(&mut self, elapsed: u64, terms: &Terms) -> bool {
        self.add(elapsed);
        if !self.pays(terms) {
            self.learn();
        }
        self.paying
    }

    /// Whether a window is worth a trial, after a stretch without.
    fn may_pay(&mut self, elapsed: u64, cpu: u64, terms: &Terms) -> bool {
        // Each thread has a CPU clock of its own, and threads may take turns.
        let most = elapsed.saturating_add(elapsed / 8);
        let spent = cpu.checked_sub(self.cpu).filter(|&spent| spent <= most);
        let Some(spent) = spent else { return false };
        self.add(elapsed);
        let records = self.records.max(1);
        self.cost = average(self.cost, spent / records);
        // A sample within one call tells nothing of what a call brings.
        if let Some(batch) = records.checked_div(self.calls) {
            self.batch = average(self.batch, batch);
        }
        self.windows = 0;
        self.cold_gap = self.gap();
        let worth = self.spins(terms, true) || self.sleeps(terms);
        if !worth {
            self.sit_out = REST;
        }
        worth
    }

    /// The window that the call and the ring have room for.
    fn window(&mut self, call: &Call, now: u64, terms: &Terms) -> Option<Window> {
        let span = (self.bytes / self.records.max(1)).max(1);
        let room = (terms.size / FILL_PART / span).saturating_mul(self.gap().max(1));
        let left = |max: u64| {
            let until = call.began.saturating_add(max).min(call.deadline);
            until.saturating_sub(now).min(room)
        };
        let sleep = left(SLEEPS_MAX.max(terms.sleep)).min(terms.sleep);
        if sleep >= SLEEP_MIN.min(terms.sleep) && self.gap() <= sleep / 2 && self.sleeps(terms) {
            return Some(Window::Sleep(sleep));
        }
        if room < SPIN_MIN {
            self.fail();
        }
        let budget = if terms.others {
            SPINS_MIN
        } else {
            let worth = self.wakeup().saturating_mul(SPINS_WAKEUPS);
            worth.clamp(SPINS_MIN, SPINS_MAX)
        };
        let spin = left(budget).min(terms.spin);
        let worth = spin >= SPIN_MIN.min(terms.spin) && self.spins(terms, !self.paying);
        (worth && spin > 0).then_some(Window::Spin(spin))
    }
}
