// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The same on a machine where a record's payload may be seen before the `overwrite_pos` that has made room for it: its
//! reader takes the lock.
//!
//! A record has 3 words, a header and two of payload; a ring has room for so many, and one word more. So a record that
//! overwrites another begins in the word that is always free, and its payload lies over the other one's header and
//! payload, in space that its own reservation has freed.

use super::super::check_within;
use super::super::kernel::Waiters;
use crate::ring::journal::Journal;
use crate::ring::memory::{ConsumerMemory, Fence, OverwriteMemory};
use crate::ring::overwrite::{Notes, take_turn};
use crate::ring::receiver::{Received, Receiver, Record};
use crate::ring::record::Header;
use loom::sync::atomic::{AtomicU64, AtomicUsize, fence};
use loom::sync::{Arc, Mutex};
use loom::thread;
use std::cell::Cell;
use std::sync::atomic::Ordering::{self, Acquire, Relaxed, Release, SeqCst};

const LEN: u32 = 16;
const SPAN: u64 = 24;

struct Ring {
    consumer_pos: AtomicU64,
    producer_pos: AtomicU64,
    overwrite_pos: AtomicU64,
    /// The spinlock of `__bpf_ringbuf_reserve`.
    lock: Mutex<()>,
    words: Vec<AtomicUsize>,
    waiters: Arc<Waiters>,
    /// What a reader that is lapped may take for a header: the first word of each payload, but for its lowest bits.
    looks_like: u32,
}

impl Ring {
    /// Full with `records`, which are committed, but for the last word. Another reader has read the first ones of them.
    fn full(records: u64, read: u64, looks_like: u32) -> Self {
        let word = |_| AtomicUsize::new(0);
        let ring = Ring {
            consumer_pos: AtomicU64::new(read * SPAN),
            producer_pos: AtomicU64::new(0),
            overwrite_pos: AtomicU64::new(0),
            lock: Mutex::new(()),
            words: (0..=records * SPAN / 8).map(word).collect(),
            waiters: Waiters::new(None),
            looks_like,
        };
        for _ in 0..records {
            ring.produce();
        }
        ring
    }

    fn size_of(&self) -> u64 {
        self.words.len() as u64 * 8
    }

    fn word_at(&self, pos: u64) -> &AtomicUsize {
        &self.words[(pos / 8) as usize % self.words.len()]
    }

    /// The words of the payload of the record that begins at `start`.
    fn payload_at(&self, start: u64) -> [usize; 2] {
        let number = (start / SPAN) as usize;
        [self.looks_like as usize + number, number]
    }

    /// All records before the new one are committed: it overwrites them as far as it must.
    fn reserve(&self) -> u64 {
        let guard = self.lock.lock().unwrap();
        // The kernel's model orders what an earlier holder of the lock has stored before what this one stores.
        fence(Release);
        let start = self.producer_pos.load(Relaxed);
        let end = start + SPAN;
        let mut over = self.overwrite_pos.load(Relaxed);
        while end - over > self.size_of() - 1 {
            over += SPAN;
        }
        self.overwrite_pos.store(over, Relaxed);
        let header = Header::reserved(LEN).word() as usize;
        self.word_at(start).store(header, Relaxed);
        self.producer_pos.store(end, Release);
        drop(guard);
        start
    }

    fn produce(&self) {
        let start = self.reserve();
        // Nothing orders these after the stores under the lock.
        for (place, word) in (1..).zip(self.payload_at(start)) {
            self.word_at(start + 8 * place).store(word, Relaxed);
        }
        let committed = Header::reserved(LEN).committed(false).word() as usize;
        self.word_at(start).swap(committed, SeqCst);
        // `xchg` is fully ordered, which a SeqCst exchange alone is not.
        fence(SeqCst);
        if self.consumer_pos.load(Acquire) == start {
            self.waiters.notify();
        }
    }
}

impl Fence for &Ring {
    fn fence(order: Ordering) {
        fence(order);
    }
}

impl ConsumerMemory for &Ring {
    fn size(self) -> u64 {
        self.size_of()
    }

    fn consumer_pos(self, order: Ordering) -> u64 {
        self.consumer_pos.load(order)
    }

    fn set_consumer_pos(self, pos: u64, order: Ordering) {
        self.consumer_pos.store(pos, order);
    }

    fn replace_consumer_pos(self, current: u64, pos: u64, order: Ordering) -> bool {
        let word = &self.consumer_pos;
        word.compare_exchange(current, pos, order, Relaxed).is_ok()
    }

    fn producer_pos(self, _: u64) -> u64 {
        self.producer_pos.load(Relaxed)
    }

    fn header(self, start: u64) -> u32 {
        self.word_at(start).load(Relaxed) as u32
    }
}

impl OverwriteMemory for &Ring {
    fn overwrite_pos(self, _: u64) -> u64 {
        self.overwrite_pos.load(Relaxed)
    }

    fn word(self, pos: u64) -> usize {
        self.word_at(pos).load(Relaxed)
    }

    fn pass_lock(self) -> Result<(), i32> {
        drop(self.lock.lock().unwrap());
        Ok(())
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
        let payload = self.ring.payload_at(record.start);
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
    let begun = ring.consumer_pos.load(Relaxed);
    let (journal, notes) = (Journal::new(), Notes::new());
    let copy = [Cell::new(0), Cell::new(0)];
    let mut taker = Taker {
        ring,
        copy: &copy,
        given: 0,
        overwritten: 0,
    };
    loop {
        let turn = take_turn(ring, &journal, &notes, u64::MAX, &copy, &mut taker);
        if !turn.expect("a ring that a kernel writes").settled {
            continue;
        }
        if ring.consumer_pos.load(Relaxed) == end {
            break;
        }
        ring.waiters.wait();
    }
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
