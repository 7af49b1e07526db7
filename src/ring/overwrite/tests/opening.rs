// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Where a reader begins that finds another one's position, while the producer goes on.

use super::kernel::{Access, Seen};
use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use std::cell::RefCell;
use std::sync::atomic::Ordering::Relaxed;

/// A full ring of `size` bytes whose records have so many bytes.
fn full(size: u64, lens: impl IntoIterator<Item = u32>) -> Kernel {
    let kernel = Kernel::starting_at(size, 0);
    for len in lens {
        kernel.produce(len);
    }
    kernel
}

/// As many records of 16 bytes, with their headers, as such a ring has room for.
fn full_of_small(size: u64) -> Kernel {
    full(size, (1..size / 16).map(|_| 8))
}

/// Where a reader begins that finds the position `found`, if `step` is done before each of its accesses. It reads what
/// there is then: no byte goes uncounted.
fn beginning(kernel: &Kernel, found: u64, step: impl Fn(Access) + Copy) -> u64 {
    kernel.consumer_pos.store(found, Relaxed);
    let copy = copy_for(kernel);
    let (journal, notes) = (Journal::new(), Notes::new());
    let mut given = Given::new(kernel, &copy);
    let reader = Reader::enter(Seen { kernel, step }, &journal, &notes, &mut given);
    let begun = reader.expect("no lock").cursor;
    assert_eq!(kernel.consumer(), begun);
    let seen = Seen {
        kernel,
        step: |_| (),
    };
    let turn = take_turn(seen, &journal, &notes, u64::MAX, &copy, &mut given);
    let settled = turn.is_ok_and(|turn| turn.settled);
    assert!(settled, "begun at {begun}, found {found}");
    assert_eq!(given.walked + given.overwritten, kernel.produced() - begun);
    begun
}

/// Does `work` before one of the next accesses of that kind, `wait` of them later.
fn once(kind: Access, wait: u32, work: impl Fn()) -> impl Fn(Access) {
    let left = Cell::new(Some(wait));
    move |access| {
        if access == kind {
            if left.get() == Some(0) {
                work();
            }
            left.set(left.get().and_then(|left| left.checked_sub(1)));
        }
    }
}

/// By the time of its look the first headers are gone that a search has walked, and again in each search.
#[test]
fn a_search_is_believed_from_where_records_begin_at_its_look() {
    for every in [8, 16, 63] {
        let kernel = full_of_small(1 << 12);
        let headers = Cell::new(0);
        let begun = beginning(&kernel, 200 * 16, |access| {
            headers.set(headers.get() + u32::from(access == Access::Header));
            if access == Access::Header && headers.get() % every == 0 {
                kernel.produce(8);
            }
        });
        assert_eq!(begun, 200 * 16, "a record more every {every} headers");
    }
}

/// A payload lies where it is about to walk.
#[test]
fn a_search_that_has_walked_over_payloads_is_begun_anew() {
    for header in 0..64 {
        for len in [200, 500, 1000, 1500] {
            let kernel = full_of_small(1 << 12);
            let lap = once(Access::Header, header, || kernel.produce(len));
            let begun = beginning(&kernel, 200 * 16, &lap);
            assert_eq!(begun, 200 * 16, "{len} bytes before header {header}");
        }
    }
}

/// The producer laps each search, and at last the position itself or not.
#[test]
fn a_search_that_is_lapped_each_time_comes_to_an_end() {
    for found in [310 * 16, 3000 * 16] {
        let kernel = full_of_small(1 << 16);
        let headers = Cell::new(0);
        let begun = beginning(&kernel, found, |access| {
            headers.set(headers.get() + u32::from(access == Access::Header));
            if access == Access::Header && headers.get() % 64 == 0 {
                (0..80).for_each(|_| kernel.produce(8));
            }
        });
        assert_eq!(headers.get(), 4 * 64);
        assert_eq!(begun, found.min(4 * 80 * 16));
    }
}

/// A large ring has millions of headers.
#[test]
fn nothing_is_searched_where_another_reader_has_read_all() {
    let kernel = full_of_small(1 << 12);
    let headers = Cell::new(0);
    let end = kernel.produced();
    let begun = beginning(&kernel, end, |access| {
        headers.set(headers.get() + u32::from(access == Access::Header));
    });
    assert_eq!((begun, headers.get()), (end, 0));
}

/// The first load of a position is of a ring that the second one is not of. What lies at the position that is found is a
/// piece of a payload.
#[test]
fn a_ring_that_is_lapped_between_the_loads_of_its_positions_is_read() {
    for load in 0..8 {
        let kernel = full_of_small(128);
        let lap = once(Access::Position, load, || kernel.produce(24));
        let begun = beginning(&kernel, 104, &lap);
        assert!(
            kernel.begins(begun),
            "at {begun}, lapped before load {load}"
        );
    }
}

/// It was not lapped meanwhile.
#[test]
fn positions_that_no_kernel_has_left_are_corrupt_where_they_are_found() {
    let kernel = full_of_small(128);
    kernel.consumer_pos.store(48, Relaxed);
    kernel.producer_pos.store(1024, Relaxed);
    let copy = copy_for(&kernel);
    let seen = Seen {
        kernel: &kernel,
        step: |_| (),
    };
    let mut given = Given::new(&kernel, &copy);
    let (journal, notes) = (Journal::new(), Notes::new());
    let turn = take_turn(seen, &journal, &notes, u64::MAX, &copy, &mut given);
    assert_eq!(turn.err(), Some(Stop::Corrupt(48)));
    assert_eq!(kernel.consumer(), 48);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..Default::default() })]

    /// As long as it is not lapped more often than it searches. Else it begins at some record, or at what is overwritten.
    #[test]
    fn reading_begins_at_the_record_that_another_reader_has_stopped_at(
        size in prop_oneof![Just(128u64), Just(2048)],
        lens in vec(0..24u32, 130),
        found in any::<Index>(),
        laps in vec((0..100u32, vec(0..120u32, 1..5)), 0..4),
    ) {
        let kernel = full(size, lens);
        let found = kernel.overwrite_pos.load(Relaxed) + found.index(size as usize) as u64;
        let begins = kernel.begins(found);
        let laps = RefCell::new(laps);
        let begun = beginning(&kernel, found, |_| {
            let mut laps = laps.borrow_mut();
            if let Some((wait, lens)) = laps.last_mut() {
                match wait.checked_sub(1) {
                    Some(left) => *wait = left,
                    None => {
                        lens.iter().for_each(|&len| kernel.produce(len));
                        laps.pop();
                    }
                }
            }
        });
        if begins {
            prop_assert_eq!(begun, found);
        } else if begun == found {
            prop_assert!(kernel.begins(begun) || begun < kernel.overwrite_pos.load(Relaxed));
        } else {
            prop_assert!(begun < found && kernel.begins(begun));
        }
    }
}
