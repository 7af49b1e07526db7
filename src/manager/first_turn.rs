// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The short way through a poll: most wake-ups are about one ring, nothing is to be held back in it, and its
//! first turn settles it. Then nothing is left for [`rounds`] to do. Where it is otherwise
//! the ring goes on in a call like any other.

use super::linger_call::LingerCall;
use super::taking_part::{NOT_YET, TakingPart};
use super::{CALL_MAX, ManagerHandle};
use crate::mapped_ring::RingHandle;
use crate::ring::consumer::Turn;
use crate::ring::rounds;
use crate::ring::wait::{NoWait, WaitPolicy};
use crate::sys::errno::Errno;
use core::ffi::c_int;

impl ManagerHandle {
    /// Whether a poll may go the short way: the program has asked for nothing that it must see to, and no ring takes
    /// part in a poll that this one is called in, or that its callback has left.
    #[inline(always)]
    pub(super) fn is_plain(self) -> bool {
        !(self.is_busy() || self.minds_time() || self.has_left()) && self.taking_part() == 0
    }

    /// Reads what the single event of a wait names, in a poll with this timeout. Errors: those of
    /// [`RingHandle::consume`].
    #[inline(never)]
    pub(super) fn read_alone(self, timeout_ms: c_int) -> Result<u64, Errno> {
        let waits = timeout_ms != 0;
        let holds = waits && self.with_rate(|rate| rate.holds(&self.limits_of_one()));
        let Some(ring) = self.ring_of_event(0).filter(|_| !holds) else {
            return self.read_ready(1, timeout_ms, u64::MAX);
        };
        if waits {
            self.note_events(1);
        }
        ring.stats().count(|counters| counters.wakeups.add(1));
        // Before the callback, which may poll, and need not return.
        self.enroll_alone(ring);
        let turn = ring.take_first_turn(CALL_MAX);
        match turn {
            Ok(turn) if turn.settled && ring.is_as_left() && self.dismiss_alone(ring) => {
                if waits {
                    LingerCall::note_turn(self, turn);
                }
                Ok(turn.delivered)
            }
            turn => self.go_on(ring, turn, waits),
        }
    }

    /// Goes on after the ring's first turn.
    #[inline(never)]
    fn go_on(self, ring: RingHandle, turn: Result<Turn, Errno>, waits: bool) -> Result<u64, Errno> {
        self.set_looked_at(NOT_YET);
        let mut rings = TakingPart(self);
        rings.note_turn(ring, &turn);
        let mut linger;
        let policy: &mut dyn WaitPolicy = if waits {
            linger = LingerCall::new(self);
            &mut linger
        } else {
            &mut NoWait
        };
        let result = rounds::go_on(&mut rings, turn, CALL_MAX, policy);
        self.disband();
        result
    }
}
