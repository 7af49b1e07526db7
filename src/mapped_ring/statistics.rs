// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! How full the ring is and has been: what any thread may ask while another reads.

use super::RingHandle;
use crate::ring::fill::Fill;
use crate::ring::memory::ConsumerMemory;
use crate::ring::overwrite;
use crate::stats::Counters;
use core::sync::atomic::Ordering;

/// What is known of a ring. The numbers are read one after the other, while its reader may go on.
#[derive(Clone, Copy, Debug)]
pub struct Statistics {
    /// Bytes of the data area.
    pub size: u64,
    /// Bytes between the two positions, at most the size.
    pub available: u64,
    /// The most bytes that the reader has found.
    pub high_water: u64,
    /// How often it has found the ring nearly full.
    pub nearly_full: u64,
    /// Bytes that have been overwritten before a call had read them, in overwrite mode.
    pub overwritten: u64,
    /// The counters, if they are kept.
    pub counters: Option<&'static Counters>,
}

impl RingHandle {
    /// What is known of the ring; any thread may ask. Unlike a question for a position this does not make the ring a
    /// watched one: nobody can see at which records starts are published from bytes that are about right.
    pub fn statistics(self) -> Statistics {
        let counters = self.stats().counters();
        let fill = match counters {
            Some(_) => self.fill::<true>(),
            None => self.fill::<false>(),
        };
        Statistics {
            size: self.size(),
            available: self.available(),
            high_water: fill.high_water() as u64,
            nearly_full: fill.nearly_full() as u64,
            overwritten: self.overwritten(),
            counters,
        }
    }

    /// Where its reader notes how full it is: among the counters, where they are kept, which a fork has begin anew.
    #[inline(always)]
    pub(super) fn fill<'a, const COUNTED: bool>(self) -> &'a Fill {
        if COUNTED {
            if let Some(counters) = self.stats().counters() {
                return &counters.fill;
            }
        }
        // SAFETY: a live ring: no callback may free its own manager. No `&mut` to the field exists.
        unsafe { &(*self.as_ptr()).fill }
    }

    fn available(self) -> u64 {
        let pages = self.pages();
        // Acquire keeps the load of the other position after this one: the producer is ahead of it then.
        let position = || pages.consumer_pos(Ordering::Acquire);
        let consumer = self.journal().shown(pages.size(), position);
        if self.overwriting().is_some() {
            return overwrite::available(pages, consumer).min(pages.size());
        }
        let ahead = self.producer_pos().wrapping_sub(consumer) as i64;
        // The reader may have gone on in between, and a program may have moved either position.
        u64::try_from(ahead).map_or(0, |ahead| ahead.min(pages.size()))
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::mapped_ring::EmptyRing;
    use crate::pages::Pages;
    use std::ptr;

    /// Bytes of the rings.
    pub const SIZE: u64 = 4096;

    /// What `work` finds of a ring whose positions are these, and in which nothing can be read.
    pub fn of_ring<T>(
        mut consumer: u64,
        mut producer: u64,
        work: impl FnOnce(RingHandle) -> T,
    ) -> T {
        let pages = Pages {
            consumer: (&raw mut consumer).cast(),
            producer: (&raw mut producer).cast(),
            data: ptr::null_mut(),
            mask: SIZE as usize - 1,
        };
        let ring = EmptyRing::allocate().unwrap();
        // SAFETY: `work` reads no record, so positions are all it needs, and both outlive the ring.
        unsafe {
            let ring = ring.fill(77, pages, None, ptr::null_mut());
            let found = work(ring);
            ring.release();
            found
        }
    }

    /// Another process may write what it likes into the positions.
    #[test]
    fn never_is_more_in_use_than_the_ring_has() {
        let corners = [0, 8, 4088, 4096, 4104, 1 << 31, u64::MAX - 7, u64::MAX];
        for consumer in corners {
            for ahead in corners {
                // A 32-bit process sees the lower half of the producer's position.
                let seen = if cfg!(target_pointer_width = "64") {
                    ahead as i64
                } else {
                    i64::from(ahead as i32)
                };
                // Behind the consumer: it has caught up, as in libbpf.
                let in_use = u64::try_from(seen).map_or(0, |ahead| ahead.min(SIZE));
                let producer = consumer.wrapping_add(ahead);
                let known = of_ring(consumer, producer, RingHandle::statistics);
                assert_eq!(known.available, in_use, "{consumer} {ahead}");
                assert_eq!((known.size, known.high_water), (SIZE, 0));
            }
        }
    }

    /// Whoever asks for positions wants to see each record's start published; who asks for this does not.
    #[test]
    fn to_ask_does_not_change_how_the_ring_is_read() {
        of_ring(0, 24, |ring| {
            assert_eq!(ring.statistics().available, 24);
            assert!(!ring.is_watched());
            assert_eq!(ring.consumer_pos(), 0);
            assert!(ring.is_watched());
        });
    }
}
