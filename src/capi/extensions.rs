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
/// A window is opened only where at least two records are expected in it, by the rate of those before,
/// and where one ring alone is ready. It ends at once with BPF_RB_FORCE_WAKEUP, with the notification
/// of another ring or of an fd that the program has added to ring_buffer__epoll_fd(), with a signal that
/// comes meanwhile, and with the timeout of ring_buffer__poll; it is shorter where it would fill more
/// than a quarter of the ring at the recent rate: the ring must have room for what a burst brings in
/// `us` microseconds. A change in a callback counts from the next call on. One ring_buffer__poll returns
/// after max(us, 10000) microseconds of windows at the latest.
/// Calls with timeout 0, ring_buffer__consume and the like never wait.
///
/// While a window is open, the kernel sees the reader one record behind. When ring_buffer__poll
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
