// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! From a map's fd to its mapped pages, with libbpf's checks in libbpf's order and words.

use crate::log::{ErrorText, warning};
use crate::pages::{MapError, Pages, Side};
use crate::ring_lock::RingLock;
use crate::sys::bpf::{self, MapInfo};
use crate::sys::epoll;
use crate::sys::errno::Errno;
use core::ffi::{CStr, c_int};

/// A kind of ring: what the kernel calls it, which side of it is ours, and how libbpf speaks of it.
#[derive(Debug)]
pub struct Kind {
    map_type: u32,
    side: Side,
    /// EPOLL* bits that are waited for.
    events: u32,
    /// Formats; the arguments they take are given in brackets.
    no_epoll: &'static CStr, // (error: %s)
    no_info: &'static CStr,          // (fd: %d, error: %s)
    wrong_type: &'static CStr,       // (fd: %d)
    no_consumer_page: &'static CStr, // (fd: %d, error: %s)
    too_big: &'static CStr,          // (bytes: %u)
    no_data: &'static CStr,          // (fd: %d, error: %s)
    no_epoll_add: &'static CStr,     // (fd: %d, error: %s)
}

/// `BPF_MAP_TYPE_RINGBUF`.
pub static RING: Kind = Kind {
    map_type: bpf::MAP_TYPE_RINGBUF,
    side: Side::Consumer,
    events: epoll::READABLE,
    no_epoll: c"libbpf: ringbuf: failed to create epoll instance: %s\n",
    no_info: c"libbpf: ringbuf: failed to get map info for fd=%d: %s\n",
    wrong_type: c"libbpf: ringbuf: map fd=%d is not BPF_MAP_TYPE_RINGBUF\n",
    no_consumer_page: c"libbpf: ringbuf: failed to mmap consumer page for map fd=%d: %s\n",
    too_big: c"libbpf: ringbuf: ring buffer size (%u) is too big\n",
    no_data: c"libbpf: ringbuf: failed to mmap data pages for map fd=%d: %s\n",
    no_epoll_add: c"libbpf: ringbuf: failed to epoll add map fd=%d: %s\n",
};

/// `BPF_MAP_TYPE_USER_RINGBUF`.
pub static USER_RING: Kind = Kind {
    map_type: bpf::MAP_TYPE_USER_RINGBUF,
    side: Side::Producer,
    events: epoll::WRITABLE_EDGE,
    no_epoll: c"libbpf: user ringbuf: failed to create epoll instance: %s\n",
    no_info: c"libbpf: user ringbuf: failed to get map info for fd=%d: %s\n",
    wrong_type: c"libbpf: user ringbuf: map fd=%d is not BPF_MAP_TYPE_USER_RINGBUF\n",
    no_consumer_page: c"libbpf: user ringbuf: failed to mmap consumer page for map fd=%d: %s\n",
    too_big: c"libbpf: user ringbuf: ring buf size (%u) is too big\n",
    no_data: c"libbpf: user ringbuf: failed to mmap data pages for map fd=%d: %s\n",
    no_epoll_add: c"libbpf: user ringbuf: failed to epoll add map fd=%d: %s\n",
};

/// How rings in overwrite mode are read on this machine (`docs/overwrite.md`).
#[derive(Clone, Copy, PartialEq, Eq)]
enum OverwriteMode {
    /// The kernel's stores are seen in an order that tells a whole record from one that is being overwritten.
    Ordered,
    /// They are so to who takes the ring's lock.
    Locked,
    /// They are not read: a 32-bit process cannot tell where the kernel has the position that says so.
    Refused,
}

const OVERWRITE_MODE: OverwriteMode = if cfg!(any(
    all(target_arch = "x86_64", target_pointer_width = "64"),
    target_arch = "powerpc64",
    target_arch = "riscv64",
    target_arch = "s390x"
)) {
    OverwriteMode::Ordered
} else if cfg!(all(target_arch = "aarch64", target_pointer_width = "64")) {
    OverwriteMode::Locked
} else {
    OverwriteMode::Refused
};

impl Kind {
    /// A new epoll instance for rings of this kind. Errors: `EMFILE`, `ENFILE`, `ENOMEM`.
    pub fn create_epoll(&self) -> Result<c_int, Errno> {
        epoll::create().inspect_err(|&error| {
            let text = ErrorText::new(error);
            warning!(self.no_epoll, text.as_ptr());
        })
    }

    /// Checks that `map_fd` is a map of this kind.
    ///
    /// Errors: `bpf(2)`'s; `EINVAL` for another kind of map; `EOPNOTSUPP` for a ring in overwrite mode on a machine
    /// where nobody can read it.
    pub fn check(&self, map_fd: c_int) -> Result<MapInfo, Errno> {
        let info = bpf::map_info(map_fd).inspect_err(|&error| {
            let text = ErrorText::new(error);
            warning!(self.no_info, map_fd, text.as_ptr());
        })?;
        if info.map_type != self.map_type {
            warning!(self.wrong_type, map_fd);
            return Err(Errno(libc::EINVAL));
        }
        if info.overwrites() && OVERWRITE_MODE == OverwriteMode::Refused {
            warning!(
                c"rbshim: map fd=%d is a ring buffer in overwrite mode, which cannot be read safely on this machine\n",
                map_fd
            );
            return Err(Errno(libc::EOPNOTSUPP));
        }
        Ok(info)
    }

    /// The lock of a ring in overwrite mode, which `info` is about, where it cannot be read without.
    ///
    /// Errors: `EOPNOTSUPP` where the lock cannot be taken.
    pub fn lock(&self, map_fd: c_int, info: &MapInfo) -> Result<Option<RingLock>, Errno> {
        if OVERWRITE_MODE != OverwriteMode::Locked {
            return Ok(None);
        }
        RingLock::load(map_fd, info).map(Some).map_err(|error| {
            let text = ErrorText::new(error);
            warning!(
                c"rbshim: map fd=%d is a ring buffer in overwrite mode, which cannot be read safely on this machine \
                    without a BPF program, and that cannot be loaded and run: %s (it needs CAP_BPF)\n",
                map_fd,
                text.as_ptr(),
            );
            Errno(libc::EOPNOTSUPP)
        })
    }

    /// Has `epoll_fd`, which watches the map behind `map_fd` with `index`, watch it or not for now. If there is
    /// something, whoever waits for it is notified. Nothing is done where the program has closed the fd.
    pub fn watch(&self, map_fd: c_int, epoll_fd: c_int, index: u64, watched: bool) {
        let events = if watched { self.events } else { 0 };
        epoll::modify(epoll_fd, map_fd, events, epoll::data_of(index));
    }

    /// Maps the ring behind `map_fd` and adds it to `epoll_fd`, with `index` as the number in the
    /// data of its events. On an error nothing stays mapped. Where the kernel allows no more epolls around the map
    /// (`EINVAL`), it is tried again if `gives_way` is true.
    ///
    /// Errors: `mmap(2)`'s and `epoll_ctl(2)`'s (`EEXIST` for a map that is there already); `E2BIG`
    /// when the data area twice is more than the address space.
    pub fn attach(
        &self,
        map_fd: c_int,
        info: &MapInfo,
        epoll_fd: c_int,
        index: u64,
        gives_way: impl FnOnce() -> bool,
    ) -> Result<Pages, Errno> {
        let size = info.max_entries;
        let pages = Pages::map(map_fd, size, self.side).map_err(|error| match error {
            MapError::ConsumerPage(error) => {
                let text = ErrorText::new(error);
                warning!(self.no_consumer_page, map_fd, text.as_ptr());
                error
            }
            MapError::TooBig => {
                warning!(self.too_big, size);
                Errno(libc::E2BIG)
            }
            MapError::Data(error) => {
                let text = ErrorText::new(error);
                warning!(self.no_data, map_fd, text.as_ptr());
                error
            }
        })?;
        let add = || epoll::add(epoll_fd, map_fd, self.events, epoll::data_of(index));
        let added = match add() {
            Err(Errno(libc::EINVAL)) if gives_way() => add(),
            added => added,
        };
        if let Err(error) = added {
            let text = ErrorText::new(error);
            warning!(self.no_epoll_add, map_fd, text.as_ptr());
            // SAFETY: mapped above and not handed out.
            unsafe { pages.unmap() };
            return Err(error);
        }
        Ok(pages)
    }
}
