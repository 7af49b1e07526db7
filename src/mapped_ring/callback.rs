// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Where a ring's records go: to the program's callback, and the counters.

use super::RingHandle;
use crate::ring::receiver::{Received, Receiver, Record};
use crate::stats::Counters;
use core::ffi::c_void;

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

/// Gives a record's `len` bytes at `payload` to the program.
///
/// # Safety
///
/// The bytes are there until the callback returns.
#[inline(always)]
pub(super) unsafe fn call_back<const COUNTED: bool>(
    ring: RingHandle,
    payload: *mut c_void,
    len: usize,
) -> Received {
    // SAFETY: a live ring: no callback may free its own manager.
    let (sample_cb, ctx) = unsafe { ((*ring.as_ptr()).sample_cb, (*ring.as_ptr()).ctx) };
    let Some(sample_cb) = sample_cb else {
        return Received::Refused;
    };
    Callback::<COUNTED>(ring).count(|counters| {
        counters.records.add(1);
        counters.bytes.add(len);
    });
    // SAFETY: the program gave us the function and the context for this call; the bytes are there, as required.
    let result = unsafe { sample_cb(ctx, payload, len) };
    if result < 0 {
        Received::Failed(result)
    } else {
        Received::Consumed
    }
}

impl<const COUNTED: bool> Receiver for Callback<COUNTED> {
    #[inline(always)]
    fn record(&mut self, record: Record) -> Received {
        // SAFETY: the payload lies within the data area, which is mapped twice in a row: the consumer has checked that the
        // record ends before what the producer has published.
        unsafe { call_back::<COUNTED>(self.0, record.payload.cast(), record.len as usize) }
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
