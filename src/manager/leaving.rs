// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Polls that return after a time, though records go on coming.
//!
//! Such a poll leaves records behind, in rings whose end is published and fenced, but which have not
//! settled. Nobody need be notified about those records: they may have been committed while the ring was
//! held. So the next poll looks at all rings before it waits, and whoever waits edge-triggered on the
//! manager's epoll instance is given a new edge.

use super::ManagerHandle;
use super::taking_part::Looked;
use crate::options::POLL_MAX;
use crate::ring::wait::{Round, WaitPolicy, Walked};
use crate::sys::clock::monotonic_ns;
use crate::sys::edge::{self, Edge};
use crate::sys::errno::Errno;
use core::ffi::c_int;

/// Records of one turn at most where the time is limited, so that a slow callback does not make the poll late.
pub(super) const TURN_MAX: u64 = 16;

/// The state of a manager's polls that return early.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaving {
    /// Longest time that a poll goes on reading, ms; 0: for as long as records come.
    poll_max_ms: u32,
    /// Whom a poll that leaves records behind wakes, once a time has been set.
    edge: Option<Edge>,
    /// Whether the edge's event may still be in the epoll instance.
    given: bool,
    /// Whether rings may not have settled in the last poll: the next one looks at all before it waits.
    left: bool,
    /// Whether a poll has left rings since a poll last looked at all of them.
    again: bool,
}

impl Leaving {
    /// Polls go on for as long as records come.
    pub const NEVER: Leaving = Leaving {
        poll_max_ms: 0,
        edge: None,
        given: false,
        left: false,
        again: false,
    };
}

/// A wait policy whose call returns soon after a time.
pub(super) struct Limited<'a> {
    policy: &'a mut dyn WaitPolicy,
    /// When that is, in ns of [`monotonic_ns`].
    until: u64,
    /// Whether the time is over: what can settle in one more round still does.
    over: bool,
    /// Whether the call has left rings that have not settled.
    pub left: bool,
}

impl<'a> Limited<'a> {
    /// `policy`, until a time in ns of [`monotonic_ns`].
    pub fn new(policy: &'a mut dyn WaitPolicy, until: u64) -> Self {
        Limited {
            policy,
            until,
            over: false,
            left: false,
        }
    }
}

impl WaitPolicy for Limited<'_> {
    #[inline]
    fn round(&mut self) -> Round {
        let round = self.policy.round();
        Round {
            hold: round.hold && !self.over,
            ..round
        }
    }

    #[inline]
    fn waits(&mut self, walked: Walked) -> bool {
        !self.over && self.policy.waits(walked)
    }

    fn wait(&mut self) {
        self.policy.wait();
    }

    #[inline]
    fn most(&self) -> u64 {
        TURN_MAX
    }

    #[inline]
    fn leaves(&mut self) -> bool {
        self.left = self.over;
        self.over = monotonic_ns() >= self.until;
        self.left
    }
}

impl ManagerHandle {
    /// Has polls with a timeout other than 0 return after `ms` milliseconds, though records go on coming; 0
    /// is off. `ms` above [`POLL_MAX`] counts as that.
    ///
    /// Errors: those of [`Edge::new`]; what was in force stays.
    pub fn set_poll_max_ms(self, ms: u32) -> Result<(), Errno> {
        if ms > 0 {
            self.make_edge()?;
        }
        self.set_leaving(Leaving {
            poll_max_ms: ms.min(POLL_MAX),
            ..self.leaving()
        });
        Ok(())
    }

    /// Makes the edge that calls give which return with more to read. Errors: those of [`Edge::new`].
    pub(super) fn make_edge(self) -> Result<(), Errno> {
        let mut leaving = self.leaving();
        if leaving.edge.is_none() {
            leaving.edge = Some(Edge::new(self.epoll_fd())?);
            self.set_leaving(leaving);
        }
        Ok(())
    }

    /// Closes the edge.
    pub(super) fn destroy_edge(self) {
        if let Some(edge) = self.leaving().edge {
            edge.destroy();
        }
    }

    /// When a poll begun now must return though records go on coming, in ns of [`monotonic_ns`]; `None`: never.
    #[inline]
    pub(super) fn limit(self) -> Option<u64> {
        let limit = u64::from(self.leaving().poll_max_ms).wrapping_mul(1_000_000);
        (limit > 0).then(|| monotonic_ns().saturating_add(limit))
    }

    /// Takes note that this poll may leave rings that have not settled, to the next poll alone.
    pub(super) fn note_left(self) {
        self.set_leaving(Leaving {
            left: true,
            ..self.leaving()
        });
    }

    /// Takes note of rings that this call has left.
    pub fn leave_rings(self) {
        let leaving = self.leaving();
        let edge = leaving.edge;
        // First: the thread may be cancelled in `give`.
        self.set_leaving(Leaving {
            left: true,
            again: true,
            given: edge.is_some(),
            ..leaving
        });
        if let Some(edge) = edge {
            edge.give();
        }
    }

    /// Whether a poll has left rings, and no other one has seen all of them settle since.
    #[inline]
    pub(super) fn has_left(self) -> bool {
        self.leaving().left
    }

    /// Before a poll waits: gives all rings their turns, if one has left any. `Some` if the poll is to return.
    pub(super) fn read_left(self, timeout_ms: c_int, deadline: u64) -> Option<Result<u64, Errno>> {
        self.set_leaving(Leaving {
            given: false,
            again: false,
            ..self.leaving()
        });
        let ready = match self.wait(0) {
            Ok(ready) => ready,
            Err(error) => return Some(Err(error)),
        };
        let looked = self.begin(ready);
        self.enroll_all();
        let result = self.read_begun(ready, looked, timeout_ms, deadline);
        if result.is_ok() && !self.leaving().again {
            self.set_leaving(Leaving {
                left: false,
                ..self.leaving()
            });
        }
        match result {
            Ok(0) if looked != Looked::Other => None,
            result => Some(result),
        }
    }

    /// Before a call that does not ask the epoll instance: takes the edge's event out of it, or whoever waits for the
    /// instance level-triggered would never sleep again.
    #[inline]
    pub(super) fn take_edge(self) {
        let leaving = self.leaving();
        if leaving.given {
            self.set_leaving(Leaving {
                given: false,
                ..leaving
            });
            // As in `look_for_rings`.
            let _ = self.wait(0);
        }
    }

    /// Whether polls may find the edge's event.
    pub(super) fn has_edge(self) -> bool {
        self.leaving().edge.is_some()
    }

    /// Whether event `number` of the last wait is the edge's.
    pub(super) fn is_edge(self, number: usize) -> bool {
        self.has_edge() && self.event(number) == edge::DATA
    }

    /// [`wait`](Self::wait)s, until `deadline`, for something else than the edge.
    pub(super) fn wait_past_edge(self, timeout_ms: c_int, deadline: u64) -> Result<usize, Errno> {
        let ready = self.wait(timeout_ms)?;
        if ready != 1 || !self.is_edge(0) {
            return Ok(ready);
        }
        let left = deadline.saturating_sub(monotonic_ns()).div_ceil(1_000_000);
        let left = c_int::try_from(left).unwrap_or(timeout_ms);
        self.wait(left.min(timeout_ms))
    }

    fn leaving(self) -> Leaving {
        // SAFETY: a live manager that no other thread uses.
        unsafe { (*self.as_ptr()).leaving }
    }

    fn set_leaving(self, leaving: Leaving) {
        // SAFETY: a live manager that no other thread uses; no reference to the field exists.
        unsafe { (*self.as_ptr()).leaving = leaving };
    }
}
