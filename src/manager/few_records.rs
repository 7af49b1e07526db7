// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Calls for a number of records.

use super::all_rings::{AllRings, Stopped};
use super::{CALL_MAX, ManagerHandle};
use crate::mapped_ring::PlainRing;
use crate::ring::consumer::{Left, Went};
use crate::ring::rounds;
use crate::ring::wait::NoWait;
use crate::sys::errno::{Errno, Packed};

impl ManagerHandle {
    /// Consumes up to `max` records over all rings, by turns, and returns how many. Where one call has
    /// stopped short, the next goes on with that ring, until it has given what it held when its turn began.
    ///
    /// Errors: those of [`RingHandle::consume`].
    ///
    /// [`RingHandle::consume`]: crate::mapped_ring::RingHandle::consume
    #[inline(always)]
    pub fn consume_n(self, max: u64) -> Packed {
        self.take_edge();
        let Some(plain) = self.alone() else {
            return self.consume_from_start(max);
        };
        match plain.go_straight(max) {
            Some(Went::All) => Ok(max).into(),
            Some(Went::Part(left)) => self.go_on_after(plain, left, max),
            Some(Went::Failed(left, error)) => plain.fail(left, error, max),
            Some(Went::Refused) | None => self.consume_alone(plain, max),
        }
    }

    // Cold, though not rare: what is kept for them does not take the registers that the straight way needs.

    /// The rest of a call for up to `max` records, after the straight way.
    #[cold]
    #[inline(never)]
    fn go_on_after(self, plain: PlainRing, left: Left, max: u64) -> Packed {
        self.go_on_with_added(plain.go_on(left, max).into(), max)
    }

    /// Such a call without a straight way, for the one ring that there is.
    #[cold]
    #[inline(never)]
    fn consume_alone(self, plain: PlainRing, max: u64) -> Packed {
        // First: most such calls find nothing.
        if plain.ring().is_settled() {
            return Ok(0).into();
        }
        self.consume_from_start(max)
    }

    /// Such a call from its start.
    #[cold]
    #[inline(never)]
    fn consume_from_start(self, max: u64) -> Packed {
        match self.ring(0) {
            Some(ring) if self.ring_cnt() == 1 => {
                self.go_on_with_added(ring.consume_from_start(max), max)
            }
            _ => self.consume_by_turns(max),
        }
    }

    /// After the one ring was read: a callback may have added others.
    #[inline(always)]
    fn go_on_with_added(self, result: Result<u64, Errno>, max: u64) -> Packed {
        match result {
            Ok(delivered) if delivered < max && self.ring_cnt() > 1 => {
                let more = self.consume_by_turns(left_of(max, delivered));
                let more = Result::from(more).map(|more: u64| delivered.wrapping_add(more));
                more.into()
            }
            result => result.into(),
        }
    }

    #[inline(never)]
    fn consume_by_turns(self, max: u64) -> Packed {
        if max == 0 || self.is_settled() {
            return Ok(0).into();
        }
        let mut rings = AllRings::after(self, self.stopped());
        let result = rounds::read(&mut rings, max, &mut NoWait);
        self.dismiss();
        let Ok(delivered) = result else {
            return result.into();
        };
        let stopped = if delivered == max && !self.is_settled() {
            rings.stopped()
        } else {
            Stopped::default()
        };
        // SAFETY: a live manager that no other thread uses; no reference to the field exists.
        unsafe { (*self.as_ptr()).stopped = stopped };
        result.into()
    }

    #[inline(always)]
    fn alone(self) -> Option<PlainRing> {
        // SAFETY: a live manager.
        unsafe { (*self.as_ptr()).alone }
    }

    fn stopped(self) -> Stopped {
        // SAFETY: a live manager.
        unsafe { (*self.as_ptr()).stopped }
    }
}

/// How many records more a call for `max` delivers, whose result says that `delivered` have been. A result that says as
/// many as it can may stand for more: then none.
fn left_of(max: u64, delivered: u64) -> u64 {
    if delivered < CALL_MAX {
        max.saturating_sub(delivered)
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_goes_on_for_no_more_records_than_it_is_asked_for() {
        let asked = CALL_MAX + 100;
        for delivered in [0, 1, CALL_MAX - 1, CALL_MAX, CALL_MAX + 1, CALL_MAX + 90] {
            let said: Result<u64, _> = Packed::from(Ok(delivered)).into();
            let left = left_of(asked, said.expect("a number"));
            assert!(delivered + left <= asked, "{left} more after {delivered}");
            assert!(left > 0 || delivered >= CALL_MAX);
        }
    }
}
