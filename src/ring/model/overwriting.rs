// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A reader of a ring in overwrite mode, and producers that lap it.
//!
//! Each record is delivered at most once (but for calls in callbacks), whole and in order; delivered and overwritten
//! bytes make up the positions; and a reader that sleeps on notifications alone is woken for what is left.

mod scene;
mod unordered;

use super::check_within;
use crate::ring::journal::Journal;
use crate::ring::overwrite::{Notes, take_turn};
use crate::ring::receiver::{Received, Receiver, Record};
use crate::ring::record::Header;
use loom::sync::atomic::{AtomicU32, AtomicUsize, fence};
use loom::sync::{Arc, Mutex};
use loom::thread::{self, JoinHandle};
use scene::{Ring as _, Scene};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::sync::atomic::Ordering::{Relaxed, Release, SeqCst};

/// Bytes of a record: a header, and 8 bytes of payload that hold the record's number.
const SPAN: u64 = 16;

/// A ring of a few records, of which the kernel never fills the last 8 bytes.
struct Ring {
    scene: Scene,
    /// The spinlock of `__bpf_ringbuf_reserve`; it guards `pending_pos`.
    lock: Mutex<u64>,
    slots: Vec<(AtomicU32, AtomicUsize)>,
}

impl Ring {
    /// With room for `records` and a half.
    fn of(records: usize) -> Arc<Self> {
        let slot = |_| (AtomicU32::new(0), AtomicUsize::new(usize::MAX));
        Arc::new(Ring {
            scene: Scene::new(0),
            lock: Mutex::new(0),
            slots: (0..=records).map(slot).collect(),
        })
    }

    fn slot(&self, pos: u64) -> &(AtomicU32, AtomicUsize) {
        &self.slots[(pos / SPAN) as usize % self.slots.len()]
    }

    /// Reserves a record, whatever that overwrites; `None` where a record that is BUSY is in the way.
    fn reserve(&self) -> Option<u64> {
        let mut pending = self.lock.lock().unwrap();
        // The kernel's model orders what an earlier holder of the lock has stored before what this one stores.
        fence(Release);
        let start = self.scene.producer_pos.load(Relaxed);
        let end = start + SPAN;
        let mask = self.size_of() - 1;
        while *pending < start && !Header::from_word(self.slot(*pending).0.load(Relaxed)).is_busy()
        {
            *pending += SPAN;
        }
        if end - *pending > mask {
            return None;
        }
        let mut over = self.scene.overwrite_pos.load(Relaxed);
        if end - over > mask {
            while end - over > mask {
                over += SPAN;
            }
            self.scene.overwrite_pos.store(over, Relaxed);
        }
        self.slot(start)
            .0
            .store(Header::reserved(8).word(), Relaxed);
        self.scene.producer_pos.store(end, Release);
        drop(pending);
        // What the machines do that such rings are read on: no later store is seen before those under the lock.
        fence(Release);
        Some(start)
    }

    fn commit(&self, start: u64) {
        let (header, payload) = self.slot(start);
        payload.store((start / SPAN) as usize, Relaxed);
        header.swap(Header::reserved(8).committed(false).word(), SeqCst);
        self.scene.has_committed(start);
    }

    fn produce(&self, records: u64) {
        for _ in 0..records {
            if let Some(start) = self.reserve() {
                self.commit(start);
            }
        }
    }
}

impl scene::Ring for Ring {
    fn scene(&self) -> &Scene {
        &self.scene
    }

    fn size_of(&self) -> u64 {
        SPAN * self.slots.len() as u64
    }

    fn header_at(&self, start: u64) -> u32 {
        self.slot(start).0.load(Relaxed)
    }

    fn payload_at(&self, pos: u64) -> usize {
        self.slot(pos).1.load(Relaxed)
    }
}

/// A reader, over all of its calls.
#[derive(Default)]
struct Reader {
    journal: Journal,
    notes: Notes,
    /// Records that a callback has been given.
    given: RefCell<BTreeSet<u64>>,
    overwritten: Cell<u64>,
    /// The next callback makes a call for a record.
    calls: Cell<bool>,
    /// One has: records may come twice.
    called: Cell<bool>,
}

impl Reader {
    fn turn(&self, ring: &Ring, max: u64) -> bool {
        let copy = [Cell::new(0)];
        let mut taker = Taker {
            ring,
            reader: self,
            copy: &copy,
            next: 0,
        };
        let turn = take_turn(ring, &self.journal, &self.notes, max, &copy, &mut taker);
        turn.expect("a ring that a kernel writes").settled
    }

    /// Reads and sleeps until all of `total` records have been read or overwritten.
    fn read(&self, ring: &Ring, total: u64) {
        ring.scene.read(total * SPAN, || self.turn(ring, u64::MAX));
        self.check_sum(total * SPAN);
    }

    fn check_sum(&self, produced: u64) {
        let given = self.given.borrow().len() as u64;
        assert_eq!(given * SPAN + self.overwritten.get(), produced);
    }
}

struct Taker<'a> {
    ring: &'a Ring,
    reader: &'a Reader,
    copy: &'a [Cell<usize>],
    /// Least number that the next record of this turn may have.
    next: u64,
}

impl Receiver for Taker<'_> {
    fn record(&mut self, record: Record) -> Received {
        let number = record.start / SPAN;
        assert_eq!(self.ring.scene.consumer_pos.load(Relaxed), record.start);
        assert!(number >= self.next, "twice or out of order");
        self.next = number + 1;
        let copied = || self.copy[0].get() as u64;
        assert_eq!(copied(), number, "not the record of this place");
        let new = self.reader.given.borrow_mut().insert(number);
        assert!(new || self.reader.called.get(), "twice");
        if self.reader.calls.take() {
            self.reader.called.set(true);
            self.reader.turn(self.ring, 1);
            assert_eq!(copied(), number, "spoiled by a call in the callback");
        }
        Received::Consumed
    }

    fn overwritten(&mut self, bytes: u64) {
        let overwritten = &self.reader.overwritten;
        overwritten.set(overwritten.get() + bytes);
    }
}

fn producer(ring: &Arc<Ring>, records: u64) -> JoinHandle<()> {
    let ring = Arc::clone(ring);
    thread::spawn(move || ring.produce(records))
}

fn reader(ring: &Arc<Ring>, calls: bool, total: u64) -> JoinHandle<()> {
    let ring = Arc::clone(ring);
    thread::spawn(move || {
        let reader = Reader::default();
        reader.calls.set(calls);
        reader.read(&ring, total);
    })
}

/// A ring with room for one record that holds `there`, its reader, and a producer of what is left of three.
fn check(there: u64, calls: bool) {
    check_within(2, move || {
        let ring = Ring::of(1);
        ring.produce(there);
        for thread in [producer(&ring, 3 - there), reader(&ring, calls, 3)] {
            thread.join().unwrap();
        }
    });
}

/// The second record begins where the first one did, and is BUSY there while the reader looks or settles.
#[test]
fn a_reader_that_is_lapped_gets_whole_records_and_is_woken() {
    check(1, false);
}

/// One of them may be refused, while the other one's record is BUSY.
#[test]
fn a_reader_that_two_producers_lap_gets_whole_records() {
    check_within(2, || {
        let ring = Ring::of(1);
        ring.produce(1);
        let producers = [producer(&ring, 1), producer(&ring, 1)];
        let reading = Arc::clone(&ring);
        let read = thread::spawn(move || {
            let reader = Reader::default();
            reader.turn(&reading, u64::MAX);
            reader
        });
        for thread in producers {
            thread.join().unwrap();
        }
        let reader = read.join().unwrap();
        while !reader.turn(&ring, u64::MAX) {}
        reader.check_sum(ring.scene.producer_pos.load(Relaxed));
    });
}

#[test]
fn a_call_in_a_callback_that_is_lapped_spoils_nothing() {
    check(1, true);
}

/// From an empty ring on, so that the end is settled at while the producer goes past it.
#[test]
fn a_reader_at_the_end_is_woken_though_the_producer_goes_on() {
    check(0, false);
}
