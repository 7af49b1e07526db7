// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The kernel's side of a ring: `__bpf_ringbuf_reserve` and `bpf_ringbuf_commit` of
//! `kernel/bpf/ringbuf.c`, step by step.

use crate::ring::memory::{ConsumerMemory, Fence};
use crate::ring::record::Header;
use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicU32, AtomicU64, fence};
use loom::sync::{Arc, Mutex, Notify};
use std::sync::atomic::Ordering::{self, Acquire, Relaxed, Release, SeqCst};

/// Bytes of a record: a header, and 8 bytes of payload that hold the record's number.
pub const SPAN: u64 = 16;

/// Bytes of which a record is a small part.
const BIG: u64 = 64 * SPAN;

/// How a record is committed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Commit {
    /// With flags 0: wakes the reader that waits for this record.
    Plain,
    /// `BPF_RB_NO_WAKEUP`.
    NoWakeup,
    /// `BPF_RB_FORCE_WAKEUP`.
    ForceWakeup,
    /// Discarded, with flags 0.
    Discard,
}

/// A ring of a few records.
pub struct Ring {
    /// What the reader takes the data area for, in bytes.
    size: u64,
    consumer_pos: AtomicU64,
    producer_pos: AtomicU64,
    /// The spinlock of `__bpf_ringbuf_reserve`.
    lock: Mutex<()>,
    slots: Vec<Slot>,
    pub waiters: Arc<Waiters>,
}

struct Slot {
    header: AtomicU32,
    payload: UnsafeCell<u64>,
}

/// What an edge-triggered reader sleeps on: notifications, and nothing else.
pub struct Waiters {
    notify: Notify,
    /// Whether a notification is pending, on a ring made [`with_pending`](Ring::with_pending).
    pending: Option<Mutex<bool>>,
}

impl Waiters {
    pub fn new(pending: Option<Mutex<bool>>) -> Arc<Self> {
        let notify = Notify::new();
        Arc::new(Waiters { notify, pending })
    }

    pub fn notify(&self) {
        let mut pending = self.pending.as_ref().map(|pending| pending.lock().unwrap());
        if let Some(pending) = &mut pending {
            **pending = true;
        }
        self.notify.notify();
    }

    /// Sleeps until the next notification.
    pub fn wait(&self) {
        self.notify.wait();
        if let Some(pending) = &self.pending {
            *pending.lock().unwrap() = false;
        }
    }

    /// Takes the notification that is pending, if one is, without sleeping.
    pub fn take(&self) {
        let pending = self.pending.as_ref().expect("a ring made with_pending");
        let mut pending = pending.lock().unwrap();
        if *pending {
            *pending = false;
            self.notify.wait();
        }
    }
}

// SAFETY: the protocol under test guards the payloads; the checker reports each race on them.
unsafe impl Sync for Ring {}
// SAFETY: nothing in it belongs to a thread.
unsafe impl Send for Ring {}

/// A record reserved and not committed yet.
pub struct Reserved {
    start: u64,
}

impl Ring {
    /// An empty ring with room for `slots` records.
    pub fn new(slots: usize) -> Arc<Self> {
        Arc::new(Self::with(slots, SPAN * slots as u64, &Waiters::new(None)))
    }

    /// The same, and its reader takes it for one so big that a record may be held back.
    pub fn big(slots: usize) -> Arc<Self> {
        Arc::new(Self::with(slots, BIG, &Waiters::new(None)))
    }

    /// The same, and pending notifications can be [taken](Waiters::take).
    ///
    /// The lock that this takes orders more than the kernel does, so only what needs it uses this.
    pub fn with_pending(slots: usize) -> Arc<Self> {
        let waiters = Waiters::new(Some(Mutex::new(false)));
        Arc::new(Self::with(slots, BIG, &waiters))
    }

    /// Two big rings whose reader sleeps on the notifications of both, as on a manager's epoll.
    pub fn two(slots: usize) -> [Arc<Self>; 2] {
        let waiters = Waiters::new(None);
        [(); 2].map(|()| Arc::new(Self::with(slots, BIG, &waiters)))
    }

    fn with(slots: usize, size: u64, waiters: &Arc<Waiters>) -> Self {
        let slot = |_| Slot {
            header: AtomicU32::new(0),
            payload: UnsafeCell::new(u64::MAX),
        };
        Ring {
            size,
            consumer_pos: AtomicU64::new(0),
            producer_pos: AtomicU64::new(0),
            lock: Mutex::new(()),
            slots: (0..slots).map(slot).collect(),
            waiters: Arc::clone(waiters),
        }
    }

    /// Reserves a record, `None` without space.
    pub fn reserve(&self) -> Option<Reserved> {
        let _locked = self.lock.lock().unwrap();
        let consumer = self.consumer_pos.load(Acquire);
        let start = self.producer_pos.load(Relaxed);
        let end = start + SPAN;
        if end - consumer > SPAN * self.slots.len() as u64 {
            return None;
        }
        let busy = Header::reserved(8);
        self.slot(start).header.store(busy.word(), Relaxed);
        self.producer_pos.store(end, Release);
        Some(Reserved { start })
    }

    /// Fills the record in, commits it and decides on the wake-up.
    pub fn commit(&self, Reserved { start }: Reserved, how: Commit) {
        let slot = self.slot(start);
        // SAFETY: reserved for us: nobody else may look at it before the header says so.
        slot.payload
            .with_mut(|payload| unsafe { *payload = start / SPAN });
        let busy = Header::reserved(8);
        let committed = busy.committed(how == Commit::Discard);
        slot.header.swap(committed.word(), SeqCst);
        // `xchg` is fully ordered, which a SeqCst exchange alone is not.
        fence(SeqCst);
        let consumer = self.consumer_pos.load(Acquire);
        let wake = match how {
            Commit::NoWakeup => false,
            Commit::ForceWakeup => true,
            Commit::Plain | Commit::Discard => consumer == start,
        };
        if wake {
            self.waiters.notify();
        }
    }

    /// Reserves and commits; `false` if the record was dropped for want of space.
    pub fn produce(&self, how: Commit) -> bool {
        let reserved = self.reserve();
        reserved.map(|record| self.commit(record, how)).is_some()
    }

    /// The number in the payload of the record at `start`.
    pub fn payload(&self, start: u64) -> u64 {
        // SAFETY: what this is called for is to have the checker see whether it may be read now.
        self.slot(start).payload.with(|payload| unsafe { *payload })
    }

    fn slot(&self, start: u64) -> &Slot {
        &self.slots[(start / SPAN) as usize % self.slots.len()]
    }
}

impl Fence for &Ring {
    fn fence(order: Ordering) {
        fence(order);
    }
}

impl ConsumerMemory for &Ring {
    fn size(self) -> u64 {
        self.size
    }

    fn consumer_pos(self, order: Ordering) -> u64 {
        self.consumer_pos.load(order)
    }

    fn set_consumer_pos(self, pos: u64, order: Ordering) {
        self.consumer_pos.store(pos, order);
    }

    fn replace_consumer_pos(self, current: u64, pos: u64, order: Ordering) -> bool {
        let replaced = self
            .consumer_pos
            .compare_exchange(current, pos, order, Relaxed);
        replaced.is_ok()
    }

    fn producer_pos(self, _: u64) -> u64 {
        self.producer_pos.load(Relaxed)
    }

    fn header(self, start: u64) -> u32 {
        self.slot(start).header.load(Relaxed)
    }
}
