// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Shared mappings of a map's pages, and memory of our own that is a mapping.

use super::errno::Errno;
use core::ffi::{c_int, c_void};
use core::ptr;

/// What we may do with a mapping.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Read only; the kernel allows no more on what it alone writes.
    Read,
    /// Read and write.
    ReadWrite,
}

/// Bytes of a page.
pub fn page_size() -> usize {
    // SAFETY: no memory is passed; the result is always positive.
    unsafe { libc::sysconf(libc::_SC_PAGESIZE) as usize }
}

/// Maps `len` bytes of `fd` from `offset` (a multiple of the page size), shared.
/// Errors: `mmap(2)`'s.
pub fn map(fd: c_int, offset: usize, len: usize, access: Access) -> Result<*mut c_void, Errno> {
    let protection = match access {
        Access::Read => libc::PROT_READ,
        Access::ReadWrite => libc::PROT_READ | libc::PROT_WRITE,
    };
    let offset = libc::off_t::try_from(offset).map_err(|_| Errno(libc::EOVERFLOW))?;
    // SAFETY: a mapping at an address of the kernel's choice touches nobody's memory.
    let address = unsafe {
        libc::mmap(
            ptr::null_mut(),
            len,
            protection,
            libc::MAP_SHARED,
            fd,
            offset,
        )
    };
    if address == libc::MAP_FAILED {
        return Err(Errno::last());
    }
    Ok(address)
}

/// Maps `len` bytes of new memory, all of them 0. It takes up memory as far as it is written to.
/// Errors: `mmap(2)`'s.
pub fn anonymous(len: usize) -> Result<*mut c_void, Errno> {
    // SAFETY: a mapping at an address of the kernel's choice touches nobody's memory.
    let address = unsafe {
        libc::mmap(
            ptr::null_mut(),
            len,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    if address == libc::MAP_FAILED {
        return Err(Errno::last());
    }
    Ok(address)
}

/// Unmaps what [`map`] or [`anonymous`] has returned; null is nothing.
///
/// # Safety
///
/// `address` is null or the start of a mapping of `len` bytes that nobody uses any more.
pub unsafe fn unmap(address: *mut c_void, len: usize) {
    if !address.is_null() {
        // SAFETY: as required of the caller. With such arguments munmap cannot fail.
        unsafe { libc::munmap(address, len) };
    }
}
