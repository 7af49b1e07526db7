// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `ring__*`: one ring of a manager.

use super::error::{NULL_HANDLE, count, failure};
use super::foreign::pass_on;
use crate::manager::CALL_MAX;
use crate::mapped_ring::{MappedRing, RingHandle};
use core::ffi::{c_int, c_ulong};

/// One ring of a manager.
pub struct ring {
    _opaque: [u8; 0],
}

/// The ring behind a pointer from C.
///
/// # Safety
///
/// `r` is NULL or a ring of a manager that is not freed while the handle is used.
pub(super) unsafe fn handle(r: *const ring) -> Option<RingHandle> {
    // SAFETY: as required of the caller; the handle's type is what `ring_buffer__ring` gives out.
    unsafe { RingHandle::from_raw(r.cast_mut().cast()) }
}

/// The consumer's position: bytes consumed since the ring was made. Any thread may ask.
///
/// # Safety
///
/// `r` is NULL or a ring of a live manager.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn ring__consumer_pos(r: *const ring) -> c_ulong {
    let ours = ring__consumer_pos as unsafe extern "C-unwind" fn(_) -> _;
    pass_on!(MappedRing, c"ring__consumer_pos", ours, (r), 0);
    // SAFETY: as required of the caller.
    unsafe { handle(r) }.map_or(0, |ring| ring.consumer_pos() as c_ulong)
}

/// The producer's position: bytes reserved since the ring was made. Any thread may ask.
///
/// # Safety
///
/// `r` is NULL or a ring of a live manager.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn ring__producer_pos(r: *const ring) -> c_ulong {
    let ours = ring__producer_pos as unsafe extern "C-unwind" fn(_) -> _;
    pass_on!(MappedRing, c"ring__producer_pos", ours, (r), 0);
    // SAFETY: as required of the caller.
    unsafe { handle(r) }.map_or(0, |ring| ring.producer_pos() as c_ulong)
}

/// Bytes between the two positions, headers and discarded records included; of a ring in overwrite mode those that have
/// not been overwritten. Any thread may ask.
///
/// # Safety
///
/// `r` is NULL or a ring of a live manager.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn ring__avail_data_size(r: *const ring) -> usize {
    // SAFETY: as required of the caller.
    unsafe { handle(r) }.map_or(0, |ring| ring.avail_data_size() as usize)
}

/// Bytes of the ring.
///
/// # Safety
///
/// `r` is NULL or a ring of a live manager.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn ring__size(r: *const ring) -> usize {
    // SAFETY: as required of the caller.
    unsafe { handle(r) }.map_or(0, |ring| ring.size() as usize)
}

/// The fd that the ring was made from; the program may have closed it.
///
/// # Safety
///
/// `r` is NULL or a ring of a live manager.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn ring__map_fd(r: *const ring) -> c_int {
    // SAFETY: as required of the caller.
    match unsafe { handle(r) } {
        Some(ring) => ring.map_fd(),
        None => failure(NULL_HANDLE),
    }
}

/// Consumes all records of the ring without waiting. Returns as ring_buffer__poll does.
///
/// # Safety
///
/// `r` is NULL or a ring of a manager that no other thread uses now.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn ring__consume(r: *mut ring) -> c_int {
    // SAFETY: as required of the caller.
    count(
        unsafe { handle(r) }
            .ok_or(NULL_HANDLE)
            .and_then(|ring| ring.consume(CALL_MAX)),
    )
}

/// Consumes up to `n` records of the ring without waiting. Returns as ring_buffer__poll does.
///
/// # Safety
///
/// `r` is NULL or a ring of a manager that no other thread uses now.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn ring__consume_n(r: *mut ring, n: usize) -> c_int {
    let ours = ring__consume_n as unsafe extern "C-unwind" fn(_, _) -> _;
    pass_on!(
        MappedRing,
        c"ring__consume_n",
        ours,
        (r, n),
        failure(NULL_HANDLE)
    );
    // SAFETY: as required of the caller.
    count(
        unsafe { handle(r) }
            .ok_or(NULL_HANDLE)
            .and_then(|ring| ring.consume(n as u64)),
    )
}
