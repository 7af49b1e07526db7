// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What we ask of `bpf(2)`: the type, the size and the flags of a map; to load a program, and to run it.

use super::errno::Errno;
use core::ffi::{CStr, c_int, c_long};
use core::mem::size_of;
use core::ptr;

/// `BPF_MAP_TYPE_RINGBUF`.
pub const MAP_TYPE_RINGBUF: u32 = 27;

/// `BPF_MAP_TYPE_USER_RINGBUF`.
pub const MAP_TYPE_USER_RINGBUF: u32 = 31;

/// `BPF_F_RB_OVERWRITE`: a ring that overwrites its oldest records when it is full.
pub const F_RB_OVERWRITE: u32 = 1 << 19;

/// `BPF_OBJ_GET_INFO_BY_FD`.
pub const OBJ_GET_INFO_BY_FD: c_int = 15;

/// The beginning of the kernel's `struct bpf_map_info`; the kernel fills as much as we ask for.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug)]
pub struct MapInfo {
    /// `enum bpf_map_type`.
    pub map_type: u32,
    /// The map's id.
    pub id: u32,
    /// Bytes of a key; 0 for rings.
    pub key_size: u32,
    /// Bytes of a value; 0 for rings.
    pub value_size: u32,
    /// For a ring: bytes of its data area, a power of two and a multiple of the page size.
    pub max_entries: u32,
    /// `BPF_F_*`.
    pub map_flags: u32,
}

impl MapInfo {
    /// Whether the map is a ring in overwrite mode.
    pub fn overwrites(&self) -> bool {
        self.map_type == MAP_TYPE_RINGBUF && self.map_flags & F_RB_OVERWRITE != 0
    }
}

/// The `info` member of the kernel's `union bpf_attr`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct InfoAttr {
    /// The object asked about.
    pub bpf_fd: u32,
    /// Bytes at `info`; the kernel returns how many it has written.
    pub info_len: u32,
    /// Address of the [`MapInfo`].
    pub info: u64,
}

/// Asks the kernel about the map behind `map_fd`.
///
/// Errors: `bpf(2)`'s, `EINVAL` for what is no BPF object among them. An object that is no map
/// answers with fields of its own kind.
pub fn map_info(map_fd: c_int) -> Result<MapInfo, Errno> {
    let mut info = MapInfo::default();
    let mut attr = InfoAttr {
        // The kernel takes the fd's bits as they are and refuses what is none.
        bpf_fd: map_fd as u32,
        info_len: size_of::<MapInfo>() as u32,
        info: (&raw mut info) as usize as u64,
    };
    // SAFETY: the kernel writes at most `info_len` bytes at `info`, which lives until the call is over.
    unsafe { bpf(OBJ_GET_INFO_BY_FD, &mut attr) }?;
    Ok(info)
}

/// Calls `bpf(2)` with an attribute that is the beginning of its `union bpf_attr`. Errors: `bpf(2)`'s.
///
/// # Safety
///
/// What the attribute points to is there for the kernel to read or write, as `command` does, until the call is over.
unsafe fn bpf<T>(command: c_int, attr: &mut T) -> Result<c_int, Errno> {
    // SAFETY: an initialised attribute of the size passed, and what it points to as required of the caller.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            c_long::from(command),
            ptr::from_mut(attr),
            size_of::<T>(),
        )
    };
    if result < 0 {
        return Err(Errno::last());
    }
    Ok(result as c_int)
}

/// `BPF_PROG_LOAD`.
const PROG_LOAD: c_int = 5;

/// `BPF_PROG_TEST_RUN`.
const PROG_TEST_RUN: c_int = 10;

/// `BPF_PROG_TYPE_SYSCALL`: a program that runs when it is asked to, in the process that asks.
const PROG_TYPE_SYSCALL: u32 = 31;

/// `BPF_F_SLEEPABLE`, which the kernel asks of such programs.
const F_SLEEPABLE: u32 = 1 << 4;

/// The kernel gives up loading a program where a signal is pending. So often it is tried, as libbpf does.
const LOADS: u32 = 5;

/// The kernel's `struct bpf_insn`.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Instruction {
    code: u8,
    /// Two numbers of 4 bits, in the order of C's bit fields.
    registers: u8,
    offset: i16,
    immediate: i32,
}

impl Instruction {
    /// With the registers `to` and `from`, each at most 10.
    pub const fn new(code: u8, to: u8, from: u8, offset: i16, immediate: i32) -> Self {
        let registers = if cfg!(target_endian = "big") {
            to << 4 | from
        } else {
            from << 4 | to
        };
        Instruction {
            code,
            registers,
            offset,
            immediate,
        }
    }
}

/// What of `union bpf_attr` `BPF_PROG_LOAD` needs.
#[repr(C)]
struct LoadAttr {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buf: u64,
    kern_version: u32,
    prog_flags: u32,
    prog_name: [u8; 16],
}

/// Loads a program to be [run](run_program), and returns its fd, which is closed on exec. `name` is for those who list
/// programs.
///
/// Errors: `bpf(2)`'s; `EPERM` without `CAP_BPF`.
pub fn load_program(
    instructions: &[Instruction],
    name: [u8; 16],
    license: &CStr,
) -> Result<c_int, Errno> {
    let mut attr = LoadAttr {
        prog_type: PROG_TYPE_SYSCALL,
        insn_cnt: instructions.len() as u32,
        insns: instructions.as_ptr() as usize as u64,
        license: license.as_ptr() as usize as u64,
        log_level: 0,
        log_size: 0,
        log_buf: 0,
        kern_version: 0,
        prog_flags: F_SLEEPABLE,
        prog_name: name,
    };
    let errno = Errno::last();
    let mut left = LOADS;
    loop {
        left = left.wrapping_sub(1);
        // SAFETY: the kernel reads so many instructions, and a C string; both live until the call is over.
        match unsafe { bpf(PROG_LOAD, &mut attr) } {
            Err(Errno(libc::EAGAIN)) if left > 0 => {}
            result => {
                if result.is_ok() {
                    // A success leaves it alone.
                    errno.set();
                }
                return result;
            }
        }
    }
}

/// What of `union bpf_attr` `BPF_PROG_TEST_RUN` needs.
#[repr(C)]
struct RunAttr {
    prog_fd: u32,
    retval: u32,
}

/// Runs a program and returns what it returns. Errors: `bpf(2)`'s; the program has not run then.
pub fn run_program(fd: c_int) -> Result<u32, Errno> {
    let mut attr = RunAttr {
        prog_fd: fd as u32,
        retval: 0,
    };
    // SAFETY: the attribute points to nothing.
    unsafe { bpf(PROG_TEST_RUN, &mut attr) }?;
    Ok(attr.retval)
}
