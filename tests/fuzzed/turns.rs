// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A reader of one ring with notes that it keeps from call to call, whose callbacks fail, call again, or never return,
//! while records come. Each record is delivered, and in order; none comes twice unless a callback has asked for that.
//! From the first write to what is not the kernel's to write on, all that is asked is that the reader stays inside of
//! the ring, and ends.

use super::Input;
use crate::simulated::SimulatedRing;
use rbshim::__internals::{Journal, Received, Receiver, Record, Round, Stop, consume, take_turn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// What a process that is killed in a callback may leave unpublished before the callback's record.
const UNPUBLISHED_MAX: u64 = 256;
const BUSY: u32 = 1 << 31;
const DISCARD: u32 = 1 << 30;

/// A record of the honest producer.
struct Produced {
    start: u64,
    len: u32,
    /// Its flags.
    state: u32,
    delivered: bool,
}

struct Scene<'a> {
    ring: &'a SimulatedRing,
    journal: Journal,
    input: Input<'a>,
    records: Vec<Produced>,
    /// Nobody has written what the kernel would not write.
    honest: bool,
    /// Calls that the reader is in.
    depth: u32,
    /// A callback of the present call has called again: what the call goes back to may not be overwritten.
    nested: bool,
    /// Records may come again.
    again: bool,
}

/// A callback that does not return.
struct Left;

pub fn run(bytes: &[u8]) {
    // Made once: that takes longer than most inputs.
    thread_local!(static RING: SimulatedRing = SimulatedRing::new());
    RING.with(|ring| run_on(ring, bytes));
}

fn run_on(ring: &SimulatedRing, bytes: &[u8]) {
    let mut input = Input(bytes);
    ring.clear();
    let start = input.number::<8>() & !7;
    ring.consumer_pos().store(start, Relaxed);
    ring.producer_pos().store(start, Relaxed);
    let mut scene = Scene {
        ring,
        journal: Journal::new(),
        input,
        records: Vec::new(),
        honest: true,
        depth: 0,
        nested: false,
        again: false,
    };
    while !scene.input.is_empty() {
        match scene.input.number::<1>() {
            0..0x50 => scene.reserve(),
            0x50..0xa0 => scene.commit(),
            0xa0..0xc8 => scene.consume(),
            0xc8..0xf0 => scene.turn(),
            0xf0..0xfc => scene.shown(),
            _ => scene.spoil(),
        }
    }
    while scene.records.iter().any(|record| record.state & BUSY != 0) {
        scene.commit();
    }
    while scene.honest && scene.call(u64::MAX, None).is_err() {}
    if scene.honest {
        let left = scene.records.iter();
        let left = left.filter(|record| record.state == 0 && !record.delivered);
        assert_eq!(left.count(), 0, "records were not delivered");
    }
}

impl Scene<'_> {
    /// As the kernel does it (`__bpf_ringbuf_reserve`).
    fn reserve(&mut self) {
        let len = match self.input.number::<1>() as u32 {
            long @ 0xf0.. => (long & 15) * 250,
            short => short,
        };
        let len = len.max(4);
        let start = self.ring.producer_pos().load(Relaxed);
        let end = start.wrapping_add((u64::from(len) + 8).next_multiple_of(8));
        let used = end.wrapping_sub(self.ring.consumer_pos().load(Relaxed));
        if used >= self.ring.size() as u64 || !self.honest || self.nested {
            return;
        }
        let index = self.records.len() as u32;
        self.ring.word(start).store(len | BUSY, Relaxed);
        self.ring.word(start.wrapping_add(8)).store(index, Relaxed);
        self.ring.producer_pos().store(end, Relaxed);
        self.records.push(Produced {
            start,
            len,
            state: BUSY,
            delivered: false,
        });
    }

    /// One of the last that are not.
    fn commit(&mut self) {
        let choice = self.input.number::<1>() as usize;
        let mut busy = self.records.iter_mut().rev().take(self.ring.size() / 16);
        let busy: Vec<_> = busy.by_ref().filter(|it| it.state & BUSY != 0).collect();
        let count = busy.len();
        let Some(record) = busy.into_iter().nth(choice / 2 % count.max(1)) else {
            return;
        };
        record.state = DISCARD * (choice as u32 & 1);
        let word = self.ring.word(record.start);
        word.store(record.len | record.state, Relaxed);
    }

    fn consume(&mut self) {
        let max = self.limit();
        let _ = self.call(max, None);
    }

    fn turn(&mut self) {
        let (flags, max) = (self.input.number::<1>(), self.limit());
        let round = Round {
            hold: flags & 1 != 0,
            hot: flags & 2 != 0,
        };
        let _ = self.call(max, Some(round));
    }

    fn limit(&mut self) -> u64 {
        match self.input.number::<1>() {
            none @ 0x80.. => u64::MAX - none,
            few => few,
        }
    }

    /// What a program is shown is never behind what the kernel sees.
    fn shown(&mut self) {
        let pos = self.ring.consumer_pos().load(Relaxed);
        let size = self.ring.size() as u64;
        let shown = self.journal.shown(size, || pos);
        assert!(shown.wrapping_sub(pos) <= size);
    }

    /// What no kernel does.
    fn spoil(&mut self) {
        self.honest = false;
        let number = self.input.number::<8>();
        match number & 3 {
            0 => self.ring.consumer_pos().store(number >> 2, Relaxed),
            1 => self.ring.producer_pos().store(number >> 2, Relaxed),
            2 => {
                let moved = (number >> 2) as i16 as u64;
                self.ring.producer_pos().fetch_add(moved, Relaxed);
            }
            _ => {
                let word = self.ring.word(number >> 2 & 0xffff);
                word.store((number >> 32) as u32, Relaxed);
            }
        }
    }

    /// A call of the reader, from outside or from a callback.
    fn call(&mut self, max: u64, round: Option<Round>) -> Result<(), ()> {
        let (pages, journal): (_, *const Journal) = (self.ring.pages, &raw const self.journal);
        // SAFETY: it lives as long as the scene, and changes through cells only.
        let journal = unsafe { &*journal };
        let depth = self.depth;
        self.depth += 1;
        let outcome = catch_unwind(AssertUnwindSafe(|| match round {
            None => consume(pages, journal, max, &mut *self).map(|count| (count, count < max)),
            Some(round) => {
                take_turn(pages, journal, round, max, self).map(|it| (it.delivered, it.settled))
            }
        }));
        self.depth = depth;
        if depth == 0 {
            self.nested = false;
        }
        match outcome {
            Ok(Ok((delivered, settled))) => {
                assert!(delivered <= max);
                if settled && self.honest {
                    let pos = self.ring.consumer_pos().load(Relaxed);
                    assert_eq!(pos, self.caught_up(), "the kernel would wake nobody");
                }
                Ok(())
            }
            Ok(Err(stop)) => {
                assert!(!self.honest || matches!(stop, Stop::Failed(-7)), "{stop:?}");
                Err(())
            }
            Err(panic) if panic.is::<Left>() => Err(()),
            Err(panic) => resume_unwind(panic),
        }
    }

    /// Where the position of a reader is that has caught up.
    fn caught_up(&self) -> u64 {
        let busy = self.records.iter().find(|it| it.state & BUSY != 0);
        busy.map_or(self.ring.producer_pos().load(Relaxed), |it| it.start)
    }

    fn delivered(&mut self, record: Record) {
        let published = self.ring.consumer_pos().load(Relaxed);
        let behind = record.start.wrapping_sub(published);
        assert!(self.again || behind < UNPUBLISHED_MAX, "{behind} bytes");
        let index = self.ring.word(record.start.wrapping_add(8)).load(Relaxed) as usize;
        let (before, [produced, ..]) = self.records.split_at_mut(index) else {
            panic!("{record:?} was never produced");
        };
        assert_eq!(
            (record.start, record.len as u32, 0),
            (produced.start, produced.len, produced.state)
        );
        assert!(self.again || !produced.delivered, "{record:?} comes again");
        produced.delivered = true;
        let passed = before.iter().rev().take(self.ring.size() / 16);
        let passed = passed.filter(|it| it.state & BUSY != 0 || it.state == 0 && !it.delivered);
        assert_eq!(passed.count(), 0, "{record:?} passes over others");
    }
}

impl Receiver for Scene<'_> {
    fn record(&mut self, record: Record) -> Received {
        assert_eq!(record.start % 8, 0, "records are aligned");
        assert!(record.len + 8 <= self.ring.size() as u64, "{record:?}");
        let payload: *const AtomicU32 = record.payload.cast();
        for word in 0..record.len as usize / 4 {
            // SAFETY: what is being tested: the payload lies within the mapping.
            std::hint::black_box(unsafe { &*payload.wrapping_add(word) }.load(Relaxed));
        }
        if self.honest {
            self.delivered(record);
        }
        match self.input.number::<1>() {
            0..0x60 => Received::Consumed,
            0x60..0xa0 => {
                self.reserve();
                self.commit();
                Received::Consumed
            }
            0xa0..0xc0 => Received::Failed(-7),
            0xc0..0xe0 if self.depth < 4 => {
                (self.nested, self.again) = (true, true);
                self.turn();
                Received::Consumed
            }
            0xe0..0xf8 => {
                self.again = true;
                resume_unwind(Box::new(Left))
            }
            0xfe.. => {
                self.spoil();
                Received::Consumed
            }
            _ => Received::Consumed,
        }
    }
}
