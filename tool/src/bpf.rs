// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The commands of bpf(2) that the tool uses, by hand.
//!
//! They are eleven, and the programs that are loaded have some dozens of instructions. A BPF library would bring a
//! compiler, libelf, or an object file into the build; so the tool is one file that runs wherever it is copied to.

pub mod assembler;
pub mod iterator;
pub mod tracing;
pub mod types;

use rustix::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::io;

const MAP_GET_NEXT_ID: u32 = 12;
const MAP_GET_FD_BY_ID: u32 = 14;
const OBJ_GET_INFO_BY_FD: u32 = 15;
const PROG_LOAD: u32 = 5;
const PROG_TEST_RUN: u32 = 10;

/// `BPF_MAP_TYPE_RINGBUF`.
pub const TYPE_RINGBUF: u32 = 27;
/// `BPF_MAP_TYPE_USER_RINGBUF`.
pub const TYPE_USER_RINGBUF: u32 = 31;
/// `BPF_F_RB_OVERWRITE`.
pub const F_RB_OVERWRITE: u32 = 1 << 19;

const PROG_TYPE_SYSCALL: u32 = 31;
const PROG_TYPE_SOCKET_FILTER: u32 = 1;
const F_SLEEPABLE: u32 = 1 << 4;

/// The part of `struct bpf_map_info` that every kernel with ring buffers has.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct MapInfo {
    /// `BPF_MAP_TYPE_*`.
    pub kind: u32,
    /// What the kernel calls it by.
    pub id: u32,
    key_size: u32,
    value_size: u32,
    /// Of a ring: its size in bytes.
    pub max_entries: u32,
    /// `BPF_F_*`.
    pub flags: u32,
    name: [u8; 16],
}

impl MapInfo {
    /// Put together from what was found in another way.
    pub fn new(kind: u32, id: u32, max_entries: u32, flags: u32, name: [u8; 16]) -> MapInfo {
        MapInfo {
            kind,
            id,
            max_entries,
            flags,
            name,
            ..MapInfo::default()
        }
    }

    /// The name that it was given, perhaps empty.
    pub fn name(&self) -> &[u8] {
        self.name
            .split(|byte| *byte == 0)
            .next()
            .unwrap_or_default()
    }
}

/// One instruction.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Instruction {
    /// What it does.
    pub code: u8,
    /// The destination register in the lower half, the source in the upper one, on little-endian machines.
    pub registers: u8,
    /// For jumps and memory.
    pub offset: i16,
    /// A number.
    pub immediate: i32,
}

/// An instruction from its parts: destination, source.
pub fn op(code: u8, to: u8, from: u8, offset: i16, immediate: i32) -> Instruction {
    // Two fields of four bits, which lie as the machine's compiler lays them.
    let registers = if cfg!(target_endian = "little") {
        from << 4 | to
    } else {
        to << 4 | from
    };
    Instruction {
        code,
        registers,
        offset,
        immediate,
    }
}

/// Calls bpf(2) with an attribute of the size of `T`, a part of `union bpf_attr`.
fn bpf<T>(command: u32, attributes: &mut T) -> io::Result<i32> {
    // SAFETY: 1. the kernel reads and writes at most the given size, which is that of `T`; 2. whatever `T` points to is
    // kept alive by the callers, the functions of this module, through the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            std::ptr::from_mut(attributes),
            size_of::<T>(),
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(result as i32)
}

/// The same, where the result is a new descriptor.
fn bpf_fd<T>(command: u32, attributes: &mut T) -> io::Result<OwnedFd> {
    let fd = bpf(command, attributes)?;
    // SAFETY: the kernel has just made this descriptor, for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The id of the first map after `id`; `None` after the last one.
pub fn next_map(id: u32) -> io::Result<Option<u32>> {
    #[repr(C)]
    struct Attributes {
        start: u32,
        next: u32,
        flags: u32,
    }
    let mut attributes = Attributes {
        start: id,
        next: 0,
        flags: 0,
    };
    match bpf(MAP_GET_NEXT_ID, &mut attributes) {
        Ok(_) => Ok(Some(attributes.next)),
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A descriptor of the map. It keeps the map alive: close it soon.
pub fn open_map(id: u32) -> io::Result<OwnedFd> {
    #[repr(C)]
    struct Attributes {
        id: u32,
        next: u32,
        // Not BPF_F_RDONLY: such a descriptor cannot be mapped.
        flags: u32,
    }
    let mut attributes = Attributes {
        id,
        next: 0,
        flags: 0,
    };
    bpf_fd(MAP_GET_FD_BY_ID, &mut attributes)
}

/// What the kernel says about the map.
pub fn map_info(map: impl AsFd) -> io::Result<MapInfo> {
    #[repr(C)]
    struct Attributes {
        fd: i32,
        size: u32,
        info: u64,
    }
    let mut info = MapInfo::default();
    let mut attributes = Attributes {
        fd: map.as_fd().as_raw_fd(),
        size: size_of::<MapInfo>() as u32,
        info: std::ptr::from_mut(&mut info) as u64,
    };
    bpf(OBJ_GET_INFO_BY_FD, &mut attributes)?;
    Ok(info)
}

/// Loads a program; the verifier writes its reasons to `log`, if that has room for any.
fn load_as(
    (kind, flags): (u32, u32),
    name: &[u8; 16],
    instructions: &[Instruction],
    log: &mut [u8],
) -> io::Result<OwnedFd> {
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
    }
    let wanted = !log.is_empty();
    let mut attributes = Attributes {
        kind,
        count: instructions.len() as u32,
        instructions: instructions.as_ptr() as u64,
        license: c"Dual BSD/GPL".as_ptr() as u64,
        log_level: u32::from(wanted),
        log_size: log.len() as u32,
        log: if wanted { log.as_mut_ptr() as u64 } else { 0 },
        kernel_version: 0,
        flags,
        name: *name,
    };
    bpf_fd(PROG_LOAD, &mut attributes)
}

/// Loads a program that may be run by [`run`].
pub fn load(instructions: &[Instruction]) -> io::Result<OwnedFd> {
    let attempt = |kind| load_as(kind, b"rbshim_kick\0\0\0\0\0", instructions, &mut []);
    // Linux before 5.14 has no programs of the first kind.
    attempt((PROG_TYPE_SYSCALL, F_SLEEPABLE)).or_else(|_| attempt((PROG_TYPE_SOCKET_FILTER, 0)))
}

/// Runs a program once, and returns what it returns.
pub fn run(program: impl AsFd) -> io::Result<u32> {
    #[repr(C)]
    #[derive(Default)]
    struct Attributes {
        fd: i32,
        result: u32,
        data_size_in: u32,
        data_size_out: u32,
        data_in: u64,
        data_out: u64,
        repeat: u32,
        duration: u32,
        context_size_in: u32,
        context_size_out: u32,
        context_in: u64,
        context_out: u64,
    }
    let mut attributes = Attributes {
        fd: program.as_fd().as_raw_fd(),
        ..Attributes::default()
    };
    if let Err(error) = bpf(PROG_TEST_RUN, &mut attributes) {
        if error.raw_os_error() != Some(libc::EINVAL) {
            return Err(error);
        }
        // A socket filter wants a packet, of an Ethernet header at least.
        let packet = [0_u8; 64];
        attributes.data_in = packet.as_ptr() as u64;
        attributes.data_size_in = packet.len() as u32;
        bpf(PROG_TEST_RUN, &mut attributes)?;
    }
    Ok(attributes.result)
}
