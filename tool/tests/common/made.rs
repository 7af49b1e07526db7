// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A ring of our own, whose positions and records are what a test says.

use rustix::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::ptr::null_mut;
use std::sync::atomic::Ordering::Release;
use std::sync::atomic::{AtomicU32, AtomicU64};

/// The smallest ring there is: its data is one page.
pub fn size() -> u64 {
    rbshim_tool::rings::mapping::page_size() as u64
}

/// `BPF_MAP_TYPE_USER_RINGBUF`: its process writes the producer's position and the records.
pub struct UserRing {
    map: OwnedFd,
    pages: *mut u8,
    pub id: u32,
}

/// `BPF_MAP_TYPE_RINGBUF`: its process writes the consumer's position.
pub struct ReadRing {
    _map: OwnedFd,
    page: *mut u8,
    pub id: u32,
}

/// Makes a map of this kind.
fn make(kind: u32) -> (OwnedFd, u32) {
    #[repr(C)]
    struct Attributes {
        kind: u32,
        key: u32,
        value: u32,
        entries: u32,
        flags: u32,
        inner: u32,
        node: u32,
        name: [u8; 16],
    }
    let attributes = Attributes {
        kind,
        key: 0,
        value: 0,
        entries: size() as u32,
        flags: 0,
        inner: 0,
        node: 0,
        name: *b"made_ring\0\0\0\0\0\0\0",
    };
    // SAFETY: the kernel reads so many bytes of the attributes, which live through the call.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            0,
            std::ptr::from_ref(&attributes),
            size_of::<Attributes>(),
        )
    };
    assert!(fd >= 0, "{}", std::io::Error::last_os_error());
    // SAFETY: the kernel has just made this descriptor, for us alone.
    let map = unsafe { OwnedFd::from_raw_fd(fd as i32) };
    let info = rbshim_tool::bpf::map_info(&map).expect("its id");
    (map, info.id)
}

fn map_pages(map: &OwnedFd, offset: u64, size: u64) -> *mut u8 {
    let protection = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: a new mapping at an address that the kernel chooses touches no memory of ours.
    let pages = unsafe {
        mmap(
            null_mut(),
            size as usize,
            protection,
            MapFlags::SHARED,
            map.as_fd(),
            offset,
        )
    };
    pages.expect("a mapping").cast()
}

// SAFETY: the mapping is the whole process's, and is accessed by atomic words only.
unsafe impl Sync for UserRing {}

impl ReadRing {
    pub fn new() -> ReadRing {
        let (map, id) = make(rbshim_tool::bpf::TYPE_RINGBUF);
        let page = map_pages(&map, 0, size());
        ReadRing {
            _map: map,
            page,
            id,
        }
    }

    pub fn consumer(&self, position: u64) {
        // SAFETY: the page is mapped as long as `self` is, and begins with this word.
        unsafe { AtomicU64::from_ptr(self.page.cast()) }.store(position, Release);
    }
}

impl UserRing {
    pub fn new() -> UserRing {
        let (map, id) = make(rbshim_tool::bpf::TYPE_USER_RINGBUF);
        let pages = map_pages(&map, size(), 2 * size());
        UserRing { map, pages, id }
    }

    pub fn fd(&self) -> i32 {
        self.map.as_raw_fd()
    }

    pub fn producer(&self, position: u64) {
        // SAFETY: the page is mapped as long as `self` is, and begins with this word.
        unsafe { AtomicU64::from_ptr(self.pages.cast()) }.store(position, Release);
    }

    /// The first word of a record.
    pub fn header(&self, position: u64, header: u32) {
        let at = (size() + position % size()) as usize & !7;
        // SAFETY: inside the mapping, which has the producer's page and the data, and aligned.
        unsafe { AtomicU32::from_ptr(self.pages.add(at).cast()) }.store(header, Release);
    }
}

impl Drop for UserRing {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and nothing borrows from it.
        let _ = unsafe { munmap(self.pages.cast(), 2 * size() as usize) };
    }
}

impl Drop for ReadRing {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and nothing borrows from it.
        let _ = unsafe { munmap(self.page.cast(), size() as usize) };
    }
}
