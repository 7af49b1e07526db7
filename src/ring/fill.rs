// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! How full a ring has been whenever its reader has looked.
//!
//! The reader looks at the producer's position before it walks, and not while it walks: what is noted here costs no
//! look of its own. Between two looks the ring may have been fuller for a while, and a record that the kernel has
//! refused leaves no trace in a ring.

use core::sync::atomic::{AtomicUsize, Ordering};

/// A ring counts as nearly full when at most this part of it is free: an eighth.
const FREE_PART: usize = 8;

/// What is noted of one ring. One thread at a time notes; any thread may ask.
///
/// All loads and stores are Relaxed: each number is whole, and no memory is reached through it.
#[derive(Debug)]
pub struct Fill {
    /// What is not above this changes nothing: the high-water mark, or what is not nearly full yet, whichever is less.
    /// So one comparison is all that most looks cost.
    noted_above: AtomicUsize,
    high_water: AtomicUsize,
    nearly_full: AtomicUsize,
}

impl Fill {
    /// Of a ring that nobody has looked at.
    pub const fn new() -> Self {
        Fill {
            noted_above: AtomicUsize::new(0),
            high_water: AtomicUsize::new(0),
            nearly_full: AtomicUsize::new(0),
        }
    }

    /// Notes that the reader has found `bytes`, as many as `size` at most, in its ring of `size` bytes.
    #[inline(always)]
    pub fn note(&self, bytes: u64, size: impl FnOnce() -> u64) {
        // Both are less than an address space: the ring is mapped.
        let bytes = bytes as usize;
        if bytes > self.noted_above.load(Ordering::Relaxed) {
            self.note_more(bytes, size() as usize);
        }
    }

    #[cold]
    #[inline(never)]
    fn note_more(&self, bytes: usize, size: usize) {
        let nearly = size.wrapping_sub(size / FREE_PART);
        let high_water = self.high_water().max(bytes);
        self.high_water.store(high_water, Ordering::Relaxed);
        if bytes >= nearly {
            let times = self.nearly_full().wrapping_add(1);
            self.nearly_full.store(times, Ordering::Relaxed);
        }
        let noted_above = high_water.min(nearly.wrapping_sub(1));
        self.noted_above.store(noted_above, Ordering::Relaxed);
    }

    /// The most bytes that the reader has found.
    pub fn high_water(&self) -> usize {
        self.high_water.load(Ordering::Relaxed)
    }

    /// How often it has found the ring nearly full.
    pub fn nearly_full(&self) -> usize {
        self.nearly_full.load(Ordering::Relaxed)
    }

    /// Forgets all.
    pub fn reset(&self) {
        for number in [&self.noted_above, &self.high_water, &self.nearly_full] {
            number.store(0, Ordering::Relaxed);
        }
    }
}

impl Default for Fill {
    fn default() -> Self {
        Fill::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    const SIZE: u64 = 4096;

    /// The high-water mark and how often the ring was nearly full, after these looks.
    fn noted(looks: &[u64]) -> (usize, usize) {
        let fill = Fill::new();
        for &bytes in looks {
            fill.note(bytes, || SIZE);
        }
        (fill.high_water(), fill.nearly_full())
    }

    #[test]
    fn the_mark_is_the_most_that_was_found() {
        assert_eq!(noted(&[]), (0, 0));
        assert_eq!(noted(&[8]), (8, 0));
        assert_eq!(noted(&[24, 2048, 16, 2048, 2040]), (2048, 0));
    }

    #[test]
    fn each_look_at_a_ring_with_an_eighth_free_or_less_counts() {
        assert_eq!(noted(&[3576]), (3576, 0));
        assert_eq!(noted(&[3584]), (3584, 1));
        assert_eq!(noted(&[4088, 3584, 3576, 8, 4096, 3584]), (4096, 4));
    }

    #[test]
    fn what_was_found_before_a_reset_is_forgotten() {
        let fill = Fill::new();
        fill.note(4088, || SIZE);
        fill.reset();
        fill.note(16, || SIZE);
        assert_eq!((fill.high_water(), fill.nearly_full()), (16, 0));
        fill.note(3584, || SIZE);
        assert_eq!((fill.high_water(), fill.nearly_full()), (3584, 1));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        /// What the comparison saves is never needed.
        #[test]
        fn nothing_is_passed_over(looks in vec((1..=SIZE / 8).prop_map(|words| words * 8), 0..50)) {
            let most = looks.iter().max().map_or(0, |&bytes| bytes as usize);
            let times = looks.iter().filter(|&&bytes| bytes * 8 >= SIZE * 7).count();
            prop_assert_eq!(noted(&looks), (most, times));
        }
    }
}
