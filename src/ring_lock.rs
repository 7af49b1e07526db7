// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The lock of a ring's producers, taken for a moment.
//!
//! Nothing in user space can take it. So a BPF program does, which is run for that: it asks for a record that with its
//! header is as large as the ring. `__bpf_ringbuf_reserve` takes the lock, finds no room, and gives it back: a ring is
//! never filled to its last byte, whatever it holds, in overwrite mode too, where it is found before anything is
//! overwritten. Of the ring nothing changes but `pending_pos`, which any reservation moves.
//!
//! `docs/overwrite.md` says what that is for.

use crate::log::{ErrorText, warning};
use crate::sys::bpf::{self, Instruction, MapInfo};
use crate::sys::epoll;
use crate::sys::errno::Errno;
use core::cell::Cell;
use core::ffi::c_int;

/// The kernel looks for no room, and takes no lock, for a record that has more bytes (`RINGBUF_MAX_RECORD_SZ`).
const RECORD_MAX: u32 = u32::MAX / 4;

/// The kernel gives up waiting for the lock after 250 ms at the earliest (`RES_DEF_TIMEOUT`), and the program cannot
/// tell that from a ring without room. One that has taken less long, ns, has had the lock.
const WAIT_MAX_NS: i32 = 100_000_000;

/// So often it is tried to get the lock.
const TRIES: u32 = 8;

/// What the program returns where it may not have had the lock. No map has this id.
const MAYBE_NOT: u32 = 0;

/// The lock of one ring.
#[derive(Debug)]
pub struct RingLock {
    /// The program's fd.
    program: c_int,
    map_fd: c_int,
    /// What the program returns if it has had the lock: any other has taken its fd's place.
    map_id: u32,
    /// Whether the program has been told that it does not run.
    warned: Cell<bool>,
}

impl RingLock {
    /// The lock of the ring behind `map_fd`, which `info` is about; the fd may be closed afterwards.
    ///
    /// Errors: `bpf(2)`'s, `EPERM` without `CAP_BPF` among them; `E2BIG` for a ring of more than 1 GiB, whose lock
    /// nobody can take without a side effect.
    pub fn load(map_fd: c_int, info: &MapInfo) -> Result<Self, Errno> {
        let size = info.max_entries.wrapping_sub(8);
        if size > RECORD_MAX {
            return Err(Errno(libc::E2BIG));
        }
        let program = bpf::load_program(
            &program(map_fd, size as i32, info.id),
            *b"rbshim_lock\0\0\0\0\0",
            c"LGPL-2.1-only OR BSD-2-Clause",
        )?;
        let lock = RingLock {
            program,
            map_fd,
            map_id: info.id,
            warned: Cell::new(false),
        };
        // It may be forbidden to run what may be loaded.
        match lock.take() {
            Ok(()) => Ok(lock),
            Err(error) => {
                lock.unload();
                Err(error)
            }
        }
    }

    /// Takes the lock and gives it back. What any holder of it has stored before is visible afterwards.
    ///
    /// Errors: `bpf(2)`'s; `EBADF` where the fd has become that of another program; `ETIMEDOUT` where the lock cannot
    /// be had. The first one is warned of.
    pub fn pass(&self) -> Result<(), Errno> {
        self.take().inspect_err(|&error| {
            if !self.warned.replace(true) {
                let text = ErrorText::new(error);
                warning!(
                    c"rbshim: map fd=%d: the BPF program that has to run for each record does not: %s; \
                        none is delivered\n",
                    self.map_fd,
                    text.as_ptr(),
                );
            }
        })
    }

    fn take(&self) -> Result<(), Errno> {
        for _ in 0..TRIES {
            match bpf::run_program(self.program)? {
                id if id == self.map_id => return Ok(()),
                MAYBE_NOT => {}
                _ => return Err(Errno(libc::EBADF)),
            }
        }
        Err(Errno(libc::ETIMEDOUT))
    }

    /// Gives the program back.
    pub fn unload(self) {
        epoll::destroy(self.program);
    }
}

/// The program: takes the lock of the ring by a reservation of `size` bytes, and returns `id`.
fn program(map_fd: c_int, size: i32, id: u32) -> [Instruction; 18] {
    // Of `BPF_FUNC_*`.
    const KTIME_GET_NS: i32 = 5;
    const RINGBUF_RESERVE: i32 = 131;
    const RINGBUF_DISCARD: i32 = 133;
    const RB_NO_WAKEUP: i32 = 1;

    let set = |to, immediate| Instruction::new(0xb7, to, 0, 0, immediate);
    let copy = |to, from| Instruction::new(0xbf, to, from, 0, 0);
    let call = |function| Instruction::new(0x85, 0, 0, 0, function);
    [
        // r6 = when it begins
        call(KTIME_GET_NS),
        copy(6, 0),
        // r0 = bpf_ringbuf_reserve(map, size, 0); the map's fd (BPF_PSEUDO_MAP_FD) is that of a load of 64 bits.
        Instruction::new(0x18, 1, 1, 0, map_fd),
        Instruction::new(0, 0, 0, 0, 0),
        set(2, size),
        set(3, 0),
        call(RINGBUF_RESERVE),
        // if (r0 == 0) goto ended. It always is, but only we know that.
        Instruction::new(0x15, 0, 0, 3, 0),
        // bpf_ringbuf_discard(r0, BPF_RB_NO_WAKEUP)
        copy(1, 0),
        set(2, RB_NO_WAKEUP),
        call(RINGBUF_DISCARD),
        // ended: r0 = how long it has taken
        call(KTIME_GET_NS),
        Instruction::new(0x1f, 0, 6, 0, 0),
        // if (r0 > WAIT_MAX_NS) goto maybe_not
        Instruction::new(0x25, 0, 0, 2, WAIT_MAX_NS),
        // return id, all 32 bits of it
        Instruction::new(0xb4, 0, 0, 0, id as i32),
        Instruction::new(0x95, 0, 0, 0, 0),
        // maybe_not: return MAYBE_NOT
        set(0, MAYBE_NOT as i32),
        Instruction::new(0x95, 0, 0, 0, 0),
    ]
}
