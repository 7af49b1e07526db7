// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The commands of bpf(2) for an iterator: a program that the kernel calls for each of its objects, and whose output is
//! read like a file.

use super::{Instruction, PROG_LOAD, bpf_fd};
use rustix::fd::{AsFd, AsRawFd, OwnedFd};
use std::fs::File;
use std::io;

const LINK_CREATE: u32 = 28;
const ITER_CREATE: u32 = 33;

const PROG_TYPE_TRACING: u32 = 26;
/// `BPF_TRACE_ITER`.
const TRACE_ITER: u32 = 28;

/// Loads a program that iterates over what the kernel's function with this BTF id stands for. It runs each time that
/// [`open`] is called on it and the file is read.
pub fn load(instructions: &[Instruction], function: u32) -> io::Result<OwnedFd> {
    #[repr(C)]
    struct Attributes {
        kind: u32,
        count: u32,
        instructions: u64,
        license: u64,
        log_level: u32,
        log_size: u32,
        log: u64,
        kernel_version: u32,
        flags: u32,
        name: [u8; 16],
        interface: u32,
        attach_type: u32,
        types: u32,
        function_size: u32,
        functions: u64,
        function_count: u32,
        line_size: u32,
        lines: u64,
        line_count: u32,
        function: u32,
    }
    let mut attributes = Attributes {
        kind: PROG_TYPE_TRACING,
        count: instructions.len() as u32,
        instructions: instructions.as_ptr() as u64,
        license: c"Dual BSD/GPL".as_ptr() as u64,
        log_level: 0,
        log_size: 0,
        log: 0,
        kernel_version: 0,
        flags: 0,
        name: *b"rbshim_look\0\0\0\0\0",
        interface: 0,
        attach_type: TRACE_ITER,
        types: 0,
        function_size: 0,
        functions: 0,
        function_count: 0,
        line_size: 0,
        lines: 0,
        line_count: 0,
        function,
    };
    let program = bpf_fd(PROG_LOAD, &mut attributes)?;
    link(program)
}

/// The link keeps the program, and is all that [`open`] needs.
fn link(program: OwnedFd) -> io::Result<OwnedFd> {
    #[repr(C)]
    struct Attributes {
        program: u32,
        target: u32,
        attach_type: u32,
        flags: u32,
    }
    let mut attributes = Attributes {
        program: program.as_raw_fd() as u32,
        target: 0,
        attach_type: TRACE_ITER,
        flags: 0,
    };
    bpf_fd(LINK_CREATE, &mut attributes)
}

/// A file whose contents the program writes while it is read, once.
pub fn open(link: impl AsFd) -> io::Result<File> {
    #[repr(C)]
    struct Attributes {
        link: u32,
        flags: u32,
    }
    let mut attributes = Attributes {
        link: link.as_fd().as_raw_fd() as u32,
        flags: 0,
    };
    bpf_fd(ITER_CREATE, &mut attributes).map(File::from)
}
