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

mod decide;
mod rate;

use super::consumer::Walked;
pub use rate::Rate;

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

#[cfg(test)]
mod tests;
