// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Where the records of a ring in overwrite mode are copied to, for the callback.
//!
//! A call takes a copy of the ring's size for itself and gives it back when it returns. Calls in callbacks take others.
//! A call that its callback leaves gives nothing back: when all are taken, those are taken back that cannot be in use
//! any more.

use crate::sys::errno::Errno;
use crate::sys::mmap;
use core::cell::Cell;
use core::ffi::c_void;
use core::ptr;

/// How deep callbacks may be nested. Mapped are as many as have been needed.
const COPIES: usize = 16;

/// The copies of one ring. Only the thread that reads the ring uses them.
#[derive(Debug)]
pub(super) struct Copies {
    /// Bytes of each: a multiple of a word.
    size: usize,
    /// How many are mapped: the first ones.
    mapped: Cell<usize>,
    copies: [Copy; COPIES],
}

/// Room for the records of one call.
#[derive(Debug)]
pub(super) struct Copy {
    /// `size` bytes, never unmapped before the ring is freed; null if it is not mapped yet.
    memory: Cell<*mut c_void>,
    /// The call that it belongs to; [`NOBODY`].
    owner: Cell<Owner>,
    /// Whether a call has begun since that this one cannot have lived to see.
    outlived: Cell<bool>,
}

/// A call that runs, or has been left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Owner {
    /// An address in the stack frame of the call.
    frame: usize,
    thread: usize,
}

const NOBODY: Owner = Owner {
    frame: 0,
    thread: 0,
};

impl Owner {
    /// The call of this thread in whose frame `local` lives.
    #[inline(always)]
    pub(super) fn with_local(local: &u8) -> Self {
        // SAFETY: pthread_self has no requirements.
        let thread = unsafe { libc::pthread_self() } as usize;
        Owner {
            frame: ptr::from_ref(local).addr(),
            thread,
        }
    }

    /// Whether this call is over once `newer` runs, since no two calls that run are at the same place.
    #[inline(always)]
    fn was_at_the_place_of(self, newer: Owner) -> bool {
        self.frame == newer.frame
    }

    /// Whether this call is over once `newer` runs, unless one of them runs on a stack that the program has made
    /// itself. Stacks grow down: a call deeper in the stack has ended, however. One of another thread has ended too,
    /// since one thread at a time uses a ring.
    fn is_over(self, newer: Owner) -> bool {
        self.thread != newer.thread || self.frame <= newer.frame
    }
}

impl Copies {
    /// For a ring of `size` bytes; none is mapped.
    pub(super) fn new(size: usize) -> Self {
        Copies {
            size,
            mapped: Cell::new(0),
            copies: [const {
                Copy {
                    memory: Cell::new(ptr::null_mut()),
                    owner: Cell::new(NOBODY),
                    outlived: Cell::new(false),
                }
            }; COPIES],
        }
    }

    /// Maps one more. Errors: `ENOBUFS` where all are; `mmap(2)`'s.
    pub(super) fn map(&self) -> Result<&Copy, Errno> {
        let mapped = self.mapped.get();
        let copy = self.copies.get(mapped).ok_or(Errno(libc::ENOBUFS))?;
        copy.memory.set(mmap::anonymous(self.size)?);
        self.mapped.set(mapped.wrapping_add(1));
        Ok(copy)
    }

    fn mapped(&self) -> impl Iterator<Item = &Copy> {
        self.copies.iter().take(self.mapped.get())
    }

    /// A copy for a call. Errors: `ENOBUFS` where callbacks are nested too deep; `mmap(2)`'s.
    pub(super) fn take(&self, owner: Owner) -> Result<&Copy, Errno> {
        self.note_outlived(owner);
        let copy = match self.unused(owner) {
            Some(copy) => copy,
            None => self.map_or_take_back()?,
        };
        copy.owner.set(owner);
        copy.outlived.set(false);
        Ok(copy)
    }

    #[cold]
    fn map_or_take_back(&self) -> Result<&Copy, Errno> {
        match self.map() {
            Err(Errno(libc::ENOBUFS)) => self.take_back().ok_or(Errno(libc::ENOBUFS)),
            mapped => mapped,
        }
    }

    /// Notes which calls are over, as each call begins. The one that finds all copies taken could not tell by itself:
    /// what was left may have begun further up in the stack, in the callback of a call that is over, too.
    #[inline]
    fn note_outlived(&self, newer: Owner) {
        for copy in self.mapped() {
            if copy.owner.get().is_over(newer) {
                copy.outlived.set(true);
            }
        }
    }

    /// That of a call which was at the place of this one, or one that nobody has.
    #[inline]
    fn unused(&self, owner: Owner) -> Option<&Copy> {
        let mut free = None;
        for copy in self.mapped() {
            let before = copy.owner.get();
            if before.was_at_the_place_of(owner) {
                return Some(copy);
            }
            if before == NOBODY && free.is_none() {
                free = Some(copy);
            }
        }
        free
    }

    /// Takes back what calls have taken that are over, and returns one.
    fn take_back(&self) -> Option<&Copy> {
        let mut free = None;
        for copy in self.mapped().filter(|copy| copy.outlived.get()) {
            copy.give_back();
            free = Some(copy);
        }
        free
    }

    /// The words of a copy that was taken. The program may write there, too, as it could in an array of cells.
    pub(super) fn words<'a>(&self, copy: &'a Copy) -> &'a [Cell<usize>] {
        let words = self.size / size_of::<usize>();
        // SAFETY: mapped memory of so many words, all of them initialised, which stays mapped while anybody uses the
        // ring, and which nobody has another kind of reference to.
        unsafe { core::slice::from_raw_parts(copy.memory.get().cast(), words) }
    }

    /// Unmaps all.
    ///
    /// # Safety
    ///
    /// Nobody uses a copy any more.
    pub(super) unsafe fn unmap(&self) {
        for copy in self.mapped() {
            // SAFETY: mapped with this size, and not used any more.
            unsafe { mmap::unmap(copy.memory.get(), self.size) };
        }
    }
}

impl Copy {
    /// The payload of the record that was copied.
    #[inline(always)]
    pub(super) fn payload(&self) -> *mut c_void {
        self.memory.get()
    }

    /// The call that has taken it returns.
    #[inline(always)]
    pub(super) fn give_back(&self) {
        self.owner.set(NOBODY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = 4096;

    fn call(frame: usize) -> Owner {
        Owner { frame, thread: 1 }
    }

    fn with_copies(work: impl FnOnce(&Copies)) {
        let copies = Copies::new(SIZE);
        work(&copies);
        // SAFETY: nobody uses them any more.
        unsafe { copies.unmap() };
    }

    #[test]
    fn calls_in_callbacks_have_copies_of_their_own() {
        with_copies(|copies| {
            let taken: Vec<_> = (0..COPIES)
                .map(|depth| copies.take(call(1000 - depth)).unwrap().payload())
                .collect();
            for (number, place) in taken.iter().enumerate() {
                assert!(!taken[..number].contains(place));
            }
            assert_eq!(copies.take(call(1)).unwrap_err(), Errno(libc::ENOBUFS));
        });
    }

    #[test]
    fn a_call_that_has_returned_leaves_its_copy_to_the_next() {
        with_copies(|copies| {
            let first = copies.take(call(1000)).unwrap();
            for _ in 0..3 * COPIES {
                let nested = copies.take(call(900)).unwrap();
                assert!(!ptr::eq(nested, first));
                nested.give_back();
            }
            assert_eq!(
                copies
                    .copies
                    .iter()
                    .filter(|it| !it.payload().is_null())
                    .count(),
                2
            );
        });
    }

    /// By an exception or a jump, as often as it likes.
    #[test]
    fn a_callback_that_leaves_calls_never_gets_its_own_copy_for_another() {
        with_copies(|copies| {
            let outer = copies.take(call(1000)).unwrap();
            for number in 0..10 * COPIES {
                let left = copies.take(call(900 - number % 3)).unwrap();
                assert!(!ptr::eq(left, outer));
            }
            outer.give_back();
            for _ in 0..10 * COPIES {
                copies.take(call(1000)).unwrap();
            }
            // Deeper in the stack than all that were left.
            copies.take(call(500)).unwrap();
        });
    }

    /// Calls in the callbacks of calls that were left, each deeper in the stack than all before.
    #[test]
    fn what_was_left_in_the_callback_of_a_call_is_taken_back_after_that() {
        with_copies(|copies| {
            for number in 0..10 * COPIES {
                let outer = copies.take(call(1000)).unwrap();
                let nested = copies.take(call(900 - number)).unwrap();
                assert!(!ptr::eq(nested, outer));
            }
        });
    }

    #[test]
    fn what_a_thread_has_left_behind_is_taken_back_by_another() {
        with_copies(|copies| {
            for number in 0..10 * COPIES {
                let thread = 1 + number;
                copies
                    .take(Owner {
                        frame: 1000,
                        thread,
                    })
                    .unwrap();
            }
        });
    }
}
