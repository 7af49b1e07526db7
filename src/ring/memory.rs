// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Where the words of a ring live, seen from either side.
//!
//! The methods name the ordering that the *caller* needs, so that the whole argument about
//! orderings stands where the protocol stands, in [`consumer`](super::consumer) and
//! [`producer`](super::producer). Words that the other side alone writes are loaded Relaxed and
//! ordered by [`fence`](Fence::fence): the kernel maps them read-only, and Rust promises no more than
//! relaxed loads on read-only memory.
//!
//! Positions count bytes since the ring was made and wrap at 2^64; the byte at position `p` lies at
//! `p % size` of the data area. Memory whose words are narrower extends what it loads (see
//! [`extend`]).

use core::sync::atomic::Ordering;

/// A memory fence, which a model checker wants to see.
pub trait Fence {
    /// `core::sync::atomic::fence`.
    fn fence(order: Ordering);
}

/// A ring that the kernel fills and we empty (`BPF_MAP_TYPE_RINGBUF`).
pub trait ConsumerMemory: Copy + Fence {
    /// Bytes of the data area: a power of two.
    fn size(self) -> u64;

    /// Our own position, as the kernel sees it.
    fn consumer_pos(self, order: Ordering) -> u64;

    /// The same where `near` is a position at most 2 GiB away: memory may hold its low half only.
    #[inline(always)]
    fn consumer_pos_near(self, _near: u64, order: Ordering) -> u64 {
        self.consumer_pos(order)
    }

    /// Publishes our own position.
    fn set_consumer_pos(self, pos: u64, order: Ordering);

    /// Publishes our own position if it is still `current`, by an atomic compare-exchange; whether it
    /// was.
    fn replace_consumer_pos(self, current: u64, pos: u64, order: Ordering) -> bool;

    /// The producer's position, Relaxed; `near` is a position at most 2 GiB away.
    fn producer_pos(self, near: u64) -> u64;

    /// The header word of the record that starts at `start`, a multiple of 8; Relaxed.
    fn header(self, start: u64) -> u32;

    /// Where the payload of that record lies; null in memory that has no addresses.
    fn payload(self, _start: u64) -> *mut u8 {
        core::ptr::null_mut()
    }
}

/// A ring that the kernel fills without regard to what we have read (`BPF_F_RB_OVERWRITE`).
pub trait OverwriteMemory: ConsumerMemory {
    /// Where the oldest record begins that has not been overwritten, Relaxed; `near` is a position at most 2 GiB away.
    fn overwrite_pos(self, near: u64) -> u64;

    /// The word of the data area at `pos`, a multiple of its size; Relaxed. The other side may be writing it.
    fn word(self, pos: u64) -> usize;

    /// Where the kernel's stores may be seen in another order than it has made them: takes the lock under which the
    /// kernel stores `overwrite_pos`, and gives it back. An `overwrite_pos` that is loaded after this is no older than
    /// any payload that was loaded before it. Elsewhere there is nothing to do.
    ///
    /// Errors: a negative error number; nothing is known then.
    #[inline(always)]
    fn pass_lock(self) -> Result<(), i32> {
        Ok(())
    }
}

/// A ring that we fill and the kernel empties (`BPF_MAP_TYPE_USER_RINGBUF`).
pub trait ProducerMemory: Copy + Fence {
    /// Bytes of the data area: a power of two.
    fn size(self) -> u64;

    /// Our own position, as the kernel sees it.
    fn producer_pos(self, order: Ordering) -> u64;

    /// Publishes our own position.
    fn set_producer_pos(self, pos: u64, order: Ordering);

    /// The consumer's position, Relaxed; `near` is a position at most 2 GiB away.
    fn consumer_pos(self, near: u64) -> u64;

    /// Writes the header of the record that starts at `start`, a multiple of 8, before that record
    /// is published: nobody else looks at it yet.
    fn write_header(self, start: u64, word: u32);

    /// The header word that [`write_header`](Self::write_header) left; ours until commit.
    fn header(self, start: u64) -> u32;

    /// Replaces the header word by an atomic exchange.
    fn exchange_header(self, start: u64, word: u32, order: Ordering);
}

/// The 64-bit position whose low word is `low`, nearest to `near`.
///
/// A 32-bit program reads only the low word of the other side's position: on a 64-bit kernel the
/// high word cannot be read with it in one load, on a 32-bit kernel another field stands there.
#[inline(always)]
pub fn extend(near: u64, low: u32) -> u64 {
    let distance = low.wrapping_sub(near as u32) as i32;
    near.wrapping_add(i64::from(distance) as u64)
}

#[cfg(test)]
mod tests {
    use super::extend;

    #[test]
    fn a_low_word_is_extended_to_the_nearest_position() {
        let gib4 = 1u64 << 32;
        assert_eq!(extend(0, 24), 24);
        assert_eq!(extend(gib4 - 8, 16), gib4 + 16);
        assert_eq!(extend(gib4 + 16, (gib4 - 8) as u32), gib4 - 8);
        assert_eq!(extend(u64::MAX - 7, 16), 16);
    }
}
