// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Which rings of a manager take part in a call.
//!
//! In a poll those take part that the kernel has notified us about, and join it in that order. They are
//! kept in an array of the manager's, not of the call's: a callback may poll too, and reads all of them
//! to the end, or the callback may not return, and the next poll goes on with them.

use super::ManagerHandle;
use super::part::Part;
use crate::attach::RING;
use crate::mapped_ring::{MappedRing, RingHandle};
use crate::ring::consumer::Turn;
use crate::ring::rounds::Rings;
use crate::ring::wait::{Round, Walked};
use crate::sys::clock::monotonic_ns;
use crate::sys::errno::Errno;

/// While a poll goes on, rings that do not take part are looked for this often, in ns: they wait so long.
pub(super) const LOOK_EVERY: u64 = 100_000;

/// When rings were last looked for in a poll that has just begun. It looks after a while only: most have
/// ended by then, and have made the kernel's calls that libbpf would make.
pub(super) const NOT_YET: u64 = u64::MAX;

/// A turn of a ring that has settled.
pub(super) const NOTHING: Turn = Turn {
    delivered: 0,
    walked: Walked {
        records: 0,
        bytes: 0,
    },
    settled: true,
};

/// What a look for rings has found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Looked {
    /// Nothing new.
    Nothing,
    /// A ring that did not take part, or that was not held, and nothing of the program's own.
    NewRing,
    /// A descriptor that the program has added.
    Other,
}

/// The rings that take part in a poll.
pub(super) struct TakingPart {
    manager: ManagerHandle,
    /// [`parts_ended`](ManagerHandle::parts_ended) when the poll last looked.
    ended: u32,
    /// The ring whose turn has failed.
    failed: Option<RingHandle>,
}

impl Rings for TakingPart {
    type Error = Errno;

    #[inline]
    fn count(&self) -> usize {
        self.manager.taking_part()
    }

    #[inline]
    fn is_settled(&self, number: usize) -> bool {
        let ring = self.manager.participant(number);
        ring.is_none_or(|ring| ring.part().has(Part::SETTLED) && ring.is_as_left())
    }

    #[inline]
    fn take_turn(&mut self, number: usize, round: Round, max: u64) -> Result<Turn, Errno> {
        let Some(ring) = self.manager.participant(number) else {
            return Ok(NOTHING);
        };
        let turn = ring.take_turn(round, max);
        self.note_turn(ring, &turn);
        turn
    }

    fn join(&mut self) {
        self.manager.look_for_rings_in_time();
    }

    fn release(&mut self) {
        for number in 0..self.count() {
            if let Some(ring) = self.manager.participant(number) {
                ring.release_held();
            }
        }
    }

    #[cold]
    fn fail(&mut self) {
        for number in 0..self.count() {
            if let Some(ring) = self.manager.participant(number) {
                self.manager.fail_beside(ring, self.failed);
            }
        }
    }
}

impl TakingPart {
    /// Of a poll that began when parts had been `ended` so often.
    pub fn since(manager: ManagerHandle, ended: u32) -> Self {
        TakingPart {
            manager,
            ended,
            failed: None,
        }
    }

    /// Takes note of a turn that `ring` has had.
    #[inline]
    pub fn note_turn(&mut self, ring: RingHandle, turn: &Result<Turn, Errno>) {
        self.manager.enroll(ring);
        let ended = self.manager.parts_ended();
        if ended != self.ended {
            // A call in the callback has ended the part of rings that took part in this one. It need not have settled
            // them, and if it has, a call around it may have gone back in them.
            self.ended = ended;
            self.manager.enroll_unsettled();
        }
        if turn.is_err() {
            self.failed = Some(ring);
        }
        let part = ring.part().after(turn);
        ring.set_part(if turn.is_ok_and(|turn| !turn.settled) {
            part.with(Part::OWED)
        } else {
            part
        });
    }
}

impl ManagerHandle {
    /// A ring has `failed`: publishes what is held of this one, if it had a turn. Where it is another one, and has more by
    /// then, which no commit need have notified anybody about, those are notified who wait for the manager's
    /// epoll instance.
    pub(super) fn fail_beside(self, ring: RingHandle, failed: Option<RingHandle>) {
        let left = ring.part().has(Part::LEFT) || ring.is_held();
        ring.release_held();
        if failed == Some(ring) {
            return;
        }
        // Once: who is notified about a ring whose turn never comes, since another one fails first, need not be again.
        ring.set_part(ring.part().without(Part::LEFT | Part::OWED));
        if left && ring.has_records() {
            let mut indices = 0..self.ring_cnt();
            if let Some(index) = indices.find(|&index| self.ring(index) == Some(ring)) {
                // An item gives no new edge while it is queued: it is looked at without events in between.
                RING.watch(ring.map_fd(), self.epoll_fd(), index as u64, false);
                let _ = self.wait(0);
                RING.watch(ring.map_fd(), self.epoll_fd(), index as u64, true);
            }
        }
    }

    /// Whether a ring is held that takes part still, since a callback has left its call.
    #[inline]
    pub(super) fn holds_rings(self) -> bool {
        let mut numbers = 0..self.taking_part();
        numbers.any(|number| self.participant(number).is_some_and(RingHandle::is_held))
    }

    /// Lets the rings take part that the first `ready` events name, in that order, and then those that still
    /// do: they are warm, or a call has ended early.
    pub(super) fn begin(self, ready: usize) -> Looked {
        let before = self.taking_part();
        let aside = self.ring_cnt();
        for number in 0..before {
            if let Some(ring) = self.participant(number) {
                self.set_participant(aside.wrapping_add(number), ring);
                ring.set_part(ring.part().without(Part::JOINED));
            }
        }
        self.set_taking_part(0);
        self.set_looked_at(NOT_YET);
        self.forget_left(ready);
        let looked = self.join_ready(ready);
        for number in 0..before {
            if let Some(ring) = self.participant_at(aside.wrapping_add(number)) {
                self.enroll(ring);
            }
        }
        looked
    }

    /// Before a poll: what calls before it have left is notified about as libbpf would, by the kernel. Of the rings that
    /// the first `ready` events name.
    #[inline]
    fn forget_left(self, ready: usize) {
        for number in 0..ready {
            if let Some(ring) = self.ring_of_event(number) {
                let part = ring.part();
                if part.has(Part::LEFT) && self.is_first_call() {
                    ring.set_part(part.forgotten());
                }
            }
        }
    }

    /// Whether a call that begins is in no callback of the manager's: no ring has a note of one that walks it. `false` if
    /// that is not known, since a call was left, or if a poll has left rings to the next one.
    pub(super) fn is_first_call(self) -> bool {
        let mut rings = (0..self.ring_cnt()).filter_map(|index| self.ring(index));
        !self.has_left() && rings.all(RingHandle::has_no_note)
    }

    /// Lets all rings take part.
    pub(super) fn enroll_all(self) {
        for index in 0..self.ring_cnt() {
            if let Some(ring) = self.ring(index) {
                self.enroll(ring);
                ring.set_part(ring.part().walked());
            }
        }
    }

    /// Lets the rings take part that have not settled, for all that is known. Not all of them: where records go on coming
    /// to others, and each callback polls, the poll would find no end.
    #[cold]
    fn enroll_unsettled(self) {
        for index in 0..self.ring_cnt() {
            if let Some(ring) = self.ring(index) {
                let settled = ring.part().has(Part::SETTLED) && ring.is_as_left();
                if !(settled || ring.is_settled()) {
                    self.enroll(ring);
                    ring.set_part(ring.part().walked());
                }
            }
        }
    }

    /// Lets the rings take part that the first `ready` events name.
    pub(super) fn join_ready(self, ready: usize) -> Looked {
        let mut looked = Looked::Nothing;
        for number in 0..ready {
            // The program may have added fds of its own: their data name no ring of ours.
            let Some(ring) = self.ring_of_event(number) else {
                if !self.is_edge(number) {
                    looked = Looked::Other;
                }
                continue;
            };
            let new = self.enroll(ring);
            ring.set_part(ring.part().without(Part::SETTLED | Part::GUEST));
            if new || !ring.is_held() {
                ring.stats().count(|counters| counters.wakeups.add(1));
                if looked == Looked::Nothing {
                    looked = Looked::NewRing;
                }
            }
        }
        looked
    }

    /// Looks for rings that the kernel has notified us about meanwhile, without waiting.
    pub(super) fn look_for_rings(self) -> Looked {
        // A wait that does not sleep fails for nothing that another one would not say.
        let ready = self.wait(0).unwrap_or(0);
        self.join_ready(ready)
    }

    /// [`look_for_rings`](Self::look_for_rings), if there are any that do not take part and it is time.
    fn look_for_rings_in_time(self) {
        if self.taking_part() >= self.ring_cnt() {
            return;
        }
        let now = monotonic_ns();
        let looked_at = self.looked_at();
        if looked_at == NOT_YET {
            self.set_looked_at(now);
            return;
        }
        if now.wrapping_sub(looked_at) < LOOK_EVERY {
            return;
        }
        // Where one ring has come, others come too: they are looked for again at once.
        let looked = self.look_for_rings();
        let new = looked == Looked::NewRing;
        self.set_looked_at(if new { 0 } else { now });
    }

    /// Ends the part of all rings after a poll, but for those that are warm: lingered for, and with records in
    /// this call.
    #[inline]
    pub(super) fn disband(self) {
        let keep = self.with_rate(|rate| rate.is_lingering());
        let mut kept = 0;
        for number in 0..self.taking_part() {
            let Some(ring) = self.participant(number) else {
                continue;
            };
            let part = ring.part();
            let stays = keep && part.has(Part::ACTIVE) && part.has(Part::SETTLED);
            let part = part.without(Part::ACTIVE | Part::GUEST);
            if stays {
                ring.set_part(part);
                self.set_participant(kept, ring);
                kept = kept.wrapping_add(1);
            } else {
                ring.set_part(part.without(Part::JOINED));
            }
        }
        self.set_taking_part(kept);
        self.note_parts_ended();
    }

    /// Lets `ring` take part, where none does.
    #[inline(always)]
    pub(super) fn enroll_alone(self, ring: RingHandle) {
        self.set_participant(0, ring);
        self.set_taking_part(1);
        ring.set_part(ring.part().with(Part::JOINED));
    }

    /// Ends the part of `ring`, which has settled, if it takes part alone still, and [`parts_ended`](Self::parts_ended) is
    /// what it was when its part began.
    #[inline(always)]
    pub(super) fn dismiss_alone(self, ring: RingHandle, ended: u32) -> bool {
        let part = ring.part();
        let alone =
            self.taking_part() == 1 && part.has(Part::JOINED) && self.parts_ended() == ended;
        if alone {
            self.set_taking_part(0);
            ring.set_part(Part::default().with(Part::SETTLED));
        }
        alone
    }

    /// How often calls have ended the part of rings that a poll around them may need. It wraps.
    #[inline(always)]
    pub(super) fn parts_ended(self) -> u32 {
        // SAFETY: a live manager that no other thread uses.
        unsafe { (*self.as_ptr()).parts_ended }
    }

    /// Tells the poll in whose callback this may be.
    #[inline]
    fn note_parts_ended(self) {
        let ended = self.parts_ended().wrapping_add(1);
        // SAFETY: a live manager that no other thread uses; no reference to the field exists.
        unsafe { (*self.as_ptr()).parts_ended = ended };
    }

    /// Ends the part of the rings that take part only because of a call for all rings, which is over. A poll in whose
    /// callback that was is told: one of them may have been handed on to it by a call that was left, and a call between
    /// the two may go back in it.
    pub(super) fn dismiss(self) {
        let (mut kept, before) = (0, self.taking_part());
        for number in 0..self.taking_part() {
            let Some(ring) = self.participant(number) else {
                continue;
            };
            let part = ring.part();
            if part.has(Part::GUEST) {
                ring.set_part(part.without(Part::GUEST | Part::JOINED));
            } else {
                self.set_participant(kept, ring);
                kept = kept.wrapping_add(1);
            }
        }
        self.set_taking_part(kept);
        if kept != before {
            self.note_parts_ended();
        }
    }

    /// Lets a ring take part; `false` if it does already.
    #[inline]
    pub(super) fn enroll(self, ring: RingHandle) -> bool {
        let part = ring.part();
        if part.has(Part::JOINED) {
            return false;
        }
        let count = self.taking_part();
        self.set_participant(count, ring);
        self.set_taking_part(count.wrapping_add(1));
        ring.set_part(part.with(Part::JOINED));
        true
    }

    /// The ring that takes part as number `number`.
    #[inline]
    pub(super) fn participant(self, number: usize) -> Option<RingHandle> {
        if number >= self.taking_part() {
            return None;
        }
        self.participant_at(number)
    }

    #[inline]
    fn participant_at(self, number: usize) -> Option<RingHandle> {
        // SAFETY: a live manager; after its rings stand as many live ones as take part, and again as many where
        // `begin` has put them aside.
        Some(unsafe { RingHandle::from_live(*self.participants().add(number)) })
    }

    fn set_participant(self, number: usize, ring: RingHandle) {
        // SAFETY: a live manager; there is room for each ring twice, and none takes part twice.
        unsafe { *self.participants().add(number) = ring.as_ptr() };
    }

    #[inline]
    fn participants(self) -> *mut *mut MappedRing {
        // SAFETY: a live manager; its array holds `ring_cnt` rings, and there is room after them.
        unsafe { (*self.as_ptr()).rings.add(self.ring_cnt()) }
    }

    /// How many rings take part.
    #[inline]
    pub(super) fn taking_part(self) -> usize {
        // SAFETY: a live manager.
        unsafe { (*self.as_ptr()).taking_part as usize }
    }

    fn set_taking_part(self, count: usize) {
        // SAFETY: a live manager that no other thread uses.
        unsafe { (*self.as_ptr()).taking_part = count as u32 };
    }
}
