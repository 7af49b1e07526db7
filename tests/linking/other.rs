// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Another Rust library of a C program, with std and all.

#[unsafe(no_mangle)]
pub extern "C" fn other_sum(count: u32) -> u64 {
    let numbers: Vec<u64> = (0..count.into()).collect();
    std::panic::catch_unwind(|| numbers.iter().sum()).unwrap_or(0)
}
