// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Where a ring's records go: to the program's callback, and the counters.

use super::RingHandle;
use crate::ring::receiver::{Received, Receiver, Record};
use crate::stats::Counters;

/// The program's callback as the receiver of records. Plain data without a destructor: the callback
/// may unwind or jump over it. Counting is a kind of its own, so that nothing is asked for each record.
pub(super) struct Callback<const COUNTED: bool>(pub RingHandle);

impl<const COUNTED: bool> Callback<COUNTED> {
    #[inline(always)]
    fn count(&self, change: impl FnOnce(&Counters)) {
        if COUNTED {
            self.0.stats().count(change);
        }
    }
}

impl<const COUNTED: bool> Receiver for Callback<COUNTED> {
    #[inline(always)]
    fn record(&mut self, record: Record) -> Received {
        let ring = self.0.as_ptr();
        // SAFETY: a live ring: no callback may free its own manager.
        let (sample_cb, ctx) = unsafe { ((*ring).sample_cb, (*ring).ctx) };
        let Some(sample_cb) = sample_cb else {
            return Received::Refused;
        };
        let len = record.len as usize;
        self.count(|counters| {
            counters.records.add(1);
            counters.bytes.add(len);
        });
        // SAFETY:
        // 1. The payload lies within the data area, which is mapped twice in a row: the consumer has
        //    checked that the record ends before what the producer has published.
        // 2. The program gave us the function and the context for this call.
        let result = unsafe { sample_cb(ctx, record.payload.cast(), len) };
        if result < 0 {
            Received::Failed(result)
        } else {
            Received::Consumed
        }
    }

    #[inline(always)]
    fn found(&mut self, bytes: u64) {
        self.0.fill::<COUNTED>().note(bytes, || self.0.size());
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
