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

/// The data of the events of the ring with this number, and the number of the ring with this data. libbpf puts the
/// number into `data.fd`, for programs that wait by themselves to read: on a big-endian machine that is the upper half
/// of `data.u64`.
pub const fn data_of(number: u64) -> u64 {
    if cfg!(target_endian = "big") {
        number.rotate_left(32)
    } else {
        number
    }
}

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

/// Closes an epoll instance, a timer or a BPF program.
pub fn destroy(fd: c_int) {
    // SAFETY: no memory is passed; what close says of such an fd is of no use to anybody.
    unsafe { close(fd) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_of_a_ring_is_read_as_data_fd() {
        for number in [0, 1, 7, i32::MAX as u64] {
            let data = data_of(number);
            // The union's members begin at the same place, and `fd` is an int.
            assert_eq!(data.to_ne_bytes()[..4], (number as i32).to_ne_bytes());
            assert_eq!(data_of(data), number);
        }
    }
}
