// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A ring's pages as they are found from the ring itself.

use super::RingHandle;
use crate::pages::Pages;
use crate::ring::memory::{ConsumerMemory, Fence};
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
