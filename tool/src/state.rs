// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What is to be said about a ring: flowing, stuck, or something between. From what was seen alone: no system call.

use crate::rings::{Head, Kind, Sample};
use std::time::{Duration, Instant};

/// The state of a ring. In the order of a table that has the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Full, and its reader sleeps on it: nothing that BPF does will wake it.
    Stuck,
    /// The reader sleeps on a committed record. A producer that batches with `BPF_RB_NO_WAKEUP` looks the same.
    Suspected,
    /// The reader is stopped or frozen.
    Paused,
    /// There are records, and no process has mapped the ring.
    NoReader,
    /// The reader is behind: the ring is half full, or it has not moved since the last look.
    BackingUp,
    /// Records come and are read.
    Flowing,
    /// Nothing to read.
    Idle,
}

impl State {
    /// All of them.
    pub const ALL: [State; 7] = [
        State::Stuck,
        State::Suspected,
        State::Paused,
        State::NoReader,
        State::BackingUp,
        State::Flowing,
        State::Idle,
    ];

    /// For tables and JSON.
    pub fn name(self) -> &'static str {
        match self {
            State::Stuck => "stuck",
            State::Suspected => "suspected",
            State::Paused => "paused",
            State::NoReader => "no reader",
            State::BackingUp => "backing up",
            State::Flowing => "flowing",
            State::Idle => "idle",
        }
    }
}

/// What the reader of a ring does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// It was not looked at, or does something else than wait for the ring: it may be in a callback.
    Busy,
    /// No process has mapped the ring.
    None,
    /// Stopped or frozen.
    Paused,
    /// Asleep in a wait for the ring.
    Asleep {
        /// It wakes by itself after this time at the latest.
        wakes_itself: Option<Duration>,
    },
}

/// What was seen of a ring so far.
#[derive(Clone, Debug)]
pub struct Track {
    /// The last look.
    pub last: Sample,
    /// Of the look before.
    previous: Sample,
    /// When the record that is the next to be read was first seen committed.
    waiting_since: Option<Instant>,
    /// The most unread bytes seen.
    pub high_water: u64,
    /// The longest record seen, with its header.
    longest: u64,
    at: Instant,
    previous_at: Instant,
}

impl Track {
    /// From a first look.
    pub fn new(sample: Sample, now: Instant) -> Track {
        let mut track = Track {
            last: sample,
            previous: sample,
            waiting_since: None,
            high_water: 0,
            longest: 0,
            at: now,
            previous_at: now,
        };
        track.note(sample, now);
        track
    }

    /// Adds a look.
    pub fn see(&mut self, sample: Sample, now: Instant) {
        (self.previous, self.previous_at) = (self.last, self.at);
        if sample.consumer != self.last.consumer {
            self.waiting_since = None;
        }
        (self.last, self.at) = (sample, now);
        self.note(sample, now);
    }

    fn note(&mut self, sample: Sample, now: Instant) {
        match sample.head {
            Head::Committed(span) => {
                self.waiting_since.get_or_insert(now);
                self.longest = self.longest.max(span);
            }
            _ => self.waiting_since = None,
        }
        self.high_water = self.high_water.max(sample.unread());
    }

    /// Since when the next record has been there without being read.
    pub fn waiting(&self) -> Option<Duration> {
        let since = self.waiting_since?;
        Some(self.at.saturating_duration_since(since))
    }

    /// The last two looks, and the time between them.
    pub fn between(&self) -> ([Sample; 2], Duration) {
        let time = self.at.saturating_duration_since(self.previous_at);
        ([self.previous, self.last], time)
    }

    /// Bytes a second in and out between the last two looks.
    pub fn rates(&self) -> (f64, f64) {
        let seconds = (self.at - self.previous_at).as_secs_f64();
        if seconds <= 0.0 {
            return (0.0, 0.0);
        }
        let rate = |last: u64, previous: u64| last.saturating_sub(previous) as f64 / seconds;
        (
            rate(self.last.producer, self.previous.producer),
            rate(self.last.consumer, self.previous.consumer),
        )
    }

    /// So full that a record like the longest one seen finds no room: the producers can do nothing more.
    pub fn full(&self, size: u64) -> bool {
        let free = size.saturating_sub(self.last.unread());
        free < self.longest.max(size / 64)
    }

    /// Whether it is worthwhile to look at the reader: the next record has waited so long.
    pub fn suspicious(&self, stuck_after: Duration) -> bool {
        self.waiting().is_some_and(|time| time >= stuck_after)
    }

    /// The verdict. The reader must have been looked at after the last sample.
    pub fn state(&self, kind: Kind, size: u64, reader: Reader, stuck_after: Duration) -> State {
        let moved = self.last.consumer != self.previous.consumer;
        if reader == Reader::None && self.last.unread() > 0 {
            return State::NoReader;
        }
        if let (Some(time), false) = (self.waiting(), kind == Kind::User) {
            match reader {
                Reader::Asleep { wakes_itself }
                    if time >= stuck_after + wakes_itself.unwrap_or_default() =>
                {
                    // Overwriting goes on where another ring is full.
                    return if self.full(size) && kind == Kind::Ring {
                        State::Stuck
                    } else {
                        State::Suspected
                    };
                }
                Reader::Paused if !moved => return State::Paused,
                _ => {}
            }
        }
        if self.last.unread() >= size / 2 || (self.waiting().is_some() && !moved) {
            State::BackingUp
        } else if moved || self.last.producer != self.previous.producer {
            State::Flowing
        } else {
            State::Idle
        }
    }
}

#[cfg(test)]
mod tests;
