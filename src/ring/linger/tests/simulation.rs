// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A reader and a producer on a machine with a clock, as far as the policy can tell them from real ones.

use super::super::*;
use super::FILL_PART;

/// What things cost, in ns.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    /// A wake-up, to the producer.
    pub producer: u64,
    /// From there until the reader runs; costs nobody CPU time.
    pub latency: u64,
    /// A call of the reader, its way to sleep and back included.
    pub call: u64,
    /// A record, to the reader.
    pub record: u64,
}

pub const MACHINE: Machine = Machine {
    producer: 2_500,
    latency: 3_000,
    call: 2_000,
    record: 30,
};

/// One on which wake-ups are dear.
pub const SLOW: Machine = Machine {
    producer: 12_000,
    latency: 20_000,
    call: 10_000,
    record: 30,
};

pub const SPIN: Limits = Limits {
    spin: 6_000,
    sleep: 0,
    size: 512 * 1024,
    others: false,
};

/// What has happened.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Seen {
    pub wakeups: u64,
    pub records: u64,
    pub windows: u64,
    /// ns of windows.
    pub spun: u64,
    pub slept: u64,
    /// ns of windows that found nothing.
    pub lost: u64,
    /// ns from the first window of a call to the end of its last, at most.
    pub longest: u64,
    /// ns of both sides' CPU time: the reader's, and the producer's for wake-ups.
    pub cpu: u64,
}

pub struct Reader {
    pub rate: Rate,
    pub limits: Limits,
    pub machine: Machine,
    pub now: u64,
    pub seen: Seen,
    /// Of a record.
    pub span: u64,
    /// Wakes the reader for every so manieth record only.
    pub sample: u64,
    /// When the next record is committed.
    next: u64,
    /// ns to the next record, at a time.
    gap: Box<dyn FnMut(u64) -> u64>,
    cpu: u64,
}

impl Reader {
    pub fn new(limits: Limits, gap: impl FnMut(u64) -> u64 + 'static) -> Self {
        Reader {
            rate: Rate::default(),
            limits,
            machine: MACHINE,
            now: 1_000_000,
            seen: Seen::default(),
            span: 24,
            sample: 1,
            next: 1_000_000,
            gap: Box::new(gap),
            cpu: 1,
        }
    }

    pub fn steady(limits: Limits, gap: u64) -> Self {
        Reader::new(limits, move |_| gap)
    }

    /// Another producer from here on.
    pub fn now_with(&mut self, gap: impl FnMut(u64) -> u64 + 'static) {
        self.gap = Box::new(gap);
    }

    /// Runs for `ns` and returns what has happened meanwhile.
    pub fn run(&mut self, ns: u64) -> Seen {
        let until = self.now + ns;
        self.seen = Seen::default();
        while self.now < until {
            self.wake_up();
        }
        self.seen
    }

    /// One call, from its wake-up on.
    pub fn wake_up(&mut self) {
        let mut found = 0;
        while found < self.sample {
            self.now = self.now.max(self.next);
            found += self.committed();
        }
        self.next += self.machine.producer;
        self.seen.cpu += self.machine.producer;
        self.seen.wakeups += 1;
        self.now += self.machine.latency;
        self.call(found);
    }

    /// One call that finds `found` records to begin with.
    pub fn call(&mut self, mut found: u64) {
        let mut call = Call::until(u64::MAX);
        let mut walked = Walked::default();
        let mut began = None;
        self.spend(self.machine.call);
        loop {
            while found > 0 {
                walked.records += found;
                walked.bytes += found * self.span;
                self.seen.records += found;
                self.spend(found * self.machine.record);
                found = self.committed();
            }
            let Some(window) = self.decide(&mut call, walked) else {
                break;
            };
            let length = match window {
                Window::Spin(length) => length,
                Window::Sleep(length) => length,
            };
            assert!(length <= self.room(), "{window:?} may fill the ring");
            let began = *began.get_or_insert(self.now);
            match window {
                Window::Spin(_) => {
                    self.spend(length);
                    self.seen.spun += length;
                }
                Window::Sleep(_) => {
                    self.now += length;
                    self.spend(self.machine.call / 2);
                    self.seen.slept += length;
                }
            }
            self.seen.windows += 1;
            self.seen.longest = self.seen.longest.max(self.now - began);
            call.ended(Ended::InTime(length));
            found = self.committed();
            if found == 0 {
                self.seen.lost += length;
            }
        }
    }

    fn decide(&mut self, call: &mut Call, walked: Walked) -> Option<Window> {
        let cpu = match self.rate.note(call, walked, &self.limits) {
            Clocks::Neither => return None,
            Clocks::Wall => 0,
            Clocks::Both => self.cpu,
        };
        let now = Now {
            wall: self.now,
            cpu,
        };
        self.rate.decide(call, now, &self.limits)
    }

    /// How long a window can be for records as they have come to fill its part of the ring.
    fn room(&self) -> u64 {
        (self.limits.size / FILL_PART / self.span).saturating_mul(self.rate.estimate.gap().max(1))
    }

    /// CPU time passes.
    fn spend(&mut self, ns: u64) {
        self.now += ns;
        self.cpu += ns;
        self.seen.cpu += ns;
    }

    /// Records committed by now that have not been counted.
    fn committed(&mut self) -> u64 {
        let mut found = 0;
        while self.next <= self.now {
            found += 1;
            self.next += (self.gap)(self.next).max(1);
        }
        found
    }
}
