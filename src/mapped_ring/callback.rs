// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Where a ring's records go: to the program's callback, and the counters.

use super::RingHandle;
use crate::pages::Pages;
use crate::ring::memory::ConsumerMemory;
use crate::ring::receiver::{Received, Receiver, Record};
use crate::stats::Counters;
use core::ffi::{c_int, c_void};

/// In place of a callback: refuses the record.
unsafe extern "C-unwind" fn refuse(_: *mut c_void, _: *mut c_void, _: usize) -> c_int {
    c_int::MIN
}

/// The program's callback as the receiver of records. Plain data without a destructor: the callback
/// may unwind or jump over it. Counting is a kind of its own, so that nothing is asked for each record.
pub(super) struct Callback<const COUNTED: bool> {
    ring: RingHandle,
    /// The ring's: the same numbers as the consumer's own, so that the compiler computes an address once.
    pages: Pages,
}

impl<const COUNTED: bool> Callback<COUNTED> {
    #[inline(always)]
    pub(super) fn of(ring: RingHandle) -> Self {
        let pages = ring.pages();
        Callback { ring, pages }
    }

    #[cold]
    fn failed(&self, result: c_int) -> Received {
        if self.refuses() {
            Received::Refused
        } else {
            Received::Failed(result)
        }
    }

    fn refuses(&self) -> bool {
        // SAFETY: a live ring: no callback may free its own manager.
        unsafe { (*self.ring.as_ptr()).sample_cb.is_none() }
    }

    #[inline(always)]
    fn count(&self, change: impl FnOnce(&Counters)) {
        if COUNTED {
            self.ring.stats().count(change);
        }
    }
}

impl<const COUNTED: bool> Receiver for Callback<COUNTED> {
    #[inline(always)]
    fn record(&mut self, record: Record) -> Received {
        let ring = self.ring.as_ptr();
        // SAFETY: a live ring: no callback may free its own manager.
        let (sample_cb, ctx) = unsafe { ((*ring).sample_cb, (*ring).ctx) };
        // No branch for what hardly any program does.
        let sample_cb = sample_cb.unwrap_or(refuse);
        let len = record.len as usize;
        if COUNTED && !self.refuses() {
            self.count(|counters| {
                counters.records.add(1);
                counters.bytes.add(len);
            });
        }
        // SAFETY:
        // 1. The payload lies within the data area, which is mapped twice in a row: the consumer has
        //    checked that the record ends before what the producer has published.
        // 2. The program gave us the function and the context for this call.
        // 3. Where it gave none, `refuse` takes any arguments.
        let result = unsafe { sample_cb(ctx, self.pages.payload(record.start), len) };
        if result < 0 {
            self.failed(result)
        } else {
            Received::Consumed
        }
    }

    #[inline(always)]
    fn found(&mut self, bytes: u64) {
        self.ring.fill::<COUNTED>().note(bytes, self.pages.size());
    }

    #[inline(always)]
    fn discarded(&mut self) {
        self.count(|counters| counters.discards.add(1));
    }

    #[inline(always)]
    fn published(&mut self) {
        self.count(|counters| counters.publishes.add(1));
    }

    fn rescued(&mut self) {
        self.count(|counters| counters.rescues.add(1));
    }
}
