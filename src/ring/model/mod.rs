// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The reader that ships against a model of the kernel's producer, in every order that the memory
//! model allows within the bounds (`loom`).
//!
//! What is checked:
//!
//! - A reader that sleeps on notifications alone gets every record: if a wake-up is lost, all threads
//!   are blocked, which the checker reports as a deadlock.
//! - Each record is delivered once, in order and fully written; no space is handed back before its
//!   record has been delivered. Payloads are cells on which the checker reports each race.
//!
//! Bounds: two or three records, one or two producers, and as many pre-emptions in one run as
//! [`PREEMPTIONS`], or `LOOM_MAX_PREEMPTIONS`.

mod kernel;

use super::consumer::{Fenced, Received, Receiver, Record, Stop, consume};
use super::memory::ConsumerMemory;
use kernel::Commit::{self, Discard, ForceWakeup, NoWakeup, Plain};
use kernel::{Ring, SPAN};
use loom::sync::Arc;
use loom::thread::{self, JoinHandle};
use std::sync::atomic::Ordering::{Relaxed, Release};

const PREEMPTIONS: usize = 3;

fn check(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(PREEMPTIONS);
    builder.check(model);
}

/// How the program reads: what it asks of each call, and what its callback answers.
#[derive(Clone, Copy)]
enum Style {
    /// Calls until caught up, as `ring_buffer__consume` does.
    Unbounded,
    /// One record a call, until a call finds none, as `ring_buffer__consume_n(1)` does.
    OneByOne,
    /// The callback fails on each record; calls until one succeeds.
    Failing,
}

/// A reader's place in the sequence, over all of its calls.
struct Progress {
    /// Number of the next record.
    next: u64,
    fenced: Fenced,
}

impl Progress {
    fn new() -> Self {
        Progress {
            next: 0,
            fenced: Fenced::NOWHERE,
        }
    }
}

struct Taker<'a> {
    ring: &'a Ring,
    progress: &'a mut Progress,
    style: Style,
}

impl Taker<'_> {
    fn step(&mut self, number: u64) {
        assert_eq!(
            number, self.progress.next,
            "twice, left out or out of order"
        );
        self.progress.next += 1;
    }
}

impl Receiver for Taker<'_> {
    fn record(&mut self, record: Record) -> Received {
        assert_eq!(self.ring.consumer_pos(Relaxed), record.start);
        let number = self.ring.payload(record.start);
        assert_eq!(number, record.start / SPAN, "not the record of this place");
        self.step(number);
        match self.style {
            Style::Failing => Received::Failed(-1),
            _ => Received::Consumed,
        }
    }

    fn discarded(&mut self) {
        self.step(self.progress.next);
    }
}

/// One call; whether the program may sleep after it.
fn call(ring: &Ring, progress: &mut Progress, style: Style) -> bool {
    let max = match style {
        Style::OneByOne => 1,
        _ => u64::MAX,
    };
    let fenced = progress.fenced;
    let mut taker = Taker {
        ring,
        progress,
        style,
    };
    let (result, fenced) = consume(ring, fenced, max, &mut taker);
    progress.fenced = fenced;
    match result {
        Ok(delivered) => delivered < max,
        Err(Stop::Failed(_)) => false,
        Err(stop) => panic!("{stop:?}"),
    }
}

/// Reads and sleeps, edge-triggered, until `total` records are behind the reader.
fn read(ring: &Ring, style: Style, total: u64) {
    let mut progress = Progress::new();
    while progress.next < total {
        let may_sleep = call(ring, &mut progress, style);
        if may_sleep && progress.next < total {
            ring.waiters.wait();
        }
    }
    assert_eq!(ring.consumer_pos(Relaxed), total * SPAN);
}

fn producer(ring: &Arc<Ring>, commits: &'static [Commit]) -> JoinHandle<()> {
    let ring = Arc::clone(ring);
    thread::spawn(move || {
        for &how in commits {
            assert!(ring.produce(how));
        }
    })
}

fn reader(ring: &Arc<Ring>, style: Style, total: u64) -> JoinHandle<()> {
    let ring = Arc::clone(ring);
    thread::spawn(move || read(&ring, style, total))
}

/// All threads but one are spawned: the checker explores little of what the main thread does.
fn check_threads(threads: fn(&Arc<Ring>) -> Vec<JoinHandle<()>>) {
    check(move || {
        for thread in threads(&Ring::new(4)) {
            thread.join().unwrap();
        }
    });
}

#[test]
fn a_reader_is_woken_for_every_record() {
    check_threads(|ring| {
        vec![
            producer(ring, &[Plain, Plain, Plain]),
            reader(ring, Style::Unbounded, 3),
        ]
    });
}

#[test]
fn a_reader_is_woken_by_each_of_two_producers() {
    check_threads(|ring| {
        vec![
            producer(ring, &[Plain]),
            producer(ring, &[Plain]),
            reader(ring, Style::Unbounded, 2),
        ]
    });
}

#[test]
fn a_reader_is_woken_when_records_are_committed_out_of_order() {
    check_threads(|ring| {
        let first = ring.reserve().unwrap();
        let second = ring.reserve().unwrap();
        let late = Arc::clone(ring);
        vec![
            thread::spawn(move || {
                late.commit(second, Plain);
                late.commit(first, Plain);
            }),
            reader(ring, Style::Unbounded, 2),
        ]
    });
}

#[test]
fn a_reader_is_woken_for_a_record_that_was_busy_while_it_settled() {
    check_threads(|ring| {
        // No notification is left over that could wake the reader in the busy one's place.
        ring.produce(NoWakeup);
        let busy = ring.reserve().unwrap();
        let late = Arc::clone(ring);
        vec![
            thread::spawn(move || late.commit(busy, Plain)),
            reader(ring, Style::Unbounded, 2),
        ]
    });
}

#[test]
fn a_reader_is_woken_around_discarded_records() {
    check_threads(|ring| {
        vec![
            producer(ring, &[Discard, Plain, Discard]),
            reader(ring, Style::Unbounded, 3),
        ]
    });
}

#[test]
fn a_forced_wakeup_brings_what_was_committed_without_one() {
    check_threads(|ring| {
        vec![
            producer(ring, &[NoWakeup, ForceWakeup]),
            reader(ring, Style::Unbounded, 2),
        ]
    });
}

#[test]
fn a_reader_of_one_record_a_call_is_woken() {
    check_threads(|ring| {
        vec![
            producer(ring, &[Plain, Plain]),
            reader(ring, Style::OneByOne, 2),
        ]
    });
}

#[test]
fn a_reader_whose_callback_fails_is_woken() {
    check_threads(|ring| {
        vec![
            producer(ring, &[Plain, Plain]),
            reader(ring, Style::Failing, 2),
        ]
    });
}

/// A program that walks its ring itself, without fences, and then asks the library before it sleeps.
#[test]
fn a_reader_that_moves_its_position_itself_is_woken() {
    check_threads(|ring| {
        assert!(ring.produce(NoWakeup));
        let walking = Arc::clone(ring);
        vec![
            producer(ring, &[Plain]),
            thread::spawn(move || {
                let mut progress = Progress::new();
                // The library knows where the ring stood before.
                progress.fenced = fenced_at_start();
                progress.next = 1;
                (&*walking).set_consumer_pos(SPAN, Release);
                while progress.next < 2 {
                    if call(&walking, &mut progress, Style::Unbounded) && progress.next < 2 {
                        walking.waiters.wait();
                    }
                }
            }),
        ]
    });
}

/// What a call leaves that has found an empty new ring.
fn fenced_at_start() -> Fenced {
    let ring = Ring::new(1);
    let mut progress = Progress::new();
    call(&ring, &mut progress, Style::Unbounded);
    progress.fenced
}

#[test]
fn space_is_used_again_only_after_its_record_was_delivered() {
    check(|| {
        let ring = Ring::new(2);
        assert!(ring.produce(Plain) && ring.produce(Plain));
        let kernel = Arc::clone(&ring);
        let produced = thread::spawn(move || u64::from(kernel.produce(Plain)));
        let reading = Arc::clone(&ring);
        let progress = thread::spawn(move || {
            let mut progress = Progress::new();
            call(&reading, &mut progress, Style::Unbounded);
            progress
        });
        let total = 2 + produced.join().unwrap();
        let mut progress = progress.join().unwrap();
        call(&ring, &mut progress, Style::Unbounded);
        assert_eq!(progress.next, total);
    });
}
