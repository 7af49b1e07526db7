// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! When to linger: to wait for more records with one held back in each ring, instead of settling.
//!
//! A reader that has caught up is woken for the next record, and the producer, which is the traced
//! program, pays for that: an interrupt to another CPU, a few microseconds. A reader one record
//! behind is not woken, and a record costs the producer some tens of nanoseconds. So where records
//! come fast enough the reader had better wait by itself, for a *window* at a time: a few microseconds
//! of spinning.
//!
//! Spinning costs the reader all of its time, so a record costs the gap to the next one, in whichever
//! ring. Without, it costs both sides their part of a wake-up, which differs widely between machines: from
//! two microseconds to thirty. The reader's part is measured, as CPU time per record in a sample without
//! windows; the producer's is at least as much, and at least what the gap shrinks by. Spinning is
//! cheaper where the gap is smaller than both together.
//!
//! How fast records would come can only be seen while lingering, since wake-ups slow the producer down:
//! where it looks possible a window is tried, and one that brings nothing, or too little, makes the next
//! trials rarer. With several rings each of them sends wake-ups until it is held, which begins with its
//! first record after it was settled: a trial takes longer there, and so may a call, since its end
//! settles them all.
//!
//! Nothing in here reads a clock or a ring: the caller passes times and counts.

mod decide;
mod rate;

use super::wait::Walked;
pub use rate::Rate;

/// What bounds the windows of a call: the user's option, and the rings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Longest time to spin for one ring, ns; 0: not at all.
    pub spin: u64,
    /// Bytes of the smallest ring.
    pub size: u64,
    /// Rings that take part.
    pub rings: u64,
    /// Whether other rings than one have records these days.
    pub several: bool,
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

/// One call's decisions.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Call {
    /// What had been walked at the last decision.
    walked: Walked,
    /// When the first decision was made, ns; 0: not yet.
    began: u64,
    /// Time spent in windows, ns. Never more than has passed since then, unless the clock stands still.
    spun: u64,
    /// The window that the last decision opened, and how long it took, ns.
    window: Option<(u64, u64)>,
}

impl Call {
    /// The window has ended, after `took` ns.
    pub fn ended(&mut self, took: u64) {
        self.spun = self.spun.saturating_add(took);
        if let Some((_, so_far)) = &mut self.window {
            *so_far = took;
        }
    }
}

#[cfg(test)]
mod tests;
