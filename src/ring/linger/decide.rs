// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What a call does when it has caught up: settle, or one more window.

use super::rate::{Sample, average};
use super::{Call, Clocks, Ended, Limits, Now, Rate, Walked, Window};

/// A sample without windows ends with at least so many records, and after it was asked so many times
/// whether to decide: its end reads the thread's CPU time, which takes up to a microsecond.
const SAMPLE_RECORDS: u64 = 16;
const SAMPLE_LOOKS: u32 = 8;

/// Where a sample shows that windows cannot be worth it, the next one begins after so many looks.
const SKIP_SLOW: u32 = 64;

/// Windows after which a sample without them is taken again: the program may have begun to ask for
/// fewer wake-ups.
const WINDOWS_MAX: u32 = 16_384;

/// How long a call may go on spinning, in ns, at least and at most: the program may have a flag to look
/// at.
pub(super) const SPINS_MIN: u64 = 100_000;
pub(super) const SPINS_MAX: u64 = 500_000;

/// Between those two a call may spin for as long as so many wake-ups would take, since its return costs
/// one: the first record after it finds a reader that waits.
const SPINS_WAKEUPS: u64 = 20;

/// How long a call may go on sleeping, in ns; one sleep is always possible.
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
    pub fn note(&mut self, call: &mut Call, walked: Walked, limits: &Limits) -> Clocks {
        if call.walked.records == 0 {
            self.sample.calls = self.sample.calls.saturating_add(1);
        }
        let records = walked.records.wrapping_sub(call.walked.records);
        let bytes = walked.bytes.wrapping_sub(call.walked.bytes);
        call.walked = walked;
        self.sample.add(records, bytes);
        if call.window.is_some() {
            return Clocks::Wall;
        }
        if limits.spin == 0 && limits.sleep == 0 {
            return Clocks::Neither;
        }
        // A wake-up that has found a single record is to cost what it costs without lingering.
        let few = if limits.sleep > 0 { 1 } else { 2 };
        if records < few {
            return Clocks::Neither;
        }
        if self.lingering {
            return Clocks::Wall;
        }
        if self.backoff.skip > 0 {
            self.backoff.skip = self.backoff.skip.wrapping_sub(1);
            self.sample.since = 0;
            return Clocks::Neither;
        }
        self.sample.looks = self.sample.looks.wrapping_add(1);
        let short = self.sample.records < SAMPLE_RECORDS || self.sample.looks < SAMPLE_LOOKS;
        if self.sample.since != 0 && short {
            return Clocks::Neither;
        }
        Clocks::Both
    }

    /// Whether to wait for more, and how.
    pub fn decide(&mut self, call: &mut Call, now: Now, limits: &Limits) -> Option<Window> {
        if call.began == 0 {
            call.began = now.wall;
        }
        let elapsed = now.wall.saturating_sub(self.sample.since);
        let worth = match call.window {
            Some(window) => self.judge_window(window, call.ended, elapsed, limits),
            None if self.sample.since == 0 => false,
            None if self.lingering => self.recheck(elapsed, limits),
            None => self.judge_sample(elapsed, now.cpu, limits),
        };
        call.window = if worth {
            self.next_window(call, now.wall, limits)
        } else {
            None
        };
        // A sample without windows begins with both clocks.
        let begun = self.lingering || now.cpu != 0;
        self.sample = Sample::begun(if begun { now.wall } else { 0 }, now.cpu);
        call.window
    }

    /// Whether the window that has ended was worth it, and another one would be.
    fn judge_window(
        &mut self,
        window: Window,
        ended: Ended,
        elapsed: u64,
        limits: &Limits,
    ) -> bool {
        let records = self.sample.records;
        let took = match (window, ended) {
            (_, Ended::Early) => {
                // A program that forces wake-ups pays for those already: no more windows for it, unless
                // they bring more records than its wake-ups do.
                if records <= self.estimate.batch {
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
        if records == 0 {
            // Whoever is to produce may be busy waking us still. As long as that may take, and not at
            // all in a trial.
            self.idle = self.idle.saturating_add(took);
            self.estimate.add_idle(elapsed);
            let sleep = matches!(window, Window::Sleep(_));
            let idle = self.idle.saturating_add(took);
            if sleep || !self.lingering || idle > self.estimate.wakeup() {
                self.fail();
            }
            return self.lingering;
        }
        self.idle = 0;
        if !self.lingering {
            // What was before the first window does not count against it.
            self.estimate.forget_gap();
        }
        self.estimate.add(records, elapsed);
        let drain = elapsed.saturating_sub(took) / records;
        self.estimate.drain = average(self.estimate.drain, drain);
        self.lingering = self.estimate.is_cheaper(limits);
        if !self.lingering {
            self.fail();
            return false;
        }
        self.backoff.shorten();
        self.windows = self.windows.wrapping_add(1);
        if self.windows >= WINDOWS_MAX {
            self.stop_lingering();
        }
        self.lingering
    }

    /// Whether lingering, which was worth it at the end of the last call, still is.
    fn recheck(&mut self, elapsed: u64, limits: &Limits) -> bool {
        self.estimate.add(self.sample.records, elapsed);
        if !self.estimate.is_cheaper(limits) {
            self.stop_lingering();
        }
        self.lingering
    }

    /// Whether a window is worth a trial, after a sample without any.
    fn judge_sample(&mut self, elapsed: u64, cpu: u64, limits: &Limits) -> bool {
        // Each thread has a CPU clock of its own, and threads may take turns.
        let most = elapsed.saturating_add(elapsed / 8);
        let spent = cpu.checked_sub(self.sample.cpu);
        let Some(spent) = spent.filter(|&spent| spent <= most) else {
            return false;
        };
        self.estimate.add(self.sample.records, elapsed);
        let records = self.sample.records.max(1);
        self.estimate.cost = average(self.estimate.cost, spent / records);
        // A sample within one call says nothing of what a call brings.
        if let Some(batch) = records.checked_div(self.sample.calls) {
            self.estimate.batch = average(self.estimate.batch, batch);
        }
        self.windows = 0;
        self.estimate.cold_gap = self.estimate.gap();
        let worth =
            self.estimate.spin_is_cheaper(limits, true) || self.estimate.sleep_is_cheaper(limits);
        if !worth {
            self.backoff.skip = SKIP_SLOW;
        }
        worth
    }

    /// The window that the call and the ring have room for.
    fn next_window(&mut self, call: &Call, now: u64, limits: &Limits) -> Option<Window> {
        let span = (self.sample.bytes / self.sample.records.max(1)).max(1);
        let gap = self.estimate.gap();
        let room = (limits.size / FILL_PART / span).saturating_mul(gap.max(1));
        let left = |max: u64| {
            let until = call.began.saturating_add(max).min(call.deadline);
            until.saturating_sub(now).min(room)
        };
        let sleep = left(SLEEPS_MAX.max(limits.sleep)).min(limits.sleep);
        let long = sleep >= SLEEP_MIN.min(limits.sleep) && gap <= sleep / 2;
        if long && self.estimate.sleep_is_cheaper(limits) {
            return Some(Window::Sleep(sleep));
        }
        if room < SPIN_MIN {
            self.fail();
        }
        let budget = if limits.others {
            SPINS_MIN
        } else {
            let worth = self.estimate.wakeup().saturating_mul(SPINS_WAKEUPS);
            worth.clamp(SPINS_MIN, SPINS_MAX)
        };
        let spin = left(budget).min(limits.spin);
        let worth = spin >= SPIN_MIN.min(limits.spin)
            && self.estimate.spin_is_cheaper(limits, !self.lingering);
        (worth && spin > 0).then_some(Window::Spin(spin))
    }
}
