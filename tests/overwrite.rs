// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Rings in overwrite mode: what callbacks are given, however they end, and what is counted.
//!
//! The producer is simulated, in memory that is mapped as the kernel maps a ring. The protocol itself is tested with
//! the code (`src/ring/overwrite`), where a producer can act between any two steps of the reader.

#![cfg(target_pointer_width = "64")]

mod simulated;

use proptest::prelude::*;
use rbshim::__internals::overwrite::{Notes, take_turn};
use rbshim::__internals::{
    EmptyRing, Errno, Journal, Received, Receiver, Record, RingHandle, Stop,
};
use rbshim::capi::ring::{ring__avail_data_size, ring__consumer_pos, ring__producer_pos};
use rbshim::capi::statistics::{rbshim_ring__statistics, rbshim_ring_statistics};
use simulated::SimulatedRing;
use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::Ordering::Relaxed;
use std::thread::sleep;
use std::time::Duration;

/// A ring with a reader, whose callback is a closure.
struct Reading {
    ring: SimulatedRing,
    handle: RingHandle,
}

type Callback<'a> = dyn FnMut(&[u8]) -> c_int + 'a;

unsafe extern "C-unwind" fn call(ctx: *mut c_void, data: *mut c_void, len: usize) -> c_int {
    // SAFETY: the context that `with_callback` has set, and a record that was copied for us.
    unsafe {
        let callback = *ctx.cast::<*mut Callback>();
        (*callback)(std::slice::from_raw_parts(data.cast(), len))
    }
}

/// Reads with `callback`: `work` gets the ring and its reader.
fn read<'a, T>(
    callback: impl FnOnce(&'a Reading) -> Box<Callback<'a>>,
    work: impl FnOnce(&Reading) -> T,
) -> T {
    let ring = SimulatedRing::new();
    let context: Cell<*mut Callback> = Cell::new(std::ptr::null_mut::<fn(&[u8]) -> c_int>());
    let mut empty = EmptyRing::allocate().expect("memory");
    empty.overwrite(ring.size(), None, None).expect("memory");
    // SAFETY: the pages and the context outlive the handle.
    let handle = unsafe { empty.fill(77, ring.pages, Some(call), context.as_ptr().cast()) };
    let reading = Reading { ring, handle };
    let known: *const Reading = &reading;
    // SAFETY: the callback is dropped before the ring that it knows.
    let mut callback = callback(unsafe { &*known });
    context.set(&raw mut *callback);
    let result = work(&reading);
    drop(callback);
    // SAFETY: nobody uses the handle any more.
    unsafe { reading.handle.release() };
    result
}

impl Reading {
    fn statistics(&self) -> rbshim_ring_statistics {
        // SAFETY: integers.
        let mut statistics: rbshim_ring_statistics = unsafe { std::mem::zeroed() };
        statistics.sz = size_of_val(&statistics);
        // SAFETY: a live ring, and a struct of that size.
        let result =
            unsafe { rbshim_ring__statistics(self.handle.as_ptr().cast(), &raw mut statistics) };
        assert_eq!(result, 0);
        statistics
    }

    fn available(&self) -> usize {
        // SAFETY: a live ring.
        unsafe { ring__avail_data_size(self.handle.as_ptr().cast()) }
    }

    fn positions(&self) -> [u64; 2] {
        let ring = self.handle.as_ptr().cast();
        // SAFETY: a live ring.
        unsafe { [ring__consumer_pos(ring), ring__producer_pos(ring)] }
    }
}

#[test]
fn records_that_were_overwritten_are_counted_in_bytes() {
    let seen = Cell::new(0u64);
    read(
        |_| {
            Box::new(|bytes| {
                assert_eq!(bytes.len(), 100);
                seen.set(seen.get() + 112);
                0
            })
        },
        |it| {
            // Of 112 bytes each; a ring is never quite full.
            let fit = (it.ring.size() - 1) / 112;
            for number in 0..fit + 64 {
                it.ring.overwrite(100, number as u8);
            }
            assert_eq!(it.available(), fit * 112);
            assert_eq!(it.statistics().available, fit as u64 * 112);
            assert_eq!(it.handle.consume(u64::MAX), Ok(fit as u64));
            let produced = (fit as u64 + 64) * 112;
            assert_eq!(it.positions(), [produced; 2]);
            let statistics = it.statistics();
            assert_eq!(statistics.overwritten, 64 * 112);
            assert_eq!(seen.get() + statistics.overwritten, produced);
            assert_eq!(statistics.available, 0);
            assert_eq!(it.available(), 0);
            assert_eq!(it.handle.consume(u64::MAX), Ok(0));
        },
    );
}

/// The producer laps the reader in its callback, and a call there reads what it has written.
#[test]
fn a_callback_keeps_its_record_while_the_ring_is_overwritten_and_read_on() {
    let depth = Cell::new(0u8);
    let calls = Cell::new(0u32);
    read(
        |it| {
            Box::new(move |bytes| {
                let mine = bytes.to_vec();
                assert!(mine.iter().all(|&byte| byte == mine[0]));
                calls.set(calls.get() + 1);
                if depth.get() < 8 {
                    depth.set(depth.get() + 1);
                    // More than a ring, and of other lengths.
                    for more in 0..=it.ring.size() / 1500 {
                        it.ring.overwrite(1500, 100 + depth.get() * 10 + more as u8);
                    }
                    assert!(it.handle.consume(1).is_ok_and(|delivered| delivered == 1));
                    depth.set(depth.get() - 1);
                }
                assert_eq!(bytes, mine, "at depth {}", depth.get());
                0
            })
        },
        |it| {
            it.ring.overwrite(700, 1);
            assert!(it.handle.consume(1).is_ok_and(|delivered| delivered == 1));
        },
    );
}

#[test]
fn callbacks_may_be_left_for_ever() {
    let left = Cell::new(0u32);
    let nested = Cell::new(false);
    read(
        |it| {
            Box::new(|bytes| {
                if bytes.len() == 700 && !nested.replace(true) {
                    let mine = bytes.to_vec();
                    for _ in 0..100 {
                        it.ring.overwrite(1500, 9);
                        let call = || it.handle.consume(u64::MAX);
                        assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
                        assert_eq!(bytes, mine);
                    }
                    return 0;
                }
                left.set(left.get() + 1);
                resume_unwind(Box::new("left"));
            })
        },
        |it| {
            it.ring.overwrite(10, 1);
            for number in 1..100 {
                let call = || it.handle.consume(u64::MAX);
                assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
                assert_eq!((left.get(), it.positions()[0]), (number, 0));
            }
            it.ring.overwrite(it.ring.size() as u32 - 96, 2);
            it.ring.overwrite(700, 3);
            let call = || it.handle.consume(1);
            assert_eq!(catch_unwind(AssertUnwindSafe(call)).ok(), Some(Ok(1)));
        },
    );
}

#[test]
fn a_reader_slower_than_its_producer_comes_back() {
    let records = Cell::new(0u64);
    read(
        |it| {
            Box::new(|_| {
                records.set(records.get() + 1);
                it.ring.overwrite(8, 1);
                it.ring.overwrite(8, 2);
                0
            })
        },
        |it| {
            it.ring.overwrite(8, 0);
            let delivered = it.handle.consume(u64::MAX).expect("records");
            assert_eq!(delivered, records.get());
            let [consumer, producer] = it.positions();
            assert!(producer > consumer);
            assert_eq!(
                16 * delivered + it.statistics().overwritten,
                consumer,
                "what it has left stays to be read"
            );
        },
    );
}

/// However long that takes: nobody would be notified about the rest.
#[test]
fn what_is_there_is_read_in_one_call_though_the_callback_is_slow() {
    read(
        |_| {
            Box::new(|_| {
                sleep(Duration::from_millis(1));
                0
            })
        },
        |it| {
            for _ in 0..200 {
                it.ring.overwrite(8, 0);
            }
            assert_eq!(it.handle.consume(u64::MAX), Ok(200));
        },
    );
}

#[test]
fn a_callback_that_fails_ends_the_call_after_its_record() {
    read(
        |_| Box::new(|bytes| if bytes[0] == 2 { -5 } else { 0 }),
        |it| {
            for number in 1..=3 {
                it.ring.overwrite(8, number);
            }
            assert_eq!(it.handle.consume(u64::MAX), Err(Errno(5)));
            assert_eq!(it.positions(), [32, 48]);
            assert_eq!(it.handle.consume(u64::MAX), Ok(1));
        },
    );
}

#[test]
fn a_ring_that_no_kernel_has_written_is_corrupt() {
    for (header, over, position) in [(500u32, 0u64, 0u64), (8, 4, 0), (8, 64, 0)] {
        read(
            |_| Box::new(|_| 0),
            |it| {
                // The first call has been.
                assert_eq!(it.handle.consume(1), Ok(0));
                it.ring.overwrite(8, 1);
                it.ring.word(0).store(header, Relaxed);
                it.ring.overwrite_pos().store(over, Relaxed);
                assert_eq!(it.handle.consume(u64::MAX), Err(Errno(libc::EBADMSG)));
                assert_eq!(it.positions()[0], position);
            },
        );
    }
}

/// A reader of libbpf's may have left any position.
#[test]
fn reading_begins_where_a_record_does() {
    // Four records of 24 bytes, of which the first is overwritten.
    for (found, begins) in [
        (0, 24),
        (12, 24),
        (24, 24),
        (48, 48),
        (56, 24),
        (96, 96),
        (60, 24),
        (500, 24),
    ] {
        let first = Cell::new(None);
        read(
            |it| {
                Box::new(|_| {
                    let at = it.ring.consumer_pos().load(Relaxed);
                    first.set(first.get().or(Some(at)));
                    0
                })
            },
            |it| {
                for number in 0..4 {
                    it.ring.overwrite(16, number);
                }
                it.ring.overwrite_pos().store(24, Relaxed);
                it.ring.consumer_pos().store(found, Relaxed);
                let records = (96 - begins) / 24;
                assert_eq!(it.handle.consume(u64::MAX), Ok(records), "from {found}");
                assert_eq!(first.get().unwrap_or(96), begins);
                let overwritten = 24u64.saturating_sub(found);
                assert_eq!(it.statistics().overwritten, overwritten);
            },
        );
    }
}

/// What the other side may do.
#[derive(Clone, Copy, Debug)]
enum Attack {
    Producer(u64),
    Overwrite(u64),
    Consumer(u64),
    Word(u16, u32),
    Record(u16),
    Read(u64),
}

fn near() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => (-20i64..1200).prop_map(|words| (words * 8) as u64),
        1 => any::<u64>(),
    ]
}

fn attack() -> impl Strategy<Value = Attack> {
    prop_oneof![
        1 => near().prop_map(Attack::Producer),
        1 => near().prop_map(Attack::Overwrite),
        1 => near().prop_map(Attack::Consumer),
        2 => (0u16..5000, any::<u32>()).prop_map(|(at, word)| Attack::Word(at, word)),
        6 => (0u16..2000).prop_map(Attack::Record),
        3 => (0u64..8).prop_map(Attack::Read),
    ]
}

/// Of a ring of so many bytes.
struct Reader(usize);

impl Receiver for Reader {
    fn record(&mut self, record: Record) -> Received {
        assert!(record.len + 8 <= self.0 as u64, "{record:?}");
        Received::Consumed
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_sequence_of_writes_leads_the_reader_astray(
        attacks in prop::collection::vec(attack(), 1..60)
    ) {
        let ring = SimulatedRing::new();
        let (journal, notes) = (Journal::new(), Notes::new());
        let copy = vec![Cell::new(0); ring.size() / 8];
        let turn = |max| {
            let turn = take_turn(ring.pages, &journal, &notes, max, &copy, &mut Reader(ring.size()));
            match turn {
                Ok(turn) => prop_assert!(turn.delivered <= max),
                Err(stop) => prop_assert!(matches!(stop, Stop::Corrupt(_))),
            }
            Ok(())
        };
        for attack in attacks {
            match attack {
                Attack::Producer(pos) => ring.producer_pos().store(pos, Relaxed),
                Attack::Overwrite(pos) => ring.overwrite_pos().store(pos, Relaxed),
                Attack::Consumer(pos) => ring.consumer_pos().store(pos, Relaxed),
                Attack::Word(distance, word) => {
                    let pos = ring.consumer_pos().load(Relaxed).wrapping_add(distance.into());
                    ring.word(pos).store(word, Relaxed);
                }
                Attack::Record(len) => {
                    let pos = ring.producer_pos().load(Relaxed);
                    ring.word(pos).store(len.into(), Relaxed);
                    let span = (u64::from(len) + 15) & !7;
                    ring.producer_pos().store(pos.wrapping_add(span), Relaxed);
                }
                Attack::Read(max) => turn(max)?,
            }
        }
        turn(u64::MAX)?;
    }
}
