// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Programs that run at a tracepoint of the kernel, and maps for them.

use super::{Instruction, TYPE_RINGBUF, bpf, bpf_fd, load_as};
use rustix::fd::{AsFd, AsRawFd, OwnedFd};
use std::ffi::CStr;
use std::io;

const MAP_CREATE: u32 = 0;
const MAP_LOOKUP_ELEM: u32 = 1;
const RAW_TRACEPOINT_OPEN: u32 = 17;

const TYPE_ARRAY: u32 = 2;
const PROG_TYPE_RAW_TRACEPOINT: u32 = 17;

/// What the verifier says may be as long as this.
const LOG: usize = 1 << 20;

/// Loads a program for [`attach`]. On failure also the last words of the verifier, perhaps none.
pub fn load(
    name: &[u8; 16],
    instructions: &[Instruction],
) -> std::result::Result<OwnedFd, (io::Error, String)> {
    let kind = (PROG_TYPE_RAW_TRACEPOINT, 0);
    load_as(kind, name, instructions, &mut []).map_err(|error| {
        let mut log = vec![0; LOG];
        // Again, for the reasons alone.
        let _ = load_as(kind, name, instructions, &mut log);
        (error, last_words(&log))
    })
}

/// The line before the verifier's statistics.
fn last_words(log: &[u8]) -> String {
    let text = log.split(|byte| *byte == 0).next().unwrap_or_default();
    let text = String::from_utf8_lossy(text);
    let mut lines = text.lines().filter(|line| !line.starts_with("processed "));
    lines.next_back().unwrap_or_default().to_string()
}

/// Has the kernel run the program at this tracepoint, until the descriptor is closed.
pub fn attach(tracepoint: &CStr, program: impl AsFd) -> io::Result<OwnedFd> {
    #[repr(C)]
    struct Attributes {
        name: u64,
        program: u32,
        unused: u32,
    }
    let mut attributes = Attributes {
        name: tracepoint.as_ptr() as u64,
        program: program.as_fd().as_raw_fd() as u32,
        unused: 0,
    };
    bpf_fd(RAW_TRACEPOINT_OPEN, &mut attributes)
}

fn create(
    kind: u32,
    key_size: u32,
    value_size: u32,
    entries: u32,
    name: [u8; 16],
) -> io::Result<OwnedFd> {
    #[repr(C)]
    struct Attributes {
        kind: u32,
        key_size: u32,
        value_size: u32,
        entries: u32,
        flags: u32,
        inner: u32,
        node: u32,
        name: [u8; 16],
    }
    let mut attributes = Attributes {
        kind,
        key_size,
        value_size,
        entries,
        flags: 0,
        inner: 0,
        node: 0,
        name,
    };
    bpf_fd(MAP_CREATE, &mut attributes)
}

/// An array with one value of so many words, all 0.
pub fn words(count: usize, name: [u8; 16]) -> io::Result<OwnedFd> {
    create(TYPE_ARRAY, 4, 8 * count as u32, 1, name)
}

/// A ring of so many bytes.
pub fn ring(size: usize, name: [u8; 16]) -> io::Result<OwnedFd> {
    create(TYPE_RINGBUF, 0, 0, size as u32, name)
}

/// The words of such an array.
pub fn read_words(map: impl AsFd, count: usize) -> io::Result<Vec<u64>> {
    #[repr(C)]
    struct Attributes {
        map: u32,
        unused: u32,
        key: u64,
        value: u64,
        flags: u64,
    }
    let (key, mut value) = (0_u32, vec![0_u64; count]);
    let mut attributes = Attributes {
        map: map.as_fd().as_raw_fd() as u32,
        unused: 0,
        key: std::ptr::from_ref(&key) as u64,
        value: value.as_mut_ptr() as u64,
        flags: 0,
    };
    bpf(MAP_LOOKUP_ELEM, &mut attributes)?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verifiers_reason_is_its_last_line_but_the_statistics() {
        let log =
            b"0: (79) r9 = *(u64 *)(r1 +0)\nR1 is bad\nprocessed 3 insns (limit 1000000)\n\0\0";
        assert_eq!(last_words(log), "R1 is bad");
        assert_eq!(last_words(b"\0"), "");
    }
}
