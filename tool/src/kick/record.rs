// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! An empty record with a forced wake-up, by a BPF program of thirteen instructions.

use crate::bpf::{self, Instruction, op};
use crate::rings::Mapping;
use rustix::fd::AsRawFd;
use std::io;

const RESERVE: i32 = 131;
const DISCARD: i32 = 133;
const FORCE_WAKEUP: i32 = 2;
/// `BPF_PSEUDO_MAP_FD`.
const MAP_FD: u8 = 1;

/// Returns whether there was room for it: 8 bytes.
pub fn force(mapping: &Mapping) -> io::Result<bool> {
    let program = bpf::load(&program(mapping.fd().as_raw_fd()))?;
    Ok(bpf::run(program)? == 0)
}

/// Returns 0 if the record was reserved and discarded, else 1.
fn program(map: i32) -> [Instruction; 13] {
    let ([r0, r1, r2, r3], load) = ([0, 1, 2, 3], |to, number| op(0xb7, to, 0, 0, number));
    let call = |helper| op(0x85, 0, 0, 0, helper);
    let exit = op(0x95, 0, 0, 0, 0);
    [
        // The map, a number of 64 bits: two instructions.
        op(0x18, r1, MAP_FD, 0, map),
        op(0, 0, 0, 0, 0),
        load(r2, 0),
        load(r3, 0),
        call(RESERVE),
        // Not null: over two instructions.
        op(0x55, r0, 0, 2, 0),
        load(r0, 1),
        exit,
        op(0xbf, r1, r0, 0, 0),
        load(r2, FORCE_WAKEUP),
        call(DISCARD),
        load(r0, 0),
        exit,
    ]
}
