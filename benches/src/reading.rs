// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The reader's side: what `c/reader.c` does, for the readers written in Rust.

use crate::shared::{Command, Mapped, Shared, bucket, run_program};
use std::error::Error;
use std::os::fd::RawFd;
use std::sync::atomic::Ordering::{Relaxed, Release};

/// How long a reader waits at most before it looks whether to stop.
pub const POLL_MS: i32 = 100;

fn now() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: The structure is ours.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Maps the memory whose descriptor is the program's argument.
pub fn attach() -> Result<Mapped<Shared>, Box<dyn Error>> {
    let fd: RawFd = std::env::args().nth(1).ok_or("started by hand")?.parse()?;
    // SAFETY: The driver made it, by `new_file`.
    Ok(unsafe { Mapped::new(fd)? })
}

/// The descriptors of the rings.
pub fn ring_fds(shared: &Shared) -> &[RawFd] {
    &shared.orders.ring_fds[..shared.orders.rings as usize]
}

/// Accounts for one record.
#[inline]
pub fn on_record(shared: &Shared, data: &[u8]) {
    if shared.orders.atomic != 0 {
        shared.delivered.fetch_add(1, Relaxed);
        return;
    }
    if shared.orders.stamped != 0
        && let Some(stamp) = data.first_chunk()
    {
        let latency = now().wrapping_sub(u64::from_ne_bytes(*stamp));
        let count = &shared.latencies[bucket(latency)];
        count.store(count.load(Relaxed) + 1, Relaxed);
    }
    if shared.orders.callback_ns != 0 {
        let end = now() + shared.orders.callback_ns;
        while now() < end {}
    }
    let bytes = shared.bytes.load(Relaxed) + data.len() as u64;
    shared.bytes.store(bytes, Relaxed);
    let delivered = shared.delivered.load(Relaxed) + 1;
    shared.delivered.store(delivered, Relaxed);
}

/// Calls `poll`, which waits at most [`POLL_MS`], until the driver has seen enough.
pub fn run(
    shared: &Shared,
    mut poll: impl FnMut() -> Result<(), Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    shared.ready.store(1, Release);
    while shared.stop.load(Relaxed) == 0 {
        let triggered = shared.triggered.load(Relaxed);
        let batch = shared.orders.own_batch;
        if batch != 0 && shared.delivered.load(Relaxed) == triggered {
            shared
                .triggered
                .store(triggered + u64::from(batch), Relaxed);
            run_program(shared.orders.program_fd, Command { producer: 0, batch })?;
        }
        poll()?;
        shared
            .returns
            .store(shared.returns.load(Relaxed) + 1, Relaxed);
    }
    Ok(())
}
