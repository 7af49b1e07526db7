// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Discards, positions at their limits, rings that no kernel can have written, and 32-bit programs.

use super::*;

#[test]
fn discarded_records_are_walked_and_their_space_comes_back_in_time() {
    let ring = Ring::starting_at(0);
    for _ in 0..100 {
        ring.reserve(16 | DISCARD);
    }
    assert_eq!(Taker::new(&ring).consume(u64::MAX), Ok(0));
    assert_fenced(2400);
    let mut published = 0;
    for step in steps() {
        if let Step::Store(position, order) = step {
            assert!(position - published <= UNPUBLISHED_MAX + 24);
            let end = position == 2400;
            assert_eq!(
                order == Ordering::SeqCst,
                end,
                "only a start goes without a fence"
            );
            published = position;
        }
    }
}

#[test]
fn a_record_after_discards_sees_its_own_start() {
    let ring = Ring::starting_at(0);
    ring.reserve(8 | DISCARD);
    ring.reserve(8);
    ring.reserve(8 | DISCARD);
    assert_eq!(Taker::new(&ring).consume(u64::MAX), Ok(1));
    assert_fenced(48);
}

#[test]
fn positions_wrap() {
    for start in [u64::MAX - 15, (1 << 63) - 16, (1 << 32) - 16] {
        let ring = Ring::starting_at(start);
        for _ in 0..3 {
            ring.reserve(8);
        }
        assert_eq!(Taker::new(&ring).consume(u64::MAX), Ok(3));
        assert_fenced(start.wrapping_add(48));
    }
}

#[test]
fn a_position_ahead_of_the_producers_is_nothing_there() {
    let ring = Ring::starting_at(64);
    ring.producer.set(32);
    assert_eq!(Taker::new(&ring).consume(u64::MAX), Ok(0));
    assert_eq!(ring.consumer.get(), 64);
}

#[test]
fn a_header_beyond_what_was_published_is_corrupt_each_time_and_keeps_its_place() {
    let ring = Ring::starting_at(0);
    ring.reserve(8);
    let bad = ring.reserve(8);
    ring.set_header(bad, 9);
    let mut taker = Taker::new(&ring);
    assert_eq!(taker.consume(u64::MAX), Err(Stop::Corrupt(16)));
    assert_fenced(16);
    assert_eq!(taker.consume(u64::MAX), Err(Stop::Corrupt(16)));
    assert_eq!(taker.records.len(), 1);
}

#[test]
fn a_producer_more_than_a_ring_ahead_is_corrupt() {
    let ring = Ring::starting_at(0);
    ring.producer.set(SIZE + 8);
    assert_eq!(Taker::new(&ring).consume(u64::MAX), Err(Stop::Corrupt(0)));
}

#[test]
fn a_position_that_no_record_can_have_is_corrupt() {
    let ring = Ring::starting_at(4);
    ring.producer.set(24);
    assert_eq!(Taker::new(&ring).consume(u64::MAX), Err(Stop::Corrupt(4)));
}

/// A ring of which, as in a 32-bit program, only the low word of `producer_pos` can be read.
#[derive(Clone, Copy)]
struct Narrow<'a>(&'a Ring);

impl Fence for Narrow<'_> {
    fn fence(order: Ordering) {
        <&Ring>::fence(order);
    }
}

impl ConsumerMemory for Narrow<'_> {
    fn size(self) -> u64 {
        SIZE
    }

    fn consumer_pos(self, order: Ordering) -> u64 {
        self.0.consumer_pos(order)
    }

    fn set_consumer_pos(self, pos: u64, order: Ordering) {
        self.0.set_consumer_pos(pos, order);
    }

    fn replace_consumer_pos(self, current: u64, pos: u64, order: Ordering) -> bool {
        self.0.replace_consumer_pos(current, pos, order)
    }

    fn producer_pos(self, near: u64) -> u64 {
        crate::ring::memory::extend(near, self.0.producer.get() as u32)
    }

    fn header(self, start: u64) -> u32 {
        self.0.header(start)
    }
}

fn consume_narrow(ring: &Ring, taker: &mut Taker) -> Result<u64, Stop> {
    consume(Narrow(ring), &ring.journal, u64::MAX, taker)
}

#[test]
fn a_32_bit_program_reads_on_past_4_gib_and_keeps_all_of_its_position() {
    let word = 1u64 << 32;
    for start in [word - 24, 5 * word - 24, word - 4096, word] {
        let ring = Ring::starting_at(start);
        let mut taker = Taker::new(&ring);
        for _ in 0..1000 {
            ring.reserve(8);
            ring.reserve(100);
            assert_eq!(consume_narrow(&ring, &mut taker), Ok(2));
        }
        assert_eq!(ring.consumer.get(), start + 1000 * (16 + 112));
    }
}

#[test]
fn a_32_bit_program_sees_a_producer_more_than_a_ring_ahead() {
    let ring = Ring::starting_at((1 << 32) - 16);
    ring.producer.set((1 << 32) + SIZE);
    let mut taker = Taker::new(&ring);
    let corrupt = Stop::Corrupt((1 << 32) - 16);
    assert_eq!(consume_narrow(&ring, &mut taker), Err(corrupt));
}
