// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What the program cannot do: see `guard`.

use super::attached::{self, Attached};
use super::bell::Bell;
use super::log::Log;
use super::program::Subject;
use super::tally::Tallies;
use super::target::{self, Found, Target};
use crate::error::{Failure, Result, Status};
use crate::kick::{self, Outcome};
use crate::process::Process;
use crate::process::wait::How;
use crate::rings::{Head, Ring};
use crate::state::{State, Track};
use crate::survey;
use crate::watch::episodes::Episodes;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// A reader that has slept on a full ring for so long is woken, as `watch --kick` does it.
const STUCK_AFTER: Duration = Duration::from_millis(500);
/// A thread that may sleep on data is looked at again after this, then after twice as long each time,
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
/// up to this.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// Why a thread that may sleep on data is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// It may have entered its wait before the program was there.
    First,
    /// The program could not wake it, when the reader was here.
    Full(u64),
}

/// Guards one process.
pub struct Keeper {
    /// As it was looked at last.
    pub process: Process,
    subject: Subject,
    maps: BTreeMap<u32, Option<Ring>>,
    attached: Option<Attached>,
    /// Rings when there is something to do: see [`Keeper::rung`].
    pub bell: Bell,
    doubts: BTreeMap<u32, Why>,
    /// When they are looked at next, and the pause before.
    again: (Instant, Duration),
    /// Of each ring, how often there was no room, as counted so far.
    full: BTreeMap<u32, u64>,
    tracks: BTreeMap<u32, Track>,
    episodes: Episodes,
    tallies: Tallies,
    /// What is said.
    pub log: Log,
}

impl Keeper {
    /// Attaches the program. Fails if there is nothing to guard.
    pub fn new(process: Process) -> Result<Keeper> {
        let bell = Bell::new().map_err(|error| match error.raw_os_error() {
            Some(libc::EPERM) => {
                crate::privileges::missing("guarding", &["CAP_SYS_ADMIN", "CAP_BPF"])
            }
            _ => Failure::from_io("guarding", &error),
        })?;
        let mut keeper = Keeper {
            subject: attached::subject(&process)?,
            process,
            maps: BTreeMap::new(),
            attached: None,
            bell,
            doubts: BTreeMap::new(),
            again: (Instant::now(), SHORTEST_PAUSE),
            full: BTreeMap::new(),
            tracks: BTreeMap::new(),
            episodes: Episodes::default(),
            tallies: Tallies::default(),
            log: Log::default(),
        };
        let found = target::find(&keeper.process, &mut keeper.maps)?;
        for (how, ring) in &found.safe {
            let why = match how {
                How::Level => "level-triggered: the kernel looks again before it sleeps",
                _ => "it is not seen to wait for it",
            };
            keeper.log.safe(&keeper.process, ring, why);
        }
        if found.targets.is_empty() {
            let what = if found.safe.is_empty() {
                "it reads no ring"
            } else {
                "it waits for no ring edge-triggered: nothing to guard"
            };
            let message = format!("{}: {what}", keeper.process.pid);
            return Err(Failure::new(Status::No, message));
        }
        keeper.attach(found)?;
        keeper.attend()?;
        Ok(keeper)
    }

    /// Attaches a program for what was found, and then removes the one before, if there is one.
    fn attach(&mut self, found: Found) -> Result<()> {
        let targets = self.merged(found.targets);
        let before = self.attached.as_ref().map(|attached| &attached.targets);
        if before.is_some_and(|before| *before == targets) || before.is_none() && targets.is_empty()
        {
            return Ok(());
        }
        let fresh: Vec<Target> = targets
            .iter()
            .filter(|target| !before.is_some_and(|before| before.contains(target)))
            .cloned()
            .collect();
        let attached = if targets.is_empty() {
            None
        } else {
            match Attached::new(self.subject, targets, &self.bell)? {
                Some(attached) => Some(attached),
                // The next look finds out which.
                None => return Ok(()),
            }
        };
        if let Some(before) = &self.attached {
            self.tallies.keep(before)?;
        }
        self.attached = attached;
        for target in fresh {
            self.log.guarding(&self.process, &target);
            self.doubts.insert(target.ring.id, Why::First);
        }
        self.again = (Instant::now(), SHORTEST_PAUSE);
        Ok(())
    }

    /// What was guarded stays so as long as the process has the ring and the epoll instance: some take an item out of
    /// an epoll instance and add it again.
    fn merged(&self, mut targets: Vec<Target>) -> Vec<Target> {
        let before = self.attached.iter().flat_map(|attached| &attached.targets);
        for old in before {
            if let Some(new) = targets.iter_mut().find(|new| new.ring == old.ring) {
                let there = old
                    .epolls
                    .iter()
                    .filter(|fd| self.process.epolls.contains_key(fd));
                new.epolls.extend(there);
                new.epolls.sort_unstable();
                new.epolls.dedup();
            }
        }
        targets
    }

    /// When there is something to look at before the next look at everything.
    pub fn due(&self) -> Option<Instant> {
        (!self.doubts.is_empty()).then_some(self.again.0)
    }

    /// The program had no room to wake somebody.
    pub fn rung(&mut self) -> Result<()> {
        self.bell.hush();
        for (ring, counts, _) in self.tallies.all(self.attached.as_ref())? {
            let known = self.full.insert(ring, counts.full).unwrap_or(0);
            let ring = self.maps.get(&ring).into_iter().flatten().next();
            let Some(ring) = ring.filter(|_| counts.full != known) else {
                continue;
            };
            if let Some(sample) = ring.sample()? {
                self.doubts.insert(ring.id, Why::Full(sample.consumer));
                self.again = (Instant::now(), SHORTEST_PAUSE);
            }
        }
        Ok(())
    }

    /// Looks at the threads that may sleep on data, and wakes those that do.
    pub fn attend(&mut self) -> Result<()> {
        if self.due().is_none_or(|due| due > Instant::now()) {
            return Ok(());
        }
        let mut seen = BTreeSet::new();
        if let Some(attached) = &self.attached {
            let counts = attached.targets.iter().zip(attached.counts()?);
            let counts = counts.filter(|(_, counts)| counts.seen > 0);
            seen.extend(counts.map(|(target, _)| target.ring.id));
        }
        for (ring, why) in std::mem::take(&mut self.doubts) {
            // A look at the ring is one for all that sleep on it: whom it wakes, it wakes all.
            let seen = seen.contains(&ring);
            if !(why == Why::First && seen || self.settled(ring, why)?) {
                self.doubts.insert(ring, why);
            }
        }
        let pause = self.again.1;
        self.again = (Instant::now() + pause, (pause * 2).min(LONGEST_PAUSE));
        Ok(())
    }

    /// Whether a thread that was in doubt sleeps on nothing, or was woken.
    fn settled(&mut self, id: u32, why: Why) -> Result<bool> {
        let Some(ring) = self.maps.get(&id).cloned().flatten() else {
            return Ok(true);
        };
        let Ok(process) = Process::look(self.process.pid) else {
            return Ok(true);
        };
        // In this order: of a thread that sleeps, the store of its position is to be seen by all; a commit that has
        // missed it has been made before.
        let sleeps = kick::sleeps(&process, id);
        let Some(sample) = ring.sample()? else {
            return Ok(true);
        };
        let there = matches!(sample.head, Head::Committed(_));
        if !sleeps {
            return Ok(matches!(why, Why::Full(was) if !there || was != sample.consumer));
        }
        if there {
            let outcome = self.kick(&ring)?;
            // It has woken, by itself or not, has not read yet, and may go to sleep again: on a busy machine its event
            // may have been taken back before it came to run.
            let asleep = || Process::look(process.pid).is_ok_and(|now| kick::sleeps(&now, id));
            if outcome == Outcome::Awake || outcome == Outcome::SleepsOn && !asleep() {
                return Ok(false);
            }
            let woken = u64::from(matches!(outcome, Outcome::Woken(..)));
            let tally = self.tallies.of(id);
            let why = match why {
                Why::First => {
                    tally.first += woken;
                    "it slept before it was guarded"
                }
                Why::Full(_) => {
                    tally.kicked += woken;
                    "full when it went to sleep"
                }
            };
            self.log.kicked(&ring, why, outcome);
        }
        Ok(true)
    }

    fn kick(&mut self, ring: &Ring) -> Result<Outcome> {
        match kick::ring(ring, &[self.process.pid]) {
            Err(failure) if failure.status != Status::Privilege => {
                // The reader ended, or its ring: no reason to end too.
                self.log.failed(&failure);
                Ok(Outcome::Gone)
            }
            result => result,
        }
    }

    /// Looks at how the process waits now, and whether it sleeps on a full ring.
    pub fn look(&mut self) -> Result<()> {
        match Process::look(self.process.pid) {
            // The poll of its descriptor says so too.
            Err(failure) if failure.status == Status::Missing => return Ok(()),
            process => self.process = process?,
        }
        let found = target::find(&self.process, &mut self.maps)?;
        self.attach(found)?;
        let targets = self.attached.iter().flat_map(|attached| &attached.targets);
        let rings: Vec<Ring> = targets.map(|target| target.ring.clone()).collect();
        self.tracks
            .retain(|id, _| rings.iter().any(|ring| ring.id == *id));
        for ring in rings {
            self.check(&ring)?;
        }
        Ok(())
    }

    fn check(&mut self, ring: &Ring) -> Result<()> {
        let (Some(sample), now) = (ring.sample()?, Instant::now()) else {
            return Ok(());
        };
        let track = self
            .tracks
            .entry(ring.id)
            .or_insert_with(|| Track::new(sample, now));
        track.see(sample, now);
        if !track.suspicious(STUCK_AFTER) || !self.episodes.may_kick(ring.id, now) {
            return Ok(());
        }
        let Ok(process) = Process::look(self.process.pid) else {
            return Ok(());
        };
        let reader = survey::reader(ring, std::slice::from_ref(&process));
        if track.state(ring.kind, ring.size, reader, STUCK_AFTER) != State::Stuck {
            return Ok(());
        }
        let outcome = self.kick(ring)?;
        let woken = matches!(outcome, Outcome::Woken(..));
        self.episodes.kicked(ring.id, now, woken);
        self.tallies.of(ring.id).rescued += u64::from(woken);
        self.log.kicked(ring, "stuck", outcome);
        Ok(())
    }

    /// Says what was counted.
    pub fn report(&mut self) -> Result<()> {
        for (ring, counts, tally) in self.tallies.all(self.attached.as_ref())? {
            self.log.counts(ring, counts, tally);
        }
        Ok(())
    }
}
