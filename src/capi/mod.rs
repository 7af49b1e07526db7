// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The exported functions: check the pointers, call, turn the result into C. The types here are
//! libbpf's names for what the caller sees as opaque.

#![allow(non_camel_case_types)]

// The order of the C header.
pub mod ring_buffer;

pub mod ring;

pub mod user_ring_buffer;

pub mod extensions;

pub mod statistics;

mod error;
mod foreign;
mod options;
