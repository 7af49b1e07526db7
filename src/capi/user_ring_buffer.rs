// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `user_ring_buffer__*`: a ring that the program fills.

use super::error::{NULL_HANDLE, pointer};
use super::foreign::pass_on;
use super::options::SizedStruct;
use crate::user_ring::{UserRing, UserRingHandle};
use core::ffi::{c_int, c_void};

/// A ring that the program fills and a BPF program drains.
pub struct user_ring_buffer {
    _opaque: [u8; 0],
}

/// libbpf's options, of which there are none beyond the size.
pub struct user_ring_buffer_opts {
    _opaque: [u8; 0],
}

static OPTIONS: SizedStruct = SizedStruct::of_libbpf(c"user_ring_buffer_opts");

/// The user ring behind a pointer from C.
///
/// # Safety
///
/// `rb` is NULL or from `user_ring_buffer__new` and not freed while the handle is used.
unsafe fn handle(rb: *mut user_ring_buffer) -> Option<UserRingHandle> {
    // SAFETY: as required of the caller; the type is what `user_ring_buffer__new` has made.
    unsafe { UserRingHandle::from_raw(rb.cast()) }
}

/// Opens the BPF_MAP_TYPE_USER_RINGBUF map `map_fd`, which may be closed afterwards.
///
/// Returns NULL and sets errno on an error: EINVAL for another type of map or invalid `opts`, or
/// what bpf(2), mmap(2), epoll_create1(2) or epoll_ctl(2) say.
///
/// # Safety
///
/// `opts` is NULL or a valid option struct.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn user_ring_buffer__new(
    map_fd: c_int,
    opts: *const user_ring_buffer_opts,
) -> *mut user_ring_buffer {
    // SAFETY: `opts` as required of the caller.
    let checked = unsafe { OPTIONS.check(opts.cast()) };
    pointer(
        checked
            .and_then(|_| UserRingHandle::new(map_fd))
            .map(|ring| ring.as_ptr().cast()),
    )
}

/// Reserves a record of `size` bytes, to be filled and then submitted or discarded. One thread at a
/// time may reserve.
///
/// Returns its payload, aligned to 8 bytes, or NULL and sets errno: E2BIG for more than the ring can
/// hold, ENOSPC for more than is free.
///
/// # Safety
///
/// `rb` is NULL or a user ring in which no other thread reserves now.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn user_ring_buffer__reserve(
    rb: *mut user_ring_buffer,
    size: u32,
) -> *mut c_void {
    let ours = user_ring_buffer__reserve as unsafe extern "C-unwind" fn(_, _) -> _;
    pass_on!(
        UserRing,
        c"user_ring_buffer__reserve",
        ours,
        (rb, size),
        pointer(Err(NULL_HANDLE))
    );
    // SAFETY: as required of the caller.
    let ring = unsafe { handle(rb) }.ok_or(NULL_HANDLE);
    pointer(
        ring.and_then(|ring| ring.reserve(size))
            .map(|payload| payload.as_ptr()),
    )
}

/// Like user_ring_buffer__reserve, but waits up to `timeout_ms` milliseconds (-1: for ever) for
/// space.
///
/// Sets errno also to EINTR for a signal, and EINVAL for a timeout below -1.
///
/// # Safety
///
/// `rb` is NULL or a user ring in which no other thread reserves now.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn user_ring_buffer__reserve_blocking(
    rb: *mut user_ring_buffer,
    size: u32,
    timeout_ms: c_int,
) -> *mut c_void {
    // SAFETY: as required of the caller.
    let ring = unsafe { handle(rb) }.ok_or(NULL_HANDLE);
    pointer(
        ring.and_then(|ring| ring.reserve_blocking(size, timeout_ms))
            .map(|payload| payload.as_ptr()),
    )
}

/// Gives the reserved record `sample` to the kernel. Any thread may.
///
/// # Safety
///
/// `rb` is NULL or a user ring; `sample` is NULL or a record reserved in it and not committed yet.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn user_ring_buffer__submit(
    rb: *mut user_ring_buffer,
    sample: *mut c_void,
) {
    // SAFETY: as required of the caller.
    unsafe { commit(rb, sample, false) }
}

/// Has the kernel skip the reserved record `sample`. Any thread may.
///
/// # Safety
///
/// `rb` is NULL or a user ring; `sample` is NULL or a record reserved in it and not committed yet.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn user_ring_buffer__discard(
    rb: *mut user_ring_buffer,
    sample: *mut c_void,
) {
    // SAFETY: as required of the caller.
    unsafe { commit(rb, sample, true) }
}

/// Frees the ring. NULL is ignored.
///
/// # Safety
///
/// `rb` is NULL or from `user_ring_buffer__new`, and neither it nor a record of it is used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn user_ring_buffer__free(rb: *mut user_ring_buffer) {
    let ours = user_ring_buffer__free as unsafe extern "C-unwind" fn(_);
    pass_on!(UserRing, c"user_ring_buffer__free", ours, (rb), ());
    // SAFETY: as required of the caller.
    unsafe {
        if let Some(ring) = handle(rb) {
            ring.free();
        }
    }
}

/// Submits or discards.
///
/// # Safety
///
/// As for `user_ring_buffer__submit`.
unsafe fn commit(rb: *mut user_ring_buffer, sample: *mut c_void, discard: bool) {
    if sample.is_null() {
        return;
    }
    // SAFETY: as required of the caller.
    if let Some(ring) = unsafe { handle(rb) } {
        ring.commit(sample, discard);
    }
}
