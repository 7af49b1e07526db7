// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A ring's pages as they are found from the ring itself, and with its lock.

use super::RingHandle;
use crate::pages::Pages;
use crate::ring::memory::{ConsumerMemory, Fence, OverwriteMemory};
use crate::ring_lock::RingLock;
use crate::sys::errno::Errno;
use core::sync::atomic::Ordering;

/// The [`Pages`] of a ring, whose addresses are loaded from it where they are needed: across a callback the ring's own
/// address is all that has to be kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct OwnPages(pub RingHandle);

impl Fence for OwnPages {
    #[inline(always)]
    fn fence(order: Ordering) {
        Pages::fence(order);
    }
}

impl ConsumerMemory for OwnPages {
    #[inline(always)]
    fn size(self) -> u64 {
        self.0.pages().size()
    }

    #[inline(always)]
    fn consumer_pos(self, order: Ordering) -> u64 {
        self.0.pages().consumer_pos(order)
    }

    #[inline(always)]
    fn consumer_pos_near(self, near: u64, order: Ordering) -> u64 {
        self.0.pages().consumer_pos_near(near, order)
    }

    #[inline(always)]
    fn set_consumer_pos(self, pos: u64, order: Ordering) {
        self.0.pages().set_consumer_pos(pos, order);
    }

    #[inline(always)]
    fn replace_consumer_pos(self, current: u64, pos: u64, order: Ordering) -> bool {
        self.0.pages().replace_consumer_pos(current, pos, order)
    }

    #[inline(always)]
    fn producer_pos(self, near: u64) -> u64 {
        self.0.pages().producer_pos(near)
    }

    #[inline(always)]
    fn header(self, start: u64) -> u32 {
        self.0.pages().header(start)
    }

    #[inline(always)]
    fn payload(self, start: u64) -> *mut u8 {
        ConsumerMemory::payload(self.0.pages(), start)
    }
}

/// The pages of a ring in overwrite mode, and its lock where the kernel's stores are not seen in order without.
#[derive(Clone, Copy, Debug)]
pub(super) struct LockedPages<'a> {
    pub pages: Pages,
    pub lock: Option<&'a RingLock>,
}

impl Fence for LockedPages<'_> {
    #[inline(always)]
    fn fence(order: Ordering) {
        Pages::fence(order);
    }
}

impl ConsumerMemory for LockedPages<'_> {
    #[inline(always)]
    fn size(self) -> u64 {
        self.pages.size()
    }

    #[inline(always)]
    fn consumer_pos(self, order: Ordering) -> u64 {
        self.pages.consumer_pos(order)
    }

    #[inline(always)]
    fn set_consumer_pos(self, pos: u64, order: Ordering) {
        self.pages.set_consumer_pos(pos, order);
    }

    #[inline(always)]
    fn replace_consumer_pos(self, current: u64, pos: u64, order: Ordering) -> bool {
        self.pages.replace_consumer_pos(current, pos, order)
    }

    #[inline(always)]
    fn producer_pos(self, near: u64) -> u64 {
        self.pages.producer_pos(near)
    }

    #[inline(always)]
    fn header(self, start: u64) -> u32 {
        self.pages.header(start)
    }
}

impl OverwriteMemory for LockedPages<'_> {
    #[inline(always)]
    fn overwrite_pos(self, near: u64) -> u64 {
        self.pages.overwrite_pos(near)
    }

    #[inline(always)]
    fn word(self, pos: u64) -> usize {
        self.pages.word(pos)
    }

    #[inline(always)]
    fn pass_lock(self) -> Result<(), i32> {
        match self.lock {
            Some(lock) => lock.pass().map_err(|Errno(error)| error.wrapping_neg()),
            None => Ok(()),
        }
    }
}
