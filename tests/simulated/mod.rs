// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A ring in a memfd, laid out and mapped as the kernel does it, whose other side is ours to play: it
//! may write any bytes at any time.

// Each test and fuzz target is a crate of its own and uses a part of this.
#![allow(dead_code)]

use rbshim::__internals::{Journal, Pages, Received, Receiver, Record, Stop, consume};
use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};

/// A ring and its hostile side.
pub struct SimulatedRing {
    /// As the library maps the ring, with an inaccessible page behind the data.
    pub pages: Pages,
    /// What these mappings begin with.
    mapped: [*mut c_void; 2],
    /// Consumer page, producer page and data, writable.
    hostile: *mut c_void,
    page: usize,
    size: usize,
}

// SAFETY: all words are accessed as atomics.
unsafe impl Sync for SimulatedRing {}
// SAFETY: nothing in it belongs to a thread.
unsafe impl Send for SimulatedRing {}

impl SimulatedRing {
    /// A ring that the library reads.
    pub fn new() -> Self {
        Self::mapped(libc::PROT_READ | libc::PROT_WRITE, libc::PROT_READ)
    }

    /// A user ring, which the library fills.
    pub fn to_fill() -> Self {
        Self::mapped(libc::PROT_READ, libc::PROT_READ | libc::PROT_WRITE)
    }

    /// The smallest ring that there can be, which has a page for its data. What the library may do to its consumer page,
    /// and to the rest.
    fn mapped(consumer_access: c_int, data_access: c_int) -> Self {
        let write = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: new mappings of a new file, two of them inside a reservation made for them.
        unsafe {
            let page = libc::sysconf(libc::_SC_PAGESIZE) as usize;
            let size = page;
            let file = libc::memfd_create(c"ring".as_ptr(), libc::MFD_CLOEXEC);
            assert!(
                file >= 0,
                "memfd_create: {}",
                std::io::Error::last_os_error()
            );
            let whole = 2 * page + size;
            assert_eq!(libc::ftruncate(file, whole as libc::off_t), 0);
            let map = |at: *mut c_void, len, protection, flags, fd, offset: usize| {
                let place = libc::mmap(at, len, protection, flags, fd, offset as libc::off_t);
                assert_ne!(
                    place,
                    libc::MAP_FAILED,
                    "{}",
                    std::io::Error::last_os_error()
                );
                place
            };
            let null = ptr::null_mut();
            let hostile = map(null, whole, write, libc::MAP_SHARED, file, 0);
            let consumer = map(null, page, consumer_access, libc::MAP_SHARED, file, 0);
            let reserved = page + 2 * size + page;
            let anonymous = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            let producer = map(null, reserved, libc::PROT_NONE, anonymous, -1, 0);
            let fixed = libc::MAP_SHARED | libc::MAP_FIXED;
            map(producer, page + size, data_access, fixed, file, page);
            let again = producer.wrapping_byte_add(page + size);
            map(again, size, data_access, fixed, file, 2 * page);
            libc::close(file);
            SimulatedRing {
                pages: Pages::new(consumer, producer, producer.wrapping_byte_add(page), size),
                mapped: [consumer, producer],
                hostile,
                page,
                size,
            }
        }
    }

    /// Makes it a new ring again.
    pub fn clear(&self) {
        for word in 0..(2 * self.page + self.size) / 8 {
            // SAFETY: aligned, within the mapping, which lives as long as the ring.
            let word: &AtomicU64 = unsafe { &*self.hostile.cast::<AtomicU64>().wrapping_add(word) };
            word.store(0, Relaxed);
        }
    }

    /// Bytes of the data area.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The word of `consumer_pos`.
    pub fn consumer_pos(&self) -> &AtomicU64 {
        // SAFETY: the start of a mapped page that lives as long as the ring.
        unsafe { &*self.hostile.cast() }
    }

    /// The word of `producer_pos`.
    pub fn producer_pos(&self) -> &AtomicU64 {
        // SAFETY: the start of a mapped page that lives as long as the ring.
        unsafe { &*self.hostile.wrapping_byte_add(self.page).cast() }
    }

    /// The word of `overwrite_pos`, which the kernel keeps in overwrite mode.
    pub fn overwrite_pos(&self) -> &AtomicU64 {
        let word = self.producer_pos() as *const AtomicU64;
        // SAFETY: in the same page.
        unsafe { &*word.wrapping_add(2) }
    }

    /// Writes and commits a record as a kernel in overwrite mode does, `byte` in all of its payload.
    pub fn overwrite(&self, len: u32, byte: u8) {
        let start = self.producer_pos().load(Relaxed);
        let span = |len: u32| (u64::from(len) + 15) & !7;
        let end = start + span(len);
        let mut over = self.overwrite_pos().load(Relaxed);
        while end - over >= self.size as u64 {
            over += span(self.word(over).load(Relaxed));
        }
        self.overwrite_pos().store(over, Relaxed);
        for word in 0..len.div_ceil(4) {
            let word = self.word(start + 8 + u64::from(word) * 4);
            word.store(u32::from_ne_bytes([byte; 4]), Relaxed);
        }
        self.word(start).store(len, Relaxed);
        self.producer_pos().store(end, Relaxed);
    }

    /// The 4 bytes at `offset` of the data area, wherever that falls in it.
    pub fn word(&self, offset: u64) -> &AtomicU32 {
        let offset = (offset as usize % self.size) & !3;
        // SAFETY: aligned, within the mapped data area, which lives as long as the ring.
        unsafe {
            &*self
                .hostile
                .wrapping_byte_add(2 * self.page + offset)
                .cast()
        }
    }

    /// Calls the consumer and checks each record it delivers: nothing outside of the ring, nothing
    /// longer than the ring, and all of it readable.
    pub fn consume(&self, max: u64) -> Result<u64, Stop> {
        let (journal, mut reader) = (Journal::new(), Reader { ring: self });
        consume(self.pages, &journal, max, &mut reader)
    }
}

impl Drop for SimulatedRing {
    fn drop(&mut self) {
        // SAFETY: the mappings made in `new`; the ring is gone.
        unsafe {
            let [consumer, producer] = self.mapped;
            libc::munmap(self.hostile, 2 * self.page + self.size);
            libc::munmap(consumer, self.page);
            libc::munmap(producer, self.page + 2 * self.size + self.page);
        }
    }
}

struct Reader<'a> {
    ring: &'a SimulatedRing,
}

impl Receiver for Reader<'_> {
    fn record(&mut self, record: Record) -> Received {
        assert_eq!(record.start % 8, 0, "records are aligned");
        assert!(record.len + 8 <= self.ring.size as u64, "{record:?}");
        let payload: *const u8 = record.payload;
        let mut sum = 0u8;
        for offset in 0..record.len as usize {
            // SAFETY: what is being tested: the payload lies within the mapping. If not, the guard
            // page behind it ends the test.
            let byte = unsafe { &*payload.wrapping_add(offset).cast::<AtomicU8>() };
            sum = sum.wrapping_add(byte.load(Relaxed));
        }
        std::hint::black_box(sum);
        Received::Consumed
    }

    fn found(&mut self, bytes: u64) {
        assert!(
            (1..=self.ring.size as u64).contains(&bytes),
            "{bytes} bytes"
        );
    }
}

/// What the hostile side, or another reader of the ring, does next.
#[derive(Clone, Copy, Debug)]
pub enum Attack {
    /// Moves `producer_pos` there.
    Producer(u64),
    /// Moves `producer_pos` on (or back).
    Produce(i16),
    /// Moves `consumer_pos` there.
    Consumer(u64),
    /// Writes a word of the data area at this distance from `consumer_pos`.
    Word(u16, u32),
    /// A well-formed record of this length and these flags at `producer_pos`.
    Record(u16, u8),
    /// The library consumes up to so many.
    Consume(u16),
}

/// Runs a sequence of attacks; panics or crashes if the consumer does what it must not.
pub fn run(attacks: &[Attack]) {
    let ring = SimulatedRing::new();
    for &attack in attacks {
        match attack {
            Attack::Producer(position) => ring.producer_pos().store(position, Relaxed),
            Attack::Produce(distance) => {
                let position = ring.producer_pos().load(Relaxed);
                let moved = position.wrapping_add_signed(distance.into());
                ring.producer_pos().store(moved, Relaxed);
            }
            Attack::Consumer(position) => ring.consumer_pos().store(position, Relaxed),
            Attack::Word(distance, word) => {
                let position = ring.consumer_pos().load(Relaxed);
                let place = position.wrapping_add(distance.into());
                ring.word(place).store(word, Relaxed);
            }
            Attack::Record(len, flags) => {
                let position = ring.producer_pos().load(Relaxed);
                let word = u32::from(len) | u32::from(flags) << 30;
                ring.word(position).store(word, Relaxed);
                let span = (u64::from(len) + 15) & !7;
                let moved = position.wrapping_add(span);
                ring.producer_pos().store(moved, Relaxed);
            }
            Attack::Consume(max) => check_consume(&ring, max.into()),
        }
    }
    check_consume(&ring, u64::MAX);
}

/// One call while nobody else writes: it must end, and mean what it says.
fn check_consume(ring: &SimulatedRing, max: u64) {
    let before = ring.consumer_pos().load(Relaxed);
    let producer = ring.producer_pos().load(Relaxed);
    let outcome = ring.consume(max);
    let after = ring.consumer_pos().load(Relaxed);
    let walked = after.wrapping_sub(before);
    if walked != 0 {
        // A 32-bit process sees the lower half of the producer's position.
        let ahead = producer.wrapping_sub(before) as usize as u64;
        assert!(walked <= ahead, "never past the producer");
        assert!(walked <= ring.size() as u64);
    }
    match outcome {
        Ok(delivered) => assert!(delivered <= max),
        Err(Stop::Corrupt(position)) => {
            assert_eq!(position, after, "the position stays at what is corrupt");
            assert_eq!(
                ring.consume(max),
                outcome_again(max, position),
                "and is said again"
            );
        }
        Err(stop) => panic!("{stop:?}"),
    }
}

/// A ring that is corrupt stays so, except for a caller that asks for nothing.
fn outcome_again(max: u64, position: u64) -> Result<u64, Stop> {
    match max {
        0 => Ok(0),
        _ => Err(Stop::Corrupt(position)),
    }
}

/// Attacks from bytes, as a fuzzer makes them: an opcode and up to eight bytes of argument each.
pub fn decode(mut bytes: &[u8]) -> Vec<Attack> {
    let mut attacks = Vec::new();
    while let [opcode, rest @ ..] = bytes {
        let mut argument = [0; 8];
        let len = rest.len().min(8);
        argument[..len].copy_from_slice(&rest[..len]);
        let number = u64::from_le_bytes(argument);
        let (attack, used) = match opcode % 6 {
            0 => (Attack::Producer(number), 8),
            1 => (Attack::Produce(number as i16), 2),
            2 => (Attack::Consumer(number), 8),
            3 => (Attack::Word(number as u16, (number >> 16) as u32), 6),
            4 => (
                Attack::Record(number as u16 % 4096, (number >> 16) as u8 & 3),
                3,
            ),
            _ => (Attack::Consume(number as u16), 2),
        };
        attacks.push(attack);
        bytes = &rest[used.min(len)..];
    }
    attacks
}
