// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Calls for a few records of a plain ring: most go the [straight](Straight) way, and nothing else.

use super::RingHandle;
use super::callback::Callback;
use super::memory::OwnPages;
use crate::ring::consumer::{Left, Stop, Straight, Went};
use crate::sys::errno::Packed;

/// An ordinary ring whose counters are not kept.
#[derive(Clone, Copy, Debug)]
pub struct PlainRing(RingHandle);

impl RingHandle {
    /// The ring, if it is plain.
    #[inline(always)]
    pub fn plain(self) -> Option<PlainRing> {
        self.is_plain().then_some(PlainRing(self))
    }
}

impl PlainRing {
    /// The ring.
    #[inline(always)]
    pub fn ring(self) -> RingHandle {
        self.0
    }

    /// Goes the straight way of a call for up to `max` records, if there is one.
    #[inline(always)]
    pub fn go_straight(self, max: u64) -> Option<Went> {
        let ring = self.0;
        let straight = Straight::find(OwnPages(ring), ring.journal(), max)?;
        // A call on the manager that this is called in, from a callback, must see for itself.
        ring.set_part(ring.part().walked());
        let went = straight.go(&mut Callback::<false>(ring));
        if let Went::All = went {
            ring.set_part(ring.part().walked());
        }
        Some(went)
    }

    /// The rest of a call for up to `max` records, after the straight way. Errors: as of [`RingHandle::consume`].
    #[inline(never)]
    pub fn go_on(self, left: Left, max: u64) -> Packed {
        let Self(ring) = self;
        let callback = Callback::<false>(ring);
        let result = left.go_on(OwnPages(ring), ring.journal(), max, callback);
        self.ended(result, max)
    }

    /// The same where the callback has failed with `error`.
    #[inline(never)]
    pub fn fail(self, left: Left, error: i32, max: u64) -> Packed {
        let Self(ring) = self;
        let callback = Callback::<false>(ring);
        let result = left.fail(error, OwnPages(ring), ring.journal(), max, callback);
        self.ended(result, max)
    }

    #[inline(always)]
    fn ended(self, result: Result<u64, Stop>, max: u64) -> Packed {
        let Self(ring) = self;
        ring.ended(result.map_err(|stop| ring.error(stop)), max)
    }
}
