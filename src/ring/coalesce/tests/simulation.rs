// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A reader and a producer with a clock.

use super::super::*;
use super::{SECOND, SIZE, SPAN};

/// A reader of one ring with windows of up to `longest` ns, in a world where nothing takes time but them.
pub struct Reader {
    pub coalescing: Coalescing,
    pub longest: u64,
    pub size: u64,
    pub deadline: u64,
    pub now: u64,
    next: u64,
    pub gap: Box<dyn FnMut() -> u64>,
    pub polls: u64,
    pub records: u64,
    pub windows: u64,
    /// Windows that brought nothing.
    pub empty: u64,
    /// The longest window, and the longest call.
    pub widest: u64,
    pub call: u64,
}

impl Reader {
    pub fn new(longest: u64, gap: impl FnMut() -> u64 + 'static) -> Self {
        Reader {
            coalescing: Coalescing::default(),
            longest,
            size: SIZE,
            deadline: u64::MAX,
            now: SECOND,
            next: SECOND,
            gap: Box::new(gap),
            polls: 0,
            records: 0,
            windows: 0,
            empty: 0,
            widest: 0,
            call: 0,
        }
    }

    pub fn steady(longest: u64, gap: u64) -> Self {
        Reader::new(longest, move || gap)
    }

    /// `count` records `gap` ns apart, every `period` ns.
    pub fn bursts(longest: u64, count: u64, gap: u64, period: u64) -> Self {
        let mut number = 0;
        Reader::new(longest, move || {
            number += 1;
            match number % count {
                0 => period - (count - 1) * gap,
                _ => gap,
            }
        })
    }

    fn found(&mut self) -> Walked {
        let mut records = 0;
        while self.next <= self.now {
            records += 1;
            self.next += (self.gap)();
        }
        self.records += records;
        Walked {
            records,
            bytes: records * SPAN,
        }
    }

    /// Sleeps until the next record, and polls.
    pub fn poll(&mut self) {
        self.now = self.now.max(self.next);
        self.polls += 1;
        let mut walked = self.found();
        let begun = self
            .coalescing
            .begin(self.longest, self.size, self.deadline);
        let Some(mut call) = begun else {
            return;
        };
        let (began, mut ended) = (self.now, None);
        while let Some(until) = self.coalescing.next(&mut call, walked, ended, self.now) {
            self.windows += 1;
            self.widest = self.widest.max(until - self.now);
            self.now = until;
            self.call = self.call.max(self.now - began);
            ended = Some(Ended::InTime);
            let found = self.found();
            self.empty += u64::from(found.records == 0);
            walked += found;
        }
    }

    pub fn run(&mut self, ns: u64) {
        let until = self.now + ns;
        while self.now < until {
            self.poll();
        }
    }
}
