// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A ring, its kernel, and libbpf's reader of it.

use super::*;
use std::collections::HashSet;

/// A ring and what libbpf's reader would have made of it.
pub struct Side {
    pub ring: Ring,
    pub busy: RefCell<VecDeque<u64>>,
    /// Records that were BUSY once.
    late: RefCell<HashSet<u64>>,
    /// What libbpf's `consumer_pos` would be.
    pub pos: Cell<u64>,
    /// Where the outermost call began: what comes after is not overwritten, since the position may be
    /// moved back to there.
    pub began: Cell<u64>,
    /// The last record whose commit has sent a wake-up.
    woken_for: Cell<u64>,
    pub settled: Cell<bool>,
}

impl Side {
    pub fn starting_at(position: u64) -> Self {
        Side {
            ring: Ring::starting_at(position),
            busy: RefCell::default(),
            late: RefCell::default(),
            pos: Cell::new(position),
            began: Cell::new(position),
            woken_for: Cell::new(u64::MAX),
            settled: Cell::new(false),
        }
    }

    pub fn produce(&self, word: u32) {
        let end = self.ring.producer.get() + Header::from_word(word).span();
        if end - self.began.get() <= SIZE {
            let start = self.ring.reserve(word);
            if word & BUSY == 0 {
                self.decide(start);
            } else {
                self.busy.borrow_mut().push_back(start);
            }
        }
    }

    pub fn commit(&self) {
        if let Some(start) = self.busy.borrow_mut().pop_front() {
            let word = self.ring.headers.borrow()[&start];
            self.ring.set_header(start, word & !BUSY);
            self.late.borrow_mut().insert(start);
            self.decide(start);
        }
    }

    /// The kernel's decision on the wake-up.
    fn decide(&self, start: u64) {
        if self.ring.consumer.get() == start {
            self.woken_for.set(start);
        }
    }

    pub fn header(&self, position: u64) -> Option<Header> {
        let word = self.ring.headers.borrow().get(&position).copied();
        word.map(Header::from_word)
            .filter(|header| !header.is_busy())
    }

    /// libbpf's reader walks the discarded records at its position, up to `end` at most.
    pub fn skip(&self, end: u64) {
        while let Some(header) = self.header(self.pos.get()) {
            if !header.is_discarded() || self.pos.get() >= end {
                break;
            }
            self.pos.set(self.pos.get() + header.span());
        }
    }

    /// Whoever enters next makes the position libbpf's, and it is little behind.
    pub fn check_behind(&self, hot: bool) {
        let repaired = self.ring.repaired();
        self.skip(repaired);
        assert_eq!(repaired, self.pos.get(), "not where libbpf's would be");
        let consumer = self.ring.consumer.get();
        let behind = repaired - consumer;
        let one = || self.header(consumer).is_some_and(|it| it.span() == behind);
        assert!(behind == 0 || hot && behind < UNPUBLISHED_MAX || one());
    }

    /// A call has returned, and has not been left.
    pub fn check_returned(&self, caught_up: bool, was_left: bool) {
        self.check_behind(false);
        // After an error of the other ring, or with the other ring's records, a call that was left may still have its
        // note. It says nothing that is not so, and the next call owes a fence.
        assert!(!is_held(&self.ring, &self.ring.journal));
        assert!(!caught_up || self.ring.held() == Held::NOTHING);
        assert_eq!(self.ring.consumer.get(), self.pos.get());
        // A call in a callback may have settled at a BUSY head; where it was committed in the call around
        // that callback, and the head's own callback was left, nobody tells these two states apart.
        let late = was_left && self.late.borrow().contains(&self.pos.get());
        if caught_up && !late && self.header(self.pos.get()).is_some() {
            // It was committed after the ring had settled.
            assert_eq!(self.woken_for.get(), self.pos.get(), "a lost wake-up");
        }
    }
}
