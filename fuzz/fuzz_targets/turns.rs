// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#![no_main]

#[path = "../../tests/fuzzed/mod.rs"]
mod fuzzed;
#[path = "../../tests/simulated/mod.rs"]
mod simulated;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzed::run("turns", bytes));
