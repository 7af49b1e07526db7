// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `RBSHIM_STATS`: what each ring has done, printed when it is freed or the process exits.
//!
//! Without the option nothing is counted and nothing allocated. With it each ring has a block of
//! counters that is never given back: what prints at exit may then walk all blocks without a lock,
//! which a fork could leave locked.

use crate::log::say;
use crate::options::options;
use crate::ring::fill::Fill;
use crate::sys::alloc::{self, Zeroable};
use core::ffi::{c_int, c_ulong};
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicUsize, Ordering};

/// A number that one thread at a time counts up, and any thread may read.
#[derive(Debug)]
pub struct Counter(AtomicUsize);

impl Counter {
    /// Nothing counted yet.
    pub const fn new() -> Self {
        Counter(AtomicUsize::new(0))
    }

    /// Counts `n` more. Not one atomic step: only the ring's reader counts.
    #[inline(always)]
    pub fn add(&self, n: usize) {
        let sum = self.0.load(Ordering::Relaxed).wrapping_add(n);
        self.0.store(sum, Ordering::Relaxed);
    }

    /// How many there are.
    pub fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// The counters of one ring.
#[derive(Debug)]
pub struct Counters {
    /// Records given to a callback.
    pub records: Counter,
    /// Bytes of payload in them.
    pub bytes: Counter,
    /// Discarded records walked.
    pub discards: Counter,
    /// Times that a poll was notified about the ring.
    pub wakeups: Counter,
    /// Stores of `consumer_pos`.
    pub publishes: Counter,
    /// Windows spent spinning with a record held back.
    pub lingers: Counter,
    /// Windows spent sleeping with a record held back.
    pub coalesced: Counter,
    /// Times that the look after the fence found what the look before it had not: a reader without
    /// the fence could have slept on it.
    pub rescues: Counter,
    /// Bytes that the kernel has overwritten before any call had read them.
    pub overwritten: Counter,
    /// How full the ring has been.
    pub fill: Fill,
    map_fd: AtomicI32,
    size: AtomicUsize,
    printed: AtomicBool,
    /// Whether the block is a copy that a fork has made.
    inherited: AtomicBool,
    next: AtomicPtr<Counters>,
}

// SAFETY: integers, false flags and a null pointer.
unsafe impl Zeroable for Counters {}

impl Counters {
    fn all(&self) -> [&Counter; 9] {
        [
            &self.records,
            &self.bytes,
            &self.discards,
            &self.wakeups,
            &self.publishes,
            &self.lingers,
            &self.coalesced,
            &self.rescues,
            &self.overwritten,
        ]
    }
}

/// The block made last; each points to the one made before it.
static NEWEST: AtomicPtr<Counters> = AtomicPtr::new(ptr::null_mut());

/// The counters of the ring of `map_fd`, if there are to be any.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct Stats(Option<NonNull<Counters>>);

impl Stats {
    /// A block of counters for the ring of `map_fd`, which has `size` bytes; none without `RBSHIM_STATS`, or
    /// without memory.
    pub fn for_ring(map_fd: c_int, size: u64) -> Self {
        if !options().stats {
            return Stats(None);
        }
        let Some(block) = alloc::zeroed::<Counters>() else {
            return Stats(None);
        };
        let stats = Stats(Some(block));
        stats.count(|counters| {
            counters.map_fd.store(map_fd, Ordering::Relaxed);
            counters.size.store(size as usize, Ordering::Relaxed);
            let mut newest = NEWEST.load(Ordering::Relaxed);
            loop {
                counters.next.store(newest, Ordering::Relaxed);
                // Release pairs with the Acquire in `print_all`: whoever finds the block finds it
                // initialised.
                match NEWEST.compare_exchange_weak(
                    newest,
                    block.as_ptr(),
                    Ordering::Release,
                    Ordering::Relaxed,
                ) {
                    Ok(_) => break,
                    Err(other) => newest = other,
                }
            }
            if newest.is_null() {
                // SAFETY: functions of this library without arguments.
                unsafe {
                    atexit(print_all);
                    libc::pthread_atfork(None, None, Some(begin_anew));
                }
            }
        });
        stats
    }

    /// Whether there is anything to count with.
    pub fn are_kept(self) -> bool {
        self.0.is_some()
    }

    /// The counters, if they are kept.
    #[inline(always)]
    pub fn counters(self) -> Option<&'static Counters> {
        // SAFETY: blocks are never given back, and are only shared.
        self.0.map(|block| unsafe { block.as_ref() })
    }

    /// Counts, if there is anything to count with.
    #[inline(always)]
    pub fn count(self, change: impl FnOnce(&Counters)) {
        if let Some(counters) = self.counters() {
            change(counters);
        }
    }

    /// Prints what was counted, once.
    pub fn print(self) {
        self.count(|counters| {
            if counters.printed.swap(true, Ordering::Relaxed) {
                return;
            }
            let fill = &counters.fill;
            let idle =
                fill.high_water() == 0 && counters.all().iter().all(|counter| counter.get() == 0);
            if idle && counters.inherited.load(Ordering::Relaxed) {
                return;
            }
            let number = |counter: &Counter| counter.get() as c_ulong;
            // SAFETY: getpid has no requirements.
            let pid = unsafe { libc::getpid() };
            say!(
                c"rbshim: pid %d ring fd=%d: records=%lu bytes=%lu discards=%lu wakeups=%lu \
                  publishes=%lu lingers=%lu coalesced=%lu rescues=%lu size=%lu high_water=%lu \
                  nearly_full=%lu overwritten=%lu\n",
                pid,
                counters.map_fd.load(Ordering::Relaxed),
                number(&counters.records),
                number(&counters.bytes),
                number(&counters.discards),
                number(&counters.wakeups),
                number(&counters.publishes),
                number(&counters.lingers),
                number(&counters.coalesced),
                number(&counters.rescues),
                counters.size.load(Ordering::Relaxed) as c_ulong,
                fill.high_water() as c_ulong,
                fill.nearly_full() as c_ulong,
                number(&counters.overwritten),
            );
        });
    }
}

// atexit(3), for a function that may be unwound through: it prints, and a thread can be cancelled while
// it prints.
unsafe extern "C" {
    fn atexit(function: extern "C-unwind" fn()) -> c_int;
}

/// Prints what was counted of all rings that have not been freed.
extern "C-unwind" fn print_all() {
    for_all(Stats::print);
}

/// In a child that a fork has made: what its parent has counted is its parent's to print.
extern "C" fn begin_anew() {
    for_all(|stats| {
        stats.count(|counters| {
            counters.all().into_iter().for_each(Counter::reset);
            counters.fill.reset();
            counters.inherited.store(true, Ordering::Relaxed);
        });
    });
}

fn for_all(work: impl Fn(Stats)) {
    // Acquire pairs with the Release in `for_ring`.
    let mut next = NonNull::new(NEWEST.load(Ordering::Acquire));
    while let Some(block) = next {
        work(Stats(Some(block)));
        // SAFETY: blocks are never given back.
        next = NonNull::new(unsafe { block.as_ref() }.next.load(Ordering::Relaxed));
    }
}
