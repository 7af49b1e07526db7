// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Time that only moves forward.

/// Nanoseconds of `CLOCK_MONOTONIC`.
pub fn monotonic_ns() -> u64 {
    ns(libc::CLOCK_MONOTONIC)
}

/// Nanoseconds of CPU time that the calling thread has used. A system call.
pub fn thread_cpu_ns() -> u64 {
    ns(libc::CLOCK_THREAD_CPUTIME_ID)
}

fn ns(clock: libc::clockid_t) -> u64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `now` is a valid timespec. Both clocks exist on every Linux; where one is forbidden
    // (seccomp), `now` stays 0.
    unsafe { libc::clock_gettime(clock, &raw mut now) };
    (now.tv_sec as u64)
        .wrapping_mul(1_000_000_000)
        .wrapping_add(now.tv_nsec as u64)
}
