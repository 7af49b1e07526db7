// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! CPUs and clocks.

use std::{io, mem};

/// The CPU of the reader.
pub const READER: usize = 1;

/// The nice value of producers and readers.
pub const HIGHEST: i32 = -20;

/// The CPU of a producer. On a machine with two they share the one that the reader leaves.
pub fn of_producer(producer: usize) -> usize {
    match (producer, online()) {
        (0, _) | (_, ..=2) => 0,
        (_, online) => READER + 1 + (producer - 1) % (online - 2),
    }
}

/// How many CPUs the machine has.
pub fn online() -> usize {
    // SAFETY: Asks for a number.
    unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) }.max(1) as usize
}

/// Puts the calling thread before whatever else runs on the machine, which it may not be allowed to.
/// Makes a system call and nothing else.
pub fn come_first() {
    be_nice(HIGHEST);
}

/// Gives the calling thread a nice value, which it may not be allowed to have. Makes a system call and nothing else.
pub fn be_nice(value: i32) {
    // SAFETY: Numbers only.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, value) };
}

/// Pins the calling thread. Makes a system call and nothing else.
pub fn pin(cpu: usize) -> io::Result<()> {
    // SAFETY: Zeroes are an empty set; the set is ours.
    let error = unsafe {
        let mut set: libc::cpu_set_t = mem::zeroed();
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, size_of_val(&set), &set)
    };
    match error {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The time of a clock.
pub fn clock_ns(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: The structure is ours.
    let error = unsafe { libc::clock_gettime(clock, &mut time) };
    assert_eq!(error, 0, "clock {clock}");
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
