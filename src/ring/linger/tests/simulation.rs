// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A reader and a producer on a machine with a clock, as far as the policy can tell them from real ones.

use super::super::*;
use super::FILL_PART;
use super::machine::{MACHINE, Machine, Seen};

/// A call looks for rings that do not take part this often, in ns, and polls in a row for the same ring
/// alone show that no other has records.
const LOOK_EVERY: u64 = 100_000;
const ALONE: u32 = 16;

pub const SPIN: Limits = Limits {
    spin: 6_000,
    size: 512 * 1024,
    rings: 1,
    several: false,
};

#[derive(Clone, Copy, Default)]
struct Ring {
    /// Records committed and not walked.
    waiting: u64,
    /// The kernel sees the reader one record behind, or busy: it wakes nobody.
    held: bool,
    notified: bool,
    joined: bool,
    settled: bool,
    active: bool,
}

pub struct Reader {
    pub rate: Rate,
    /// What the user asked for, and the size of each ring.
    pub limits: Limits,
    pub machine: Machine,
    pub now: u64,
    pub seen: Seen,
    /// Of a record.
    pub span: u64,
    /// Wakes the reader for every so manieth record only.
    pub sample: u64,
    rings: Vec<Ring>,
    /// Those that have records, one after the other, and the one whose turn it is.
    warm: usize,
    next_ring: usize,
    /// When the next record is committed, and how many have been.
    next: u64,
    committed: u64,
    /// ns to the next record, at a time.
    gap: Box<dyn FnMut(u64) -> u64>,
    cpu: u64,
    /// After the reader has run for so long, somebody else has its CPU for so long, ns; less what it has slept.
    pub neighbour: Option<(u64, u64)>,
    ran: u64,
    looked_at: Option<u64>,
    /// Polls in a row that were notified about one ring, the same.
    alone: (Option<usize>, u32),
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
            rings: vec![Ring::default()],
            warm: 1,
            next_ring: 0,
            next: 1_000_000,
            committed: 0,
            gap: Box::new(gap),
            cpu: 1,
            neighbour: None,
            ran: 0,
            looked_at: None,
            alone: (None, 0),
        }
    }

    pub fn steady(limits: Limits, gap: u64) -> Self {
        Reader::new(limits, move |_| gap)
    }

    /// Of `rings` rings the producer fills the first `warm` by turns.
    pub fn several(mut self, machine: Machine, rings: usize, warm: usize) -> Self {
        self.machine = machine;
        self.rings = vec![Ring::default(); rings];
        self.warm = warm;
        self
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

    /// One call, which sleeps first if no ring is ready.
    pub fn wake_up(&mut self) {
        self.produce();
        if self.ready().next().is_none() {
            let slept = self.now;
            while self.ready().next().is_none() {
                self.now = self.now.max(self.next);
                self.produce();
            }
            self.now += self.machine.latency;
            self.produce();
            self.give_back(self.now - slept);
        }
        self.call();
    }

    /// One call that finds `found` records in the first ring to begin with.
    pub fn call_with(&mut self, found: u64) {
        self.rings[0].waiting += found;
        self.rings[0].notified = true;
        self.call();
    }

    /// One call that finds `found` records in each ring to begin with.
    pub fn call_each(&mut self, found: u64) {
        for ring in &mut self.rings {
            ring.waiting += found;
            ring.notified = true;
        }
        self.call();
    }

    /// One call, as [`rounds`](crate::ring::rounds) would do it.
    fn call(&mut self) {
        self.seen.calls += 1;
        self.spend(self.machine.call);
        self.note_events();
        self.looked_at = None;
        self.join_ready();
        let mut call = Call::default();
        let mut walked = Walked::default();
        let (mut began, mut lost) = (None, 0);
        loop {
            let limits = self.limits();
            let hold = self.rate.holds(&limits);
            let mut unsettled = self.round(hold, &mut walked);
            let window = self.decide(&mut call, walked, hold);
            if unsettled && hold {
                if let Some(length) = window {
                    let room = self.room();
                    assert!(length <= room, "{length} > {room}: it may fill the ring");
                    let began = *began.get_or_insert(self.now);
                    let opened = self.now;
                    lost = self.wait(length, lost);
                    self.seen.longest = self.seen.longest.max(self.now - began);
                    call.ended(self.now - opened);
                    self.look_in_time();
                    continue;
                }
                unsettled = self.round(false, &mut walked);
            }
            if !unsettled {
                break;
            }
            self.look_in_time();
        }
        let keep = self.rate.is_lingering();
        for ring in &mut self.rings {
            ring.joined &= keep && ring.active;
            ring.active = false;
        }
    }

    /// A turn for each ring that takes part, or for each that has not settled.
    fn round(&mut self, hold: bool, walked: &mut Walked) -> bool {
        let mut unsettled = false;
        for number in 0..self.rings.len() {
            let ring = self.rings[number];
            if !ring.joined || ring.settled && !hold {
                continue;
            }
            let found = ring.waiting;
            // In the callback of a record its ring is one record behind.
            self.rings[number].held |= found > 0;
            self.spend(found * self.machine.record);
            walked.records += found;
            walked.bytes += found * self.span;
            self.seen.records += found;
            let ring = &mut self.rings[number];
            ring.waiting -= found;
            ring.active |= found > 0;
            ring.held &= hold || ring.waiting > 0;
            ring.settled = !ring.held;
            unsettled |= ring.held;
        }
        unsettled
    }

    fn decide(&mut self, call: &mut Call, walked: Walked, held: bool) -> Option<u64> {
        let limits = self.limits();
        let cpu = match self.rate.note(call, walked, held, &limits) {
            Clocks::Neither => return None,
            Clocks::Wall => 0,
            Clocks::Both => self.cpu,
        };
        let wall = self.now;
        self.rate.decide(call, Now { wall, cpu }, &limits)
    }

    /// One window. `lost` is what those right before it have lost; returns what they have with it.
    fn wait(&mut self, length: u64, lost: u64) -> u64 {
        if !self.rate.is_lingering() {
            self.looked_at = Some(0);
        }
        self.spend(length);
        let seen = &mut self.seen;
        seen.windows += 1;
        seen.spun += length;
        seen.widest = seen.widest.max(length);
        seen.narrowest = Some(seen.narrowest.unwrap_or(length).min(length));
        if self.rings.iter().any(|ring| ring.waiting > 0) {
            return 0;
        }
        seen.lost += length;
        seen.lost_in_a_row = seen.lost_in_a_row.max(lost + length);
        lost + length
    }

    fn limits(&self) -> Limits {
        let rings = self.rings.iter().filter(|ring| ring.joined).count() as u64;
        Limits {
            rings,
            several: rings > 1 || self.rings.len() > 1 && self.alone.1 < ALONE,
            ..self.limits
        }
    }

    /// The rings that a wait would name.
    fn ready(&self) -> impl Iterator<Item = usize> + '_ {
        let ready = |ring: &Ring| ring.notified && ring.waiting > 0;
        (0..self.rings.len()).filter(move |&number| ready(&self.rings[number]))
    }

    fn note_events(&mut self) {
        let mut ready = self.ready();
        let only = ready.next().filter(|_| ready.next().is_none());
        drop(ready);
        let again = only.is_some() && only == self.alone.0;
        self.alone = (only, if again { self.alone.1 + 1 } else { 0 });
    }

    /// Whether a ring has joined.
    fn join_ready(&mut self) -> bool {
        let mut new = false;
        for ring in &mut self.rings {
            if ring.notified && ring.waiting > 0 {
                new |= !ring.held;
                (ring.joined, ring.settled) = (true, false);
            }
            ring.notified = false;
        }
        new
    }

    /// Looks for rings that do not take part, if it is time.
    fn look_in_time(&mut self) {
        let all = self.rings.iter().all(|ring| ring.joined);
        if all {
            return;
        }
        let looked_at = *self.looked_at.get_or_insert(self.now);
        if self.now - looked_at >= LOOK_EVERY {
            self.spend(self.machine.call / 8);
            self.looked_at = Some(if self.join_ready() { 0 } else { self.now });
        }
    }

    /// How long a window can be for records as they have come to fill its part of the ring.
    fn room(&self) -> u64 {
        (self.limits.size / FILL_PART / self.span).saturating_mul(self.rate.estimate.gap().max(1))
    }

    /// A sleep is the neighbour's time.
    fn give_back(&mut self, slept: u64) {
        let (runs, away) = self.neighbour.unwrap_or((0, 1));
        self.ran = self.ran.saturating_sub(slept * runs / away);
    }

    /// CPU time passes, and the producer goes on.
    fn spend(&mut self, ns: u64) {
        self.now += ns;
        self.cpu += ns;
        self.seen.cpu += ns;
        self.ran += ns;
        if let Some((runs, away)) = self.neighbour.filter(|(runs, _)| self.ran >= *runs) {
            self.ran -= runs;
            self.now += away;
        }
        self.produce();
    }

    /// Commits what is to be committed by now.
    fn produce(&mut self) {
        while self.next <= self.now {
            let ring = &mut self.rings[self.next_ring];
            let caught_up = ring.waiting == 0 && !ring.held;
            ring.waiting += 1;
            self.committed += 1;
            self.next += (self.gap)(self.next).max(1);
            let wakes = match self.sample {
                1 => caught_up,
                sample => self.committed % sample == 0,
            };
            if wakes {
                ring.notified = true;
                self.next += self.machine.producer;
                self.seen.cpu += self.machine.producer;
                self.seen.wakeups += 1;
            }
            self.next_ring = (self.next_ring + 1) % self.warm;
        }
    }
}
