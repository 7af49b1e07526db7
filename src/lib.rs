// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! libbpf's ring buffer API, without lost wake-ups.
//!
//! A program that reads BPF ring buffers through libbpf can go to sleep on a record and never be
//! woken again. This library exports libbpf's own 21 functions, with a consumer that cannot: preload
//! it, link it before libbpf, or add it as a dependency to a Rust program, whose `libbpf_sys` calls
//! then come here.
//!
//! As a crate it offers the same functions as Rust items, in [`capi`], and nothing else:
//!
//! ```
//! use rbshim::capi::ring_buffer::{ring_buffer__free, ring_buffer__new, ring_buffer__poll};
//! use std::ffi::{c_int, c_void};
//! use std::io::{Error, Result};
//! use std::ptr;
//!
//! /// Counts records: `records` points to a `u64`.
//! unsafe extern "C-unwind" fn count(records: *mut c_void, _: *mut c_void, _: usize) -> c_int {
//!     // SAFETY: the context that was given with this callback.
//!     unsafe { *records.cast::<u64>() += 1 };
//!     0
//! }
//!
//! /// Waits up to 100 ms for records of the ring buffer map `map_fd`, and says how many came.
//! fn poll_once(map_fd: c_int) -> Result<u64> {
//!     let mut records = 0u64;
//!     // SAFETY: `records` outlives the manager, and the manager is used by this thread alone.
//!     let result = unsafe {
//!         let context = (&raw mut records).cast();
//!         let manager = ring_buffer__new(map_fd, Some(count), context, ptr::null());
//!         if manager.is_null() {
//!             return Err(Error::last_os_error());
//!         }
//!         let result = ring_buffer__poll(manager, 100);
//!         ring_buffer__free(manager);
//!         result
//!     };
//!     match result {
//!         0.. => Ok(records),
//!         error => Err(Error::from_raw_os_error(-error)),
//!     }
//! }
//!
//! let no_such_map = poll_once(-1).unwrap_err();
//! assert!(no_such_map.raw_os_error().is_some());
//! ```
//!
//! # Where things are
//!
//! - `ring::consumer`: the heart. How records are read, and why no wake-up is lost.
//! - `ring`: the rest of the protocol, generic over where the ring's words live.
//! - `pages`: the mapped pages of a map, as such words.
//! - `mapped_ring`, `manager`, `user_ring`: what C calls `struct ring`, `struct ring_buffer` and
//!   `struct user_ring_buffer`.
//! - [`capi`]: the exported functions.
//! - `attach`: from a map's fd to its mapped pages.
//! - `ring_lock`: the lock of a ring's producers, where overwrite mode needs it.
//! - `foreign`: calls that libbpf makes for handles of its own.
//! - `sys`: the kernel and libc.
//! - `options`, `stats`, `log`: what a user can ask for and see.

#![deny(
    unsafe_op_in_unsafe_fn,
    missing_docs,
    clippy::undocumented_unsafe_blocks,
    clippy::incompatible_msrv
)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::print_stdout,
        clippy::print_stderr
    )
)]

// Whose functions a Rust program gets is decided by which crate the linker meets first, and rustc puts
// a crate before those that it uses.
#[cfg(feature = "libbpf-sys")]
use libbpf_sys as _;

mod attach;
pub mod capi;
mod foreign;
mod log;
mod manager;
mod mapped_ring;
mod options;
mod pages;
mod ring;
mod ring_lock;
mod stats;
mod sys;
mod user_ring;

/// What the project's own tests, benchmarks and fuzz targets use. It may change with any release.
#[cfg(feature = "__internals")]
#[doc(hidden)]
pub mod __internals {
    pub use crate::mapped_ring::{EmptyRing, RingHandle};
    pub use crate::options::{Options, options};
    pub use crate::pages::Pages;
    pub use crate::ring::consumer::{Stop, Turn, consume, take_turn};
    pub use crate::ring::journal::Journal;
    pub use crate::ring::overwrite;
    pub use crate::ring::receiver::{Received, Receiver, Record};
    pub use crate::ring::wait::Round;
    pub use crate::ring_lock::RingLock;
    pub use crate::sys::bpf;
    pub use crate::sys::cpu_limit;
    pub use crate::sys::errno::Errno;
    pub use crate::user_ring::UserRingHandle;
}
