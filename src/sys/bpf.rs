// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What we ask `bpf(2)`: the type, the size and the flags of a map.

use super::errno::Errno;
use core::ffi::{c_int, c_long};
use core::mem::size_of;

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
    // SAFETY:
    // 1. The attribute is an initialised `union bpf_attr` prefix of the size passed.
    // 2. The kernel writes at most `info_len` bytes at `info`, which lives until the call is over.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            c_long::from(OBJ_GET_INFO_BY_FD),
            &raw mut attr,
            size_of::<InfoAttr>(),
        )
    };
    if result < 0 {
        return Err(Errno::last());
    }
    Ok(info)
}
