// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Error numbers and their names.

use core::ffi::{CStr, c_int};

/// A positive error number, as in `errno`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Errno(pub c_int);

impl Errno {
    /// The calling thread's `errno`.
    pub fn last() -> Self {
        // SAFETY: libc returns a valid pointer to the calling thread's errno.
        Errno(unsafe { *libc::__errno_location() })
    }

    /// Sets the calling thread's `errno`.
    pub fn set(self) {
        // SAFETY: libc returns a valid pointer to the calling thread's errno.
        unsafe { *libc::__errno_location() = self.0 }
    }

    /// The symbolic name with a minus sign, as libbpf writes errors in its log (`-EBADF`); `None`
    /// for a number without one.
    pub fn name(self) -> Option<&'static CStr> {
        NAMES
            .iter()
            .find(|(number, _)| *number == self.0)
            .map(|(_, name)| *name)
    }
}

/// A number, as large as a C `int` can say, or an error in one register, where a `Result` would take memory: what a
/// function returns that is not to be inlined.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Packed(i64);

impl From<Result<u64, Errno>> for Packed {
    #[inline(always)]
    fn from(result: Result<u64, Errno>) -> Self {
        Packed(match result {
            Ok(number) => number.min(c_int::MAX as u64) as i64,
            // Negative whatever a callback has returned, INT_MIN too.
            Err(error) => i64::from(error.0 as u32).wrapping_neg(),
        })
    }
}

impl From<Packed> for Result<c_int, Errno> {
    #[inline(always)]
    fn from(Packed(result): Packed) -> Self {
        if result < 0 {
            Err(Errno(result.wrapping_neg() as c_int))
        } else {
            Ok(result as c_int)
        }
    }
}

impl From<Packed> for Result<u64, Errno> {
    #[inline(always)]
    fn from(Packed(result): Packed) -> Self {
        u64::try_from(result).map_err(|_| Errno(result.wrapping_neg() as c_int))
    }
}

macro_rules! names {
    ($($number:ident)*) => {
        &[$((
            libc::$number,
            // The bytes end in their only NUL.
            match CStr::from_bytes_with_nul(concat!("-", stringify!($number), "\0").as_bytes()) {
                Ok(name) => name,
                Err(_) => c"",
            },
        )),*]
    };
}

/// What `bpf`, `mmap`, `epoll_create1` and `epoll_ctl` fail with, here or under a security module.
static NAMES: &[(c_int, &CStr)] = names! {
    E2BIG EACCES EAGAIN EBADF EBADFD EBUSY EEXIST EFAULT EINTR EINVAL EIO ELOOP EMFILE ENFILE ENODEV
    ENOENT ENOMEM ENOSPC ENOSYS ENOTTY ENXIO EOPNOTSUPP EOVERFLOW EPERM ERANGE EROFS ESRCH ETIMEDOUT
    ETXTBSY
};
