// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The same on a machine where a record's payload may be seen before the `overwrite_pos` that has made room for it: its
//! reader takes the lock.
//!
//! A record has 3 words, a header and two of payload; a ring has room for so many, and one word more. So a record that
//! overwrites another begins in the word that is always free, and its payload lies over the other one's header and
//! payload, in space that its own reservation has freed.

use super::super::check_within;
use super::scene::{self, Ring as _, Scene};
use crate::ring::journal::Journal;
use crate::ring::overwrite::{Notes, take_turn};
use crate::ring::receiver::{Received, Receiver, Record};
use crate::ring::record::Header;
use loom::sync::atomic::{AtomicUsize, fence};
use loom::sync::{Arc, Mutex};
use loom::thread;
use std::cell::Cell;
use std::sync::atomic::Ordering::{Relaxed, Release, SeqCst};

const LEN: u32 = 16;
const SPAN: u64 = 24;

struct Ring {
    scene: Scene,
    /// The spinlock of `__bpf_ringbuf_reserve`.
    lock: Mutex<()>,
    words: Vec<AtomicUsize>,
    /// What a reader that is lapped may take for a header: the first word of each payload, but for its lowest bits.
    looks_like: u32,
}

impl Ring {
    /// Full with `records`, which are committed, but for the last word. Another reader has read the first ones of them.
    fn full(records: u64, read: u64, looks_like: u32) -> Self {
        let word = |_| AtomicUsize::new(0);
        let ring = Ring {
            scene: Scene::new(read * SPAN),
            lock: Mutex::new(()),
            words: (0..=records * SPAN / 8).map(word).collect(),
            looks_like,
        };
        for _ in 0..records {
            ring.produce();
        }
        ring
    }

    fn word_at(&self, pos: u64) -> &AtomicUsize {
        &self.words[(pos / 8) as usize % self.words.len()]
    }

    /// The words of the payload of the record that begins at `start`.
    fn payload_of(&self, start: u64) -> [usize; 2] {
        let number = (start / SPAN) as usize;
        [self.looks_like as usize + number, number]
    }

    /// All records before the new one are committed: it overwrites them as far as it must.
    fn reserve(&self) -> u64 {
        let guard = self.lock.lock().unwrap();
        // The kernel's model orders what an earlier holder of the lock has stored before what this one stores.
        fence(Release);
        let start = self.scene.producer_pos.load(Relaxed);
        let end = start + SPAN;
        let mut over = self.scene.overwrite_pos.load(Relaxed);
        while end - over > self.size_of() - 1 {
            over += SPAN;
        }
        self.scene.overwrite_pos.store(over, Relaxed);
        let header = Header::reserved(LEN).word() as usize;
        self.word_at(start).store(header, Relaxed);
        self.scene.producer_pos.store(end, Release);
        drop(guard);
        start
    }

    fn produce(&self) {
        let start = self.reserve();
        // Nothing orders these after the stores under the lock.
        for (place, word) in (1..).zip(self.payload_of(start)) {
            self.word_at(start + 8 * place).store(word, Relaxed);
        }
        let committed = Header::reserved(LEN).committed(false).word() as usize;
        self.word_at(start).swap(committed, SeqCst);
        self.scene.has_committed(start);
    }
}

impl scene::Ring for Ring {
    fn scene(&self) -> &Scene {
        &self.scene
    }

    fn size_of(&self) -> u64 {
        self.words.len() as u64 * 8
    }

    fn header_at(&self, start: u64) -> u32 {
        self.word_at(start).load(Relaxed) as u32
    }

    fn payload_at(&self, pos: u64) -> usize {
        self.word_at(pos).load(Relaxed)
    }

    fn pass_lock(&self) {
        drop(self.lock.lock().unwrap());
    }
}

struct Taker<'a> {
    ring: &'a Ring,
    copy: &'a [Cell<usize>; 2],
    given: u64,
    overwritten: u64,
}

impl Receiver for Taker<'_> {
    fn record(&mut self, record: Record) -> Received {
        assert_eq!(record.len, u64::from(LEN), "not a header");
        let copy = [self.copy[0].get(), self.copy[1].get()];
        let payload = self.ring.payload_of(record.start);
        assert_eq!(copy, payload, "not the record of this place");
        self.given += SPAN;
        Received::Consumed
    }

    fn overwritten(&mut self, bytes: u64) {
        self.overwritten += bytes;
    }
}

/// Reads and sleeps until all records up to `end` have been read or overwritten.
fn read(ring: &Ring, end: u64) {
    let begun = ring.scene.consumer_pos.load(Relaxed);
    let (journal, notes) = (Journal::new(), Notes::new());
    let copy = [Cell::new(0), Cell::new(0)];
    let mut taker = Taker {
        ring,
        copy: &copy,
        given: 0,
        overwritten: 0,
    };
    ring.scene.read(end, || {
        let turn = take_turn(ring, &journal, &notes, u64::MAX, &copy, &mut taker);
        turn.expect("a ring that a kernel writes").settled
    });
    assert_eq!(taker.given + taker.overwritten, end - begun);
}

/// A ring that is full, its reader, and a producer of another record, whose payload looks like that header.
fn check(records: u64, read_before: u64, looks_like: u32) {
    check_within(3, move || {
        let ring = Arc::new(Ring::full(records, read_before, looks_like));
        let producing = Arc::clone(&ring);
        let reading = Arc::clone(&ring);
        let threads = [
            thread::spawn(move || producing.produce()),
            thread::spawn(move || read(&reading, (records + 1) * SPAN)),
        ];
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

#[test]
fn a_reader_that_takes_the_lock_believes_no_copy_that_is_lapped() {
    check(1, 0, LEN);
}

/// It would sleep on the second record.
#[test]
fn a_reader_that_takes_the_lock_believes_no_busy_header_that_is_a_payload() {
    check(1, 0, Header::reserved(LEN).word());
}

/// It would go on within the second record.
#[test]
fn a_reader_that_takes_the_lock_passes_over_no_discarded_record_that_is_a_payload() {
    check(1, 0, Header::reserved(0).committed(true).word());
}

/// It would say for ever that the ring is corrupt.
#[test]
fn a_reader_that_takes_the_lock_finds_no_payload_corrupt() {
    check(1, 0, 1000);
}

/// The walk from the oldest record to the position of the other reader goes over that payload.
#[test]
fn a_reader_that_takes_the_lock_begins_where_another_has_stopped() {
    check(2, 1, 1000);
}
