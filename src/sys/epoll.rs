// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `epoll(7)`.

use super::errno::Errno;
use core::ffi::c_int;

pub use libc::epoll_event as Event;

// Cancellation points: a thread may be unwound out of them, which the declarations in the crate `libc`
// rule out.
unsafe extern "C-unwind" {
    fn epoll_wait(epfd: c_int, events: *mut Event, maxevents: c_int, timeout: c_int) -> c_int;
    fn close(fd: c_int) -> c_int;
}

/// Wake on data, level-triggered.
pub const READABLE: u32 = libc::EPOLLIN as u32;

/// Wake on data, edge-triggered.
pub const READABLE_EDGE: u32 = (libc::EPOLLIN | libc::EPOLLET) as u32;

/// Wake on space, edge-triggered.
pub const WRITABLE_EDGE: u32 = (libc::EPOLLOUT | libc::EPOLLET) as u32;

/// A new epoll instance, closed on exec. Errors: `EMFILE`, `ENFILE`, `ENOMEM`.
pub fn create() -> Result<c_int, Errno> {
    // SAFETY: no memory is passed.
    let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
    if fd < 0 { Err(Errno::last()) } else { Ok(fd) }
}

/// Adds `fd` with `events` (EPOLL* bits) and `data`, which comes back with each event.
/// Errors: `epoll_ctl(2)`'s; `EEXIST` if it is there already.
pub fn add(epoll_fd: c_int, fd: c_int, events: u32, data: u64) -> Result<(), Errno> {
    let mut event = Event { events, u64: data };
    // SAFETY: `event` is valid for the call.
    let result = unsafe { libc::epoll_ctl(epoll_fd, libc::EPOLL_CTL_ADD, fd, &raw mut event) };
    if result < 0 {
        Err(Errno::last())
    } else {
        Ok(())
    }
}

/// Sets `events` and `data` of an `fd` that is there, and looks at it again; nothing if it is not there.
pub fn modify(epoll_fd: c_int, fd: c_int, events: u32, data: u64) {
    let mut event = Event { events, u64: data };
    // SAFETY: `event` is valid for the call.
    unsafe { libc::epoll_ctl(epoll_fd, libc::EPOLL_CTL_MOD, fd, &raw mut event) };
}

/// Waits up to `timeout_ms` (-1: for ever) and returns how many of `events` have been filled.
/// Errors: `EINTR`, and `EBADF` or `EINVAL` for an fd or `capacity` that cannot be.
///
/// # Safety
///
/// `events` is writable for `capacity` events.
pub unsafe fn wait(
    epoll_fd: c_int,
    events: *mut Event,
    capacity: c_int,
    timeout_ms: c_int,
) -> Result<usize, Errno> {
    // SAFETY: the kernel writes at most `capacity` events, as required of the caller.
    let ready = unsafe { epoll_wait(epoll_fd, events, capacity, timeout_ms) };
    usize::try_from(ready).map_err(|_| Errno::last())
}

/// Closes an epoll instance or a timer.
pub fn destroy(fd: c_int) {
    // SAFETY: no memory is passed; what close says of such an fd is of no use to anybody.
    unsafe { close(fd) };
}
