// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Whether a call that has caught up waits for more records before it settles.

/// What a call has walked so far.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Walked {
    /// Records, discarded ones included.
    pub records: u64,
    /// Bytes of the ring.
    pub bytes: u64,
}

/// Decides for one call, and does the waiting. While a call waits, the last record that it has walked is
/// held back.
pub trait WaitPolicy {
    /// Whether the ring is hot: so fast that starts may be published every few records only.
    fn hot(&self) -> bool;

    /// Whether to wait for more, `walked` being what this call has walked so far.
    fn waits(&mut self, walked: Walked) -> bool;

    /// Waits. A thread may be cancelled in here.
    fn wait(&mut self);
}

/// Settles as soon as it has caught up.
#[derive(Clone, Copy, Debug)]
pub struct NoWait;

impl WaitPolicy for NoWait {
    #[inline(always)]
    fn hot(&self) -> bool {
        false
    }

    #[inline(always)]
    fn waits(&mut self, _: Walked) -> bool {
        false
    }

    fn wait(&mut self) {}
}
