// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! When to coalesce: to sleep with one record held back in each ring, where the program accepts that its
//! records come later by so much.
//!
//! A window opens with the first record that wakes us, and windows repeat while records come. One that
//! has brought nothing ends the call, and the next wake-ups open none: one of them at first, and twice as
//! many each time, until a window brings something again.
//!
//! Nothing in here reads a clock or a ring: the caller passes times and counts.

use super::wait::Walked;

/// How long one call may go on sleeping, in ns; one window is always possible.
const CALL_MAX: u64 = 10_000_000;

/// Windows of a call at most: more than fit into its time, unless the clock stands still.
const WINDOWS_MAX: u32 = 1024;

/// Wake-ups without a window after one that has brought nothing, at most.
const SKIP_MAX: u32 = 64;

/// Shortest window that is worth its system calls, in ns, unless the user asked for a shorter one.
const SHORTEST: u64 = 20_000;

/// A window is to fill at most this part of a ring.
const FILL_PART: u64 = 4;

/// What is known from call to call.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Coalescing {
    /// Wake-ups left to open no window.
    skip: u32,
    /// How many the next window that brings nothing makes it.
    penalty: u32,
    /// Bytes that the last window brought, and what it took, ns.
    bytes: u64,
    took: u64,
}

/// One call that may sleep.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Call {
    /// Longest window, ns.
    longest: u64,
    /// Bytes of the smallest ring.
    size: u64,
    /// When the call must return, ns.
    deadline: u64,
    /// When the first window opened, ns; 0: not yet.
    began: u64,
    /// When the present window is to end, and when it opened, ns.
    until: u64,
    since: u64,
    /// What had been walked when it opened.
    walked: Walked,
    /// Windows so far.
    windows: u32,
}

/// How a window ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// By its time.
    InTime,
    /// By the first record of a ring that was not held.
    ByRing,
    /// By something else: a forced wake-up, a descriptor of the program's own, a signal.
    Early,
}

impl Coalescing {
    /// A call that a wake-up has begun, with windows of up to `longest` ns; `None` if it is to open none.
    pub fn begin(&mut self, longest: u64, size: u64, deadline: u64) -> Option<Call> {
        if self.skip > 0 {
            self.skip = self.skip.wrapping_sub(1);
            return None;
        }
        Some(Call {
            longest,
            size,
            deadline,
            began: 0,
            until: 0,
            since: 0,
            walked: Walked::default(),
            windows: 0,
        })
    }

    /// Until when to sleep now, at `now`, `walked` being what the call has walked so far and `ended` how
    /// its last window ended. `None`: the call is to settle.
    pub fn next(
        &mut self,
        call: &mut Call,
        walked: Walked,
        ended: Option<Ended>,
        now: u64,
    ) -> Option<u64> {
        match ended {
            None => call.began = now,
            Some(Ended::Early) => return None,
            // The other rings' window goes on.
            Some(Ended::ByRing) if now < call.until => return Some(call.until),
            Some(Ended::ByRing | Ended::InTime) => {
                let bytes = walked.bytes.wrapping_sub(call.walked.bytes);
                if walked.records == call.walked.records {
                    self.penalty = self.penalty.saturating_mul(2).clamp(1, SKIP_MAX);
                    self.skip = self.penalty;
                    return None;
                }
                (self.penalty, self.skip) = (0, 0);
                self.bytes = bytes;
                self.took = now.saturating_sub(call.since).max(1);
            }
        }
        let last = call.began.saturating_add(CALL_MAX.max(call.longest));
        let left = last.min(call.deadline).saturating_sub(now);
        let window = call.longest.min(left).min(self.room(call.size));
        if window == 0 || window < SHORTEST.min(call.longest) || call.windows >= WINDOWS_MAX {
            return None;
        }
        call.windows = call.windows.wrapping_add(1);
        call.walked = walked;
        call.since = now;
        call.until = now.saturating_add(window);
        Some(call.until)
    }

    /// How long it takes to fill the part of a ring of `size` bytes that a window may fill, at the rate of
    /// the last window, ns.
    fn room(&self, size: u64) -> u64 {
        let part = size / FILL_PART;
        match self.bytes {
            0 => u64::MAX,
            bytes => part.saturating_mul(self.took) / bytes,
        }
    }
}

#[cfg(test)]
mod tests;
