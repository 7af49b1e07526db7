// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What callbacks check, and what they do to the ring that is held meanwhile.

use super::*;

/// What a callback does, once, before it returns.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// It does not return.
    Leave,
    /// Consumes the other ring.
    ConsumeOther,
    /// Another reader, with notes of its own, consumes the other ring.
    OthersConsume,
    /// Reads both rings, with this many windows.
    Read(u32),
    /// The same with one window, which is left; the callback catches what it is left by.
    ReadAndLeave,
}

/// The callback of one of the rings.
pub struct Taker<'a> {
    pub reader: &'a Reader,
    pub rings: &'a Two,
    /// Whether the call is one in a callback.
    pub nested: bool,
    pub index: usize,
    /// Number of the next record.
    pub next: &'a Cell<u64>,
}

impl Taker<'_> {
    fn other(&self) -> usize {
        1 - self.index
    }

    /// The ring whose callback does not run is at most one record behind.
    fn check_other(&self) {
        let reached = self.reader.next[self.other()].get() * SPAN;
        let pos = self.rings[self.other()].consumer_pos(Relaxed);
        assert!(pos == reached || pos + SPAN == reached, "{pos} {reached}");
    }

    fn act(&self, number: u64) {
        let Some((_, _, act)) = self
            .reader
            .act
            .get()
            .filter(|at| at.0 == self.index && at.1 == number)
        else {
            return;
        };
        self.reader.act.set(None);
        let own = Cell::new(number);
        let mut nested = Turns::new(self.reader, self.rings, Some((self.index, &own)));
        match act {
            Act::Leave => resume_unwind(Box::new(Left)),
            Act::ConsumeOther => {
                let other = self.other();
                let journal = &self.reader.journals[other];
                let mut taker = nested.taker(other);
                consume(&*self.rings[other], journal, u64::MAX, &mut taker).expect("consumed");
                self.reader.settled[other].set(false);
            }
            Act::OthersConsume => {
                let other = self.other();
                let mut taker = nested.taker(other);
                taker
                    .next
                    .set(self.rings[other].consumer_pos(Relaxed) / SPAN);
                let journal = Journal::new();
                consume(&*self.rings[other], &journal, u64::MAX, &mut taker).expect("consumed");
            }
            Act::Read(windows) => {
                let called = nested.read(windows, u64::MAX, &mut false);
                assert!(called == Called::CaughtUp);
            }
            Act::ReadAndLeave => {
                let called = nested.read(1, u64::MAX, &mut true);
                assert!(called == Called::Left);
            }
        }
    }
}

impl Receiver for Taker<'_> {
    fn record(&mut self, record: Record) -> Received {
        let pos = self.rings[self.index].consumer_pos(Relaxed);
        assert!(pos == record.start || self.reader.hot && pos < record.start);
        let number = self.rings[self.index].payload(record.start);
        assert_eq!(number, record.start / SPAN, "not the record of this place");
        assert_eq!(number, self.next.get(), "twice, left out or out of order");
        if !self.nested {
            self.check_other();
            self.act(number);
        }
        self.next.set(number + 1);
        if self.reader.fails == Some(self.index) {
            return Received::Failed(-1);
        }
        Received::Consumed
    }
}
