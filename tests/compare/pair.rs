// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The same operations on both sides, and the comparison after each.

use super::hold::{HOLDERS, Holders};
use super::kernel::{Producer, create_map};
use super::libraries::Libraries;
use super::operations::{Batch, Op, RINGS, Sequence};
use super::rings::ring_bytes;
use super::seen::Seen;
use super::side::Side;
use super::tally::Tally;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// How long a wake-up that one side has seen may take to reach the other: the kernel sends it by an
/// interrupt after the commit.
const INTERRUPT: Duration = Duration::from_secs(1);

const ARRAY: u32 = 2;

/// libbpf's manager and rbshim's, whose rings have the same history.
pub struct Pair {
    pub libbpf: &'static Side,
    pub rbshim: &'static Side,
    holders: Holders,
    no_ring: OwnedFd,
    /// Whether the rings have been read in another order: the order of later events may differ then, so that
    /// the sequence ends.
    pub turned: bool,
    pub tally: Tally,
}

impl Pair {
    pub fn new(libraries: Libraries) -> Pair {
        let producer = Producer::load();
        let holders = Holders::new();
        let libbpf = Side::new(libraries.libbpf, producer, 0);
        let rbshim = Side::new(libraries.rbshim, producer, RINGS as u32);
        for side in [libbpf, rbshim] {
            for map in 0..RINGS {
                holders.use_ring(side.rings.index(map), side.rings.map(map));
            }
        }
        Pair {
            libbpf,
            rbshim,
            holders,
            no_ring: create_map(ARRAY, size_of::<u32>() as u32, 1),
            turned: false,
            tally: Tally::default(),
        }
    }

    /// Runs a sequence. After a difference both sides are brought to the same state again.
    pub fn run(&mut self, sequence: &Sequence) -> Result<(), String> {
        let result = self.try_run(sequence);
        if result.is_err() {
            self.begin_anew();
        }
        result
    }

    fn begin_anew(&mut self) {
        for holder in 0..HOLDERS {
            self.holders.release(holder);
        }
        for side in [self.libbpf, self.rbshim] {
            side.set_script(None);
            side.free();
        }
        for map in 0..RINGS {
            let furthest = self
                .libbpf
                .rings
                .empty(map)
                .max(self.rbshim.rings.empty(map));
            self.libbpf.rings.advance(map, furthest);
            self.rbshim.rings.advance(map, furthest);
        }
        self.libbpf.take_log();
        self.rbshim.take_log();
    }

    fn try_run(&mut self, sequence: &Sequence) -> Result<(), String> {
        self.begin(sequence)
            .map_err(|difference| format!("at the beginning: {difference}"))?;
        for (number, operation) in sequence.operations.iter().enumerate() {
            self.step(*operation)
                .map_err(|difference| format!("operation {number}, {operation:?}: {difference}"))?;
            if self.turned {
                break;
            }
        }
        self.end()
            .map_err(|difference| format!("at the end: {difference}"))
    }

    fn begin(&mut self, sequence: &Sequence) -> Result<(), String> {
        self.turned = false;
        self.both(|side| {
            side.rings.restart();
            side.create(RINGS);
        })?;
        for (map, start) in sequence.starts.iter().enumerate() {
            self.align(map, u64::from(*start) * 8)?;
        }
        self.both(|side| {
            side.consume();
            side.free();
            side.create(sequence.rings);
        })
    }

    /// Discards one record so that the next one starts at `start` within the ring.
    fn align(&mut self, map: usize, start: u64) -> Result<(), String> {
        let Seen::Kernel { producer_pos, .. } = self.kernel(map)? else {
            unreachable!("the answer of a query");
        };
        let padding = start.wrapping_sub(producer_pos) % u64::from(ring_bytes(map));
        if padding == 0 {
            return Ok(());
        }
        self.both(|side| side.discard(Batch::padding(map, padding)))
    }

    fn step(&mut self, operation: Op) -> Result<(), String> {
        self.tally.count(operation);
        match operation {
            Op::Emit(batch) => self.both(|side| side.emit(batch)),
            Op::Discard(batch) => self.both(|side| side.discard(batch)),
            Op::Hold {
                holder,
                map,
                size,
                flags,
                discard,
            } => {
                self.release(holder)?;
                let rings = [self.libbpf.rings.index(map), self.rbshim.rings.index(map)];
                self.holders.hold(holder, rings, size, flags, discard);
                Ok(())
            }
            Op::Release { holder } => self.release(holder),
            Op::Poll(timeout) => {
                self.await_agreement()?;
                self.by_turns(|side| side.poll(timeout))
            }
            Op::Consume => self.by_turns(Side::consume),
            Op::ConsumeN(0) => self.nothing_wanted("ring_buffer__consume_n", |side| {
                side.consume_n(0);
            }),
            Op::ConsumeN(n) if self.libbpf.has_several_rings() => self.some_wanted(n),
            Op::ConsumeN(n) => self.both(|side| side.consume_n(n)),
            Op::RingConsume { ring } => self.both(|side| side.ring_consume(ring)),
            Op::RingConsumeN { ring, n: 0 } => self.nothing_wanted("ring__consume_n", |side| {
                side.ring_consume_n(ring, 0);
            }),
            Op::RingConsumeN { ring, n } => self.both(|side| side.ring_consume_n(ring, n)),
            Op::Add { map } => self.both(|side| side.add(map)),
            Op::AddNoMap => self.both(|side| side.add_fd(-1)),
            Op::AddNoRing => {
                let fd = self.no_ring.as_raw_fd();
                self.both(|side| side.add_fd(fd))
            }
            Op::Accessors { ring } => self.both(|side| side.accessors(ring)),
            Op::Query { map } => self.kernel(map).map(drop),
            Op::Readiness => self.readiness(),
            Op::Edge => self.edge(),
            Op::Script { after, action } => {
                self.both(|side| side.set_script(Some((after, action))))
            }
            Op::Recreate { rings } => self.both(|side| {
                side.free();
                side.create(rings);
            }),
        }
    }

    /// Whatever was held is committed and all is consumed, so that the next sequence can begin.
    fn end(&mut self) -> Result<(), String> {
        for holder in 0..HOLDERS {
            self.release(holder)?;
        }
        self.readiness()?;
        self.both(|side| {
            side.set_script(None);
            for map in 0..RINGS {
                side.add(map);
            }
            side.consume();
        })?;
        for map in 0..RINGS {
            let kernel = self.kernel(map)?;
            if !matches!(kernel, Seen::Kernel { avail: 0, .. }) {
                return Err(format!("not all was consumed: {kernel:?}"));
            }
        }
        self.readiness()?;
        self.both(Side::free)
    }

    fn release(&mut self, holder: usize) -> Result<(), String> {
        match self.holders.release(holder) {
            Some([one, other]) if one != other => {
                Err(format!("room for a record: libbpf {one}, rbshim {other}"))
            }
            _ => Ok(()),
        }
    }

    /// Does the same on both sides and compares what was to be seen.
    pub fn both(&mut self, act: impl Fn(&Side)) -> Result<(), String> {
        act(self.libbpf);
        act(self.rbshim);
        self.compare().map(drop)
    }

    fn compare(&mut self) -> Result<Vec<Seen>, String> {
        let (libbpf, rbshim) = (self.libbpf.take_log(), self.rbshim.take_log());
        if libbpf != rbshim {
            return Err(format!("\n  libbpf: {libbpf:?}\n  rbshim: {rbshim:?}"));
        }
        self.tally.count_seen(&libbpf);
        Ok(libbpf)
    }

    pub fn kernel(&mut self, map: usize) -> Result<Seen, String> {
        self.libbpf.query(map);
        self.rbshim.query(map);
        self.compare()
            .map(|mut seen| seen.pop().expect("an answer"))
    }

    /// A wait on the manager's epoll returns the same events on both sides. Their order is that in which
    /// rings were last read, which may differ.
    fn readiness(&mut self) -> Result<(), String> {
        let sorted = |side: &Side| {
            let mut events = side.readiness();
            events.sort_unstable();
            events
        };
        self.agree(sorted, |_, now| now)
    }

    /// Both sides have been woken since this was last looked at, or neither.
    fn edge(&mut self) -> Result<(), String> {
        self.agree(Side::edge, |before, now| before | now)
    }

    fn await_agreement(&mut self) -> Result<(), String> {
        self.agree(Side::is_readable, |_, now| now)
    }

    /// Looks until both sides show the same. The wake-up of a commit may still be on its way; nothing
    /// else happens meanwhile that could hide a difference.
    fn agree<T: PartialEq + std::fmt::Debug>(
        &mut self,
        look: impl Fn(&Side) -> T,
        merge: impl Fn(T, T) -> T,
    ) -> Result<(), String> {
        let mut libbpf = look(self.libbpf);
        let mut rbshim = look(self.rbshim);
        let begin = Instant::now();
        self.tally.looks += 1;
        if libbpf != rbshim {
            self.tally.late += 1;
        }
        while libbpf != rbshim {
            if begin.elapsed() > INTERRUPT {
                return Err(format!("readiness: libbpf {libbpf:?}, rbshim {rbshim:?}"));
            }
            std::thread::sleep(Duration::from_micros(200));
            libbpf = merge(libbpf, look(self.libbpf));
            rbshim = merge(rbshim, look(self.rbshim));
        }
        Ok(())
    }
}
