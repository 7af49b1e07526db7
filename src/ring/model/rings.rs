// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A reader of two rings, which takes them by turns and sleeps on the notifications of both.
//!
//! While the callback of one ring runs, the other may be held. Properties: as of one ring, and the ring
//! that has no callback is one record behind at most.

mod callback;
mod held;
mod woken;

use super::kernel::{Commit, Ring, SPAN};
use super::{Called, Left, Waits, check_within};
use crate::ring::consumer::{
    Stop, Turn, consume, has_records, is_as_left, is_settled, release, take_turn,
};
use crate::ring::journal::{Held, Journal};
use crate::ring::memory::ConsumerMemory;
use crate::ring::receiver::{Received, Receiver, Record};
use crate::ring::rounds::{Rings, read};
use crate::ring::wait::Round;
use callback::{Act, Taker};
use loom::sync::Arc;
use loom::thread::{self, JoinHandle};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::Ordering::Relaxed;

/// The first and the second ring.
const A: usize = 0;
const B: usize = 1;

type Two = [Arc<Ring>; 2];

/// A reader, over all of its calls.
struct Reader {
    /// Records that a call asks for.
    max: u64,
    /// Windows of each call.
    windows: u32,
    /// Whether a call that has had its windows holds back once more before it settles.
    declines: bool,
    /// Whether the rings are hot.
    hot: bool,
    /// Whether callbacks of this ring fail.
    fails: Option<usize>,
    /// Whether the reader goes to sleep after a call that has failed, as if nothing were left.
    sleeps_after_failure: bool,
    /// The next window is left, once.
    leaves_window: bool,
    /// What the callback of this ring does at this record.
    act: Cell<Option<(usize, u64, Act)>>,
    /// The ring that has the first turn.
    first: usize,
    /// Number of the next record of each ring.
    next: [Cell<u64>; 2],
    journals: [Journal; 2],
    settled: [Cell<bool>; 2],
    /// Whether the last turn of each ring has left it held, or with more to read.
    left: [Cell<bool>; 2],
}

impl Reader {
    fn new() -> Self {
        Reader {
            max: u64::MAX,
            windows: 0,
            declines: false,
            hot: false,
            fails: None,
            sleeps_after_failure: false,
            leaves_window: false,
            act: Cell::new(None),
            first: A,
            next: Default::default(),
            journals: Default::default(),
            settled: Default::default(),
            left: Default::default(),
        }
    }

    fn lingering(windows: u32) -> Self {
        Reader {
            windows,
            ..Reader::new()
        }
    }

    fn acting(ring: usize, number: u64, act: Act) -> Self {
        Reader {
            act: Cell::new(Some((ring, number, act))),
            ..Reader::lingering(1)
        }
    }

    fn call(&mut self, rings: &Two) -> Called {
        let mut leaves = std::mem::take(&mut self.leaves_window);
        let mut turns = Turns::new(self, rings, None);
        let called = turns.read(self.windows, self.max, &mut leaves);
        if self.max < u64::MAX && called == Called::Stopped {
            // The ring after the one that had the last turn, as in `consume_n`.
            self.first = 1 - turns.last;
        }
        called
    }

    /// Reads and sleeps, edge-triggered, until so many records of each ring have been read.
    fn read(&mut self, rings: &Two, total: [u64; 2]) {
        loop {
            let called = self.call(rings);
            if called == Called::CaughtUp {
                let numbers = [A, B].map(|index| self.next[index].get());
                let held = [A, B].map(|index| self.journals[index].held());
                assert_eq!(held, [Held::NOTHING; 2], "asleep one record behind");
                let positions = [A, B].map(|index| rings[index].consumer_pos(Relaxed));
                assert_eq!(positions, numbers.map(|number| number * SPAN));
                if numbers == total {
                    break;
                }
                rings[A].waiters.wait();
            } else if self.sleeps_after_failure {
                let numbers = [A, B].map(|index| self.next[index].get());
                if numbers == total {
                    break;
                }
                rings[A].waiters.wait();
            }
        }
    }
}

/// The rings of one call.
struct Turns<'a> {
    reader: &'a Reader,
    rings: &'a Two,
    /// Where the records of a call in a callback are numbered: those of the callback's own ring come
    /// again afterwards, as with libbpf.
    nested: Option<(usize, &'a Cell<u64>)>,
    last: usize,
}

impl<'a> Turns<'a> {
    fn new(reader: &'a Reader, rings: &'a Two, nested: Option<(usize, &'a Cell<u64>)>) -> Self {
        for settled in &reader.settled {
            settled.set(false);
        }
        Turns {
            reader,
            rings,
            nested,
            last: reader.first,
        }
    }

    fn read(&mut self, windows: u32, max: u64, leaves: &mut bool) -> Called {
        let mut waits = Waits {
            ring: &self.rings[A],
            left: windows,
            hot: self.reader.hot,
            takes: false,
            declines: self.reader.declines,
            leaves,
            returns: false,
            returned: false,
        };
        match catch_unwind(AssertUnwindSafe(|| read(self, max, &mut waits))) {
            Ok(Ok(delivered)) if delivered < max => Called::CaughtUp,
            Ok(Ok(_) | Err(Stop::Failed(_))) => {
                let held = [A, B].map(|index| self.reader.journals[index].held());
                assert_eq!(held, [Held::NOTHING; 2], "left held by a call that stopped");
                Called::Stopped
            }
            Ok(Err(stop)) => panic!("{stop:?}"),
            Err(left) if left.is::<Left>() => Called::Left,
            Err(failed) => resume_unwind(failed),
        }
    }

    fn taker(&self, index: usize) -> Taker<'a> {
        let next = match self.nested {
            Some((own, next)) if own == index => next,
            _ => &self.reader.next[index],
        };
        Taker {
            reader: self.reader,
            rings: self.rings,
            nested: self.nested.is_some(),
            index,
            next,
        }
    }
}

impl Rings for Turns<'_> {
    type Error = Stop;

    fn count(&self) -> usize {
        2
    }

    fn is_settled(&self, number: usize) -> bool {
        let index = (self.reader.first + number) % 2;
        let (ring, journal) = (&*self.rings[index], &self.reader.journals[index]);
        self.reader.settled[index].get() && is_as_left(ring, journal)
    }

    fn take_turn(&mut self, number: usize, round: Round, max: u64) -> Result<Turn, Stop> {
        let index = (self.reader.first + number) % 2;
        self.last = index;
        let (ring, journal) = (&*self.rings[index], &self.reader.journals[index]);
        self.reader.settled[index].set(false);
        let turn = if is_settled(ring, journal) {
            Ok(Turn {
                settled: true,
                ..Turn::default()
            })
        } else {
            take_turn(ring, journal, round, max, &mut self.taker(index))
        };
        let settled = turn.is_ok_and(|turn| turn.settled);
        self.reader.settled[index].set(settled);
        self.reader.left[index].set(turn.is_ok() && !settled);
        turn
    }

    fn join(&mut self) {}

    /// As the manager does it by a new edge.
    fn fail(&mut self) {
        self.release();
        for index in [A, B] {
            let (ring, journal) = (&*self.rings[index], &self.reader.journals[index]);
            if self.reader.left[index].get() && has_records(ring, journal) {
                ring.waiters.notify();
            }
        }
    }

    fn release(&mut self) {
        for index in [A, B] {
            let (ring, journal) = (&*self.rings[index], &self.reader.journals[index]);
            if journal.held() != Held::NOTHING {
                release(ring, journal, &mut self.taker(index));
            }
        }
    }
}

/// Commits these, one after the other: in which ring, and how.
fn producer(rings: &Two, commits: &'static [(usize, Commit)]) -> JoinHandle<()> {
    let rings = rings.clone();
    thread::spawn(move || {
        for &(index, how) in commits {
            assert!(rings[index].produce(how));
        }
    })
}

/// A reader of what `before` and then `producers` commit.
fn check(
    preemptions: usize,
    before: &'static [(usize, Commit)],
    producers: &'static [&'static [(usize, Commit)]],
    reader: fn() -> Reader,
) {
    check_within(preemptions, move || {
        let rings = Ring::two(4);
        for &(index, how) in before {
            assert!(rings[index].produce(how));
        }
        let all = producers.iter().copied().chain([before]).flatten();
        let total = [A, B].map(|ring| all.clone().filter(|it| it.0 == ring).count() as u64);
        let mut threads: Vec<_> = producers.iter().map(|it| producer(&rings, it)).collect();
        let reading = rings.clone();
        threads.push(thread::spawn(move || reader().read(&reading, total)));
        for thread in threads {
            thread.join().unwrap();
        }
    });
}
