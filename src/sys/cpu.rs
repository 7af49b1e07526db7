// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! How many CPUs there are.

use core::mem::{size_of, zeroed};

/// Whether something can run while this thread does.
///
/// A thread that is bound to one CPU counts if there are others: what produces for it may run there.
#[inline(never)]
pub fn several() -> bool {
    // SAFETY: all-zero bytes are an empty set; the kernel writes at most the size that is passed.
    let bound_to_one = unsafe {
        let mut set: libc::cpu_set_t = zeroed();
        libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set) == 0
            && libc::CPU_COUNT(&set) == 1
    };
    // SAFETY: no memory is passed.
    !bound_to_one || unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) } > 1
}
