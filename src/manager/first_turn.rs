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
use crate::sys::errno::{Errno, Packed};
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
    pub(super) fn read_alone(self, timeout_ms: c_int) -> Packed {
        let waits = timeout_ms != 0;
        let Some(ring) = self.ring_of_event(0) else {
            return self.read_ready(1, timeout_ms, u64::MAX);
        };
        if waits {
            if self.with_rate(|rate| rate.holds(&self.limits_of_one())) {
                return self.read_ready(1, timeout_ms, u64::MAX);
            }
            self.note_events(1);
        }
        if ring.is_plain() {
            self.read_first::<false>(ring, waits)
        } else {
            ring.stats().count(|counters| counters.wakeups.add(1));
            self.read_counted(ring, waits)
        }
    }

    #[inline(never)]
    fn read_counted(self, ring: RingHandle, waits: bool) -> Packed {
        self.read_first::<true>(ring, waits)
    }

    /// Gives `ring` the first turn of a call, alone.
    #[inline(always)]
    fn read_first<const COUNTED: bool>(self, ring: RingHandle, waits: bool) -> Packed {
        // Before the callback, which may poll, and need not return.
        self.enroll_alone(ring);
        let ended = self.parts_ended();
        match ring.take_first_turn::<COUNTED>(CALL_MAX) {
            // A ring that is plain is as the turn has left it: nothing of the program's has run since.
            Ok(turn)
                if turn.settled
                    && (!COUNTED || ring.is_as_left() && !ring.part().is_late())
                    && self.dismiss_alone(ring, ended) =>
            {
                if waits {
                    LingerCall::note_turn(self, turn);
                }
                Ok(turn.delivered).into()
            }
            // Copies, so that what most calls need stays in registers.
            Ok(turn) => self.go_on(ring, Ok(turn), waits, ended),
            Err(error) => self.go_on(ring, Err(error), waits, ended),
        }
    }

    /// Goes on after the ring's first turn, before which parts had been `ended` so often.
    #[inline(never)]
    fn go_on(self, ring: RingHandle, turn: Result<Turn, Errno>, waits: bool, ended: u32) -> Packed {
        self.set_looked_at(NOT_YET);
        let mut rings = TakingPart::since(self, ended);
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
        result.into()
    }
}
