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
//! microseconds to thirty. The reader's part is measured, as CPU time per record in a sample without
//! windows; the producer's is at least as much, and at least what the gap shrinks by. Spinning is
//! cheaper where the gap is smaller than both together.
//!
//! How fast records would come can only be seen while lingering, since wake-ups slow the producer down:
//! where it looks possible a window is tried, and one that brings nothing, or too little, makes the next
//! trials rarer.
//!
//! Nothing in here reads a clock or a ring: the caller passes times and counts.

mod decide;
mod rate;

use super::wait::Walked;
pub use rate::Rate;

/// What bounds the windows of a call: the user's options, and the ring.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Longest time to spin, ns; 0: not at all.
    pub spin: u64,
    /// Longest time to sleep, ns; 0: not at all.
    pub sleep: u64,
    /// Bytes of the ring.
    pub size: u64,
    /// Whether the manager has other rings, whose records wait until the call returns.
    pub others: bool,
}

/// How to wait, and how long, in ns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Window {
    /// Without giving up the CPU.
    Spin(u64),
    /// Asleep. A notification of any of the manager's descriptors ends it early.
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

    /// The caller could not open the window that was decided for: nothing is to be learnt from it.
    pub fn window_not_opened(&mut self) {
        self.window = None;
    }

    /// The window has ended.
    pub fn ended(&mut self, how: Ended) {
        self.ended = how;
    }
}

#[cfg(test)]
mod tests;
