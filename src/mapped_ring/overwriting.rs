// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A ring in overwrite mode: what it has beside an ordinary one, and its calls.

use super::RingHandle;
use super::callback::call_back;
use super::copies::{Copies, Copy, Owner};
use super::memory::LockedPages;
use crate::manager::ManagerHandle;
use crate::pages::Pages;
use crate::ring::consumer::Turn;
use crate::ring::memory::ConsumerMemory;
use crate::ring::overwrite::{self, Notes};
use crate::ring::receiver::{Received, Receiver, Record};
use crate::ring_lock::RingLock;
use crate::stats::{Counter, Counters};
use crate::sys::alloc;
use crate::sys::clock::monotonic_ns;
use crate::sys::errno::Errno;
use core::cell::Cell;
use core::ptr::NonNull;
use core::sync::atomic::Ordering;

/// A call returns when a ring has not been caught up with for so long, ns, nor while more than it holds was read: its
/// producer may be faster for ever.
const CALL_MAX_NS: u64 = 100_000_000;

/// Records of one turn at most, after which the time is looked at.
const TURN_MAX: u64 = 16;

/// What a ring in overwrite mode has beside an ordinary one.
#[derive(Debug)]
pub struct Overwriting {
    notes: Notes,
    copies: Copies,
    /// Bytes that were overwritten, where counters are not kept.
    overwritten: Counter,
    /// Since when it has not been caught up with, ns; 0 if it has. Only the thread that reads uses it.
    behind_since: Cell<u64>,
    /// Where the reader was then.
    behind_at: Cell<u64>,
    /// Whom a call tells that it has returned with more to read.
    manager: Option<ManagerHandle>,
    /// The ring's lock, where records cannot be told without.
    lock: Option<RingLock>,
}

impl Overwriting {
    /// For a ring of `size` bytes of `manager`, which is live as long as the ring. Errors: `ENOMEM`; `mmap(2)`'s. The
    /// lock is given back then.
    pub fn allocate(
        size: usize,
        manager: Option<ManagerHandle>,
        lock: Option<RingLock>,
    ) -> Result<NonNull<Self>, Errno> {
        let Some(overwriting) = alloc::keep(Overwriting {
            notes: Notes::new(),
            copies: Copies::new(size),
            overwritten: Counter::new(),
            behind_since: Cell::new(0),
            behind_at: Cell::new(0),
            manager,
            lock: None,
        }) else {
            if let Some(lock) = lock {
                lock.unload();
            }
            return Err(Errno(libc::ENOMEM));
        };
        // SAFETY: made above, and nobody else knows of it.
        unsafe { (*overwriting.as_ptr()).lock = lock };
        // SAFETY: made above.
        let mapped = unsafe { overwriting.as_ref() }.copies.map();
        if let Err(error) = mapped {
            // SAFETY: made above and not handed out.
            unsafe { Self::free(overwriting) };
            return Err(error);
        }
        Ok(overwriting)
    }

    /// Gives it back.
    ///
    /// # Safety
    ///
    /// `overwriting` is from [`allocate`](Self::allocate), and nobody uses it any more.
    pub unsafe fn free(overwriting: NonNull<Self>) {
        // SAFETY: as required of the caller.
        unsafe {
            overwriting.as_ref().copies.unmap();
            if let Some(lock) = (*overwriting.as_ptr()).lock.take() {
                lock.unload();
            }
            alloc::free_handle(overwriting.as_ptr());
        }
    }
}

impl RingHandle {
    /// What it has beside an ordinary ring, if it is in overwrite mode.
    #[inline]
    pub(super) fn overwriting<'a>(self) -> Option<&'a Overwriting> {
        // SAFETY: a live ring; the field does not change once the ring is read. It is only shared, and freed with the
        // ring, which no callback does.
        unsafe { (*self.as_ptr()).overwriting.map(|it| it.as_ref()) }
    }

    /// Consumes as [`consume`](Self::consume) does.
    pub(super) fn consume_overwriting(self, it: &Overwriting, max: u64) -> Result<u64, Errno> {
        let mut delivered = 0u64;
        while delivered < max {
            let turn = self.turn_overwriting(it, max.wrapping_sub(delivered))?;
            delivered = delivered.wrapping_add(turn.delivered);
            if turn.settled {
                break;
            }
        }
        Ok(delivered)
    }

    /// A turn for up to `max` records. It says that it has settled the ring also where a call is to return all the
    /// same, and has told the manager then.
    ///
    /// Errors: as of [`consume`](Self::consume).
    #[inline(never)]
    pub(super) fn turn_overwriting(self, it: &Overwriting, max: u64) -> Result<Turn, Errno> {
        let local = 0u8;
        let copy = it.copies.take(Owner::with_local(&local))?;
        let mut callback = OfCopies { ring: self, copy };
        let turn = overwrite::take_turn(
            it.memory(self.pages()),
            self.journal(),
            &it.notes,
            max.min(TURN_MAX),
            it.copies.words(copy),
            &mut callback,
        );
        copy.give_back();
        let turn = turn.map_err(|stop| self.error(stop))?;
        let ends = !turn.settled && turn.delivered < max && it.is_late(self.pages());
        if turn.settled || ends {
            it.behind_since.set(0);
        }
        if let (true, Some(manager)) = (ends, it.manager) {
            self.set_part(self.part().late());
            manager.leave_rings();
        }
        Ok(Turn {
            settled: turn.settled || ends,
            ..turn
        })
    }

    /// Whether a turn would find something, or fail.
    pub(super) fn has_records_overwriting(self, it: &Overwriting) -> bool {
        overwrite::has_records(it.memory(self.pages()), self.journal(), &it.notes)
    }

    /// How many bytes have been overwritten that no call had read.
    pub(super) fn overwritten(self) -> u64 {
        let bytes = match self.stats().counters() {
            Some(counters) => counters.overwritten.get(),
            None => self.overwriting().map_or(0, |it| it.overwritten.get()),
        };
        bytes as u64
    }
}

impl Overwriting {
    /// Whether the ring has not been caught up with for too long, after a turn that has not either. All that was there
    /// at first has been read then.
    fn is_late(&self, pages: Pages) -> bool {
        let (now, pos) = (monotonic_ns(), pages.consumer_pos(Ordering::Relaxed));
        match self.behind_since.get() {
            0 => {
                self.behind_since.set(now);
                self.behind_at.set(pos);
                false
            }
            since => {
                let read = pos.wrapping_sub(self.behind_at.get());
                now.wrapping_sub(since) >= CALL_MAX_NS && read > pages.size()
            }
        }
    }

    /// The ring's pages, and its lock if there is one.
    fn memory(&self, pages: Pages) -> LockedPages<'_> {
        LockedPages {
            pages,
            lock: self.lock.as_ref(),
        }
    }
}

/// The program's callback as the receiver of records that are copied. Plain data without a destructor: the callback
/// may unwind or jump over it.
struct OfCopies<'a> {
    ring: RingHandle,
    copy: &'a Copy,
}

impl OfCopies<'_> {
    fn count(&self, change: impl FnOnce(&Counters)) {
        self.ring.stats().count(change);
    }
}

impl Receiver for OfCopies<'_> {
    fn record(&mut self, record: Record) -> Received {
        // SAFETY: the payload has been copied, and nobody uses the copy but this call and its callback.
        unsafe { call_back::<true>(self.ring, self.copy.payload(), record.len as usize) }
    }

    fn found(&mut self, bytes: u64) {
        let size = self.ring.size();
        if self.ring.stats().are_kept() {
            self.ring.fill::<true>().note(bytes, || size);
        } else {
            self.ring.fill::<false>().note(bytes, || size);
        }
    }

    fn discarded(&mut self) {
        self.count(|counters| counters.discards.add(1));
    }

    fn overwritten(&mut self, bytes: u64) {
        let counter = match self.ring.stats().counters() {
            Some(counters) => Some(&counters.overwritten),
            None => self.ring.overwriting().map(|it| &it.overwritten),
        };
        if let Some(counter) = counter {
            counter.add(bytes as usize);
        }
    }

    fn published(&mut self) {
        self.count(|counters| counters.publishes.add(1));
    }

    fn rescued(&mut self) {
        self.count(|counters| counters.rescues.add(1));
    }
}
