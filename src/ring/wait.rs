// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Whether a call that has caught up waits for more records before it settles.

use core::ops::AddAssign;

/// What a call has walked so far, in all of its rings.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Walked {
    /// Records, discarded ones included.
    pub records: u64,
    /// Bytes of the rings.
    pub bytes: u64,
}

impl AddAssign for Walked {
    fn add_assign(&mut self, more: Walked) {
        self.records = self.records.wrapping_add(more.records);
        self.bytes = self.bytes.wrapping_add(more.bytes);
    }
}

/// How the turns of a round are to be taken.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Round {
    /// Whether they are to end one record behind rather than to settle, since the call may wait then.
    pub hold: bool,
    /// Whether the rings are hot: so fast that starts may be published every few records only.
    pub hot: bool,
}

/// Decides for one call, and does the waiting. While a call waits, the last record that it has walked in
/// each ring is held back.
pub trait WaitPolicy {
    /// The round that comes now.
    fn round(&mut self) -> Round;

    /// Whether to wait, after the round, `walked` being what this call has walked so far. Not if it was
    /// not to hold back.
    fn waits(&mut self, walked: Walked) -> bool;

    /// Waits. A thread may be cancelled in here.
    fn wait(&mut self);

    /// Records that a turn delivers at most. Where one has ended so, there is no wait after its round: more is there.
    #[inline(always)]
    fn most(&self) -> u64 {
        u64::MAX
    }

    /// Whether the call is to return though not all rings have settled. Its caller must not sleep then before it has
    /// called again.
    #[inline(always)]
    fn leaves(&mut self) -> bool {
        false
    }
}

/// Settles as soon as it has caught up.
#[derive(Clone, Copy, Debug)]
pub struct NoWait;

impl WaitPolicy for NoWait {
    #[inline(always)]
    fn round(&mut self) -> Round {
        Round::default()
    }

    #[inline(always)]
    fn waits(&mut self, _: Walked) -> bool {
        false
    }

    fn wait(&mut self) {}
}
