// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Memory shared by driver, readers and BPF program: `c/shared.h` in Rust.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, AtomicU64};

pub const MAX_RINGS: usize = 256;
pub const MAX_PRODUCERS: usize = 8;
const LATENCY_BITS: u32 = 5;
const LATENCY_STEPS: u32 = 1 << LATENCY_BITS;
pub const LATENCY_BUCKETS: usize = ((32 - LATENCY_BITS + 1) * LATENCY_STEPS) as usize;

/// Constants of the BPF program.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Production {
    pub size: u32,
    pub stamped: u32,
    pub wake_bytes: u64,
    pub silent: u32,
    pub turns: u32,
    pub own_ring: u32,
    pub unused: u32,
}

/// Argument of the BPF program.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Command {
    pub producer: u32,
    pub batch: u32,
}

/// What one producer has done so far.
#[repr(C)]
pub struct Tally {
    pub accepted: AtomicU64,
    pub dropped: AtomicU64,
    pub nanoseconds: AtomicU64,
    unused: [u64; 13],
}

/// What the driver tells a reader.
#[repr(C)]
pub struct Orders {
    pub stamped: u32,
    pub atomic: u32,
    pub callback_ns: u64,
    pub own_batch: u32,
    pub program_fd: RawFd,
    pub rings: u32,
    pub ring_fds: [RawFd; MAX_RINGS],
}

/// Shared memory of a driver and one reader. Zeroes are a valid value.
#[repr(C)]
pub struct Shared {
    pub orders: Orders,
    pub stop: AtomicU32,
    pub ready: AtomicU32,
    unused: [u64; 8],
    pub delivered: AtomicU64,
    pub bytes: AtomicU64,
    pub returns: AtomicU64,
    pub triggered: AtomicU64,
    pub latencies: [AtomicU64; LATENCY_BUCKETS],
}

/// The bucket of a latency in nanoseconds: exact when small, then 32 to a power of two.
pub fn bucket(latency: u64) -> usize {
    let value = u32::try_from(latency).unwrap_or(u32::MAX);
    if value < LATENCY_STEPS {
        return value as usize;
    }
    let shift = value.ilog2() - LATENCY_BITS;
    ((shift + 1) * LATENCY_STEPS + (value >> shift) - LATENCY_STEPS) as usize
}

/// The middle of the latencies that belong to a bucket.
pub fn latency_of(bucket: usize) -> f64 {
    let (shift, step) = (
        (bucket as u32 / LATENCY_STEPS).saturating_sub(1),
        bucket as u32 % LATENCY_STEPS,
    );
    let first = if (bucket as u32) < LATENCY_STEPS {
        u64::from(step)
    } else {
        u64::from(LATENCY_STEPS + step) << shift
    };
    first as f64 + ((1u64 << shift) - 1) as f64 / 2.0
}

/// A mapping of [`Shared`], or of another such structure, for as long as it lives.
pub struct Mapped<T>(NonNull<T>);

// SAFETY: A mapping is not tied to a thread; what changes in it is atomic.
unsafe impl<T: Sync> Send for Mapped<T> {}
// SAFETY: As above.
unsafe impl<T: Sync> Sync for Mapped<T> {}

impl<T> Mapped<T> {
    /// Maps the beginning of a file.
    ///
    /// # Safety
    ///
    /// `T` is `repr(C)`, what the file holds is a value of it, and what others change in it
    /// while it is mapped is atomic in `T`.
    pub unsafe fn new(fd: RawFd) -> io::Result<Self> {
        // SAFETY: A new mapping, where the kernel wants it.
        let address = unsafe {
            libc::mmap(
                ptr::null_mut(),
                size_of::<T>(),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                fd,
                0,
            )
        };
        if address == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Mapped(NonNull::new(address.cast()).expect("not at zero")))
    }

    /// For values that nobody else looks at yet.
    pub fn get_mut(&mut self) -> &mut T {
        // SAFETY: It is mapped, and valid by the contract of `new`.
        unsafe { self.0.as_mut() }
    }
}

impl<T> std::ops::Deref for Mapped<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: It is mapped, and valid by the contract of `new`.
        unsafe { self.0.as_ref() }
    }
}

impl<T> Drop for Mapped<T> {
    fn drop(&mut self) {
        // SAFETY: The mapping is ours and nobody can look at it any more.
        unsafe { libc::munmap(self.0.as_ptr().cast(), size_of::<T>()) };
    }
}

/// A file in memory with room for [`Shared`], that child processes inherit.
pub fn new_file() -> io::Result<File> {
    // SAFETY: The name is a C string; the flags are none.
    let fd = unsafe { libc::memfd_create(c"rbshim-bench".as_ptr(), 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: A new descriptor that nobody else owns.
    let file = unsafe { File::from_raw_fd(fd) };
    file.set_len(size_of::<Shared>() as u64)?;
    Ok(file)
}

/// Runs the BPF program once.
pub fn run_program(fd: RawFd, command: Command) -> io::Result<()> {
    let mut options = libbpf_sys::bpf_test_run_opts {
        sz: size_of::<libbpf_sys::bpf_test_run_opts>() as libbpf_sys::size_t,
        ctx_in: (&raw const command).cast(),
        ctx_size_in: size_of::<Command>() as u32,
        ..Default::default()
    };
    // SAFETY: The options and the command live until the call is over.
    match unsafe { libbpf_sys::bpf_prog_test_run_opts(fd, &mut options) } {
        0 if options.retval == 0 => Ok(()),
        0 => Err(io::Error::other("the BPF program failed")),
        error => Err(io::Error::from_raw_os_error(-error)),
    }
}

/// Maps a file made by [`new_file`].
pub fn map(file: &File) -> io::Result<Mapped<Shared>> {
    // SAFETY: The file is of that size and zeroes at first; counters and flags are atomic, and the
    // orders are complete before the reader starts.
    unsafe { Mapped::new(file.as_raw_fd()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_lies_within_two_percent_of_the_middle_of_its_bucket() {
        for latency in (0..40).chain([100, 999, 65_535, 65_536, 1_000_000, u64::from(u32::MAX)]) {
            let middle = latency_of(bucket(latency));
            let distance = (middle - latency as f64).abs();
            assert!(distance <= latency as f64 * 0.02, "{latency}: {middle}");
        }
        assert_eq!(bucket(u64::MAX), LATENCY_BUCKETS - 1);
    }
}
