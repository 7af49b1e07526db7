// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `rbshim_ring__statistics`: how full a ring is and has been.

use super::error::{NULL_HANDLE, failure, status};
use super::options::SizedStruct;
use super::ring::{handle, ring};
use crate::mapped_ring::RingHandle;
use crate::mapped_ring::statistics::Statistics;
use core::ffi::c_int;
use core::mem::offset_of;
use core::ptr;

/// What rbshim_ring__statistics() says of a ring. Later versions add fields at the end.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rbshim_ring_statistics {
    /// Bytes of this struct, set by the caller: sizeof(struct rbshim_ring_statistics).
    pub sz: usize,
    /// Bytes of the ring.
    pub size: u64,
    /// Bytes of the ring in use now: between the two positions, headers and discarded records included.
    pub available: u64,
    /// The most bytes in use that the reader has found.
    pub high_water: u64,
    /// Times that the reader has found at most an eighth of the ring free.
    pub nearly_full: u64,
    /// 1 if the counters below, up to `rescues`, are kept, as they are with RBSHIM_STATS=1; 0 if they are not, and are
    /// all 0.
    pub counted: u64,
    /// Records delivered.
    pub records: u64,
    /// Bytes of payload in them.
    pub bytes: u64,
    /// Discarded records passed over.
    pub discards: u64,
    /// Times that a poll was notified about the ring.
    pub wakeups: u64,
    /// Stores of the consumer's position.
    pub publishes: u64,
    /// Windows spent spinning.
    pub lingers: u64,
    /// Windows spent sleeping.
    pub coalesced: u64,
    /// Times that the look after the barrier found a record that the look before it had missed.
    pub rescues: u64,
    /// Bytes that the kernel has overwritten before any call had read them, headers included: in overwrite mode
    /// (BPF_F_RB_OVERWRITE). Counted without RBSHIM_STATS, too.
    pub overwritten: u64,
}

static STRUCT: SizedStruct =
    SizedStruct::of_ours::<rbshim_ring_statistics>(c"rbshim_ring_statistics");

/// Where the numbers begin, after `sz` and what aligns them.
const NUMBERS: usize = offset_of!(rbshim_ring_statistics, size);

// Nothing but numbers, and nothing after the last of them.
const _: () = assert!(size_of::<rbshim_ring_statistics>() == NUMBERS + 14 * size_of::<u64>());

/// Writes what is known of `ring` to `stats`: the numbers for which a caller's struct of `sz` bytes has room, each
/// whole.
///
/// # Safety
///
/// `stats` is writable for `sz` bytes. C keeps it aligned; we need not rely on it.
unsafe fn write(ring: RingHandle, stats: *mut rbshim_ring_statistics, sz: usize) {
    let known = rbshim_ring_statistics::from(ring.statistics());
    let room = sz.min(size_of_val(&known)).saturating_sub(NUMBERS);
    let len = room & !(size_of::<u64>() - 1);
    let from = (&raw const known).cast::<u8>().wrapping_add(NUMBERS);
    let to = stats.cast::<u8>().wrapping_add(NUMBERS);
    // SAFETY: `NUMBERS` + `len` bytes are within both structs, which are not the same, unless `len` is 0.
    unsafe { ptr::copy_nonoverlapping(from, to, len) };
}

/// Says how full the ring is and has been, and what RBSHIM_STATS has counted, if it counts. Any thread may ask
/// while another reads; the numbers are read one after the other. No option is needed.
///
/// The caller zeroes the struct and sets `sz` to its size, as for libbpf's option structs; LIBBPF_OPTS() does so.
/// Fields that lie beyond `sz` are not written: a program built with an older header has none of the newer
/// ones. A struct larger than this library's is fine while all bytes beyond that are 0, and they stay so: a newer
/// program finds 0 in what an older library does not know.
///
/// The reader notes what it finds whenever it looks for records, and does not look while it goes through what it
/// has found: for a while the ring may have been fuller than `high_water`. Records that the kernel has refused,
/// since they did not fit, leave no trace in a ring: the BPF program alone can count them. A child of fork(2) begins
/// with 0 where RBSHIM_STATS counts, and elsewhere goes on from its parent's numbers.
///
/// Returns 0, or a negative error and sets errno: EINVAL for NULL, for a `sz` smaller than itself, and for bytes
/// other than 0 beyond what the library knows.
///
/// # Safety
///
/// `r` is NULL or a ring of a live manager; `stats` is NULL or readable and writable for the number of bytes that its
/// `sz` says, if that is at least the size of `sz`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn rbshim_ring__statistics(
    r: *const ring,
    stats: *mut rbshim_ring_statistics,
) -> c_int {
    // SAFETY: as required of the caller.
    let ring = unsafe { handle(r) };
    let Some(ring) = ring.filter(|_| !stats.is_null()) else {
        return failure(NULL_HANDLE);
    };
    // SAFETY: as required of the caller.
    let checked = unsafe { STRUCT.check(stats.cast()) };
    // SAFETY: as required of the caller, whose struct has the size that was found.
    status(checked.map(|sz| unsafe { write(ring, stats, sz) }))
}

impl From<Statistics> for rbshim_ring_statistics {
    fn from(known: Statistics) -> Self {
        let mut statistics = rbshim_ring_statistics {
            sz: size_of::<Self>(),
            size: known.size,
            available: known.available,
            high_water: known.high_water,
            nearly_full: known.nearly_full,
            counted: 0,
            records: 0,
            bytes: 0,
            discards: 0,
            wakeups: 0,
            publishes: 0,
            lingers: 0,
            coalesced: 0,
            rescues: 0,
            overwritten: known.overwritten,
        };
        if let Some(counters) = known.counters {
            statistics.counted = 1;
            statistics.records = counters.records.get() as u64;
            statistics.bytes = counters.bytes.get() as u64;
            statistics.discards = counters.discards.get() as u64;
            statistics.wakeups = counters.wakeups.get() as u64;
            statistics.publishes = counters.publishes.get() as u64;
            statistics.lingers = counters.lingers.get() as u64;
            statistics.coalesced = counters.coalesced.get() as u64;
            statistics.rescues = counters.rescues.get() as u64;
        }
        statistics
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapped_ring::statistics::tests::{SIZE, of_ring};
    use proptest::collection::vec;
    use proptest::prelude::*;

    const KNOWN: usize = size_of::<rbshim_ring_statistics>();

    /// Room for a caller's struct of any size.
    const ROOM: usize = 2 * KNOWN;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        /// Wherever it lies, too. What it held before does not matter.
        #[test]
        fn a_struct_is_written_as_far_as_both_sides_know_it(
            sz in size_of::<usize>()..ROOM,
            held in vec(any::<u8>(), 8 + ROOM),
            at in 0..8usize,
        ) {
            let mut held = held;
            held[at..at + size_of::<usize>()].copy_from_slice(&sz.to_ne_bytes());
            // What is newer than this library.
            held[at + KNOWN.min(sz)..at + sz].fill(0);
            let mut given = held.clone();
            let result = of_ring(0, 24, |ring| {
                let stats = given[at..].as_mut_ptr().cast();
                // SAFETY: a live ring; there are more than `sz` bytes from `at` on.
                unsafe { rbshim_ring__statistics(ring.as_ptr().cast(), stats) }
            });
            prop_assert_eq!(result, 0);
            let numbers = [SIZE, 24, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            let whole = sz.min(KNOWN).saturating_sub(NUMBERS) / 8;
            let mut expected = held;
            for (place, number) in expected[at + NUMBERS..].chunks_mut(8).zip(&numbers[..whole]) {
                place.copy_from_slice(&u64::to_ne_bytes(*number));
            }
            prop_assert_eq!(given, expected);
        }
    }
}
