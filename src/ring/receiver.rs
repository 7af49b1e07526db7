// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Where the records of a ring go.

/// A committed record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record {
    /// Position of its header.
    pub start: u64,
    /// Bytes of payload, which follow the header.
    pub len: u64,
    /// Where they lie, in memory that has addresses.
    pub payload: *mut u8,
}

/// What the receiver of a record made of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Received {
    /// Consumed; go on.
    Consumed,
    /// Consumed; stop with this error.
    Failed(i32),
    /// Not consumed: it stays the next record.
    Refused,
}

/// Takes the records of one ring, in order.
///
/// [`record`](Self::record) runs the program's code, which need not return: it may throw, jump or end the
/// thread. So whenever it is called, the position and the notes of the ring ([`Journal`]) already say
/// what the next call must know, and no caller of it owns anything that has to be dropped.
///
/// [`Journal`]: super::journal::Journal
pub trait Receiver {
    /// One committed record. Its bytes are valid until this returns.
    fn record(&mut self, record: Record) -> Received;

    /// The reader has looked, and goes on to walk: so many bytes lie between it and the producer.
    fn found(&mut self, _bytes: u64) {}

    /// A discarded record has been walked.
    fn discarded(&mut self) {}

    /// So many bytes have been overwritten that no call has walked.
    fn overwritten(&mut self, _bytes: u64) {}

    /// `consumer_pos` has been stored.
    fn published(&mut self) {}

    /// The look after the fence has found a record that the look before the publication had not: a reader
    /// without the fence could have slept on it.
    fn rescued(&mut self) {}
}

impl<R: Receiver> Receiver for &mut R {
    #[inline(always)]
    fn record(&mut self, record: Record) -> Received {
        R::record(self, record)
    }

    #[inline(always)]
    fn found(&mut self, ahead: u64) {
        R::found(self, ahead);
    }

    #[inline(always)]
    fn discarded(&mut self) {
        R::discarded(self);
    }

    fn overwritten(&mut self, bytes: u64) {
        R::overwritten(self, bytes);
    }

    #[inline(always)]
    fn published(&mut self) {
        R::published(self);
    }

    fn rescued(&mut self) {
        R::rescued(self);
    }
}
