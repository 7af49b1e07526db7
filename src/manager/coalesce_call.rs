// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Sleeping in a poll, with records held back.

use super::ManagerHandle;
use super::taking_part::Looked;
use crate::ring::coalesce::{Call, Ended};
use crate::ring::wait::{Round, WaitPolicy, Walked};
use crate::sys::clock::monotonic_ns;
use crate::sys::edge_sleep::{EdgeSleep, Woken};

/// The wait policy of one poll that sleeps while records come.
pub(super) struct CoalesceCall {
    manager: ManagerHandle,
    sleep: EdgeSleep,
    call: Call,
    /// How the last window ended.
    ended: Option<Ended>,
    /// When the window began that the last decision opened, and until when it is to last, ns.
    window: (u64, u64),
    /// Whether the call is to settle, whatever comes.
    over: bool,
    /// Whether a signal has ended a window.
    pub interrupted: bool,
}

impl CoalesceCall {
    pub fn new(manager: ManagerHandle, sleep: EdgeSleep, call: Call) -> Self {
        CoalesceCall {
            manager,
            sleep,
            call,
            ended: None,
            window: (0, 0),
            over: false,
            interrupted: false,
        }
    }
}

impl WaitPolicy for CoalesceCall {
    fn round(&mut self) -> Round {
        Round {
            hold: !self.over,
            hot: false,
        }
    }

    fn waits(&mut self, walked: Walked) -> bool {
        if self.over {
            return false;
        }
        let now = monotonic_ns();
        let (call, ended) = (&mut self.call, self.ended.take());
        let until = self
            .manager
            .with_coalescing(|coalescing| coalescing.next(call, walked, ended, now));
        self.window = (now, until.unwrap_or(0));
        self.over = until.is_none();
        !self.over
    }

    fn wait(&mut self) {
        self.manager.count_windows(|counters| &counters.coalesced);
        let (since, until) = self.window;
        let woken = self.sleep.until(until, since);
        let seen = self.manager.look_for_rings();
        self.interrupted |= woken == Woken::BySignal;
        self.ended = Some(match (woken, seen) {
            (Woken::InTime, _) => Ended::InTime,
            (Woken::Early, Looked::NewRing) => Ended::ByRing,
            // Whoever sends a signal wants the program to go on, whatever else has come.
            (Woken::Early | Woken::BySignal, _) => Ended::Early,
        });
    }
}
