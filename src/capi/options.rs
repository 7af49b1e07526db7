// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Structs whose size the caller says, as libbpf's option structs: a size in bytes, then fields that are zero unless
//! meant. A caller's struct may be smaller than ours, or larger while the rest of it is zero.

use crate::log::warning;
use crate::sys::errno::Errno;
use core::ffi::{CStr, c_void};
use core::mem::size_of;

/// A kind of such structs.
pub struct SizedStruct {
    name: &'static CStr,
    /// How much of it we know.
    known: usize,
    /// What a program is warned with: a C format for the name and a size, and one for the name. Programs know
    /// libbpf's.
    too_small: &'static CStr,
    not_zero: &'static CStr,
}

impl SizedStruct {
    /// A struct of libbpf's, of which we know the size alone.
    pub const fn of_libbpf(name: &'static CStr) -> Self {
        SizedStruct {
            name,
            known: SIZE,
            too_small: c"libbpf: %s size (%zu) is too small\n",
            not_zero: c"libbpf: %s has non-zero extra bytes\n",
        }
    }

    /// A struct of our own.
    pub const fn of_ours<T>(name: &'static CStr) -> Self {
        SizedStruct {
            name,
            known: size_of::<T>(),
            too_small: c"rbshim: %s size (%zu) is too small\n",
            not_zero: c"rbshim: %s has non-zero extra bytes\n",
        }
    }

    /// Checks such a struct and returns its size, that of a null one being 0. Errors: `EINVAL`.
    ///
    /// # Safety
    ///
    /// `given` is null or readable for the number of bytes that its first `size_t` says, if that is at
    /// least the size of itself.
    pub unsafe fn check(&self, given: *const c_void) -> Result<usize, Errno> {
        if given.is_null() {
            return Ok(0);
        }
        // SAFETY: readable as required of the caller. C keeps the struct aligned; we need not rely on it.
        let size = unsafe { given.cast::<usize>().read_unaligned() };
        if size < SIZE {
            warning!(self.too_small, self.name.as_ptr(), size);
            return Err(Errno(libc::EINVAL));
        }
        let bytes = given.cast::<u8>();
        for offset in self.known..size {
            // SAFETY: `offset` is below `size`: readable as required of the caller.
            if unsafe { *bytes.add(offset) } != 0 {
                warning!(self.not_zero, self.name.as_ptr());
                return Err(Errno(libc::EINVAL));
            }
        }
        Ok(size)
    }
}

/// Bytes of the size itself.
const SIZE: usize = size_of::<usize>();
