// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What the models of a ring in overwrite mode share: the ring as its reader sees it, which reads and sleeps.

use super::super::kernel::Waiters;
use crate::ring::memory::{ConsumerMemory, Fence, OverwriteMemory};
use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, fence};
use std::sync::atomic::Ordering::{self, Acquire, Relaxed, SeqCst};

/// The positions of a ring, and who sleeps on it.
pub struct Scene {
    pub consumer_pos: AtomicU64,
    pub producer_pos: AtomicU64,
    pub overwrite_pos: AtomicU64,
    waiters: Arc<Waiters>,
}

impl Scene {
    /// Of an empty ring, where another reader has been at `consumer`.
    pub fn new(consumer: u64) -> Self {
        Scene {
            consumer_pos: AtomicU64::new(consumer),
            producer_pos: AtomicU64::new(0),
            overwrite_pos: AtomicU64::new(0),
            waiters: Waiters::new(None),
        }
    }

    /// The end of a commit, after the record at `start` has its header.
    pub fn has_committed(&self, start: u64) {
        // `xchg` is fully ordered, which a SeqCst exchange alone is not.
        fence(SeqCst);
        if self.consumer_pos.load(Acquire) == start {
            self.waiters.notify();
        }
    }

    /// Reads and sleeps until all up to `end` has been read or overwritten. `turn` says whether it has settled.
    pub fn read(&self, end: u64, mut turn: impl FnMut() -> bool) {
        loop {
            while !turn() {}
            if self.consumer_pos.load(Relaxed) == end {
                break;
            }
            self.waiters.wait();
        }
    }
}

/// A ring with its records.
pub trait Ring {
    fn scene(&self) -> &Scene;

    /// Bytes of it.
    fn size_of(&self) -> u64;

    /// The header at `start`, Relaxed.
    fn header_at(&self, start: u64) -> u32;

    /// The word at `pos` of a payload, Relaxed.
    fn payload_at(&self, pos: u64) -> usize;

    /// Takes the lock, where its reader needs that.
    fn pass_lock(&self) {}
}

impl<R: Ring> Fence for &R {
    fn fence(order: Ordering) {
        fence(order);
    }
}

impl<R: Ring> ConsumerMemory for &R {
    fn size(self) -> u64 {
        self.size_of()
    }

    fn consumer_pos(self, order: Ordering) -> u64 {
        self.scene().consumer_pos.load(order)
    }

    fn set_consumer_pos(self, pos: u64, order: Ordering) {
        self.scene().consumer_pos.store(pos, order);
    }

    fn replace_consumer_pos(self, current: u64, pos: u64, order: Ordering) -> bool {
        let word = &self.scene().consumer_pos;
        word.compare_exchange(current, pos, order, Relaxed).is_ok()
    }

    fn producer_pos(self, _: u64) -> u64 {
        self.scene().producer_pos.load(Relaxed)
    }

    fn header(self, start: u64) -> u32 {
        self.header_at(start)
    }
}

impl<R: Ring> OverwriteMemory for &R {
    fn overwrite_pos(self, _: u64) -> u64 {
        self.scene().overwrite_pos.load(Relaxed)
    }

    fn word(self, pos: u64) -> usize {
        self.payload_at(pos)
    }

    fn pass_lock(self) -> Result<(), i32> {
        Ring::pass_lock(self);
        Ok(())
    }
}
