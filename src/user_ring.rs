// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A user ring: the program writes, a BPF program drains. This is C's `struct user_ring_buffer`.

use crate::attach::USER_RING;
use crate::options::options;
use crate::pages::Pages;
use crate::ring::memory::ProducerMemory;
use crate::ring::producer::{self, ReserveError};
use crate::sys::alloc::{self, Zeroable};
use crate::sys::clock::monotonic_ns;
use crate::sys::epoll::{self, Event};
use crate::sys::errno::Errno;
use core::ffi::{c_int, c_void};
use core::ptr::NonNull;

/// Whoever waits for space looks for it this often, in milliseconds, since nobody is notified about the
/// space that a drain with `BPF_RB_NO_WAKEUP` has made.
const SLICE_MS: u64 = 4;

const NS_PER_MS: u64 = 1_000_000;

/// C's `struct user_ring_buffer`; nothing of it changes after [`new`](UserRingHandle::new).
#[derive(Debug)]
pub struct UserRing {
    pages: Pages,
    /// Reports, edge-triggered, that the kernel has drained.
    epoll_fd: c_int,
}

// SAFETY: null pointers and integers.
unsafe impl Zeroable for UserRing {}

/// A user ring by its address.
#[derive(Clone, Copy, Debug)]
pub struct UserRingHandle(NonNull<UserRing>);

impl UserRingHandle {
    /// The user ring behind `map_fd`; the fd may be closed afterwards.
    ///
    /// Errors: `ENOMEM`; those of `epoll_create1(2)`, [`Kind::check`](crate::attach::Kind::check) and
    /// [`Kind::attach`](crate::attach::Kind::attach).
    pub fn new(map_fd: c_int) -> Result<Self, Errno> {
        options();
        let ring = alloc::keep(alloc::zero::<UserRing>()).ok_or(Errno(libc::ENOMEM))?;
        let opened = USER_RING.create_epoll().and_then(|epoll_fd| {
            USER_RING
                .check(map_fd)
                .and_then(|info| USER_RING.attach(map_fd, &info, epoll_fd, 0, || false))
                .map(|pages| UserRing { pages, epoll_fd })
                .inspect_err(|_| epoll::destroy(epoll_fd))
        });
        match opened {
            Ok(opened) => {
                // SAFETY: allocated above for this type and not handed out.
                unsafe { ring.write(opened) };
                Ok(UserRingHandle(ring))
            }
            Err(error) => {
                // SAFETY: allocated above and not handed out.
                unsafe { alloc::free_handle(ring.as_ptr()) };
                Err(error)
            }
        }
    }

    /// A user ring in pages that the caller has mapped, where nobody tells of space. `None` without memory.
    ///
    /// # Safety
    ///
    /// The pages stay mapped until the ring is [released](Self::release).
    #[cfg(feature = "__internals")]
    pub unsafe fn over(pages: Pages) -> Option<Self> {
        let epoll_fd = -1;
        alloc::keep(UserRing { pages, epoll_fd }).map(UserRingHandle)
    }

    /// Gives the memory of a ring from [`over`](Self::over) back.
    ///
    /// # Safety
    ///
    /// Nobody uses the ring any more.
    #[cfg(feature = "__internals")]
    pub unsafe fn release(self) {
        // SAFETY: allocated in `over`; nobody uses it any more, as required of the caller.
        unsafe { alloc::free_handle(self.as_ptr()) };
    }

    /// The user ring behind a pointer from C; `None` if it is null.
    ///
    /// # Safety
    ///
    /// `ring` is null or a live user ring, for as long as the handle is used.
    pub unsafe fn from_raw(ring: *mut UserRing) -> Option<Self> {
        NonNull::new(ring).map(UserRingHandle)
    }

    /// The pointer for C.
    pub fn as_ptr(self) -> *mut UserRing {
        self.0.as_ptr()
    }

    /// Unmaps the ring and frees it.
    ///
    /// # Safety
    ///
    /// Nobody uses the ring or a record of it any more.
    pub unsafe fn free(self) {
        // SAFETY: pages and memory are the ring's own, and nobody uses them any more.
        unsafe {
            self.pages().unmap();
            epoll::destroy(self.epoll_fd());
            alloc::free_handle(self.as_ptr());
        }
    }

    /// Reserves a record of `len` bytes and returns its payload, aligned to 8 bytes.
    ///
    /// Errors: `E2BIG` for more than the ring can hold or the kernel hand on, `ENOSPC` for more than is free.
    pub fn reserve(self, len: u32) -> Result<NonNull<c_void>, Errno> {
        let pages = self.pages();
        let start = producer::reserve(pages, len).map_err(|error| match error {
            ReserveError::TooBig => Errno(libc::E2BIG),
            ReserveError::NoSpace => Errno(libc::ENOSPC),
        })?;
        let offset = producer::payload_of_start(start, pages.size());
        NonNull::new(pages.data.wrapping_byte_add(offset as usize)).ok_or(Errno(libc::EFAULT))
    }

    /// [`reserve`](Self::reserve), but waits for space for up to `timeout_ms` (-1: for ever).
    ///
    /// Errors: `EINVAL` for a timeout below -1, `EINTR` for a signal, those of `reserve`.
    pub fn reserve_blocking(self, len: u32, timeout_ms: c_int) -> Result<NonNull<c_void>, Errno> {
        let timeout = match timeout_ms {
            -1 => None,
            _ => {
                let ms = u64::try_from(timeout_ms).map_err(|_| Errno(libc::EINVAL))?;
                Some(ms.wrapping_mul(NS_PER_MS))
            }
        };
        let began = monotonic_ns();
        let mut slept = 0_u64;
        loop {
            match self.reserve(len) {
                Err(Errno(libc::ENOSPC)) => {}
                done => return done,
            }
            let left = timeout.map_or(SLICE_MS, |timeout| {
                // At least what was slept: the clock may stand still.
                let passed = monotonic_ns().saturating_sub(began).max(slept);
                let left = timeout.saturating_sub(passed);
                left.div_ceil(NS_PER_MS).min(SLICE_MS)
            });
            if left == 0 {
                return Err(Errno(libc::ENOSPC));
            }
            let mut event = Event { events: 0, u64: 0 };
            // SAFETY: room for one event.
            let ready = unsafe { epoll::wait(self.epoll_fd(), &raw mut event, 1, left as c_int)? };
            if ready == 0 {
                slept = slept.saturating_add(left.wrapping_mul(NS_PER_MS));
            }
        }
    }

    /// Commits the record whose payload is `sample`, or has the kernel skip it (`discard`).
    pub fn commit(self, sample: *mut c_void, discard: bool) {
        let pages = self.pages();
        let offset = (sample as usize).wrapping_sub(pages.data as usize) as u64;
        let start = producer::start_of_payload(offset, pages.size());
        producer::commit(pages, start, discard);
    }

    fn pages(self) -> Pages {
        // SAFETY: a live ring; the field never changes.
        unsafe { (*self.as_ptr()).pages }
    }

    fn epoll_fd(self) -> c_int {
        // SAFETY: a live ring; the field never changes.
        unsafe { (*self.as_ptr()).epoll_fd }
    }
}
