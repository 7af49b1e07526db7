// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Records that stay BUSY until they are released.
//!
//! A BPF program reserves the records and then reads a page of ours that is not there: its thread
//! sleeps in the page fault (userfaultfd) until we provide the page, which is the release. So
//! nothing spins, and several records can be held and released in any order.

use super::kernel::{Object, page_size, test_run, update};
use std::io::Error;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

pub const HOLDERS: usize = 2;

const UFFDIO_API: libc::c_ulong = 0xc018_aa3f;
const UFFDIO_REGISTER: libc::c_ulong = 0xc020_aa00;
const UFFDIO_ZEROPAGE: libc::c_ulong = 0xc020_aa04;
const UFFD_API: u64 = 0xaa;
const REGISTER_MODE_MISSING: u64 = 1;
/// `struct uffd_msg`.
const MESSAGE: usize = 32;
const MAX_HELD: usize = 16384;

/// `struct hold` of compare.bpf.c.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Command {
    rings: [u32; 2],
    size: u32,
    discard: u32,
    flags: u64,
    gate: u64,
    done: [u32; 2],
}

pub struct Holders {
    faults: OwnedFd,
    gates: usize,
    page: usize,
    rings: RawFd,
    threads: Vec<(Sender<Command>, Receiver<Command>)>,
    held: [bool; HOLDERS],
}

impl Holders {
    pub fn new() -> Holders {
        let object = Object::load("compare.bpf.o");
        let program = object.program(c"hold");
        let bytes: Vec<u8> = (0..MAX_HELD)
            .map(|i| (i * 5 + (i >> 8) + 3) as u8)
            .collect();
        update(object.map(c"content"), 0, &bytes);
        let page = page_size();
        let (faults, gates) = gates(page * HOLDERS);
        let threads = (0..HOLDERS)
            .map(|_| {
                let (sender, commands) = channel::<Command>();
                let (answer, answers) = channel();
                thread::spawn(move || {
                    for mut command in commands {
                        assert_eq!(test_run(program, &mut command), 0);
                        answer.send(command).unwrap();
                    }
                });
                (sender, answers)
            })
            .collect();
        Holders {
            faults,
            gates,
            page,
            rings: object.map(c"rings"),
            threads,
            held: [false; HOLDERS],
        }
    }

    pub fn use_ring(&self, index: u32, map: &OwnedFd) {
        update(self.rings, index, &map.as_raw_fd().to_ne_bytes());
    }

    /// Returns when a record of `size` bytes is reserved in both rings, as far as there is room.
    pub fn hold(&mut self, holder: usize, rings: [u32; 2], size: u32, flags: u64, discard: bool) {
        assert!(!self.held[holder]);
        let gate = (self.gates + holder * self.page) as u64;
        let command = Command {
            rings,
            size,
            discard: u32::from(discard),
            flags,
            gate,
            done: [0; 2],
        };
        self.threads[holder]
            .0
            .send(command)
            .expect("a holding thread");
        self.held[holder] = true;
        self.wait_for_fault();
    }

    /// Commits or discards the held records. Returns in which rings there had been room.
    pub fn release(&mut self, holder: usize) -> Option<[u32; 2]> {
        if !std::mem::take(&mut self.held[holder]) {
            return None;
        }
        let gate = self.gates + holder * self.page;
        let mut zero_page = [gate as u64, self.page as u64, 0, 0];
        ioctl(&self.faults, UFFDIO_ZEROPAGE, zero_page.as_mut_ptr());
        let answer = self.threads[holder].1.recv().expect("a holding thread");
        // SAFETY: a page of the mapping that nobody reads any more; the next read faults again.
        let result = unsafe { libc::madvise(gate as *mut _, self.page, libc::MADV_DONTNEED) };
        assert_eq!(result, 0, "madvise: {}", Error::last_os_error());
        Some(answer.done)
    }

    fn wait_for_fault(&self) {
        let mut poll = libc::pollfd {
            fd: self.faults.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        let mut message = [0u8; MESSAGE];
        // SAFETY: one pollfd; room for one message.
        unsafe {
            assert_eq!(
                libc::poll(&raw mut poll, 1, 60_000),
                1,
                "the holding program did not come"
            );
            let read = libc::read(poll.fd, message.as_mut_ptr().cast(), MESSAGE);
            assert_eq!(
                read,
                MESSAGE as isize,
                "userfaultfd: {}",
                Error::last_os_error()
            );
        }
    }
}

/// Pages that are missing, and the descriptor from which we learn that one is being read.
fn gates(length: usize) -> (OwnedFd, usize) {
    // SAFETY: the descriptor is new and ours; the mapping is new and lives as long as the process.
    unsafe {
        let fd = libc::syscall(libc::SYS_userfaultfd, libc::O_CLOEXEC);
        assert!(fd >= 0, "userfaultfd: {}", Error::last_os_error());
        let faults = OwnedFd::from_raw_fd(fd as RawFd);
        let mut api = [UFFD_API, 0, 0];
        ioctl(&faults, UFFDIO_API, api.as_mut_ptr());
        let gates = libc::mmap(
            std::ptr::null_mut(),
            length,
            libc::PROT_READ,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        );
        assert_ne!(gates, libc::MAP_FAILED, "mmap: {}", Error::last_os_error());
        let mut range = [gates as u64, length as u64, REGISTER_MODE_MISSING, 0];
        ioctl(&faults, UFFDIO_REGISTER, range.as_mut_ptr());
        (faults, gates as usize)
    }
}

fn ioctl(fd: &OwnedFd, request: libc::c_ulong, argument: *mut u64) {
    // SAFETY: each argument is an array of the size that the request names.
    let result = unsafe { libc::ioctl(fd.as_raw_fd(), request as _, argument) };
    assert_eq!(result, 0, "ioctl {request:#x}: {}", Error::last_os_error());
}
