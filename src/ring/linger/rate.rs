// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What is known of a ring's records and wake-ups, and what lingering would cost.

use super::Terms;

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

/// Decisions to sit out after windows that did not pay: at the second time, and at most.
const SIT_OUT_MIN: u32 = 4;
pub(super) const SIT_OUT_MAX: u32 = 1024;

/// What a ring's records and wake-ups have been like, from call to call. Times are in ns.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Rate {
    /// When the last decision was made; 0: never, or too long ago.
    pub(super) since: u64,
    /// The thread's CPU time then.
    pub(super) cpu: u64,
    /// Walked since then.
    pub(super) records: u64,
    pub(super) bytes: u64,
    /// Calls since then.
    pub(super) calls: u64,
    /// Time and records of the recent past, whose ratio is the gap between records. 0: unknown.
    pub(super) time: u64,
    pub(super) count: u64,
    /// The gap in the last stretch without lingering.
    pub(super) cold_gap: u64,
    /// The reader's CPU time for a record, without lingering, averaged.
    pub(super) cost: u64,
    /// The part of it that a record costs anyway: draining and callback, averaged.
    pub(super) drain: u64,
    /// Records that a call brings without lingering, averaged.
    pub(super) batch: u64,
    /// Spent in windows, in a row, that have found nothing.
    pub(super) idle: u64,
    /// Looks since the stretch without lingering began.
    pub(super) looks: u32,
    /// Windows since the time without them was measured.
    pub(super) windows: u32,
    /// Whether the last window paid.
    pub(super) paying: bool,
    /// Decisions left to sit out.
    pub(super) sit_out: u32,
    /// How many the next window that does not pay makes it.
    pub(super) penalty: u32,
}

/// `new` as a fourth of the average, all of it if there was none.
pub(super) fn average(old: u64, new: u64) -> u64 {
    match old {
        0 => new,
        old => old.saturating_mul(3).saturating_add(new) / 4,
    }
}

impl Rate {
    /// Whether the ring is hot: it is lingered for, and its records come faster than one would want
    /// to publish each.
    #[inline]
    pub fn hot(&self) -> bool {
        self.paying && self.gap() <= HOT_GAP
    }

    /// Adds the records since the last decision to the recent past.
    pub(super) fn add(&mut self, elapsed: u64) {
        self.time = self.time.saturating_add(elapsed);
        self.count = self.count.saturating_add(self.records);
        if self.count > RECENT {
            (self.time, self.count) = (self.time / 2, self.count / 2);
        }
    }

    /// Between records; 0: unknown.
    pub(super) fn gap(&self) -> u64 {
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
    pub(super) fn wakeup(&self) -> u64 {
        self.wakeup_part().saturating_mul(self.batch)
    }

    /// Whether lingering pays at the present gap.
    pub(super) fn pays(&self, terms: &Terms) -> bool {
        self.spins(terms, false) || self.sleeps(terms)
    }

    /// Whether spinning costs less than waking up, or might, as a trial would show.
    pub(super) fn spins(&self, terms: &Terms, trial: bool) -> bool {
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

    /// Windows did not pay: no trial for a while, which doubles each time and which windows that pay
    /// halve.
    pub(super) fn fail(&mut self) {
        self.sit_out = self.penalty;
        let next = self.penalty.saturating_mul(2);
        self.penalty = next.clamp(SIT_OUT_MIN, SIT_OUT_MAX);
        self.learn();
    }

    /// The rate is to be learned again.
    pub(super) fn learn(&mut self) {
        self.paying = false;
        self.idle = 0;
        (self.time, self.count) = (0, 0);
    }
}
