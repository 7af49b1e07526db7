// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What is known of a ring's records and wake-ups, and what lingering would cost.

/// The producer's part of a wake-up in quarters of the reader's part, where nothing better is known.
/// Measured, it was 1.1 to 2.5 times the reader's: 5 quarters claim little.
const PRODUCER_QUARTERS: u64 = 5;

/// What a wake-up may cost a reader, in ns: more is the program's own work between calls.
const WAKEUP_MAX: u64 = 40_000;

/// A window is tried where the reader is awake for at least this part of its time: without wake-ups
/// the records might come so much faster.
const TRY_PART: u64 = 16;

/// A ring is hot while it is lingered for and the gap is at most this, in ns.
const HOT_GAP: u64 = 1_200;

/// Records that the gap is averaged over at most.
const RECENT: u64 = 128;

/// Samples to skip after a window that was not worth it: none at first, then this many, and twice as
/// many each time up to the most.
const SKIP_MIN: u32 = 4;
pub(super) const SKIP_MAX: u32 = 1024;

/// That is the most for a trial with up to so many rings.
const SKIP_RINGS: u64 = 16;

/// What the records and wake-ups of a manager's rings have been like, all together, from call to call.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Rate {
    pub(super) sample: Sample,
    pub(super) estimate: Estimate,
    pub(super) backoff: Backoff,
    /// Whether a window has shown that records come while one waits, so that a measurement of what wake-ups cost is
    /// worth it.
    pub(super) promising: bool,
    pub(super) pause: Pause,
    /// Whether the last window was worth it.
    pub(super) lingering: bool,
    /// Whether the last decision opened a window: the round after it is to hold back too, also in a trial.
    pub(super) open: bool,
    /// Time spent in windows, in a row, that have brought nothing, ns.
    pub(super) idle: u64,
    /// Windows of a trial without a verdict since the last one that another ring joined in.
    pub(super) tried: u64,
    /// Rings that took part then.
    pub(super) tried_with: u64,
    /// Time spent in all windows of the last trial, ns.
    pub(super) spent: u64,
    /// Time in windows that were worth it since that trial began, ns.
    pub(super) earned: u64,
    /// Whether the gap is one of this trial's windows.
    pub(super) measured: bool,
    /// Windows since the last sample without any.
    pub(super) windows: u32,
}

/// What has been counted since the last decision.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Sample {
    /// When that was, ns; 0: never, or too long ago.
    pub since: u64,
    /// The thread's CPU time then, ns.
    pub cpu: u64,
    /// Records walked.
    pub records: u64,
    /// Bytes walked.
    pub bytes: u64,
    /// Calls.
    pub calls: u64,
    /// Times that it was asked whether to decide.
    pub looks: u32,
}

/// What is estimated. Times are in ns.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Estimate {
    /// Time and records of the recent past, whose ratio is the gap between records. 0: unknown.
    pub time: u64,
    pub count: u64,
    /// The gap in the last sample without windows.
    pub cold_gap: u64,
    /// The reader's CPU time for a record, without windows, averaged.
    pub cost: u64,
    /// The part of it that a record costs anyway: draining and callback, averaged.
    pub drain: u64,
    /// Records that a call brings without windows, averaged.
    pub batch: u64,
}

/// How long no window is tried.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Backoff {
    /// Times left to skip.
    pub skip: u32,
    /// How many the next window that is not worth it makes it.
    pub penalty: u32,
}

/// Where this thread was kept from running in a window, there is not enough CPU time for windows: its group's is
/// used up, or somebody more urgent needs the CPU. No window is tried for a time then.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Pause {
    /// Until when, ns.
    until: u64,
    /// How long the last one was, ns.
    length: u64,
    /// Whether it may go on still.
    pub on: bool,
    /// Time that windows have lost lately, and when the last of them ended, ns.
    lost: u64,
    lost_at: u64,
}

/// Windows that have lost so much lately, ns, have not done so by chance. A group whose time is used up waits tens of
/// milliseconds at a time; a scheduler that gives the CPU to somebody else by turns takes some milliseconds each time.
pub(super) const STALLED: u64 = 4_000_000;

/// Of the time since, so much may be lost: one part of so many.
const LOST_PART: u64 = 8;

/// The first pause, and the longest, ns. The host of a virtual machine may take a CPU away once in a while, which is
/// to cost little. A control group's limit does so each tenth of a second, and is soon met with the longest.
pub(super) const PAUSE_MIN: u64 = 125_000_000;
pub(super) const PAUSE_MAX: u64 = 1_024 * PAUSE_MIN;

/// A pause is forgotten, half of it at a time, after so many times as long without another one.
const PAUSE_FORGOTTEN: u64 = 4;

/// How often the clock is asked whether a pause is over, in times that a decision would be possible.
pub(super) const PAUSE_LOOKS: u32 = 64;

impl Pause {
    /// A window that has ended at `now` took `more` longer than asked for. Begins a pause where that was too much.
    pub fn lose(&mut self, more: u64, now: u64) {
        let made_good = now.saturating_sub(self.lost_at) / LOST_PART;
        self.lost = self.lost.saturating_sub(made_good).saturating_add(more);
        self.lost_at = now;
        if self.lost > STALLED {
            self.lost = 0;
            self.begin(now);
        }
    }

    /// Begins at `now`, twice as long as the last one.
    pub fn begin(&mut self, now: u64) {
        let mut since = now.saturating_sub(self.until);
        while since >= self.length.saturating_mul(PAUSE_FORGOTTEN) && self.length > 0 {
            since = since.saturating_sub(self.length.saturating_mul(PAUSE_FORGOTTEN));
            self.length /= 2;
            if self.length < PAUSE_MIN {
                self.length = 0;
            }
        }
        self.length = self.length.saturating_mul(2).clamp(PAUSE_MIN, PAUSE_MAX);
        self.until = now.saturating_add(self.length);
        self.on = true;
    }

    /// Whether it goes on, at `now`.
    pub fn goes_on(&mut self, now: u64) -> bool {
        self.on = now < self.until;
        self.on
    }
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
        self.lingering && self.estimate.gap() <= HOT_GAP
    }

    /// Whether the rings are lingered for.
    pub fn is_lingering(&self) -> bool {
        self.lingering
    }

    /// Whether windows may be worth it, for all that is known.
    pub fn is_promising(&self) -> bool {
        self.promising
    }

    /// A window was not worth it.
    #[inline(never)]
    pub(super) fn fail(&mut self) {
        self.backoff.lengthen(self.tried_with);
        self.stop_lingering();
    }

    /// The gap is to be learnt anew, without windows.
    #[inline(never)]
    pub(super) fn stop_lingering(&mut self) {
        self.lingering = false;
        self.idle = 0;
        self.estimate.forget_gap();
    }
}

impl Sample {
    pub fn add(&mut self, records: u64, bytes: u64) {
        self.records = self.records.wrapping_add(records);
        self.bytes = self.bytes.wrapping_add(bytes);
    }

    /// An empty sample, begun at `since` with the thread's CPU time `cpu`.
    pub fn begun(since: u64, cpu: u64) -> Self {
        Sample {
            since,
            cpu,
            ..Sample::default()
        }
    }
}

impl Estimate {
    /// Adds `records` that took `elapsed` ns to the recent past.
    #[inline(never)]
    pub fn add(&mut self, records: u64, elapsed: u64) {
        self.time = self.time.saturating_add(elapsed);
        self.count = self.count.saturating_add(records);
        if self.count > RECENT {
            (self.time, self.count) = (self.time / 2, self.count / 2);
        }
    }

    /// Adds a window of `elapsed` ns that has brought nothing to the recent past.
    pub fn add_idle(&mut self, elapsed: u64) {
        self.time = self.time.saturating_add(elapsed);
    }

    /// Forgets the recent past.
    pub fn forget_gap(&mut self) {
        (self.time, self.count) = (0, 0);
    }

    /// Between records, ns; 0: unknown.
    pub fn gap(&self) -> u64 {
        self.time.checked_div(self.count).unwrap_or(0)
    }

    /// What wake-ups cost both sides for each record, without windows.
    #[inline(never)]
    fn wakeup_share(&self) -> u64 {
        let plausible = WAKEUP_MAX / self.batch.max(1);
        let reader = self.cost.saturating_sub(self.drain).min(plausible);
        let producer = reader.saturating_mul(PRODUCER_QUARTERS) / 4;
        let freed = self.cold_gap.saturating_sub(self.gap());
        reader.saturating_add(producer.max(freed))
    }

    /// What a wake-up costs both sides.
    pub fn wakeup(&self) -> u64 {
        self.wakeup_share().saturating_mul(self.batch)
    }

    /// Whether spinning costs less than waking up.
    #[inline(never)]
    pub fn spin_is_cheaper(&self) -> bool {
        let drain = self.drain.min(self.cost);
        self.gap() <= drain.saturating_add(self.wakeup_share())
    }

    /// Whether spinning might, as a trial would show.
    pub fn may_be_cheaper(&self) -> bool {
        self.gap() <= self.cost.saturating_mul(TRY_PART)
    }
}

impl Backoff {
    /// Skips as many as the penalty says, and doubles it, after a trial with so many rings: it takes the longer
    /// the more they are.
    pub fn lengthen(&mut self, rings: u64) {
        self.skip = self.penalty;
        let next = self.penalty.saturating_mul(2);
        let most = SKIP_MAX.saturating_mul((rings / SKIP_RINGS).clamp(1, SKIP_RINGS) as u32);
        // Not `clamp`, which panics where the bounds are the wrong way round: not every compiler sees that they never are.
        self.penalty = next.max(SKIP_MIN).min(most);
    }

    /// A window was worth it: the next one that is not costs half.
    pub fn shorten(&mut self) {
        self.penalty /= 2;
    }
}
