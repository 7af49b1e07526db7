// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A hostile ring, driven by the fuzzer's bytes: `cargo fuzz run attack`.
#![no_main]

#[path = "../../tests/simulated/mod.rs"]
mod simulated;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| simulated::run(&simulated::decode(bytes)));
