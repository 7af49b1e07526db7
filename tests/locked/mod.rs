// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A ring of the kernel's with its producers, by `bpf(2)` alone, and the fds of this process.

use rbshim::__internals::Pages;
use rbshim::__internals::bpf::{self, Instruction, MapInfo};
use std::ffi::{c_int, c_long, c_void};
use std::fs;
use std::mem::size_of;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::thread::{self, JoinHandle};

/// Bytes of a record with its header. A page is a multiple of it.
pub const RECORD: u64 = 64;

/// `BPF_MAP_CREATE`.
const MAP_CREATE: c_int = 0;

const BUSY: u32 = 1 << 31;

pub fn page_size() -> usize {
    // SAFETY: no memory is passed.
    unsafe { libc::sysconf(libc::_SC_PAGESIZE) as usize }
}

/// Which fds are open.
pub fn open_fds() -> Vec<c_int> {
    let entries = fs::read_dir("/proc/self/fd").expect("fds");
    let names: Vec<_> = entries
        .map(|entry| entry.expect("an fd").file_name())
        .collect();
    let mut fds: Vec<c_int> = names
        .iter()
        .map(|name| name.to_str().and_then(|name| name.parse().ok()))
        .map(|fd| fd.expect("a number"))
        // The one that this was read through is closed by now.
        // SAFETY: no memory is passed.
        .filter(|&fd| unsafe { libc::fcntl(fd, libc::F_GETFD) } >= 0)
        .collect();
    fds.sort_unstable();
    fds
}

/// A ring, mapped as its reader has it.
pub struct Map {
    fd: c_int,
    size: usize,
    /// The reader's page, the producer's page, and the data.
    consumer: *mut c_void,
    producer: *mut c_void,
    /// A program that produces a record.
    output: c_int,
}

impl Map {
    pub fn of(size: usize) -> Self {
        // Type, key, value, entries, flags.
        let mut attr = [bpf::MAP_TYPE_RINGBUF, 0, 0, size as u32, 0];
        // SAFETY: an attribute of that size.
        let fd = unsafe {
            libc::syscall(
                libc::SYS_bpf,
                c_long::from(MAP_CREATE),
                attr.as_mut_ptr(),
                size_of_val(&attr),
            )
        } as c_int;
        assert!(fd >= 0, "a map");
        let map = |offset, len, protection| {
            // SAFETY: a new mapping touches nobody's memory.
            let address = unsafe {
                libc::mmap(
                    std::ptr::null_mut(),
                    len,
                    protection,
                    libc::MAP_SHARED,
                    fd,
                    offset as libc::off_t,
                )
            };
            assert_ne!(address, libc::MAP_FAILED);
            address
        };
        let page = page_size();
        Map {
            fd,
            size,
            consumer: map(0, page, libc::PROT_READ | libc::PROT_WRITE),
            producer: map(page, page + 2 * size, libc::PROT_READ),
            output: load(&output(fd)),
        }
    }

    pub fn fd(&self) -> c_int {
        self.fd
    }

    pub fn size(&self) -> usize {
        self.size
    }

    pub fn info(&self) -> MapInfo {
        bpf::map_info(self.fd).expect("a map")
    }

    /// Produces a record; whether there was room.
    pub fn produce(&self) -> bool {
        bpf::run_program(self.output).expect("a run") == 0
    }

    /// As the library has a ring's pages.
    pub fn pages(&self) -> Pages {
        let data = self.producer.wrapping_byte_add(page_size());
        // SAFETY: mapped as long as `self` lives: the reader's page, the producer's, and the data twice.
        unsafe { Pages::new(self.consumer, self.producer, data, self.size) }
    }

    fn consumer_pos(&self) -> &AtomicU64 {
        // SAFETY: the word at the beginning of a page that is mapped as long as `self` lives.
        unsafe { &*self.consumer.cast() }
    }

    /// The reader's position, and the producer's.
    pub fn positions(&self) -> [u64; 2] {
        // SAFETY: as above; a relaxed load of read-only memory is a plain load.
        let producer: &AtomicU64 = unsafe { &*self.producer.cast() };
        [self.consumer_pos().load(Relaxed), producer.load(Relaxed)]
    }

    /// The reader has read up to `position`.
    pub fn consume(&self, position: u64) {
        self.consumer_pos().store(position, Relaxed);
    }

    /// It has read all.
    pub fn clear(&self) {
        self.consume(self.positions()[1]);
    }

    fn header(&self, place: u64) -> &AtomicU32 {
        let offset = page_size() + place as usize % self.size;
        // SAFETY: within the data, and aligned.
        unsafe { &*self.producer.wrapping_byte_add(offset).cast() }
    }

    pub fn is_busy(&self, position: u64) -> bool {
        self.header(position).load(Relaxed) & BUSY != 0
    }

    /// All that a reader can see, but the word that is the kernel's alone: `pending_pos`.
    pub fn snapshot(&self) -> Vec<u32> {
        let words = (page_size() + self.size) / size_of::<u32>();
        let word = |index: usize| {
            // SAFETY: within the mapping, and aligned.
            let word: &AtomicU32 = unsafe { &*self.producer.cast::<AtomicU32>().add(index) };
            word.load(Relaxed)
        };
        let consumer = self.positions()[0];
        let own = [consumer as u32, (consumer >> 32) as u32];
        let kept = (0..words).filter(|index| !(2..4).contains(index));
        own.into_iter().chain(kept.map(word)).collect()
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: its own.
        unsafe {
            libc::munmap(self.consumer, page_size());
            libc::munmap(self.producer, page_size() + 2 * self.size);
            libc::close(self.output);
            libc::close(self.fd);
        }
    }
}

fn load(instructions: &[Instruction]) -> c_int {
    bpf::load_program(instructions, [0; 16], c"BSD").expect("a program")
}

fn set(to: u8, immediate: i32) -> Instruction {
    Instruction::new(0xb7, to, 0, 0, immediate)
}

fn call(function: i32) -> Instruction {
    Instruction::new(0x85, 0, 0, 0, function)
}

/// r1 = the map.
fn set_map(fd: c_int) -> [Instruction; 2] {
    [
        Instruction::new(0x18, 1, 1, 0, fd),
        Instruction::new(0, 0, 0, 0, 0),
    ]
}

/// return bpf_ringbuf_output(map, ..., RECORD - 8, 0), the record being numbers on the stack.
fn output(fd: c_int) -> Vec<Instruction> {
    let mut code = Vec::new();
    for place in 1..RECORD as i16 / 8 {
        // *(u64 *)(r10 - 8 * place) = ...
        code.push(Instruction::new(0x7a, 10, 0, -8 * place, 0x0101_0101));
    }
    code.extend(set_map(fd));
    code.push(Instruction::new(0xbf, 2, 10, 0, 0));
    code.push(Instruction::new(0x07, 2, 0, 0, 8 - RECORD as i32));
    code.extend([set(3, RECORD as i32 - 8), set(4, 0), call(130)]);
    code.push(Instruction::new(0x95, 0, 0, 0, 0));
    code
}

/// A record that is reserved and not committed: its producer waits, in the middle of the program, for a page that this
/// process has promised.
pub struct Held {
    faults: c_int,
    page: u64,
    program: c_int,
    producer: JoinHandle<u32>,
}

/// `userfaultfd(2)`: numbers of its requests, and their arguments in 64-bit words.
const UFFDIO_API: u64 = 0xc018_aa3f;
const UFFDIO_REGISTER: u64 = 0xc020_aa00;
const UFFDIO_ZEROPAGE: u64 = 0xc020_aa04;

fn request(faults: c_int, number: u64, argument: &mut [u64]) {
    // SAFETY: as many words as the request has.
    let result = unsafe { libc::ioctl(faults, number as _, argument.as_mut_ptr()) };
    assert_eq!(
        result,
        0,
        "{number:#x}: {}",
        std::io::Error::last_os_error()
    );
}

impl Held {
    pub fn reserve(map: &Map) -> Self {
        // SAFETY: no memory is passed.
        let faults = unsafe { libc::syscall(libc::SYS_userfaultfd, libc::O_CLOEXEC) } as c_int;
        assert!(faults >= 0, "userfaultfd(2)");
        request(faults, UFFDIO_API, &mut [0xaa, 0, 0]);
        let len = page_size();
        // SAFETY: a new mapping touches nobody's memory.
        let page = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                len,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        assert_ne!(page, libc::MAP_FAILED);
        let page = page as u64;
        // Pages that are missing.
        request(faults, UFFDIO_REGISTER, &mut [page, len as u64, 1, 0]);
        let program = load(&holding(map.fd(), page));
        let producer = thread::spawn(move || bpf::run_program(program).expect("a run"));
        let mut event = [0u64; 4];
        // SAFETY: as many bytes as an event has. This waits until the program does.
        let read = unsafe { libc::read(faults, event.as_mut_ptr().cast(), size_of_val(&event)) };
        assert_eq!(read, size_of_val(&event) as isize);
        Held {
            faults,
            page,
            program,
            producer,
        }
    }

    pub fn commit(self) {
        let len = page_size() as u64;
        request(self.faults, UFFDIO_ZEROPAGE, &mut [self.page, len, 0, 0]);
        assert_eq!(self.producer.join().expect("an end"), 1);
        // SAFETY: its own.
        unsafe {
            libc::munmap(self.page as *mut c_void, len as usize);
            libc::close(self.program);
            libc::close(self.faults);
        }
    }
}

/// Reserves a record, copies 8 bytes from `page` into it, submits it and returns 1; 0 where there is no room.
fn holding(fd: c_int, page: u64) -> Vec<Instruction> {
    let mut code = Vec::from(set_map(fd));
    code.extend([set(2, RECORD as i32 - 8), set(3, 0), call(131)]);
    code.extend([
        // if (r0 == 0) return 0
        Instruction::new(0x55, 0, 0, 1, 0),
        Instruction::new(0x95, 0, 0, 0, 0),
        // bpf_copy_from_user(r0, 8, page)
        Instruction::new(0xbf, 6, 0, 0, 0),
        Instruction::new(0xbf, 1, 0, 0, 0),
        set(2, 8),
        Instruction::new(0x18, 3, 0, 0, page as u32 as i32),
        Instruction::new(0, 0, 0, 0, (page >> 32) as i32),
        call(148),
        // bpf_ringbuf_submit(r6, 0)
        Instruction::new(0xbf, 1, 6, 0, 0),
        set(2, 0),
        call(132),
        set(0, 1),
        Instruction::new(0x95, 0, 0, 0, 0),
    ]);
    code
}
