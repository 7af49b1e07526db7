// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Notes on one ring, from turn to turn and from call to call.

use crate::ring::consumer::Turn;
use crate::sys::errno::Errno;

/// What a ring is to the call that it takes part in: flags.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Part(u8);

impl Part {
    /// It takes part.
    pub(super) const JOINED: u8 = 1;
    /// Its last turn has settled it.
    pub(super) const SETTLED: u8 = 1 << 1;
    /// It has had records in this call.
    pub(super) const ACTIVE: u8 = 1 << 2;
    /// It takes part only because a call for all rings holds it.
    pub(super) const GUEST: u8 = 1 << 3;
    /// It was left held, or perhaps with more to read, by the outermost call that is under way or one in its callbacks, and
    /// has not been read to the end since: records may be there that nobody was notified about, where libbpf's call would
    /// have left them to a notification.
    pub(super) const LEFT: u8 = 1 << 4;
    /// A turn has held it, and it has not been read to the end since: libbpf's reader might have been notified about records
    /// that are there, and nobody was.
    pub(super) const OWED: u8 = 1 << 6;
    /// The turn that is just over says that it has settled the ring, but has left it with more to read.
    const LATE: u8 = 1 << 5;

    #[inline]
    pub(super) fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }

    #[inline]
    pub(super) fn with(self, flags: u8) -> Self {
        Part(self.0 | flags)
    }

    #[inline]
    pub(super) fn without(self, flags: u8) -> Self {
        Part(self.0 & !flags)
    }

    /// It is going to be walked, or has been, perhaps by a call in a callback: it has not settled, for all that the call
    /// around that callback knows.
    #[inline]
    pub fn walked(self) -> Self {
        self.without(Part::SETTLED)
    }

    /// It has been read to the end, but is not settled, for all that the call around knows.
    #[inline]
    pub fn read_up(self) -> Self {
        if self.is_late() {
            return self.left();
        }
        self.without(Part::SETTLED | Part::LEFT | Part::OWED)
    }

    /// The outermost call begins: what calls before it have left is as libbpf's would have left it, unless it was held.
    #[inline]
    pub(super) fn forgotten(self) -> Self {
        if self.has(Part::OWED) {
            return self;
        }
        self.without(Part::LEFT)
    }

    /// It has been read, and perhaps not to the end.
    #[inline]
    pub fn left(self) -> Self {
        self.without(Part::SETTLED | Part::LATE).with(Part::LEFT)
    }

    /// A turn is about to end that says that it has settled the ring, but leaves it with more to read.
    #[inline]
    pub fn late(self) -> Self {
        self.with(Part::LATE)
    }

    #[inline]
    pub(super) fn is_late(self) -> bool {
        self.has(Part::LATE)
    }

    /// After a turn.
    #[inline]
    pub(super) fn after(self, turn: &Result<Turn, Errno>) -> Self {
        match turn {
            Ok(turn) => {
                let active = if turn.walked.records > 0 {
                    Part::ACTIVE
                } else {
                    0
                };
                let after = if turn.settled {
                    self.read_up().with(Part::SETTLED)
                } else {
                    self.left()
                };
                after.with(active)
            }
            Err(_) => self.left(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::taking_part::NOTHING;
    use super::*;

    #[test]
    fn a_ring_is_left_until_it_has_been_read_to_the_end() {
        let settled = Ok(NOTHING);
        let stopped = Ok(Turn {
            settled: false,
            ..NOTHING
        });
        for part in [Part::default(), Part::default().with(Part::SETTLED)] {
            for turn in [stopped, Err(Errno(libc::EPROTO))] {
                let left = part.after(&turn);
                assert!(left.has(Part::LEFT) && !left.has(Part::SETTLED));
                assert!(left.walked().has(Part::LEFT));
                assert!(!left.after(&settled).has(Part::LEFT));
                assert!(!left.read_up().has(Part::LEFT));
                assert!(!left.forgotten().has(Part::LEFT));
                assert_eq!(left.with(Part::OWED).forgotten(), left.with(Part::OWED));
                assert!(!left.with(Part::OWED).after(&settled).has(Part::OWED));
            }
        }
    }

    #[test]
    fn a_ring_is_left_by_a_turn_that_ends_a_call_late() {
        let late = Part::default().late();
        let after = late.after(&Ok(NOTHING));
        for part in [after, late.read_up()] {
            assert!(part.has(Part::LEFT) && !part.is_late());
        }
        assert!(after.has(Part::SETTLED));
    }
}
