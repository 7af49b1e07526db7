// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The operator's tool: sees every BPF ring buffer of a machine, finds the reader that sleeps on data, and wakes it.
//!
//! A crate of its own, so that what it depends on never reaches the library.

#![deny(
    unsafe_op_in_unsafe_fn,
    clippy::undocumented_unsafe_blocks,
    missing_docs
)]

pub mod bpf;
pub mod check;
pub mod cli;
pub mod elf;
pub mod error;
pub mod guard;
pub mod journal;
pub mod kick;
pub mod loader;
pub mod privileges;
pub mod process;
pub mod rings;
pub mod run;
pub mod signals;
pub mod state;
pub mod survey;
pub mod text;
pub mod top;
pub mod watch;
