// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! libbpf's ring buffer API, without lost wake-ups.
//!
//! A program that reads BPF ring buffers through libbpf can go to sleep on a record and never be
//! woken again. This library exports libbpf's own 21 functions, with a consumer that cannot: preload
//! it, link it before libbpf, or add it as a dependency to a Rust program, whose `libbpf_sys` calls
//! then come here.
//!
//! Where things are:
//!
//! - [`ring::consumer`]: the heart. How records are read, and why no wake-up is lost.
//! - [`ring`]: the rest of the protocol, generic over where the ring's words live.
//! - [`mapped_ring`], [`manager`], [`user_ring`]: what C calls `struct ring`, `struct ring_buffer` and
//!   `struct user_ring_buffer`.
//! - [`window`]: lingering on a real ring; when to do it is decided in [`ring::linger`].
//! - [`capi`]: the exported functions.
//! - [`attach`]: from a map's fd to its mapped pages.
//! - [`foreign`]: what libbpf asks of us for handles of its own.
//! - [`sys`]: the kernel and libc.
//! - [`options`], [`stats`], [`log`]: what a user can ask for and see.

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

pub mod attach;
pub mod capi;
pub mod foreign;
pub mod log;
pub mod manager;
pub mod mapped_ring;
pub mod options;
pub mod ring;
pub mod stats;
pub mod sys;
pub mod user_ring;
pub mod window;
