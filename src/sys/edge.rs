// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! An eventfd inside an epoll instance, to wake those who wait edge-triggered on the instance, or on one that
//! watches it.

use super::epoll;
use super::errno::Errno;
use core::ffi::{c_int, c_void};

// A cancellation point, as in `epoll`.
unsafe extern "C-unwind" {
    fn write(fd: c_int, buffer: *const c_void, bytes: usize) -> isize;
}

/// The data of its events.
pub const DATA: u64 = u64::MAX;

/// A copy of the eventfd.
#[derive(Clone, Copy, Debug)]
pub struct Edge(c_int);

impl Edge {
    /// Adds an eventfd to the epoll instance. It is edge-triggered itself: whoever reads its event has done with it.
    ///
    /// Errors: `EMFILE`, `ENFILE`, `ENOMEM`, `ENODEV`, `ENOSPC`.
    pub fn new(epoll_fd: c_int) -> Result<Self, Errno> {
        // SAFETY: no memory is passed.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(Errno::last());
        }
        let edge = Edge(fd);
        epoll::add(epoll_fd, fd, epoll::READABLE_EDGE, DATA).inspect_err(|_| edge.destroy())?;
        Ok(edge)
    }

    /// Wakes them. Each time is a new edge, though nobody ever reads the eventfd.
    pub fn give(self) {
        let errno = Errno::last();
        let one = 1u64;
        // SAFETY: 8 readable bytes. It fails only if the program has closed the eventfd, or after 2^64 times.
        let written = unsafe { write(self.0, (&raw const one).cast(), size_of::<u64>()) };
        if written < 0 {
            errno.set();
        }
    }

    /// Closes the eventfd, which takes it out of the epoll instance.
    pub fn destroy(self) {
        epoll::destroy(self.0);
    }
}
