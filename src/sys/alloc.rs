// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Memory from libc, where running out of it is an error and not an abort.

use core::mem::{align_of, size_of};
use core::ptr::NonNull;

/// Types of which all-zero bytes are a value.
///
/// # Safety
///
/// All-zero bytes are a valid value of the type, and it needs no drop and no more alignment than
/// `malloc` gives.
pub unsafe trait Zeroable {}

/// One zeroed `T`; `None` without memory. To be given back with [`free`].
pub fn zeroed<T: Zeroable>() -> Option<NonNull<T>> {
    const { assert!(align_of::<T>() <= align_of::<libc::max_align_t>()) };
    // SAFETY: calloc has no requirements.
    NonNull::new(unsafe { libc::calloc(1, size_of::<T>()) }.cast())
}

/// Memory of its own for `value`, which needs no drop; `None` without memory. To be given back with
/// [`free`].
pub fn keep<T>(value: T) -> Option<NonNull<T>> {
    const { assert!(align_of::<T>() <= align_of::<libc::max_align_t>()) };
    const { assert!(!core::mem::needs_drop::<T>()) };
    // SAFETY: malloc has no requirements.
    let memory: NonNull<T> = NonNull::new(unsafe { libc::malloc(size_of::<T>()) }.cast())?;
    // SAFETY: large enough, aligned, and nobody else knows of it.
    unsafe { memory.write(value) };
    Some(memory)
}

/// Makes the array `old` hold `len` elements, like `reallocarray`; `None` without memory, `old` then
/// stays as it is.
///
/// # Safety
///
/// `old` is null or came from this function with the same `T`, and nobody uses it any more if this
/// succeeds.
pub unsafe fn resize<T>(old: *mut T, len: usize) -> Option<NonNull<T>> {
    let bytes = len.checked_mul(size_of::<T>())?;
    // SAFETY: `old` is null or from realloc, as required of the caller.
    NonNull::new(unsafe { libc::realloc(old.cast(), bytes) }.cast())
}

/// Gives memory back; null is nothing.
///
/// # Safety
///
/// `memory` is null or came from [`zeroed`], [`keep`] or [`resize`], and nobody uses it any more.
pub unsafe fn free<T>(memory: *mut T) {
    // SAFETY: null or from libc's allocator, as required of the caller.
    unsafe { libc::free(memory.cast()) }
}
