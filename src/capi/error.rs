// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Results in libbpf's terms: a negative error number or NULL, and `errno`. Success leaves `errno`
//! alone.

use crate::sys::errno::{Errno, Packed};
use core::ffi::c_int;
use core::ptr;

/// A null handle.
pub const NULL_HANDLE: Errno = Errno(libc::EINVAL);

/// `errno` set to `error`, and its negative value.
#[cold]
#[inline(never)]
pub fn failure(error: Errno) -> c_int {
    error.set();
    error.0.wrapping_neg()
}

/// A number of records, as many as an `int` can say; or a failure.
#[inline(always)]
pub fn count(result: impl Into<Packed>) -> c_int {
    match result.into().into() {
        Ok(records) => records,
        Err(error) => failure(error),
    }
}

/// 0, or a failure.
pub fn status(result: Result<(), Errno>) -> c_int {
    match result {
        Ok(()) => 0,
        Err(error) => failure(error),
    }
}

/// A pointer, or NULL and `errno`.
pub fn pointer<T>(result: Result<*mut T, Errno>) -> *mut T {
    result.unwrap_or_else(|error| {
        error.set();
        ptr::null_mut()
    })
}
