// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What can be said of the library without a reader at work: its ABI, symbols, header, struct layouts and version.

mod common;
mod functions;
#[path = "../build/header.rs"]
mod generate;
mod interface;
mod mutated;
mod library {
    mod abi;
    mod exports;
    mod header;
    mod layouts;
    mod private_layout;
    mod versions;
}
