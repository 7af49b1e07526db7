// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What can be seen of a library from outside.

use std::ffi::c_int;

/// In errno before each call, so that a call which leaves it alone is seen to.
pub const UNTOUCHED: c_int = 424_242;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A function's value and errno. Pointers are 0 or 1.
    Call(&'static str, i64, c_int),
    /// A record in its callback, and errno and its ring's position there.
    Record {
        map: usize,
        data: Vec<u8>,
        consumer_pos: u64,
        errno: c_int,
    },
    Produced {
        done: u32,
        dropped: u32,
    },
    Kernel {
        avail: u64,
        size: u64,
        consumer_pos: u64,
        producer_pos: u64,
    },
    /// Events and data that a wait on the manager's epoll returns.
    Readiness(Vec<(u32, u64)>),
    /// The callback acts.
    Acting,
}
