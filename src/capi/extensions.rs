// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `rbshim_*`: what libbpf does not have.

use super::error::{NULL_HANDLE, failure, status};
use super::ring_buffer::{manager, ring_buffer};
use core::ffi::{c_int, c_uint};

/// Accepts up to `us` microseconds of latency, so that the program which produces need not wake this
/// one for every record: while records come, ring_buffer__poll sleeps for `us` at a time (a window) and
/// delivers what has come meanwhile. 0 turns this off; more than 1000000 counts as that. At first it is
/// what the environment's RBSHIM_COALESCE_US says.
///
/// The first record that wakes the poll opens a window, for all rings of the manager together, and windows
/// repeat while they bring records. After one that has brought nothing the next wake-ups open none: one of
/// them at first, and twice as many each time. A window ends at once with BPF_RB_FORCE_WAKEUP, with an fd
/// that the program has added to ring_buffer__epoll_fd() and that becomes ready, with a signal, and with the
/// timeout of ring_buffer__poll. It is shorter where it would fill more than a quarter of the smallest ring
/// at the recent rate: the rings must have room for what a burst brings in `us` microseconds. A change in a
/// callback counts from the next call on. One ring_buffer__poll returns after max(us, 10000) microseconds of
/// windows at the latest.
/// Calls with timeout 0, ring_buffer__consume and the like never wait.
///
/// While a window is open, the kernel sees the reader one record behind in each ring. When ring_buffer__poll
/// returns, every record has been delivered and accounted for as without windows.
///
/// The first call with `us` above 0 opens two file descriptors, which ring_buffer__free closes. Returns
/// 0, or a negative error and sets errno: EINVAL for NULL, or what epoll_create1(2), timerfd_create(2)
/// or epoll_ctl(2) say; what was in force then stays so.
///
/// # Safety
///
/// `rb` is NULL or a manager that no other thread uses now.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn rbshim_ring_buffer__set_coalesce_us(
    rb: *mut ring_buffer,
    us: c_uint,
) -> c_int {
    // SAFETY: as required of the caller.
    match unsafe { manager(rb) } {
        Some(manager) => status(manager.set_coalesce_us(us)),
        None => failure(NULL_HANDLE),
    }
}

/// Has ring_buffer__poll with a timeout other than 0 return after `ms` milliseconds in which records have
/// come without a break, so that the program can do something else: look at a flag, for one. libbpf's does
/// not return while records come faster than the callback takes them. 0 turns this off; more than 60000
/// counts as that. At first it is what the environment's RBSHIM_POLL_MAX_MS says.
///
/// The call returns after `ms` at the earliest, and at most 32 callbacks of each ring later. It does not
/// count the time that it waits for the first record. A poll that returns so leaves records behind, which
/// the next ring_buffer__poll or ring_buffer__consume delivers. Whoever waits for ring_buffer__epoll_fd()
/// is notified about them, edge-triggered too, and through other epoll instances. Whoever waits
/// edge-triggered for the fd of a map is not, and calls ring_buffer__consume before he waits.
/// Calls with timeout 0, ring_buffer__consume and the like are not limited.
///
/// The first call with `ms` above 0 opens a file descriptor, which ring_buffer__free closes, and adds it to
/// ring_buffer__epoll_fd(): a program that reads the events of that itself gets some whose data.u64 is
/// UINT64_MAX, and consumes the rings then. Returns 0, or a negative error and sets errno: EINVAL for NULL,
/// or what eventfd(2) or epoll_ctl(2) say; what was in force then stays so.
///
/// # Safety
///
/// `rb` is NULL or a manager that no other thread uses now.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn rbshim_ring_buffer__set_poll_max_ms(
    rb: *mut ring_buffer,
    ms: c_uint,
) -> c_int {
    // SAFETY: as required of the caller.
    match unsafe { manager(rb) } {
        Some(manager) => status(manager.set_poll_max_ms(ms)),
        None => failure(NULL_HANDLE),
    }
}

/// Has ring_buffer__poll with a timeout other than 0 spin instead of sleep, if `on` is not 0: for a program
/// that owns the CPU it runs on. The producer never pays for a wake-up then, at any rate. At first it is what
/// the environment's RBSHIM_BUSY_POLL says.
///
/// Timeouts, -EINTR after a signal handler has run, and fds that the program has added to
/// ring_buffer__epoll_fd() are as with a poll that sleeps; such fds and signals are noticed within about 100
/// microseconds. While records come the poll returns about every 0.5 ms. Records with BPF_RB_NO_WAKEUP are
/// delivered too, without waiting for a notification.
///
/// Between calls the kernel sees the reader one record behind in each ring. So ring_buffer__epoll_fd() and
/// the maps are readable all the time after the first record: the program waits by ring_buffer__poll alone.
/// ring_buffer__consume, and ring_buffer__poll with timeout 0, leave everything as without this.
/// A change in a callback counts from the next call on.
///
/// While it spins without records all signals are blocked; callbacks and the rest of the program have the
/// mask that the program has set. Of several threads, one that does not block a signal may be given it in
/// place of this one.
///
/// Returns 0, or a negative error and sets errno: EINVAL for NULL, EOPNOTSUPP where there is a single CPU.
///
/// # Safety
///
/// `rb` is NULL or a manager that no other thread uses now.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn rbshim_ring_buffer__set_busy_poll(
    rb: *mut ring_buffer,
    on: c_int,
) -> c_int {
    // SAFETY: as required of the caller.
    match unsafe { manager(rb) } {
        Some(manager) => status(manager.set_busy_poll(on != 0)),
        None => failure(NULL_HANDLE),
    }
}
