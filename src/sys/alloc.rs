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

/// The value whose bytes are zero.
pub fn zero<T: Zeroable>() -> T {
    // SAFETY: a valid value, as the trait requires.
    unsafe { core::mem::zeroed() }
}

/// Where in its block from `malloc` a handle lies, in bytes: at half of what `malloc` aligns to. No block
/// begins at such an address, so it tells our handles from libbpf's ([`is_handle`]).
const OFF: usize = size_of::<usize>();

/// Memory for a value that C will know by its address, one that no block of libbpf's begins at; `None`
/// without memory. To be given back with [`free_handle`].
pub fn keep<T>(value: T) -> Option<NonNull<T>> {
    const { assert!(align_of::<T>() <= align_of::<libc::max_align_t>()) };
    const { assert!(!core::mem::needs_drop::<T>()) };
    // SAFETY: malloc has no requirements.
    let block = NonNull::new(unsafe { libc::malloc(off::<T>().wrapping_add(size_of::<T>())) })?;
    if off::<T>() > 0 {
        // valgrind takes a block for lost unless a pointer to its beginning is kept, or one to the
        // place after a first word that holds the size of the rest.
        // SAFETY: aligned, and within the block.
        unsafe { block.cast::<usize>().write(size_of::<T>()) };
    }
    // SAFETY: within the block.
    let memory: NonNull<T> = unsafe { block.byte_add(off::<T>()) }.cast();
    // SAFETY: large enough, aligned, and nobody else knows of it.
    unsafe { memory.write(value) };
    Some(memory)
}

/// Whether the address may be one of [`keep`]'s. Always true where the type needs more alignment than a
/// word, as on 32-bit ARM.
pub fn is_handle<T>(address: *const T) -> bool {
    off::<T>() == 0 || address.addr() & OFF != 0
}

/// Gives a handle back.
///
/// # Safety
///
/// `handle` came from [`keep`] with the same `T`, and nobody uses it any more.
pub unsafe fn free_handle<T>(handle: *mut T) {
    // SAFETY: the block begins so far before it, as required of the caller.
    unsafe { libc::free(handle.byte_sub(off::<T>()).cast()) }
}

const fn off<T>() -> usize {
    if align_of::<T>() > OFF { 0 } else { OFF }
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
/// `memory` is null or came from [`zeroed`] or [`resize`], and nobody uses it any more.
pub unsafe fn free<T>(memory: *mut T) {
    // SAFETY: null or from libc's allocator, as required of the caller.
    unsafe { libc::free(memory.cast()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_is_told_from_every_block_of_malloc() {
        if align_of::<u64>() > OFF {
            return;
        }
        let handles: Vec<_> = (0..1000).map(|value: u64| keep(value).unwrap()).collect();
        // libbpf's smallest struct is larger than this.
        let blocks: Vec<_> = (16..1016)
            // SAFETY: malloc has no requirements.
            .map(|size| unsafe { libc::malloc(size) })
            .collect();
        for (value, handle) in (0..).zip(handles) {
            assert!(is_handle(handle.as_ptr()));
            // SAFETY: a live handle, freed once.
            unsafe {
                assert_eq!(*handle.as_ptr(), value);
                free_handle(handle.as_ptr());
            }
        }
        for block in blocks {
            assert!(!is_handle::<u64>(block.cast()));
            // SAFETY: from malloc, freed once.
            unsafe { libc::free(block) };
        }
    }
}
