// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! User rings: both libraries fill one, and a BPF program says what it finds.

use super::epoll;
use super::kernel::{Object, errno, set_errno, shared_page, test_run};
use super::libraries::{Api, Libraries};
use super::seen::UNTOUCHED;
use super::tally::Tally;
use super::user_operations::{Op, Sequence};
use std::ffi::{c_int, c_void};
use std::os::fd::RawFd;

/// The size of the ring in user_ring.bpf.c.
const RING_BYTES: u64 = 4096;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    Call(&'static str, i64, c_int),
    /// Where in the data area a sample lies, in reservations since the ring was opened.
    At(u64),
    Drained {
        result: i64,
        samples: Vec<(u32, u32)>,
    },
    Positions {
        consumer: u64,
        producer: u64,
        events: i16,
    },
}

struct Side {
    api: &'static Api,
    map: RawFd,
    program: RawFd,
    seen: *const [u32; 2],
    positions: [*const u64; 2],
    ring: *mut c_void,
    /// Where the data area must lie, once a sample has shown it.
    data: Option<usize>,
    reserved: Vec<(*mut c_void, u32)>,
    log: Vec<Seen>,
}

/// `struct drain` of user_ring.h.
#[repr(C)]
struct Drain {
    flags: u64,
    result: i64,
}

impl Side {
    fn new(api: &'static Api) -> Side {
        let object = Object::load("user_ring.bpf.o");
        let map = object.map(c"user_ring");
        Side {
            api,
            map,
            program: object.program(c"drain"),
            seen: shared_page(object.map(c"seen"), 0, false).cast(),
            positions: [
                shared_page(map, 0, false).cast(),
                shared_page(map, 1, false).cast(),
            ],
            ring: std::ptr::null_mut(),
            data: None,
            reserved: Vec::new(),
            log: Vec::new(),
        }
    }

    fn see(&mut self, name: &'static str, value: i64) {
        self.log.push(Seen::Call(name, value, errno()));
    }

    fn open(&mut self) {
        set_errno(UNTOUCHED);
        // SAFETY: the map is open.
        self.ring = unsafe { (self.api.user_ring_buffer__new)(self.map, std::ptr::null()) };
        self.see("user_ring_buffer__new", i64::from(!self.ring.is_null()));
        assert!(!self.ring.is_null(), "user_ring_buffer__new");
        self.data = None;
    }

    fn close(&mut self) {
        let ring = std::mem::replace(&mut self.ring, std::ptr::null_mut());
        if !ring.is_null() {
            set_errno(UNTOUCHED);
            // SAFETY: the ring is alive and not used any more.
            unsafe { (self.api.user_ring_buffer__free)(ring) };
            self.see("user_ring_buffer__free", 0);
        }
    }

    fn positions(&self) -> [u64; 2] {
        // SAFETY: mapped as long as the process lives; others may write, hence volatile.
        self.positions
            .map(|position| unsafe { position.read_volatile() })
    }

    /// Bytes for a sample and its header.
    fn free_bytes(&self) -> u64 {
        let [consumer, producer] = self.positions();
        RING_BYTES.saturating_sub(producer - consumer)
    }

    fn reserve(&mut self, size: u32, timeout: Option<c_int>) {
        let before = self.positions()[1];
        set_errno(UNTOUCHED);
        // SAFETY: the ring is alive.
        let sample = unsafe {
            match timeout {
                None => (self.api.user_ring_buffer__reserve)(self.ring, size),
                Some(timeout) => {
                    (self.api.user_ring_buffer__reserve_blocking)(self.ring, size, timeout)
                }
            }
        };
        let name = match timeout {
            None => "user_ring_buffer__reserve",
            Some(_) => "user_ring_buffer__reserve_blocking",
        };
        self.see(name, i64::from(!sample.is_null()));
        if sample.is_null() {
            return;
        }
        let expected = (before + 8) % RING_BYTES;
        let data = *self.data.get_or_insert(sample as usize - expected as usize);
        self.log.push(Seen::At((sample as usize - data) as u64));
        // SAFETY: the sample is ours until it is committed, and has `size` bytes.
        let bytes = unsafe { std::slice::from_raw_parts_mut(sample.cast::<u8>(), size as usize) };
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = (before / 8 * 31 + i as u64 * 7) as u8;
        }
        self.reserved.push((sample, size));
    }

    fn commit(&mut self, sample: usize, discard: bool) {
        if self.reserved.is_empty() {
            return;
        }
        let (sample, _) = self.reserved.remove(sample % self.reserved.len());
        set_errno(UNTOUCHED);
        // SAFETY: reserved in this ring and not committed yet.
        unsafe {
            if discard {
                (self.api.user_ring_buffer__discard)(self.ring, sample);
            } else {
                (self.api.user_ring_buffer__submit)(self.ring, sample);
            }
        }
        let name = if discard {
            "user_ring_buffer__discard"
        } else {
            "user_ring_buffer__submit"
        };
        self.see(name, 0);
    }

    fn commit_all(&mut self) {
        while !self.reserved.is_empty() {
            self.commit(0, false);
        }
    }

    fn drain(&mut self, flags: u64) {
        let mut command = Drain { flags, result: 0 };
        assert_eq!(test_run(self.program, &mut command), 0);
        let result = command.result;
        let count = usize::try_from(result).unwrap_or(0);
        let samples = (0..count)
            .map(|number| {
                // SAFETY: mapped as long as the process lives, with room for a ring of samples.
                let [size, checksum] = unsafe { self.seen.add(number).read_volatile() };
                (size, checksum)
            })
            .collect();
        self.log.push(Seen::Drained { result, samples });
    }

    fn state(&mut self) {
        let [consumer, producer] = self.positions();
        let events = epoll::poll(self.map, libc::POLLOUT);
        self.log.push(Seen::Positions {
            consumer,
            producer,
            events,
        });
    }

    fn step(&mut self, operation: Op) {
        match operation {
            Op::Reserve { size } => self.reserve(size, None),
            Op::ReserveBlocking { size, timeout: -1 }
                if u64::from(size) <= RING_BYTES && self.free_bytes() < u64::from(size) + 16 => {}
            Op::ReserveBlocking { size, timeout } => self.reserve(size, Some(timeout)),
            Op::Submit { sample } => self.commit(sample, false),
            Op::Discard { sample } => self.commit(sample, true),
            Op::Drain { flags } => self.drain(flags),
            Op::State => self.state(),
            Op::Recreate => {
                self.commit_all();
                self.close();
                self.open();
            }
        }
    }

    /// Drops one sample so that the next one starts at `start` within the ring.
    fn align(&mut self, start: u64) {
        let padding = start.wrapping_sub(self.positions()[1]) % RING_BYTES;
        if padding > 0 {
            self.reserve(padding as u32 - 8, None);
            self.commit(0, true);
        }
        self.drain(0);
    }
}

pub struct Pair {
    libraries: Libraries,
    libbpf: Side,
    rbshim: Side,
    pub tally: Tally,
}

impl Pair {
    pub fn new(libraries: Libraries) -> Pair {
        Pair {
            libraries,
            libbpf: Side::new(libraries.libbpf),
            rbshim: Side::new(libraries.rbshim),
            tally: Tally::default(),
        }
    }

    /// Runs a sequence. After a difference the rings are new.
    pub fn run(&mut self, sequence: &Sequence) -> Result<(), String> {
        let result = self.try_run(sequence);
        if result.is_err() {
            self.libbpf.close();
            self.rbshim.close();
            *self = Pair {
                tally: std::mem::take(&mut self.tally),
                ..Pair::new(self.libraries)
            };
        }
        result
    }

    fn try_run(&mut self, sequence: &Sequence) -> Result<(), String> {
        self.both(Side::open)?;
        self.both(|side| side.align(u64::from(sequence.start) * 8))?;
        for (number, operation) in sequence.operations.iter().enumerate() {
            self.tally.count(operation);
            self.both(|side| side.step(*operation))
                .map_err(|difference| format!("operation {number}, {operation:?}: {difference}"))?;
        }
        self.both(|side| {
            side.commit_all();
            side.drain(0);
            side.state();
            side.close();
        })
    }

    fn both(&mut self, act: impl Fn(&mut Side)) -> Result<(), String> {
        act(&mut self.libbpf);
        act(&mut self.rbshim);
        let libbpf = std::mem::take(&mut self.libbpf.log);
        let rbshim = std::mem::take(&mut self.rbshim.log);
        if libbpf != rbshim {
            return Err(format!("\n  libbpf: {libbpf:?}\n  rbshim: {rbshim:?}"));
        }
        for seen in &libbpf {
            match seen {
                Seen::Call(name, value, error) => self.tally.count_call(name, *value, *error),
                Seen::Drained { samples, .. } => self.tally.count_drained(samples),
                Seen::At(_) | Seen::Positions { .. } => {}
            }
        }
        Ok(())
    }
}
