// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A map's own pages as the memory of a ring.
//!
//! The kernel lays a ring out as a page with `consumer_pos`, a page with `producer_pos`, and the data
//! area, which it maps twice in a row so that a record may run over its end. `unsigned long` there is
//! the kernel's: on a 64-bit kernel a 32-bit program sees 64-bit positions.

use crate::ring::memory::{ConsumerMemory, Fence, OverwriteMemory, ProducerMemory, extend};
use crate::sys::errno::Errno;
use crate::sys::mmap::{self, Access, page_size};
use core::ffi::{c_int, c_void};
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering, fence};

/// Our own position: all 64 bits of it wherever they can be stored in one piece and where a 32-bit
/// kernel has nothing in the upper half of them.
#[cfg(all(
    target_has_atomic = "64",
    any(target_pointer_width = "64", target_endian = "little")
))]
type OwnWord = core::sync::atomic::AtomicU64;
#[cfg(not(all(
    target_has_atomic = "64",
    any(target_pointer_width = "64", target_endian = "little")
)))]
type OwnWord = AtomicU32;

/// The other side's position.
#[cfg(target_pointer_width = "64")]
type PeerWord = core::sync::atomic::AtomicU64;
#[cfg(not(target_pointer_width = "64"))]
type PeerWord = AtomicU32;

/// Which side of the ring is ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// We read: the consumer page is writable, the rest is not.
    Consumer,
    /// We write: the consumer page is read-only.
    Producer,
}

/// The mapped pages of one ring. The mapping belongs to whoever called [`map`](Self::map).
#[derive(Clone, Copy, Debug)]
pub struct Pages {
    /// The page that begins with `consumer_pos`.
    pub(crate) consumer: *mut c_void,
    /// The page that begins with `producer_pos`; the data area follows it.
    pub(crate) producer: *mut c_void,
    /// The data area.
    pub(crate) data: *mut c_void,
    /// Bytes of the data area less one; the bytes are a power of two, at least a page.
    pub(crate) mask: usize,
}

/// What could not be mapped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MapError {
    /// The consumer page.
    ConsumerPage(Errno),
    /// The data area twice is more than the address space.
    TooBig,
    /// The producer page and the data area.
    Data(Errno),
}

impl Pages {
    /// Pages that the caller has mapped: a page that begins with `consumer_pos`, one that begins with
    /// `producer_pos`, and a data area of `size` bytes.
    ///
    /// # Safety
    ///
    /// - Both pages are aligned to 8 bytes, and are mapped as long as the result or a copy of it is used;
    ///   the first is writable.
    /// - So is the data area, aligned to 8 bytes and mapped twice in a row; `size` is a power of two.
    /// - Everybody accesses positions and headers as atomics.
    pub unsafe fn new(
        consumer: *mut c_void,
        producer: *mut c_void,
        data: *mut c_void,
        size: usize,
    ) -> Self {
        Pages {
            consumer,
            producer,
            data,
            mask: size.wrapping_sub(1),
        }
    }

    /// Maps the ring of `size` data bytes behind `map_fd`. On an error nothing stays mapped.
    pub fn map(map_fd: c_int, size: u32, side: Side) -> Result<Self, MapError> {
        let page = page_size();
        let (consumer_access, data_access) = match side {
            Side::Consumer => (Access::ReadWrite, Access::Read),
            Side::Producer => (Access::Read, Access::ReadWrite),
        };
        let consumer =
            mmap::map(map_fd, 0, page, consumer_access).map_err(MapError::ConsumerPage)?;
        let data = Self::data_len(size)
            .ok_or(MapError::TooBig)
            .and_then(|len| mmap::map(map_fd, page, len, data_access).map_err(MapError::Data));
        match data {
            Ok(producer) => {
                let data = producer.wrapping_byte_add(page);
                // SAFETY: mapped above; the kernel lays a ring out so, its size is a power of two, and
                // its positions and headers are everybody's atomics.
                Ok(unsafe { Pages::new(consumer, producer, data, size as usize) })
            }
            Err(error) => {
                // SAFETY: mapped above, with this length, and not handed out.
                unsafe { mmap::unmap(consumer, page) };
                Err(error)
            }
        }
    }

    /// Unmaps the ring.
    ///
    /// # Safety
    ///
    /// These are pages from [`map`](Self::map) that nobody uses any more.
    pub unsafe fn unmap(self) {
        let page = page_size();
        let size = self.mask.wrapping_add(1);
        let len = page.wrapping_add(size.wrapping_mul(2));
        // SAFETY: `map` has made both mappings with these lengths; nobody uses them any more, as
        // required of the caller.
        unsafe {
            mmap::unmap(self.consumer, page);
            mmap::unmap(self.producer, len);
        }
    }

    /// Where the payload of the record that starts at `start` lies.
    #[inline(always)]
    pub fn payload(self, start: u64) -> *mut c_void {
        self.data
            .wrapping_byte_add((start as usize & self.mask).wrapping_add(8))
    }

    /// Bytes of the producer page and of the data area twice.
    fn data_len(size: u32) -> Option<usize> {
        let len = (page_size() as u64).checked_add(u64::from(size).checked_mul(2)?)?;
        usize::try_from(len).ok()
    }

    fn own_word<'a>(self, page: *mut c_void) -> &'a OwnWord {
        // SAFETY:
        // 1. `page` is the start of a page that stays mapped while these pages are in use; it is
        //    aligned and long enough.
        // 2. Everybody, the kernel included, treats the word as an atomic.
        unsafe { &*page.cast() }
    }

    fn peer_word(self, page: *mut c_void, near: u64) -> u64 {
        // SAFETY: as in `own_word`. The page may be read-only: a relaxed load no wider than a pointer
        // is a plain load.
        let word: &PeerWord = unsafe { &*page.cast() };
        let seen = word.load(Ordering::Relaxed);
        #[cfg(target_pointer_width = "64")]
        let (_, pos) = (near, seen);
        #[cfg(not(target_pointer_width = "64"))]
        let pos = extend(near, seen);
        pos
    }

    fn header_word<'a>(self, start: u64) -> &'a AtomicU32 {
        let offset = start as usize & self.mask;
        // SAFETY:
        // 1. `offset` is below the size of the data area, which is mapped twice: the word is within.
        // 2. `start` is a multiple of 8 and the area begins at a page: the word is aligned.
        // 3. Everybody treats the word as an atomic until the record is consumed.
        unsafe { &*self.data.wrapping_byte_add(offset).cast() }
    }
}

/// A position from a word that may be narrower.
#[inline(always)]
fn widened(word: impl Into<u64>) -> u64 {
    word.into()
}

impl Fence for Pages {
    #[inline(always)]
    fn fence(order: Ordering) {
        fence(order);
    }
}

impl ConsumerMemory for Pages {
    #[inline(always)]
    fn size(self) -> u64 {
        (self.mask as u64).wrapping_add(1)
    }

    #[inline(always)]
    fn consumer_pos(self, order: Ordering) -> u64 {
        widened(self.own_word(self.consumer).load(order))
    }

    #[inline(always)]
    fn consumer_pos_near(self, near: u64, order: Ordering) -> u64 {
        let pos = ConsumerMemory::consumer_pos(self, order);
        if size_of::<OwnWord>() < size_of::<u64>() {
            extend(near, pos as u32)
        } else {
            pos
        }
    }

    #[inline(always)]
    fn set_consumer_pos(self, pos: u64, order: Ordering) {
        self.own_word(self.consumer).store(pos as _, order);
    }

    fn replace_consumer_pos(self, current: u64, pos: u64, order: Ordering) -> bool {
        self.own_word(self.consumer)
            .compare_exchange(current as _, pos as _, order, Ordering::Relaxed)
            .is_ok()
    }

    #[inline(always)]
    fn producer_pos(self, near: u64) -> u64 {
        self.peer_word(self.producer, near)
    }

    #[inline(always)]
    fn header(self, start: u64) -> u32 {
        self.header_word(start).load(Ordering::Relaxed)
    }

    #[inline(always)]
    fn payload(self, start: u64) -> *mut u8 {
        Pages::payload(self, start).cast()
    }
}

impl OverwriteMemory for Pages {
    fn overwrite_pos(self, near: u64) -> u64 {
        // The third word of the page, after the producer's position and one of the kernel's own.
        let third = self.producer.wrapping_byte_add(2 * size_of::<PeerWord>());
        self.peer_word(third, near)
    }

    #[inline(always)]
    fn word(self, pos: u64) -> usize {
        let offset = pos as usize & self.mask;
        // SAFETY:
        // 1. `offset` is below the size of the data area, whose bytes and `pos` are multiples of a word: the word is
        //    within, and aligned, since the area begins at a page.
        // 2. The page may be read-only: a relaxed load as wide as a pointer is a plain load.
        // 3. The kernel may be writing it: nothing else is read of it than by such loads.
        let word: &AtomicUsize = unsafe { &*self.data.wrapping_byte_add(offset).cast() };
        word.load(Ordering::Relaxed)
    }
}

impl ProducerMemory for Pages {
    fn size(self) -> u64 {
        (self.mask as u64).wrapping_add(1)
    }

    fn producer_pos(self, order: Ordering) -> u64 {
        widened(self.own_word(self.producer).load(order))
    }

    fn set_producer_pos(self, pos: u64, order: Ordering) {
        self.own_word(self.producer).store(pos as _, order);
    }

    fn consumer_pos(self, near: u64) -> u64 {
        self.peer_word(self.consumer, near)
    }

    fn write_header(self, start: u64, word: u32) {
        let header = self.header_word(start);
        header.store(word, Ordering::Relaxed);
        let pad = (header as *const AtomicU32).wrapping_add(1);
        // SAFETY: headers are 8 bytes, aligned to 8: the second word is within and aligned too.
        unsafe { (*pad).store(0, Ordering::Relaxed) };
    }

    fn header(self, start: u64) -> u32 {
        self.header_word(start).load(Ordering::Relaxed)
    }

    fn exchange_header(self, start: u64, word: u32, order: Ordering) {
        self.header_word(start).swap(word, order);
    }
}
