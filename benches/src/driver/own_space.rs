// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A ring that nobody reads, kept empty.

use crate::Failure;
use std::io;
use std::os::fd::RawFd;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

const PAGE: usize = 4096;

/// The positions of a ring.
pub struct OwnSpace {
    consumer_pos: NonNull<AtomicU64>,
    producer_pos: NonNull<AtomicU64>,
}

// SAFETY: Mappings are not tied to a thread.
unsafe impl Send for OwnSpace {}

impl OwnSpace {
    pub fn open(fd: RawFd) -> Result<Self, Failure> {
        let page = |protection, offset: usize| {
            // SAFETY: A new mapping, where the kernel wants it.
            let address = unsafe {
                libc::mmap(
                    ptr::null_mut(),
                    PAGE,
                    protection,
                    libc::MAP_SHARED,
                    fd,
                    offset as i64,
                )
            };
            if address == libc::MAP_FAILED {
                return Err(io::Error::last_os_error());
            }
            Ok(NonNull::new(address.cast()).expect("not at zero"))
        };
        Ok(OwnSpace {
            consumer_pos: page(libc::PROT_READ | libc::PROT_WRITE, 0)?,
            producer_pos: page(libc::PROT_READ, PAGE)?,
        })
    }

    /// Frees all that is in the ring, as if it had been read.
    pub fn free(&self) {
        // SAFETY: Both pages are mapped as long as `self` lives, and begin with the position.
        unsafe {
            let end = self.producer_pos.as_ref().load(Relaxed);
            self.consumer_pos.as_ref().store(end, Relaxed);
        }
    }
}

impl Drop for OwnSpace {
    fn drop(&mut self) {
        for page in [self.consumer_pos, self.producer_pos] {
            // SAFETY: The mapping is ours and nobody looks at it any more.
            unsafe { libc::munmap(page.as_ptr().cast(), PAGE) };
        }
    }
}
