// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What a call does when it has caught up: settle, or one more window.

use super::rate::{PAUSE_LOOKS, SKIP_MAX, Sample, average};
use super::{Call, Clocks, Limits, Now, Rate, Walked};

/// A sample without windows ends with at least so many records, and after it was asked so many times
/// whether to decide: its end reads the thread's CPU time, which takes up to a microsecond.
const SAMPLE_RECORDS: u64 = 16;
const SAMPLE_LOOKS: u32 = 8;

/// Records further apart than this, in ns, are not worth a window that shows whether more come meanwhile.
const FAST_GAP: u64 = 100_000;

/// Where a sample shows that windows cannot be worth it, the next one begins after so many looks.
const SKIP_SLOW: u32 = 64;

/// Windows after which a sample without them is taken again: the program may have begun to ask for
/// fewer wake-ups.
const WINDOWS_MAX: u32 = 16_384;

/// How long a call may go on spinning for one ring, in ns, at least and at most: the program may have a
/// flag to look at.
pub(super) const SPINS_MIN: u64 = 100_000;
pub(super) const SPINS_MAX: u64 = 500_000;

/// How much longer for each further ring, at most.
pub(super) const SPINS_EACH: u64 = 40_000;

/// Between those a call may spin for as long as so many wake-ups of each ring would take, since its
/// return costs one: the first record after it finds a reader that waits.
const SPINS_WAKEUPS: u64 = 20;

/// Shortest spin that saves anything, in ns.
const SPIN_MIN: u64 = 1_000;

/// A window for several rings may be so many times as long as one for one ring.
pub(super) const LONGER: u64 = 4;

/// Records that a window is to bring to each of several rings: reader and producer fight for a few cache
/// lines of each ring once a window. Where the longest window would bring fewer than the least, the
/// shortest has the better latency and costs as much.
const EACH_WANTED: u64 = 8;
const EACH_LEAST: u64 = 1;

/// A trial with several rings is over after so many windows that have brought too little, and no ring that
/// did not take part before: the producer may be busy with wake-ups of rings that are not held yet.
const TRIAL_WINDOWS: u64 = 8;

/// A window is to fill at most this part of a ring.
pub(super) const FILL_PART: u64 = 4;

/// A spin that took so many times as long was interrupted.
pub(super) const OVERSLEPT: u64 = 8;

/// By whom, is seen from how much longer it took, in ns. A scheduler gives the CPU to somebody else for a slice of
/// milliseconds. The kernel's own clock interrupt takes less, but on a virtual machine up to a hundred microseconds,
/// hundreds of times a second.
pub(super) const SLICE_MIN: u64 = 500_000;

/// How a window went.
enum Went {
    Well,
    /// It was interrupted for a moment, and says nothing.
    Interrupted,
    /// Somebody else needs the CPU.
    Overslept,
}

impl Rate {
    /// Whether the call may wait after its next round.
    #[inline(always)]
    pub fn holds(&self, limits: &Limits) -> bool {
        limits.spin > 0 && (self.lingering || self.open || self.is_due())
    }

    /// Whether the sample is large enough for a decision, with this look.
    #[inline(always)]
    fn is_due(&self) -> bool {
        let sample = &self.sample;
        sample.since != 0
            && self.backoff.skip == 0
            && sample.records >= SAMPLE_RECORDS
            && sample.looks.wrapping_add(1) >= SAMPLE_LOOKS
    }

    /// Takes note of what the call has walked, after a round that was to hold back (`held`) or to settle.
    /// Which clocks are worth their cost now.
    #[inline(always)]
    pub fn note(&mut self, call: &mut Call, walked: Walked, held: bool, limits: &Limits) -> Clocks {
        if call.walked.records == 0 {
            self.sample.calls = self.sample.calls.wrapping_add(1);
        }
        let due = held && self.is_due();
        let records = walked.records.wrapping_sub(call.walked.records);
        let bytes = walked.bytes.wrapping_sub(call.walked.bytes);
        call.walked = walked;
        self.sample.add(records, bytes);
        if call.window.is_some() {
            return Clocks::Wall;
        }
        // The call that opened it may have been left by its callback.
        self.open = false;
        // Where one ring has records, a wake-up that has found a single one is to cost what it costs
        // without lingering. Of several, each wake-up finds few.
        let few = if limits.several { 1 } else { 2 };
        if records < few {
            return Clocks::Neither;
        }
        self.note_more(due)
    }

    /// The same where the records might be worth a window; `due` is whether one may be decided on with what the call
    /// has held back.
    #[inline(never)]
    fn note_more(&mut self, due: bool) -> Clocks {
        if self.lingering {
            return Clocks::Wall;
        }
        if self.backoff.skip > 0 {
            self.backoff.skip = self.backoff.skip.wrapping_sub(1);
            self.sample.since = 0;
            return Clocks::Neither;
        }
        self.sample.looks = self.sample.looks.wrapping_add(1);
        if self.pause.on {
            let asks = self.sample.looks % PAUSE_LOOKS == 0;
            return if asks { Clocks::Wall } else { Clocks::Neither };
        }
        // Nothing can be decided with rings that have settled already.
        if self.sample.since == 0 || due {
            if self.promising {
                Clocks::Both
            } else {
                Clocks::Wall
            }
        } else {
            Clocks::Neither
        }
    }

    /// Whether to wait for more, and how long, in ns.
    pub fn decide(&mut self, call: &mut Call, now: Now, limits: &Limits) -> Option<u64> {
        if call.began == 0 {
            call.began = now.wall;
        }
        let elapsed = now.wall.saturating_sub(self.sample.since);
        let pauses = self.pause.on && self.pause.goes_on(now.wall);
        let worth = match call.window {
            Some((asked, took)) if !self.promising => {
                self.judge_probe(asked, took, now.wall, limits)
            }
            Some((asked, took)) => self.judge_window(asked, took, elapsed, now.wall, limits),
            None if pauses => false,
            None if self.sample.since == 0 => {
                if self.promising && now.cpu == 0 {
                    // That clock is forbidden. It is not asked for each time.
                    self.backoff.skip = SKIP_MAX;
                }
                false
            }
            None if self.lingering => self.recheck(elapsed),
            None if !self.promising => self.judge_speed(elapsed, limits),
            None => self.judge_sample(elapsed, now.cpu, limits),
        };
        let window = if worth {
            self.next_window(call, now.wall, limits)
        } else {
            None
        };
        if worth && window.is_none() && call.window.is_some() && !self.lingering {
            // A trial that there is no more time for, or that has become hopeless.
            self.fail();
        }
        call.window = window.map(|length| (length, 0));
        self.open = window.is_some();
        // A sample without windows begins with both clocks, if it is to say what a record costs.
        let begun = self.lingering || self.open || now.cpu != 0 || !(self.promising || pauses);
        self.sample = Sample::begun(if begun { now.wall } else { 0 }, now.cpu);
        window
    }

    /// Whether the window that has ended was worth it, and another one would be.
    fn judge_window(
        &mut self,
        asked: u64,
        took: u64,
        elapsed: u64,
        now: u64,
        limits: &Limits,
    ) -> bool {
        let records = self.sample.records;
        if !self.lingering {
            self.spent = self.spent.saturating_add(took);
        }
        match self.went(asked, took, now) {
            Went::Well => {}
            // Of the time that was asked for it has brought nothing, as any empty one.
            Went::Interrupted if self.lingering && records == 0 => {
                return self.judge_idle(asked, asked, limits);
            }
            Went::Interrupted => return true,
            Went::Overslept => return false,
        }
        if records == 0 {
            return self.judge_idle(took, elapsed, limits);
        }
        let trial = !self.lingering;
        // The first window's records have come within it, those of others also while the ones before were read.
        let time = if trial && !self.measured {
            took
        } else {
            elapsed
        };
        // Rings that have just joined, and those yet to come, have cost wake-ups: no verdict either way.
        let joining = trial && limits.rings > self.tried_with;
        if trial && !self.measured {
            // What was before the first window does not count against it.
            self.estimate.forget_gap();
            self.estimate.add_idle(self.idle);
        }
        self.measured = !joining;
        self.idle = 0;
        self.estimate.add(records, time);
        if !(trial && limits.several) {
            // In a trial the look for further rings comes on top.
            let drain = elapsed.saturating_sub(took) / records;
            self.estimate.drain = average(self.estimate.drain, drain);
        }
        self.lingering = !joining && self.estimate.spin_is_cheaper();
        if !self.lingering {
            let over = !trial || self.is_trial_over(limits);
            if over {
                self.fail();
            }
            return !over;
        }
        self.windows = self.windows.wrapping_add(1);
        if !trial {
            // The trial's own window earns nothing: records that come in step with the calls may bring each trial one.
            self.earned = self.earned.saturating_add(took);
            if self.earned >= self.spent {
                self.backoff.shorten();
            }
        }
        if self.windows >= WINDOWS_MAX {
            self.stop_lingering();
        }
        self.lingering
    }

    /// Whether to go on after a window that has brought nothing. Whoever is to produce may be busy waking
    /// us still: that may take as long as a wake-up for each ring. A trial with one ring ends at once.
    fn judge_idle(&mut self, took: u64, elapsed: u64, limits: &Limits) -> bool {
        self.idle = self.idle.saturating_add(took);
        self.estimate.add_idle(elapsed);
        let rings = limits.rings.clamp(1, TRIAL_WINDOWS);
        let over = if self.lingering {
            let wakeups = self.estimate.wakeup().saturating_mul(rings);
            self.idle.saturating_add(took) > wakeups
        } else {
            self.is_trial_over(limits)
        };
        if over {
            self.promising &= self.lingering;
            self.fail();
        }
        !over
    }

    /// Whether the trial ends with this window, which was not worth it.
    fn is_trial_over(&mut self, limits: &Limits) -> bool {
        if limits.rings > self.tried_with {
            (self.tried, self.tried_with, self.measured) = (0, limits.rings, false);
        }
        self.tried = self.tried.saturating_add(1);
        !limits.several || self.tried >= TRIAL_WINDOWS
    }

    /// Whether lingering, which was worth it at the end of the last call, still is.
    fn recheck(&mut self, elapsed: u64) -> bool {
        self.estimate.add(self.sample.records, elapsed);
        if !self.estimate.spin_is_cheaper() {
            if self.earned < self.spent {
                self.backoff.lengthen(self.tried_with);
            }
            self.stop_lingering();
        }
        self.lingering
    }

    /// Gives windows up if this one has taken too much longer than asked for, or many have taken longer.
    fn went(&mut self, asked: u64, took: u64, now: u64) -> Went {
        if took / OVERSLEPT <= asked {
            return Went::Well;
        }
        let more = took.saturating_sub(asked);
        self.pause.lose(more, now);
        if more < SLICE_MIN && !self.pause.on {
            return Went::Interrupted;
        }
        self.fail();
        Went::Overslept
    }

    /// Whether the records come fast enough for a window that shows whether more come meanwhile, after a sample with
    /// the time alone. The thread's CPU time takes a system call that libbpf's reader does not make.
    fn judge_speed(&mut self, elapsed: u64, limits: &Limits) -> bool {
        self.estimate.add(self.sample.records, elapsed);
        (self.tried, self.tried_with) = (0, limits.rings);
        let fast = elapsed <= self.sample.records.saturating_mul(FAST_GAP);
        if !fast {
            self.backoff.skip = SKIP_SLOW;
        }
        fast
    }

    /// Takes note of what that window has brought. Whether another one is to show it.
    fn judge_probe(&mut self, asked: u64, took: u64, now: u64, limits: &Limits) -> bool {
        match self.went(asked, took, now) {
            Went::Well => {}
            Went::Interrupted => return true,
            Went::Overslept => return false,
        }
        self.promising = self.sample.records > 0;
        let over = self.promising || self.is_trial_over(limits);
        if !self.promising && over {
            self.fail();
        }
        !over
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
        (self.windows, self.spent, self.earned) = (0, 0, 0);
        (self.tried, self.tried_with, self.measured) = (0, limits.rings, false);
        self.estimate.cold_gap = self.estimate.gap();
        let worth = self.estimate.may_be_cheaper();
        if !worth {
            self.backoff.skip = SKIP_SLOW;
            self.promising = elapsed <= records.saturating_mul(FAST_GAP);
        }
        worth
    }

    /// The window that the call and the rings have room for.
    fn next_window(&mut self, call: &Call, now: u64, limits: &Limits) -> Option<u64> {
        let span = (self.sample.bytes / self.sample.records.max(1)).max(1);
        let gap = self.estimate.gap();
        let room = (limits.size / FILL_PART / span).saturating_mul(gap.max(1));
        if room < SPIN_MIN {
            self.fail();
        }
        let rings = limits.rings.max(1);
        let wakeups = self.estimate.wakeup().saturating_mul(SPINS_WAKEUPS);
        let further = rings.wrapping_sub(1).saturating_mul(SPINS_EACH);
        let budget = wakeups
            .saturating_mul(rings)
            .min(SPINS_MAX.saturating_add(further))
            .max(SPINS_MIN);
        let passed = now.saturating_sub(call.began).max(call.spun);
        let left = budget.saturating_sub(passed);
        let longest = if self.lingering {
            length(gap, rings, limits.spin)
        } else {
            limits.spin
        };
        let spin = longest.min(left).min(room);
        let cheaper = if !self.promising {
            true
        } else if self.lingering {
            self.estimate.spin_is_cheaper()
        } else {
            self.estimate.may_be_cheaper()
        };
        (cheaper && spin >= SPIN_MIN.min(limits.spin) && spin > 0).then_some(spin)
    }
}

/// How long to spin for so many rings that together have a record each `gap` ns, where one ring alone is
/// spun for `shortest` ns.
pub(super) fn length(gap: u64, rings: u64, shortest: u64) -> u64 {
    let longest = shortest.saturating_mul(rings.min(LONGER));
    let each = gap.saturating_mul(rings);
    if each.saturating_mul(EACH_LEAST) > longest {
        return shortest;
    }
    each.saturating_mul(EACH_WANTED).min(longest).max(shortest)
}
