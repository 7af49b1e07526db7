// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What the fuzz targets run, one function each: bytes in, a panic or a crash if the library does with them what it
//! must not.

// A fuzz target runs one of them.
#![allow(dead_code)]

mod cpu_limit;
mod environment;
mod option_struct;
mod turns;
mod user_ring;

use crate::simulated;

/// A name, and what is run.
type Target = (&'static str, fn(&[u8]));

/// Those of `fuzz/fuzz_targets`.
pub const TARGETS: [Target; 6] = [
    ("attack", |bytes| simulated::run(&simulated::decode(bytes))),
    ("cpu_limit", cpu_limit::run),
    ("environment", environment::run),
    ("option_struct", option_struct::run),
    ("turns", turns::run),
    ("user_ring", user_ring::run),
];

/// Runs the target of this name.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|target| target.0 == name);
    target.expect("a target").1(bytes);
}

/// The fuzzer's bytes, read as numbers. What is missing at the end is 0.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next `N` bytes.
    fn number<const N: usize>(&mut self) -> u64 {
        let (head, tail) = self.0.split_at(self.0.len().min(N));
        self.0 = tail;
        let mut bytes = [0; 8];
        bytes[..head.len()].copy_from_slice(head);
        u64::from_le_bytes(bytes)
    }
}
