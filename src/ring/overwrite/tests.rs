// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The reader against a kernel that is simulated in ordinary memory.

mod kernel;
mod opening;
mod scripted;
mod threads;

use super::*;
use crate::ring::receiver::{Received, Record};
use kernel::Kernel;

/// What a reader has been given, and checks of it.
struct Given<'a> {
    kernel: &'a Kernel,
    copy: &'a [Cell<usize>],
    /// End of the record that was delivered or discarded last.
    reached: u64,
    overwritten: u64,
    /// Spans of the records whose callbacks have returned, and of discarded ones.
    walked: u64,
    delivered: u64,
}

impl<'a> Given<'a> {
    fn new(kernel: &'a Kernel, copy: &'a [Cell<usize>]) -> Self {
        Given {
            kernel,
            copy,
            reached: 0,
            overwritten: 0,
            walked: 0,
            delivered: 0,
        }
    }

    /// Everything up to here has been delivered, discarded or overwritten.
    fn check_sum(&self) {
        assert_eq!(self.walked + self.overwritten, self.kernel.produced());
    }
}

impl Receiver for Given<'_> {
    fn record(&mut self, record: Record) -> Received {
        let twice = is_before(record.start, self.reached);
        assert!(!twice, "{record:?} twice or out of order");
        self.kernel.check(record, self.copy);
        assert_eq!(self.kernel.consumer(), record.start, "in the callback");
        let span = Header::from_word(record.len as u32).span();
        self.reached = record.start.wrapping_add(span);
        self.walked += span;
        self.delivered += 1;
        Received::Consumed
    }

    fn found(&mut self, bytes: u64) {
        assert!((1..=self.kernel.size()).contains(&bytes));
    }

    fn overwritten(&mut self, bytes: u64) {
        self.overwritten += bytes;
    }
}

fn copy_for(kernel: &Kernel) -> Vec<Cell<usize>> {
    vec![Cell::new(0); kernel.size() as usize / size_of::<usize>()]
}
