// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! How many CPUs there are.

use super::errno::Errno;
use core::mem::{size_of, zeroed};

/// Whether something can run while this thread does.
///
/// A thread that is bound to one CPU counts if there are others: what produces for it may run there. Leaves
/// `errno` alone.
#[cold]
#[inline(never)]
pub fn several() -> bool {
    let errno = Errno::last();
    let several = !is_bound_to_one() || online() > 1;
    errno.set();
    several
}

/// CPUs that are online.
pub fn online() -> u64 {
    // SAFETY: no memory is passed.
    let online = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) };
    u64::try_from(online).unwrap_or(1)
}

fn is_bound_to_one() -> bool {
    // SAFETY: all-zero bytes are an empty set; the kernel writes at most the size that is passed.
    unsafe {
        let mut set: libc::cpu_set_t = zeroed();
        libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set) == 0
            && libc::CPU_COUNT(&set) == 1
    }
}
