// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The file of a program, as `rbshim check` reads it: it comes back, in a time that goes with the file's size.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = rbshim_tool::elf::interpreter_of_script(bytes);
    let _ = rbshim_tool::elf::examine(bytes);
});
