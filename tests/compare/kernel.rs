// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The kernel's side: maps, and BPF programs that are run on command.

use super::libraries::libbpf;
use crate::common::bpf_dir;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::io::Error;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;

pub const RINGBUF: u32 = 27;

/// `enum operation` of commands.h.
#[derive(Clone, Copy)]
#[repr(u32)]
pub enum Operation {
    Emit = 1,
    Discard = 2,
    Query = 5,
}

/// `struct command` of commands.h.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Command {
    pub operation: u32,
    pub ring: u32,
    pub producer: u32,
    pub first: u32,
    pub count: u32,
    pub size: u32,
    pub flags: u64,
    pub done: u32,
    pub dropped: u32,
    pub avail: u64,
    pub ring_size: u64,
    pub consumer_pos: u64,
    pub producer_pos: u64,
}

const SCRATCH: usize = 128 * 1024 + 8 * 31;

/// A BPF object, loaded by libbpf for as long as the process lives.
#[derive(Clone, Copy)]
pub struct Object(*mut c_void);

impl Object {
    pub fn load(file: &str) -> Object {
        type Open = unsafe extern "C" fn(*const c_char) -> *mut c_void;
        type Load = unsafe extern "C" fn(*mut c_void) -> c_int;
        let path = CString::new(bpf_dir().join(file).as_os_str().as_bytes()).unwrap();
        // SAFETY: the signatures of libbpf's header; the path and the object are alive.
        unsafe {
            let object = symbol::<Open>(c"bpf_object__open")(path.as_ptr());
            assert!(!object.is_null(), "{file}: {}", Error::last_os_error());
            let loaded = symbol::<Load>(c"bpf_object__load")(object);
            assert_eq!(loaded, 0, "{file}: {}", Error::last_os_error());
            Object(object)
        }
    }

    pub fn map(self, name: &CStr) -> RawFd {
        type Find = unsafe extern "C" fn(*const c_void, *const c_char) -> c_int;
        // SAFETY: the signature of libbpf's header; the object lives.
        let fd =
            unsafe { symbol::<Find>(c"bpf_object__find_map_fd_by_name")(self.0, name.as_ptr()) };
        assert!(fd >= 0, "no map {name:?}");
        fd
    }

    pub fn program(self, name: &CStr) -> RawFd {
        type Find = unsafe extern "C" fn(*const c_void, *const c_char) -> *mut c_void;
        type Fd = unsafe extern "C" fn(*const c_void) -> c_int;
        // SAFETY: the signatures of libbpf's header; the object lives.
        unsafe {
            let find = symbol::<Find>(c"bpf_object__find_program_by_name");
            let program = find(self.0, name.as_ptr());
            assert!(!program.is_null(), "no program {name:?}");
            symbol::<Fd>(c"bpf_program__fd")(program)
        }
    }
}

/// The program that fills rings, and the array that tells it which.
#[derive(Clone, Copy)]
pub struct Producer {
    program: RawFd,
    rings: RawFd,
}

impl Producer {
    pub fn load() -> Producer {
        let object = Object::load("producer.bpf.o");
        let pattern: Vec<u8> = (0..SCRATCH as u32)
            .map(|i| (i.wrapping_mul(7) + (i >> 8) * 13 + 1) as u8)
            .collect();
        update(object.map(c"scratch"), 0, &pattern);
        Producer {
            program: object.program(c"produce"),
            rings: object.map(c"rings"),
        }
    }

    pub fn use_ring(self, index: u32, map: &OwnedFd) {
        update(self.rings, index, &map.as_raw_fd().to_ne_bytes());
    }

    pub fn run(self, operation: Operation, mut command: Command) -> Command {
        command.operation = operation as u32;
        assert_eq!(test_run(self.program, &mut command), 0);
        command
    }
}

/// A map with `entries` elements, or bytes if it is a ring (whose elements have no size).
pub fn create_map(map_type: u32, element: u32, entries: u32) -> OwnedFd {
    type Create = unsafe extern "C" fn(u32, *const c_char, u32, u32, u32, *const c_void) -> c_int;
    // SAFETY: the signature of libbpf's header; the descriptor is new and ours.
    unsafe {
        let create = symbol::<Create>(c"bpf_map_create");
        let name = c"compare".as_ptr();
        let fd = create(map_type, name, element, element, entries, std::ptr::null());
        assert!(fd >= 0, "a map: {}", Error::last_os_error());
        OwnedFd::from_raw_fd(fd)
    }
}

/// Writes an element of an array map.
pub fn update(map: RawFd, key: u32, value: &[u8]) {
    type Update = unsafe extern "C" fn(c_int, *const c_void, *const c_void, u64) -> c_int;
    // SAFETY: the signature of libbpf's header; `value` is as long as the map's values.
    let result = unsafe {
        let update = symbol::<Update>(c"bpf_map_update_elem");
        update(map, (&raw const key).cast(), value.as_ptr().cast(), 0)
    };
    assert_eq!(result, 0, "an element: {}", Error::last_os_error());
}

/// Runs a syscall program with `context`, which it may change, and returns its result. Leaves errno
/// alone.
pub fn test_run<T>(program: RawFd, context: &mut T) -> u32 {
    const BPF_PROG_TEST_RUN: c_int = 10;
    /// The `test` part of `union bpf_attr`.
    #[repr(C)]
    #[derive(Default)]
    struct Attributes {
        program: u32,
        result: u32,
        data_sizes: [u32; 2],
        data: [u64; 2],
        repeat: u32,
        duration: u32,
        context_size_in: u32,
        context_size_out: u32,
        context_in: u64,
        context_out: u64,
        flags: u32,
        cpu: u32,
        batch_size: u32,
        padding: u32,
    }
    let mut attributes = Attributes {
        program: program as u32,
        context_size_in: size_of::<T>() as u32,
        context_in: (&raw mut *context) as u64,
        ..Attributes::default()
    };
    let before = errno();
    // SAFETY: the kernel reads the attributes and reads and writes `context`, both of that size.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            BPF_PROG_TEST_RUN,
            &raw mut attributes,
            size_of::<Attributes>(),
        )
    };
    assert_eq!(result, 0, "a BPF program: {}", Error::last_os_error());
    set_errno(before);
    attributes.result
}

/// Maps a page of a map for as long as the process lives.
pub fn shared_page(map: RawFd, number: usize, writable: bool) -> *mut c_void {
    let write = if writable { libc::PROT_WRITE } else { 0 };
    let (protection, flags) = (libc::PROT_READ | write, libc::MAP_SHARED);
    let offset = (number * page_size()) as libc::off_t;
    // SAFETY: a new mapping.
    let page = unsafe {
        let anywhere = std::ptr::null_mut();
        libc::mmap(anywhere, page_size(), protection, flags, map, offset)
    };
    assert_ne!(page, libc::MAP_FAILED, "mmap: {}", Error::last_os_error());
    page
}

pub fn page_size() -> usize {
    // SAFETY: sysconf has no requirements.
    unsafe { libc::sysconf(libc::_SC_PAGESIZE) as usize }
}

pub fn errno() -> c_int {
    // SAFETY: the address is this thread's errno.
    unsafe { *libc::__errno_location() }
}

pub fn set_errno(value: c_int) {
    // SAFETY: the address is this thread's errno.
    unsafe { *libc::__errno_location() = value }
}

/// A function of libbpf.
///
/// # Safety
///
/// `T` is the type of a pointer to it.
unsafe fn symbol<T: Copy>(name: &CStr) -> T {
    // SAFETY: as required of the caller.
    unsafe { *libbpf().library.get::<T>(name.to_bytes_with_nul()).unwrap() }
}
