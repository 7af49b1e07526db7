// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! When to linger: to wait for more records with one held back, instead of settling.
//!
//! A reader that has caught up is woken for the next record, and the producer, which is the traced
//! program, pays for that: an interrupt to another CPU, a few microseconds. A reader one record
//! behind is not woken, and a record costs the producer some tens of nanoseconds. So where records
//! come fast enough the reader had better wait by itself, for a *window* at a time: a few microseconds
//! of spinning, or a longer sleep where the program accepts the latency.
//!
//! Spinning costs the reader all of its time, so a record costs the gap to the next one. Without, it
//! costs both sides their part of a wake-up, which differs widely between machines: from two
//! microseconds to thirty. The reader's part is measured, as CPU time per record in a stretch without
//! lingering; the producer's is at least as much, and at least what the gap shrinks by. It pays where
//! the gap is smaller than both together.
//!
//! How fast records would come can only be seen while lingering, since wake-ups slow the producer down:
//! where it looks possible a window is tried, and one that finds nothing, or too little, makes the next
//! trials rarer.
//!
//! Nothing in here knows a clock or a ring: times and counts are told.

use super::consumer::Walked;

/// How long a call waits with a record held back.
pub trait Patience {
    /// Whether the ring is so fast that starts may be published every few records only.
    fn hot(&self) -> bool;

    /// Whether to wait for more, `walked` being what this call has walked so far.
    fn waits(&mut self, walked: Walked) -> bool;

    /// Waits. A thread may be cancelled in here.
    fn wait(&mut self);
}

/// Waits for nothing.
#[derive(Clone, Copy, Debug)]
pub struct Never;

impl Patience for Never {
    #[inline(always)]
    fn hot(&self) -> bool {
        false
    }

    #[inline(always)]
    fn waits(&mut self, _: Walked) -> bool {
        false
    }

    fn wait(&mut self) {}
}

/// Records that a stretch without lingering is measured over at least, and times that it was looked
/// whether to: reading the thread's CPU time costs up to a microsecond.
const SAMPLE: u64 = 16;
const LOOKS: u32 = 8;

/// Looks between stretches in which the reader slept most of the time.
const REST: u32 = 64;

/// The producer's part of a wake-up over the reader's, in quarters, where nothing better is known: it
/// was found to be 1.1 to 2.5 times as much.
const PRODUCERS: u64 = 5;

/// What a wake-up may cost a reader, in ns: more is the program's own work between calls.
const WAKEUP_MAX: u64 = 40_000;

/// A window is tried where the reader spends at least this part of its time awake: without wake-ups
/// the records might come so much faster.
const TRY_PART: u64 = 8;

/// A ring is hot while it is lingered for and the gap is at most this, in ns.
const HOT_GAP: u64 = 1_200;

/// Records that the gap is averaged over at most.
const RECENT: u64 = 128;

/// Windows after which the time without them is measured again: the program may have begun to ask for
/// fewer wake-ups.
const WINDOWS_MAX: u32 = 16_384;

/// How long a call may go on spinning, in ns, at least and at most: the program may have a flag to look
/// at.
const SPINS_MIN: u64 = 100_000;
const SPINS_MAX: u64 = 500_000;

/// In between, for as long as so many wake-ups cost: the record after the call's return sends one.
const SPINS_WAKEUPS: u64 = 20;

/// The same for sleeps; one sleep is always possible.
const SLEEPS_MAX: u64 = 10_000_000;

/// Shortest spin that saves anything, in ns.
const SPIN_MIN: u64 = 1_000;

/// Shortest sleep that costs less than spinning, in ns.
const SLEEP_MIN: u64 = 20_000;

/// A window is to fill at most this part of the ring.
const FILL_PART: u64 = 4;

/// A spin that took so many times as long was interrupted: somebody else needs the CPU.
const OVERSLEPT: u64 = 8;

/// Decisions to sit out after windows that did not pay: at the second time, and at most.
const SIT_OUT_MIN: u32 = 4;
const SIT_OUT_MAX: u32 = 1024;

/// What the user has asked for, and the ring.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Terms {
    /// Longest time to spin, ns; 0: not at all.
    pub spin: u64,
    /// Longest time to sleep, ns; 0: not at all.
    pub sleep: u64,
    /// Bytes of the ring.
    pub size: u64,
    /// Whether other rings wait for the call to return.
    pub others: bool,
}

/// How to wait, and how long, in ns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Window {
    /// Without giving up the CPU.
    Spin(u64),
    /// Until then, or until something is told of.
    Sleep(u64),
}

/// How a window ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// By its time, having taken so many ns.
    InTime(u64),
    /// Before: a forced wake-up, another ring's notification, a signal.
    Early,
}

/// A time to decide at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Now {
    /// ns of a clock that only moves forward; never 0.
    pub wall: u64,
    /// CPU time of the reader's thread, ns, if it was asked for.
    pub cpu: u64,
}

/// Which clocks a decision needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clocks {
    /// There is nothing to decide: the call settles.
    Neither,
    /// [`Now::wall`].
    Wall,
    /// All of [`Now`].
    Both,
}

/// What a ring's records and wake-ups have been like, from call to call. Times are in ns.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Rate {
    /// When the last decision was made; 0: never, or too long ago.
    since: u64,
    /// The thread's CPU time then.
    cpu: u64,
    /// Walked since then.
    records: u64,
    bytes: u64,
    /// Calls since then.
    calls: u64,
    /// Time and records of the recent past, whose ratio is the gap between records. 0: unknown.
    time: u64,
    count: u64,
    /// The gap in the last stretch without lingering.
    cold_gap: u64,
    /// The reader's CPU time for a record, without lingering, averaged.
    cost: u64,
    /// The part of it that a record costs anyway: draining and callback, averaged.
    drain: u64,
    /// Records that a call brings without lingering, averaged.
    batch: u64,
    /// Spent in windows, in a row, that have found nothing.
    idle: u64,
    /// Looks since the stretch without lingering began.
    looks: u32,
    /// Windows since the time without them was measured.
    windows: u32,
    /// Whether the last window paid.
    paying: bool,
    /// Decisions left to sit out.
    sit_out: u32,
    /// How many the next window that does not pay makes it.
    penalty: u32,
}

/// `new` as a fourth of the average, all of it if there was none.
fn average(old: u64, new: u64) -> u64 {
    match old {
        0 => new,
        old => old.saturating_mul(3).saturating_add(new) / 4,
    }
}

/// One call's decisions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Call {
    /// What had been walked at the last decision.
    walked: Walked,
    /// When the first decision was made, ns; 0: not yet.
    began: u64,
    /// The window that the last decision opened.
    window: Option<Window>,
    ended: Ended,
    /// When the call must return, ns.
    deadline: u64,
}

impl Call {
    /// A call that must return at `deadline`, in ns.
    pub fn until(deadline: u64) -> Self {
        Call {
            walked: Walked::default(),
            began: 0,
            window: None,
            ended: Ended::Early,
            deadline,
        }
    }

    /// The window that was decided for cannot be had.
    pub fn refuse(&mut self) {
        self.window = None;
    }

    /// The window has ended.
    pub fn ended(&mut self, how: Ended) {
        self.ended = how;
    }
}

impl Rate {
    /// Whether the ring is hot: it is lingered for, and its records come faster than one would want
    /// to publish each.
    #[inline]
    pub fn hot(&self) -> bool {
        self.paying && self.gap() <= HOT_GAP
    }

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

    /// Adds the records since the last decision to the recent past.
    fn add(&mut self, elapsed: u64) {
        self.time = self.time.saturating_add(elapsed);
        self.count = self.count.saturating_add(self.records);
        if self.count > RECENT {
            (self.time, self.count) = (self.time / 2, self.count / 2);
        }
    }

    /// Between records; 0: unknown.
    fn gap(&self) -> u64 {
        self.time.checked_div(self.count).unwrap_or(0)
    }

    /// What a record costs both sides for wake-ups, without lingering.
    fn wakeup_part(&self) -> u64 {
        let plausible = WAKEUP_MAX / self.batch.max(1);
        let reader = self.cost.saturating_sub(self.drain).min(plausible);
        let producer = reader.saturating_mul(PRODUCERS) / 4;
        let freed = self.cold_gap.saturating_sub(self.gap());
        reader.saturating_add(producer.max(freed))
    }

    /// What a wake-up costs both sides.
    fn wakeup(&self) -> u64 {
        self.wakeup_part().saturating_mul(self.batch)
    }

    /// Whether lingering pays at the present gap.
    fn pays(&self, terms: &Terms) -> bool {
        self.spins(terms, false) || self.sleeps(terms)
    }

    /// Whether spinning costs less than waking up, or might, as a trial would show.
    fn spins(&self, terms: &Terms, trial: bool) -> bool {
        let most = if trial {
            self.cost.saturating_mul(TRY_PART)
        } else {
            let drain = self.drain.min(self.cost);
            drain.saturating_add(self.wakeup_part())
        };
        terms.spin > 0 && self.gap() <= most
    }

    /// Whether the longest sleep brings several records, and more than a wake-up does.
    pub fn sleeps(&self, terms: &Terms) -> bool {
        let brings = terms.sleep.checked_div(self.gap()).unwrap_or(0);
        brings >= self.batch.saturating_mul(2).max(2)
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

    /// Windows did not pay: no trial for a while, which doubles each time and which windows that pay
    /// halve.
    fn fail(&mut self) {
        self.sit_out = self.penalty;
        let next = self.penalty.saturating_mul(2);
        self.penalty = next.clamp(SIT_OUT_MIN, SIT_OUT_MAX);
        self.learn();
    }

    /// The rate is to be learned again.
    fn learn(&mut self) {
        self.paying = false;
        self.idle = 0;
        (self.time, self.count) = (0, 0);
    }
}

#[cfg(test)]
mod tests;
