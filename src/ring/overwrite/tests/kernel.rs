// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The kernel's side of a ring in overwrite mode: `__bpf_ringbuf_reserve` and `bpf_ringbuf_commit`.

use crate::ring::memory::{ConsumerMemory, Fence, OverwriteMemory};
use crate::ring::receiver::Record;
use crate::ring::record::{HEADER_LEN, Header};
use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

/// A record that is reserved and not committed.
#[derive(Clone, Copy, Debug)]
pub struct Reserved {
    start: u64,
    len: u32,
}

/// What the lock of the ring guards.
struct Locked {
    pending: u64,
    /// Lengths of all records that there ever were.
    lengths: HashMap<u64, u32>,
}

pub struct Kernel {
    words: Vec<[AtomicU32; 2]>,
    pub consumer_pos: AtomicU64,
    pub producer_pos: AtomicU64,
    pub overwrite_pos: AtomicU64,
    locked: Mutex<Locked>,
    /// Where the first record begins.
    origin: u64,
}

impl Kernel {
    /// An empty ring of `size` bytes whose positions are `origin`.
    pub fn starting_at(size: u64, origin: u64) -> Self {
        let word = |_| [const { AtomicU32::new(0) }; 2];
        Kernel {
            words: (0..size / 8).map(word).collect(),
            consumer_pos: AtomicU64::new(origin),
            producer_pos: AtomicU64::new(origin),
            overwrite_pos: AtomicU64::new(origin),
            locked: Mutex::new(Locked {
                pending: origin,
                lengths: HashMap::new(),
            }),
            origin,
        }
    }

    pub fn size(&self) -> u64 {
        self.words.len() as u64 * 8
    }

    pub fn consumer(&self) -> u64 {
        self.consumer_pos.load(Relaxed)
    }

    /// Bytes that were ever reserved.
    pub fn produced(&self) -> u64 {
        self.producer_pos.load(Relaxed).wrapping_sub(self.origin)
    }

    /// Whether the reader has not walked all of the ring.
    pub fn has_more(&self) -> bool {
        self.consumer() != self.producer_pos.load(Relaxed)
    }

    /// Reserves a record; `None` where a record that is not committed is in the way.
    pub fn reserve(&self, len: u32) -> Option<Reserved> {
        let mut locked = self.locked.lock().unwrap();
        let start = self.producer_pos.load(Relaxed);
        let header = Header::reserved(len);
        let end = start.wrapping_add(header.span());
        let mask = self.size() - 1;
        if header.span() > mask {
            return None;
        }
        while locked.pending != start {
            let header = Header::from_word(self.header_at(locked.pending).load(Relaxed));
            if header.is_busy() {
                break;
            }
            locked.pending = locked.pending.wrapping_add(header.span());
        }
        if end.wrapping_sub(locked.pending) > mask {
            return None;
        }
        let mut over = self.overwrite_pos.load(Relaxed);
        if end.wrapping_sub(over) > mask {
            while end.wrapping_sub(over) > mask {
                let header = Header::from_word(self.header_at(over).load(Relaxed));
                over = over.wrapping_add(header.span());
            }
            // The release is what x86-64 gives: the payload of this record is not seen before.
            self.overwrite_pos.store(over, Release);
        }
        self.header_at(start).store(header.word(), Release);
        locked.lengths.insert(start, len);
        self.producer_pos.store(end, Release);
        Some(Reserved { start, len })
    }

    /// Fills in the record, each word as the reader may see it.
    pub fn fill(&self, Reserved { start, len }: Reserved) {
        let mut pos = start.wrapping_add(HEADER_LEN);
        for index in 0..u64::from(len).div_ceil(8) {
            let [low, high] = self.word_at(pos);
            let word = word_of(start, len, index);
            low.store(word as u32, Release);
            high.store((word >> 32) as u32, Release);
            pos = pos.wrapping_add(8);
        }
    }

    /// Commits the record; whether the reader is notified. The kernel compares places of the ring, and so wakes it for a
    /// record of a later lap, too: nobody may depend on that.
    pub fn commit(&self, Reserved { start, .. }: Reserved, discard: bool) -> bool {
        let header = self.header_at(start);
        let committed = Header::from_word(header.load(Relaxed)).committed(discard);
        header.swap(committed.word(), SeqCst);
        fence(SeqCst);
        self.consumer_pos.load(Acquire) == start
    }

    /// Reserves a record, if nothing is in the way, and commits it.
    pub fn produce(&self, len: u32) {
        if let Some(record) = self.reserve(len) {
            self.fill(record);
            self.commit(record, false);
        }
    }

    /// Whether a record begins at `pos`, has begun there, or will.
    pub fn begins(&self, pos: u64) -> bool {
        let known = self.locked.lock().unwrap().lengths.contains_key(&pos);
        known || pos == self.producer_pos.load(Relaxed)
    }

    /// Has the reader been given a record that there was, as it was?
    pub fn check(&self, record: Record, copy: &[Cell<usize>]) {
        let (start, len) = (record.start, record.len as u32);
        let known = self.locked.lock().unwrap().lengths.get(&start).copied();
        assert_eq!(known, Some(len), "the length of the record at {start}");
        let bytes: Vec<u8> = copy
            .iter()
            .flat_map(|word| word.get().to_le_bytes())
            .collect();
        let expected = (0..u64::from(len).div_ceil(8))
            .flat_map(|index| word_of(start, len, index).to_le_bytes());
        for (index, byte) in expected.take(len as usize).enumerate() {
            assert_eq!(bytes[index], byte, "byte {index} of {record:?}");
        }
    }

    fn word_at(&self, pos: u64) -> &[AtomicU32; 2] {
        &self.words[(pos / 8) as usize % self.words.len()]
    }

    fn header_at(&self, pos: u64) -> &AtomicU32 {
        &self.word_at(pos)[0]
    }
}

/// What stands in word `index` of the payload of a record: nothing that stands anywhere else, and never a header that
/// looks right.
fn word_of(start: u64, len: u32, index: u64) -> u64 {
    let mixed = (start ^ u64::from(len) << 48 ^ index << 56).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ mixed >> 29
}

/// The ring as a reader sees it. Before each access `step` is called, and twice while a word is copied: its halves are
/// loaded one after the other, as slow copies have it.
#[derive(Clone, Copy)]
pub struct Seen<'a, S> {
    pub kernel: &'a Kernel,
    pub step: S,
}

impl<S: Fn(Access) + Copy> Fence for Seen<'_, S> {
    fn fence(order: Ordering) {
        fence(order);
    }
}

/// What is accessed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Position,
    Header,
    Payload,
}

impl<S: Fn(Access) + Copy> ConsumerMemory for Seen<'_, S> {
    fn size(self) -> u64 {
        self.kernel.size()
    }

    fn consumer_pos(self, order: Ordering) -> u64 {
        (self.step)(Access::Position);
        self.kernel.consumer_pos.load(order)
    }

    fn set_consumer_pos(self, pos: u64, order: Ordering) {
        (self.step)(Access::Position);
        self.kernel.consumer_pos.store(pos, order);
    }

    fn replace_consumer_pos(self, current: u64, pos: u64, order: Ordering) -> bool {
        (self.step)(Access::Position);
        let word = &self.kernel.consumer_pos;
        word.compare_exchange(current, pos, order, Relaxed).is_ok()
    }

    fn producer_pos(self, _: u64) -> u64 {
        (self.step)(Access::Position);
        self.kernel.producer_pos.load(Relaxed)
    }

    fn header(self, start: u64) -> u32 {
        assert_eq!(start % 8, 0);
        (self.step)(Access::Header);
        self.kernel.header_at(start).load(Relaxed)
    }
}

impl<S: Fn(Access) + Copy> OverwriteMemory for Seen<'_, S> {
    fn overwrite_pos(self, _: u64) -> u64 {
        (self.step)(Access::Position);
        self.kernel.overwrite_pos.load(Relaxed)
    }

    fn word(self, pos: u64) -> usize {
        (self.step)(Access::Payload);
        let [low, high] = self.kernel.word_at(pos);
        let low = u64::from(low.load(Relaxed));
        (low | u64::from(high.load(Relaxed)) << 32) as usize
    }
}
