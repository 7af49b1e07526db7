// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A small ring of the tool's own: the program writes to it when there is something to do that it cannot do itself.

use crate::bpf::tracing;
use crate::rings::mapping::page_size;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::ffi::c_void;
use std::io;
use std::ptr::null_mut;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, SeqCst};

/// The ring, readable when it was rung.
pub struct Bell {
    map: OwnedFd,
    consumer: Page,
    producer: Page,
}

impl Bell {
    /// A new one.
    pub fn new() -> io::Result<Bell> {
        let map = tracing::ring(page_size(), *b"rbshim_bell\0\0\0\0\0")?;
        let consumer = Page::new(map.as_fd(), ProtFlags::READ | ProtFlags::WRITE, 0)?;
        let producer = Page::new(map.as_fd(), ProtFlags::READ, page_size() as u64)?;
        Ok(Bell {
            map,
            consumer,
            producer,
        })
    }

    /// To poll, and for the program.
    pub fn map(&self) -> BorrowedFd<'_> {
        self.map.as_fd()
    }

    /// It has been heard. What was written does not matter.
    pub fn hush(&self) {
        // Acquire: pairs with the kernel's release in bpf_ringbuf_reserve(), so that the counters that are read after
        // this have what was counted before it rang.
        let rung = self.producer.word().load(Acquire);
        // SeqCst: the poll that follows must not look at the ring before this is seen.
        self.consumer.word().store(rung, SeqCst);
    }
}

/// A page of the map, which begins with a position.
struct Page(*mut c_void);

impl Page {
    fn new(map: BorrowedFd<'_>, protection: ProtFlags, offset: u64) -> io::Result<Page> {
        // SAFETY: a new mapping at an address that the kernel chooses touches no memory of ours.
        let page = unsafe {
            mmap(
                null_mut(),
                page_size(),
                protection,
                MapFlags::SHARED,
                map,
                offset,
            )?
        };
        Ok(Page(page))
    }

    fn word(&self) -> &AtomicU64 {
        // SAFETY: 1. the page is mapped as long as `self` is; 2. it is larger than a word and aligned; 3. the kernel
        // accesses it as one word.
        unsafe { AtomicU64::from_ptr(self.0.cast()) }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and nothing borrows from it any more.
        let _ = unsafe { munmap(self.0, page_size()) };
    }
}
