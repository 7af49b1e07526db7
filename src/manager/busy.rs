// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Busy polling: a reader that owns its CPU, and never sleeps while a poll's timeout lasts.
//!
//! All rings take part in such a poll, and it returns with the rings *left held*: each one record behind, so that the
//! kernel sends no wake-up for the next record either. A ring that is held is readable, so neither the manager's epoll
//! instance nor anything that waits in the kernel can say whether something new has come: a poll looks at the rings
//! themselves, and now and then at the rest of the world: at descriptors that the program has added to the epoll
//! instance, and at signals.

use super::all_rings::AllRings;
use super::linger_call::spin;
use super::taking_part::LOOK_EVERY;
use super::{CALL_MAX, ManagerHandle, leaving};
use crate::log::warning;
use crate::ring::rounds;
use crate::ring::wait::{Round, WaitPolicy, Walked};
use crate::sys::clock::monotonic_ns;
use crate::sys::cpu;
use crate::sys::errno::Errno;
use crate::sys::signals::Mask;
use core::ffi::c_int;
use core::sync::atomic::{AtomicBool, Ordering};

/// A window where lingering is off, ns.
const WINDOW: u64 = 5_000;

/// A poll returns after this time of windows, ns: the program may have a flag to look at.
const WINDOWS_MAX: u64 = 500_000;

/// Windows that bring at least a record in this time, ns, make the rings hot.
const HOT_GAP: u64 = 1_200;

/// The wait policy of a poll that has found records: window follows window for as long as they bring more.
struct BusyCall {
    /// How long a window is, ns.
    window: u64,
    /// When the call must return, ns.
    until: u64,
    /// Time spent in windows, ns: the clock may stand still.
    spun: u64,
    /// Records walked before the last round.
    before: u64,
    hot: bool,
}

impl WaitPolicy for BusyCall {
    fn round(&mut self) -> Round {
        Round {
            hold: true,
            hot: self.hot,
        }
    }

    fn waits(&mut self, walked: Walked) -> bool {
        let records = walked.records.wrapping_sub(self.before);
        self.before = walked.records;
        self.hot = records.saturating_mul(HOT_GAP) >= self.window;
        records > 0
    }

    fn wait(&mut self) {
        let took = spin(self.window, monotonic_ns());
        self.spun = self.spun.saturating_add(took);
    }

    fn most(&self) -> u64 {
        leaving::TURN_MAX
    }

    fn leaves(&mut self) -> bool {
        monotonic_ns() >= self.until || self.spun >= WINDOWS_MAX
    }
}

/// What has ended the time without records.
enum Ended {
    /// There is something in a ring.
    Records,
    /// A descriptor of the program's own.
    Other,
    /// The poll's timeout.
    InTime,
    /// A signal handler has run, or the epoll instance has failed.
    Failed(Errno),
    /// We may not do here what it takes.
    Forbidden,
}

impl ManagerHandle {
    /// Has polls with a timeout other than 0 spin rather than sleep, or sleep again.
    ///
    /// Errors: `EOPNOTSUPP` on a single CPU, where nothing can come while we spin.
    pub fn set_busy_poll(self, busy: bool) -> Result<(), Errno> {
        if busy && !cpu::several() {
            return Err(Errno(libc::EOPNOTSUPP));
        }
        // SAFETY: a live manager that no other thread uses.
        unsafe { (*self.as_ptr()).busy = busy };
        Ok(())
    }

    /// The same as the environment asks for it, for a new manager.
    pub(super) fn be_busy(self) {
        static WARNED: AtomicBool = AtomicBool::new(false);
        if self.set_busy_poll(true).is_err() && !WARNED.swap(true, Ordering::Relaxed) {
            warning!(c"rbshim: no busy polling: there is a single CPU\n");
        }
    }

    #[inline]
    pub(super) fn is_busy(self) -> bool {
        // SAFETY: a live manager.
        unsafe { (*self.as_ptr()).busy }
    }

    /// Polls without sleep. `None` where that is forbidden: the caller is to poll as ever.
    #[inline(never)]
    pub(super) fn poll_busily(self, timeout_ms: c_int) -> Option<Result<u64, Errno>> {
        let deadline = match u64::try_from(timeout_ms) {
            Ok(timeout) => monotonic_ns().saturating_add(timeout.saturating_mul(1_000_000)),
            Err(_) => u64::MAX,
        };
        let window = match self.limits().spin {
            0 => WINDOW,
            spin => spin,
        };
        loop {
            match self.read_held(window) {
                // Nothing, or a record that is not committed yet.
                Ok((_, 0)) => {}
                // Discarded records end a poll too.
                Ok((delivered, _)) => return Some(Ok(delivered)),
                Err(error) => return Some(Err(error)),
            }
            match self.idle(window, deadline) {
                Ended::Records => {}
                Ended::Other | Ended::InTime => return Some(Ok(0)),
                Ended::Failed(error) => return Some(Err(error)),
                Ended::Forbidden => return None,
            }
        }
    }

    /// Reads what is there, and leaves the rings held. Returns the records delivered and walked.
    fn read_held(self, window: u64) -> Result<(u64, u64), Errno> {
        // Also if a callback does not return: a poll that sleeps must look at all rings first.
        self.note_left();
        let mut policy = BusyCall {
            window,
            until: monotonic_ns().saturating_add(WINDOWS_MAX),
            spun: 0,
            before: 0,
            hot: false,
        };
        let (delivered, walked) =
            rounds::read_held(&mut AllRings::new(self), CALL_MAX, &mut policy)?;
        Ok((delivered, walked.records))
    }

    /// Spins until there is something to do for the caller, with all signals blocked: no code of the program's runs
    /// meanwhile but for handlers, when they are let through.
    fn idle(self, window: u64, deadline: u64) -> Ended {
        let errno = Errno::last();
        let Ok(mask) = Mask::block_all() else {
            return Ended::Forbidden;
        };
        let ended = self.idle_with(&mask, window, deadline);
        errno.set();
        mask.restore();
        ended
    }

    fn idle_with(self, mask: &Mask, window: u64, deadline: u64) -> Ended {
        let began = monotonic_ns();
        let (mut look_at, mut spun) = (0, 0_u64);
        loop {
            // At least what was spun: the clock may stand still.
            let passed = monotonic_ns().saturating_sub(began).max(spun);
            let now = began.saturating_add(passed);
            let over = now >= deadline;
            if now >= look_at || over {
                look_at = now.saturating_add(LOOK_EVERY);
                match mask.let_through() {
                    Ok(false) => {}
                    Ok(true) => return Ended::Failed(Errno(libc::EINTR)),
                    Err(_) => return Ended::Forbidden,
                }
                match self.sees_other() {
                    Ok(false) => {}
                    Ok(true) => return Ended::Other,
                    Err(error) => return Ended::Failed(error),
                }
            }
            if self.has_records() {
                return Ended::Records;
            }
            if over {
                return Ended::InTime;
            }
            let window = window.min(deadline.saturating_sub(now));
            spun = spun.saturating_add(spin(window, monotonic_ns()));
        }
    }

    /// Whether a descriptor of the program's own is ready.
    fn sees_other(self) -> Result<bool, Errno> {
        let ready = self.wait(0)?;
        let other = |number| self.ring_of_event(number).is_none() && !self.is_edge(number);
        Ok((0..ready).any(other))
    }

    /// Whether a turn would find something in a ring.
    fn has_records(self) -> bool {
        let mut rings = (0..self.ring_cnt()).filter_map(|index| self.ring(index));
        rings.any(|ring| ring.has_records())
    }
}
