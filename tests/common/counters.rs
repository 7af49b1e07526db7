// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What programs say of themselves on stderr, `RBSHIM_STATS` among them, as `name=number`.

use std::process::{Command, Output};

/// Has the library print the counters of its rings when the program ends.
pub fn count(command: &mut Command) {
    command.env("RBSHIM_STATS", "1");
}

/// The sum of all numbers after `name=`, over rings and processes. Panics if there is none.
pub fn counted(output: &Output, name: &str) -> u64 {
    let said = String::from_utf8_lossy(&output.stderr);
    let numbers: Vec<u64> = said
        .split_whitespace()
        .filter_map(|word| word.split_once('='))
        .filter(|(key, _)| *key == name)
        .filter_map(|(_, number)| number.parse().ok())
        .collect();
    assert!(!numbers.is_empty(), "no {name} in {said:?}");
    numbers.iter().sum()
}
