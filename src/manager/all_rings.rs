// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Calls that read all rings of a manager, whether or not the kernel has notified us about them.

use super::ManagerHandle;
use super::part::Part;
use super::taking_part::NOTHING;
use crate::mapped_ring::RingHandle;
use crate::ring::consumer::Turn;
use crate::ring::rounds::Rings;
use crate::ring::wait::Round;
use crate::sys::errno::Errno;

/// Where a call for a number of records has stopped.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Stopped {
    /// The ring whose turn it was.
    index: u32,
    /// The end of what that ring held when its turn began. The turn is over when the ring has been read so
    /// far.
    end: u64,
}

/// All rings of a manager, in their order, but beginning with a certain one.
pub(super) struct AllRings {
    manager: ManagerHandle,
    first: usize,
    /// The ring that has its turn, or had the last one.
    turn: Stopped,
    /// The ring whose turn has failed.
    failed: Option<RingHandle>,
}

impl AllRings {
    /// From the first one on.
    pub fn new(manager: ManagerHandle) -> Self {
        AllRings::after(manager, Stopped::default())
    }

    /// From the ring on whose turn it is after a call has `stopped`. All of them are to have a turn.
    #[inline(never)]
    pub fn after(manager: ManagerHandle, stopped: Stopped) -> Self {
        let count = manager.ring_cnt();
        let first = manager.is_first_call();
        for index in 0..count {
            if let Some(ring) = manager.ring(index) {
                let part = ring.part().walked();
                ring.set_part(if first { part.forgotten() } else { part });
            }
        }
        let mut turn = stopped;
        let ring = manager.ring(stopped.index as usize);
        if ring.is_none_or(|ring| ring.has_reached(stopped.end)) {
            turn.index = stopped.index.wrapping_add(1);
        }
        if turn.index as usize >= count || stopped == Stopped::default() {
            turn = Stopped::default();
        }
        AllRings {
            manager,
            first: turn.index as usize,
            turn,
            failed: None,
        }
    }

    /// Whose turn it is if the call has stopped.
    pub fn stopped(&self) -> Stopped {
        self.turn
    }

    fn ring(&self, number: usize) -> Option<(usize, RingHandle)> {
        let count = self.manager.ring_cnt();
        let index = self.first.wrapping_add(number);
        let index = if index < count {
            index
        } else {
            index.wrapping_sub(count)
        };
        self.manager.ring(index).map(|ring| (index, ring))
    }
}

impl Rings for AllRings {
    type Error = Errno;

    fn count(&self) -> usize {
        self.manager.ring_cnt()
    }

    fn is_settled(&self, number: usize) -> bool {
        let ring = self.ring(number);
        ring.is_none_or(|(_, ring)| ring.part().has(Part::SETTLED) && ring.is_as_left())
    }

    fn take_turn(&mut self, number: usize, round: Round, max: u64) -> Result<Turn, Errno> {
        let Some((index, ring)) = self.ring(number) else {
            return Ok(NOTHING);
        };
        // The turn that a call has stopped in goes on.
        if self.turn.index as usize != index || ring.has_reached(self.turn.end) {
            self.turn = Stopped {
                index: index as u32,
                end: ring.producer_pos(),
            };
        }
        let turn = ring.take_turn(round, max);
        if turn.is_err() {
            self.failed = Some(ring);
        }
        let mut part = ring.part().after(&turn);
        // Where it has ended with the call's last record its position is libbpf's, and what comes is notified about.
        if turn.is_ok_and(|turn| !turn.settled && turn.delivered < max) || ring.is_held() {
            part = part.with(Part::OWED);
        }
        ring.set_part(part);
        if turn.is_ok_and(|turn| !turn.settled) {
            // A poll finds it, should another ring's callback leave this call.
            if self.manager.enroll(ring) {
                ring.set_part(ring.part().with(Part::GUEST));
            }
        }
        turn
    }

    fn join(&mut self) {}

    fn release(&mut self) {
        for index in 0..self.count() {
            if let Some(ring) = self.manager.ring(index) {
                ring.release_held();
            }
        }
    }

    #[cold]
    fn fail(&mut self) {
        for index in 0..self.count() {
            if let Some(ring) = self.manager.ring(index) {
                self.manager.fail_beside(ring, self.failed);
            }
        }
    }
}
