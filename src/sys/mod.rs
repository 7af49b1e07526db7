// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The kernel and libc, one thin wrapper each. Everything goes through libc's functions, so that
//! other interposers still see the calls.

pub mod alloc;
pub mod bpf;
pub mod clock;
pub mod cpu;
pub mod cpu_limit;
pub mod edge;
pub mod edge_sleep;
pub mod env;
pub mod epoll;
pub mod errno;
pub mod mmap;
pub mod signals;
