// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Producers and a reader as threads. Copies are slow, or the reader would hardly ever be lapped while it copies.

use super::kernel::{Access, Seen};
use super::*;
use std::sync::atomic::AtomicU64;
use std::sync::{Condvar, Mutex};
use std::thread;

/// What an edge-triggered reader sleeps on.
#[derive(Default)]
struct Edge {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    notified: bool,
    producers: usize,
}

impl Edge {
    fn notify(&self) {
        self.state.lock().unwrap().notified = true;
        self.changed.notify_one();
    }

    /// Sleeps until the next notification; `false` when there will be none any more.
    fn wait(&self) -> bool {
        let state = self.state.lock().unwrap();
        let waits = |state: &mut State| !state.notified && state.producers > 0;
        let mut state = self.changed.wait_while(state, waits).unwrap();
        std::mem::take(&mut state.notified)
    }
}

/// A producer, also if it fails.
struct Producing<'a>(&'a Edge);

impl Drop for Producing<'_> {
    fn drop(&mut self) {
        if let Ok(mut state) = self.0.state.lock() {
            state.producers -= 1;
        }
        self.0.changed.notify_one();
    }
}

/// Some numbers, not all the same.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// Records of each producer.
const RECORDS: u64 = 30_000;

fn read_behind(producers: usize, origin: u64) {
    let kernel = Kernel::starting_at(4096, origin);
    let edge = Edge::default();
    edge.state.lock().unwrap().producers = producers;
    let discarded = AtomicU64::new(0);
    let (kernel, edge, discarded) = (&kernel, &edge, &discarded);
    thread::scope(|scope| {
        for number in 0..producers {
            scope.spawn(move || {
                let _producing = Producing(edge);
                let mut numbers = Numbers(0x2545_f491_4f6c_dd1d + number as u64);
                for _ in 0..RECORDS {
                    let most = if numbers.below(8) == 0 { 3000 } else { 100 };
                    let len = numbers.below(most) as u32;
                    let Some(record) = kernel.reserve(len) else {
                        // Another producer's record is in the way.
                        thread::yield_now();
                        continue;
                    };
                    kernel.fill(record);
                    let discard = numbers.below(16) == 0;
                    if discard {
                        let span = Header::reserved(len).span();
                        discarded.fetch_add(span, Ordering::Relaxed);
                    }
                    if kernel.commit(record, discard) {
                        edge.notify();
                    }
                }
            });
        }
        let copy = copy_for(kernel);
        let (journal, notes) = (Journal::new(), Notes::new());
        let mut given = Given::new(kernel, &copy);
        given.reached = origin;
        let (mut discards, copies) = (0, Cell::new(0u32));
        let slow = |access| {
            if access == Access::Payload {
                copies.set(copies.get() + 1);
                if copies.get() % 64 == 0 {
                    thread::yield_now();
                }
            }
        };
        let seen = Seen {
            kernel,
            step: &slow,
        };
        loop {
            loop {
                let before = given.walked + given.overwritten;
                let turn = take_turn(seen, &journal, &notes, u64::MAX, &copy, &mut given);
                let turn = turn.expect("a ring that a kernel writes");
                discards += turn.walked.bytes - (given.walked + given.overwritten - before);
                if turn.settled {
                    break;
                }
            }
            if !edge.wait() {
                break;
            }
        }
        assert!(!kernel.has_more(), "asleep on a record");
        assert_eq!(
            given.walked + given.overwritten + discards,
            kernel.produced()
        );
        assert!(
            given.delivered > 0 && given.overwritten > 0,
            "nothing was tried"
        );
        assert!(discards <= discarded.load(Ordering::Relaxed));
    });
}

#[test]
fn a_reader_that_a_producer_laps_gets_whole_records_in_order() {
    read_behind(1, 0);
}

#[test]
fn a_reader_that_two_producers_lap_gets_whole_records_in_order() {
    read_behind(2, 0);
}

/// Positions wrap around the end of their words.
#[test]
fn a_reader_is_lapped_where_positions_wrap() {
    read_behind(1, 0u64.wrapping_sub(1 << 20));
}
