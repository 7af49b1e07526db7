// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! libbpf's option structs: a size in bytes, then fields that are zero unless meant. We know of the
//! size alone; a caller's larger struct is fine while the rest of it is zero.

use crate::log::warning;
use crate::sys::errno::Errno;
use core::ffi::{CStr, c_void};
use core::mem::size_of;

/// Checks an option struct that libbpf calls `name`; null is fine. Errors: `EINVAL`.
///
/// # Safety
///
/// `opts` is null or readable for the number of bytes that its first `size_t` says, if that is at
/// least the size of itself.
pub unsafe fn check(opts: *const c_void, name: &CStr) -> Result<(), Errno> {
    if opts.is_null() {
        return Ok(());
    }
    // SAFETY: readable as required of the caller. C keeps the struct aligned; we need not rely on it.
    let size = unsafe { opts.cast::<usize>().read_unaligned() };
    if size < size_of::<usize>() {
        warning!(c"libbpf: %s size (%zu) is too small\n", name.as_ptr(), size,);
        return Err(Errno(libc::EINVAL));
    }
    let bytes = opts.cast::<u8>();
    for offset in size_of::<usize>()..size {
        // SAFETY: `offset` is below `size`: readable as required of the caller.
        if unsafe { *bytes.add(offset) } != 0 {
            warning!(c"libbpf: %s has non-zero extra bytes\n", name.as_ptr());
            return Err(Errno(libc::EINVAL));
        }
    }
    Ok(())
}
