// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The reader that ships against a model of the kernel's producer, in every order that the memory
//! model allows within the bounds (`loom`).
//!
//! What is checked:
//!
//! - A reader that sleeps on notifications alone gets every record: if a wake-up is lost, all threads
//!   are blocked, which the checker reports as a deadlock.
//! - Each record is delivered once, in order and fully written, unless its callback has been left: it
//!   comes again then, and none before it. No space is handed back before its record has been
//!   delivered. Payloads are cells on which the checker reports each race.
//!
//! Bounds: two or three records, one or two producers, one or two windows a call, and as many
//! pre-emptions in one run as [`PREEMPTIONS`], or `LOOM_MAX_PREEMPTIONS`.

mod kernel;
mod leaving;
mod lingering;
mod overwriting;
mod rings;
mod sleeping;

use super::consumer::{Stop, call, is_settled, repair};
use super::journal::Journal;
use super::memory::ConsumerMemory;
use super::receiver::{Received, Receiver, Record};
use super::rounds::one::{read_one, read_one_held};
use super::wait::{Round, WaitPolicy, Walked};
use kernel::{Commit, Ring, SPAN};
use loom::sync::Arc;
use loom::thread::{self, JoinHandle};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::Ordering::Relaxed;

const PREEMPTIONS: usize = 3;

fn check(model: impl Fn() + Sync + Send + 'static) {
    check_within(PREEMPTIONS, model);
}

/// With another bound, where there is much to explore.
fn check_within(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(preemptions);
    builder.check(model);
}

/// How the program reads: what it asks of each call, and what its callback answers.
#[derive(Clone, Copy, Default)]
enum Style {
    /// Calls until caught up, as `ring_buffer__consume` does.
    #[default]
    Unbounded,
    /// One record a call, until a call finds none, as `ring_buffer__consume_n(1)` does.
    OneByOne,
    /// The callback fails on each record; calls until one succeeds.
    Failing,
}

/// What a callback or a window is left by.
struct Left;

/// How a call has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Called {
    /// The program may sleep.
    CaughtUp,
    /// The program calls again.
    Stopped,
    /// The same.
    Left,
}

/// A reader, over all of its calls.
#[derive(Default)]
struct Reader {
    style: Style,
    /// Windows of each call.
    windows: u32,
    /// Whether the windows take pending notifications.
    takes: bool,
    /// Whether the ring is hot.
    hot: bool,
    /// The callback of this record is left, once.
    leaves_at: Option<u64>,
    /// The next window is left, once.
    leaves_window: bool,
    /// The callback of this record reads the ring itself, once.
    calls_at: Option<u64>,
    /// Whether calls do not linger any more after one that was left.
    then_consumes: bool,
    /// So many calls return after their first round.
    returns: u32,
    /// So many calls leave the ring held.
    holds: u32,
    /// Number of the next record.
    next: u64,
    journal: Journal,
}

impl Reader {
    fn of(style: Style) -> Self {
        Reader {
            style,
            ..Reader::default()
        }
    }

    /// Lingers for `windows` in each call.
    fn lingering(windows: u32) -> Self {
        Reader {
            windows,
            ..Reader::default()
        }
    }

    fn hot(windows: u32) -> Self {
        Reader {
            hot: true,
            ..Reader::lingering(windows)
        }
    }

    fn call(&mut self, ring: &Ring) -> Called {
        let max = match self.style {
            Style::OneByOne => 1,
            _ => u64::MAX,
        };
        // The journal is what callbacks share with the calls that they are in.
        let journal = std::mem::take(&mut self.journal);
        let mut waits = Waits {
            ring,
            left: self.windows,
            hot: self.hot,
            takes: self.takes,
            declines: false,
            leaves: &mut self.leaves_window,
            returns: self.returns > 0,
            returned: false,
        };
        self.returns = self.returns.saturating_sub(1);
        let holds = self.holds > 0;
        self.holds = self.holds.saturating_sub(1);
        let mut taker = Taker {
            ring,
            journal: &journal,
            next: &mut self.next,
            style: self.style,
            leaves_at: &mut self.leaves_at,
            calls_at: &mut self.calls_at,
            hot: self.hot,
        };
        let waiting = self.windows > 0;
        let call = || {
            // As calls do that do not wait.
            if !waiting && is_settled(ring, &journal) {
                return Ok(0);
            }
            if holds {
                return read_one_held(ring, &journal, max, &mut taker, &mut waits);
            }
            if waiting || taker.hot {
                read_one(ring, &journal, max, &mut taker, &mut waits)
            } else {
                call(ring, &journal, max, &mut taker)
            }
        };
        let result = catch_unwind(AssertUnwindSafe(call));
        self.journal = journal;
        match result {
            Ok(Ok(_)) if waits.returned || holds => Called::Stopped,
            Ok(Ok(delivered)) if delivered < max => Called::CaughtUp,
            Ok(Ok(_) | Err(Stop::Failed(_))) => Called::Stopped,
            Ok(Err(stop)) => panic!("{stop:?}"),
            Err(left) if left.is::<Left>() => {
                if self.then_consumes {
                    (self.windows, self.hot) = (0, false);
                }
                Called::Left
            }
            Err(failed) => resume_unwind(failed),
        }
    }

    /// Reads and sleeps, edge-triggered, until `total` records have been read.
    fn read(&mut self, ring: &Ring, total: u64) {
        loop {
            let called = self.call(ring);
            if self.next == total && called != Called::Left {
                break;
            }
            if called == Called::CaughtUp {
                ring.waiters.wait();
            }
        }
        assert_eq!(ring.consumer_pos(Relaxed), total * SPAN);
    }
}

struct Waits<'a> {
    ring: &'a Ring,
    left: u32,
    hot: bool,
    takes: bool,
    /// Whether a round more holds back, which is not waited after.
    declines: bool,
    leaves: &'a mut bool,
    /// Whether the call returns after a round that has not settled the ring.
    returns: bool,
    returned: bool,
}

impl WaitPolicy for Waits<'_> {
    fn round(&mut self) -> Round {
        Round {
            hold: self.left > 0 || self.declines,
            hot: self.hot,
        }
    }

    fn waits(&mut self, _: Walked) -> bool {
        let waits = self.left > 0;
        self.declines &= waits;
        self.left = self.left.saturating_sub(1);
        waits
    }

    /// Takes no time: the checker has the other threads run, or not.
    fn wait(&mut self) {
        if self.takes {
            self.ring.waiters.take();
        }
        if std::mem::take(self.leaves) {
            resume_unwind(Box::new(Left));
        }
    }

    fn most(&self) -> u64 {
        if self.returns { 1 } else { u64::MAX }
    }

    fn leaves(&mut self) -> bool {
        self.returned = self.returns;
        self.returns
    }
}

struct Taker<'a> {
    ring: &'a Ring,
    journal: &'a Journal,
    next: &'a mut u64,
    style: Style,
    leaves_at: &'a mut Option<u64>,
    calls_at: &'a mut Option<u64>,
    hot: bool,
}

impl Taker<'_> {
    fn step(&mut self, number: u64) {
        assert_eq!(number, *self.next, "twice, left out or out of order");
        *self.next += 1;
    }

    /// A call in the callback of record `number`: it gets that record first. The call that this one
    /// is in gets all of them itself afterwards, as with libbpf.
    fn call(&self, number: u64) {
        let mut next = number;
        let mut taker = Taker {
            ring: self.ring,
            journal: self.journal,
            next: &mut next,
            style: Style::Unbounded,
            leaves_at: &mut None,
            calls_at: &mut None,
            hot: false,
        };
        let delivered = call(self.ring, self.journal, u64::MAX, &mut taker);
        assert!(delivered.is_ok_and(|delivered| delivered > 0));
    }
}

impl Receiver for Taker<'_> {
    fn record(&mut self, record: Record) -> Received {
        let pos = self.ring.consumer_pos(Relaxed);
        assert!(pos == record.start || self.hot && pos < record.start);
        let number = self.ring.payload(record.start);
        assert_eq!(number, record.start / SPAN, "not the record of this place");
        if self.calls_at.take_if(|at| *at == number).is_some() {
            self.call(number);
        }
        if self.leaves_at.take_if(|at| *at == number).is_some() {
            assert_eq!(number, *self.next);
            resume_unwind(Box::new(Left));
        }
        self.step(number);
        match self.style {
            Style::Failing => Received::Failed(-1),
            _ => Received::Consumed,
        }
    }

    fn discarded(&mut self) {
        self.step(*self.next);
    }
}

fn producer(ring: &Arc<Ring>, commits: &'static [Commit]) -> JoinHandle<()> {
    let ring = Arc::clone(ring);
    thread::spawn(move || {
        for &how in commits {
            assert!(ring.produce(how));
        }
    })
}

fn reader(ring: &Arc<Ring>, mut reader: Reader, total: u64) -> JoinHandle<()> {
    let ring = Arc::clone(ring);
    thread::spawn(move || reader.read(&ring, total))
}

/// Commits two records, the second one first.
fn producer_out_of_order(ring: &Arc<Ring>) -> thread::JoinHandle<()> {
    let first = ring.reserve().unwrap();
    let second = ring.reserve().unwrap();
    let ring = Arc::clone(ring);
    thread::spawn(move || {
        ring.commit(second, Commit::Plain);
        ring.commit(first, Commit::Plain);
    })
}

/// All threads but one are spawned: the checker explores little of what the main thread does.
fn check_threads(ring: fn(usize) -> Arc<Ring>, threads: fn(&Arc<Ring>) -> Vec<JoinHandle<()>>) {
    check(move || {
        for thread in threads(&ring(4)) {
            thread.join().unwrap();
        }
    });
}

/// A ring that is full, its reader, and a producer that wants two records more.
fn check_reuse(
    ring: fn(usize) -> Arc<Ring>,
    reader: impl Fn() -> Reader + Copy + Send + Sync + 'static,
) {
    check(move || {
        let ring = ring(2);
        assert!(ring.produce(Commit::Plain) && ring.produce(Commit::Plain));
        let kernel = Arc::clone(&ring);
        let produced = thread::spawn(move || {
            let produce = || u64::from(kernel.produce(Commit::Plain));
            produce() + produce()
        });
        let reading = Arc::clone(&ring);
        let reader = thread::spawn(move || {
            let mut reader = reader();
            if reader.call(&reading) == Called::Left {
                reader.call(&reading);
            }
            reader
        });
        let total = 2 + produced.join().unwrap();
        let mut reader = reader.join().unwrap();
        reader.call(&ring);
        assert_eq!(reader.next, total);
    });
}
