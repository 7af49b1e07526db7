// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A ring in memory, to be looked at only.

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::ffi::c_void;
use std::io;
use std::ptr::null_mut;
use std::sync::atomic::Ordering::Acquire;
use std::sync::atomic::{AtomicU32, AtomicU64};

#[cfg(not(target_pointer_width = "64"))]
compile_error!(
    "this program is for 64-bit machines: it reads positions as the kernel's 64-bit words"
);

/// The pages with the positions: the consumer's and the producer's. Its data follows in the map.
pub struct Mapping {
    map: OwnedFd,
    pages: Pages,
}

impl Mapping {
    /// Maps a ring that is open.
    pub fn new(map: OwnedFd) -> io::Result<Mapping> {
        let pages = Pages::new(map.as_fd(), 0, 2 * page_size())?;
        Ok(Mapping { map, pages })
    }

    /// The descriptor, for as long as this lives.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.map.as_fd()
    }

    /// Where the reader is.
    pub fn consumer(&self) -> &AtomicU64 {
        // SAFETY: 1. the page is mapped as long as `self` is; 2. it is larger than a word and aligned; 3. the kernel and
        // the reader access it as one word.
        unsafe { AtomicU64::from_ptr(self.pages.first.cast()) }
    }

    /// Where the writer is.
    pub fn producer(&self) -> &AtomicU64 {
        // SAFETY: as for the consumer; the mapping has two pages.
        unsafe { AtomicU64::from_ptr(self.pages.first.byte_add(page_size()).cast()) }
    }

    /// The length word of the record that begins so many bytes into the data.
    pub fn header(&self, offset: u64) -> io::Result<u32> {
        let page = page_size() as u64;
        let data = 2 * page;
        let pages = Pages::new(self.fd(), data + offset / page * page, page_size())?;
        let inside = (offset % page) as usize & !7;
        // SAFETY: 1. the page is mapped until the end of this function; 2. the word is inside it and aligned.
        let word = unsafe { AtomicU32::from_ptr(pages.first.byte_add(inside).cast()) };
        // Acquire: pairs with the exchange that commits the record.
        Ok(word.load(Acquire))
    }

    /// A part of the data, shorter than the ring, that begins so many bytes into it. The data follows itself once more, so
    /// the part may go over its end.
    pub fn data(&self, offset: u64, length: u64) -> io::Result<Data> {
        let page = page_size() as u64;
        let first = offset % page;
        let size = (first + length).next_multiple_of(page) as usize;
        let pages = Pages::new(self.fd(), 2 * page + offset - first, size)?;
        let first = first as usize;
        Ok(Data { pages, first })
    }

    /// The number of the machine's page that holds the consumer's position, or for user rings the producer's: by it a
    /// process is known that has mapped the same page.
    pub fn frame(&self, page: u64) -> io::Result<Option<u64>> {
        let address = self.pages.first as u64 + page * page_size() as u64;
        frame("/proc/self/pagemap", address)
    }
}

/// A part of a ring's data.
pub struct Data {
    pages: Pages,
    first: usize,
}

impl Data {
    /// The first word of the record that begins so many bytes into the part, if that is mapped.
    pub fn word(&self, offset: u64) -> Option<&AtomicU32> {
        let at = self.first.checked_add(usize::try_from(offset).ok()?)? & !7;
        if at >= self.pages.size {
            return None;
        }
        // SAFETY: 1. the pages are mapped as long as `self` is; 2. the word is inside them, since eight bytes are that
        // begin at a multiple of eight below their size; 3. it is aligned; 4. others access it as one word, or it is no
        // header any more and any value will do.
        Some(unsafe { AtomicU32::from_ptr(self.pages.first.byte_add(at).cast()) })
    }
}

/// The number of the machine's page behind an address of a process; `None` if there is none, or it is not ours to know.
pub fn frame(pagemap: &str, address: u64) -> io::Result<Option<u64>> {
    use std::os::unix::fs::FileExt;
    let mut entry = [0; 8];
    std::fs::File::open(pagemap)?.read_exact_at(&mut entry, address / page_size() as u64 * 8)?;
    let entry = u64::from_ne_bytes(entry);
    let (present, frame) = (entry >> 63 != 0, entry & ((1 << 55) - 1));
    Ok((present && frame != 0).then_some(frame))
}

/// Bytes in a page.
pub fn page_size() -> usize {
    rustix::param::page_size()
}

/// Some pages of a map, not to be written.
struct Pages {
    first: *mut c_void,
    size: usize,
}

impl Pages {
    fn new(map: BorrowedFd<'_>, offset: u64, size: usize) -> io::Result<Pages> {
        // SAFETY: a new mapping at an address that the kernel chooses touches no memory of ours.
        let first = unsafe {
            mmap(
                null_mut(),
                size,
                ProtFlags::READ,
                MapFlags::SHARED,
                map,
                offset,
            )?
        };
        Ok(Pages { first, size })
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and nothing borrows from it any more.
        let _ = unsafe { munmap(self.first, self.size) };
    }
}
