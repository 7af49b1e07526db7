// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `ring_buffer__*`: the manager.

use super::error::{NULL_HANDLE, count, failure, pointer, status};
use super::foreign::pass_on;
use super::options::SizedStruct;
use super::ring::ring;
use crate::manager::{Manager, ManagerHandle};
use core::ffi::{c_int, c_uint, c_void};

/// One or more rings with the epoll instance that reports their records.
pub struct ring_buffer {
    _opaque: [u8; 0],
}

/// libbpf's options, of which there are none beyond the size.
pub struct ring_buffer_opts {
    _opaque: [u8; 0],
}

static OPTIONS: SizedStruct = SizedStruct::of_libbpf(c"ring_buffer_opts");

/// The manager behind a pointer from C.
///
/// # Safety
///
/// `rb` is NULL or from `ring_buffer__new` and not freed while the handle is used, and no other
/// thread uses it at the same time.
pub(super) unsafe fn manager(rb: *const ring_buffer) -> Option<ManagerHandle> {
    // SAFETY: as required of the caller; the handle's type is what `ring_buffer__new` has made.
    unsafe { ManagerHandle::from_raw(rb.cast_mut().cast()) }
}

/// Makes a manager of the BPF_MAP_TYPE_RINGBUF map `map_fd`, whose records go to `sample_cb` with
/// `ctx`. A negative result of `sample_cb` ends the call that it was called from. The fd may be
/// closed afterwards.
///
/// Returns NULL and sets errno on an error: EINVAL for another type of map or invalid `opts`, or
/// what bpf(2), mmap(2), epoll_create1(2) or epoll_ctl(2) say.
///
/// # Safety
///
/// `opts` is NULL or a valid option struct; `sample_cb` may be called with `ctx` until the manager
/// is freed.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn ring_buffer__new(
    map_fd: c_int,
    sample_cb: Option<
        unsafe extern "C-unwind" fn(ctx: *mut c_void, data: *mut c_void, size: usize) -> c_int,
    >,
    ctx: *mut c_void,
    opts: *const ring_buffer_opts,
) -> *mut ring_buffer {
    // SAFETY: `opts` as required of the caller.
    let checked = unsafe { OPTIONS.check(opts.cast()) };
    pointer(checked.and_then(|_| {
        let manager = ManagerHandle::new()?;
        // SAFETY: the callback as required of the caller.
        let added = unsafe { manager.add(map_fd, sample_cb, ctx) };
        added.inspect_err(|_| {
            // SAFETY: made above and not handed out.
            unsafe { manager.free() }
        })?;
        Ok(manager.as_ptr().cast())
    }))
}

/// Frees the manager and its rings. NULL is ignored.
///
/// # Safety
///
/// `rb` is NULL or from `ring_buffer__new`, and neither it nor one of its rings is used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn ring_buffer__free(rb: *mut ring_buffer) {
    let ours = ring_buffer__free as unsafe extern "C-unwind" fn(_);
    pass_on!(Manager, c"ring_buffer__free", ours, (rb), ());
    // SAFETY: as required of the caller.
    unsafe {
        if let Some(manager) = manager(rb) {
            manager.free();
        }
    }
}

/// Adds the map `map_fd` to the manager; see ring_buffer__new.
///
/// Returns 0, or a negative error and sets errno: EEXIST if the fd is there already. The manager
/// then stays as it was.
///
/// # Safety
///
/// `rb` is NULL or a manager that no other thread uses now; `sample_cb` may be called with `ctx`
/// until the manager is freed.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn ring_buffer__add(
    rb: *mut ring_buffer,
    map_fd: c_int,
    sample_cb: Option<
        unsafe extern "C-unwind" fn(ctx: *mut c_void, data: *mut c_void, size: usize) -> c_int,
    >,
    ctx: *mut c_void,
) -> c_int {
    let ours = ring_buffer__add as unsafe extern "C-unwind" fn(_, _, _, _) -> _;
    pass_on!(
        Manager,
        c"ring_buffer__add",
        ours,
        (rb, map_fd, sample_cb, ctx),
        failure(NULL_HANDLE)
    );
    // SAFETY: as required of the caller.
    match unsafe { manager(rb) } {
        // SAFETY: the callback as required of the caller.
        Some(manager) => status(unsafe { manager.add(map_fd, sample_cb, ctx) }),
        None => failure(NULL_HANDLE),
    }
}

/// Waits up to `timeout_ms` milliseconds (-1: for ever) for notifications and consumes all records of
/// the rings that were notified about.
///
/// Returns the number of records, INT_MAX at most, or a negative error and sets errno: the
/// callback's, -EINTR for a signal.
///
/// # Safety
///
/// `rb` is NULL or a manager that no other thread uses now.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn ring_buffer__poll(
    rb: *mut ring_buffer,
    timeout_ms: c_int,
) -> c_int {
    // SAFETY: as required of the caller.
    match unsafe { manager(rb) } {
        Some(manager) => count(manager.poll(timeout_ms)),
        None => failure(NULL_HANDLE),
    }
}

/// Consumes all records of all rings without waiting. Returns as ring_buffer__poll does.
///
/// # Safety
///
/// `rb` is NULL or a manager that no other thread uses now.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn ring_buffer__consume(rb: *mut ring_buffer) -> c_int {
    // SAFETY: as required of the caller.
    match unsafe { manager(rb) } {
        Some(manager) => count(manager.consume()),
        None => failure(NULL_HANDLE),
    }
}

/// Consumes up to `n` records over all rings without waiting. Returns as ring_buffer__poll does.
///
/// # Safety
///
/// `rb` is NULL or a manager that no other thread uses now.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn ring_buffer__consume_n(rb: *mut ring_buffer, n: usize) -> c_int {
    // SAFETY: as required of the caller.
    match unsafe { manager(rb) } {
        Some(manager) => count(manager.consume_n(n as u64)),
        None => failure(NULL_HANDLE),
    }
}

/// The epoll fd that becomes readable with records. It stays the manager's.
///
/// # Safety
///
/// `rb` is NULL or a manager.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn ring_buffer__epoll_fd(rb: *const ring_buffer) -> c_int {
    // SAFETY: as required of the caller.
    match unsafe { manager(rb) } {
        Some(manager) => manager.epoll_fd(),
        None => failure(NULL_HANDLE),
    }
}

/// The ring that was added as number `idx`, from 0. It stays the manager's.
///
/// Returns NULL and sets errno to ERANGE if there are not so many.
///
/// # Safety
///
/// `rb` is NULL or a manager to which no other thread adds a ring now.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn ring_buffer__ring(rb: *mut ring_buffer, idx: c_uint) -> *mut ring {
    // SAFETY: as required of the caller.
    let manager = unsafe { manager(rb) };
    pointer(manager.ok_or(NULL_HANDLE).and_then(|manager| {
        manager
            .ring(idx as usize)
            .map(|ring| ring.as_ptr().cast())
            .ok_or(crate::sys::errno::Errno(libc::ERANGE))
    }))
}
