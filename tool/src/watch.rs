// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `rbshim watch`: looks at all rings again and again, says which reader is stuck, and wakes it if asked to.

pub(crate) mod episodes;
mod log;

use crate::cli::Watch;
use crate::error::{Result, Status};
use crate::kick::{self, Outcome};
use crate::process::Process;
use crate::rings::Ring;
use crate::signals::{Signal, Signals};
use crate::state::State;
use crate::survey::Survey;
use episodes::Episodes;
use log::Log;
use sd_notify::NotifyState;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A ring whose readers are not known is looked for among all processes once in so long.
const SEARCH: Duration = Duration::from_secs(1);

/// Runs until a signal ends it.
pub fn watch(options: &Watch) -> Result<()> {
    let signals = Signals::block();
    let mut watcher = Watcher::new(options);
    watcher.survey.sample()?;
    watcher.log.started(options, watcher.survey.rings.len());
    tell_manager(&[NotifyState::Ready]);
    let interval = Duration::from_millis(options.interval);
    let mut next = Instant::now() + interval;
    loop {
        match signals.wait(next.saturating_duration_since(Instant::now())) {
            Some(Signal::End) => break,
            Some(Signal::Report) => {
                watcher.report()?;
                continue;
            }
            None => {}
        }
        watcher.look()?;
        // After a pause of the machine no look is made up for.
        next = (next + interval).max(Instant::now());
        tell_manager(&[NotifyState::Watchdog]);
    }
    tell_manager(&[NotifyState::Stopping]);
    watcher.report()
}

/// Without a service manager this does nothing.
pub(crate) fn tell_manager(news: &[NotifyState<'_>]) {
    let _ = sd_notify::notify(news);
}

struct Watcher<'options> {
    options: &'options Watch,
    stuck_after: Duration,
    survey: Survey,
    searched: BTreeMap<u32, Instant>,
    episodes: Episodes,
    log: Log,
    status: u64,
}

impl<'options> Watcher<'options> {
    fn new(options: &'options Watch) -> Watcher<'options> {
        Watcher {
            options,
            stuck_after: Duration::from_millis(options.stuck_after),
            survey: Survey::lasting(),
            searched: BTreeMap::new(),
            episodes: Episodes::default(),
            log: Log::new(),
            status: 0,
        }
    }

    fn look(&mut self) -> Result<()> {
        self.survey.sample()?;
        let mut rings = self.survey.rings.clone();
        rings.retain(|ring| ring.is_meant(&self.options.name));
        for ring in rings {
            let track = self.survey.track(ring.id);
            if track.is_some_and(|track| track.suspicious(self.stuck_after)) {
                self.suspicious(&ring)?;
            } else {
                self.moved(&ring);
            }
        }
        let alive = |id: &u32| self.survey.track(*id).is_some();
        self.searched.retain(|id, _| alive(id));
        self.episodes.retain(alive);
        Ok(())
    }

    fn suspicious(&mut self, ring: &Ring) -> Result<()> {
        let readers = self.readers(ring)?;
        let state = self.survey.state(ring, &readers, self.stuck_after);
        let certain = match state {
            State::Stuck => true,
            State::Suspected => false,
            _ => {
                self.episodes.over(ring.id);
                return Ok(());
            }
        };
        let now = Instant::now();
        if self.episodes.begin(ring.id, certain) && !self.options.kick {
            let track = self.survey.track(ring.id);
            self.log.found(ring, &readers, state, track);
        }
        let meant = certain || self.options.suspected;
        if !self.options.kick || !meant || !self.episodes.may_kick(ring.id, now) {
            return Ok(());
        }
        let pids: Vec<i32> = readers.iter().map(|reader| reader.pid).collect();
        let outcome = match kick::ring(ring, &pids) {
            Ok(outcome) => outcome,
            // The reader ended, or its ring: no reason to end too.
            Err(failure) if failure.status != Status::Privilege => {
                self.log.failed(ring, &failure);
                self.episodes.kicked(ring.id, now, false);
                return Ok(());
            }
            Err(failure) => return Err(failure),
        };
        self.episodes
            .kicked(ring.id, now, matches!(outcome, Outcome::Woken(..)));
        let rescues = self.episodes.rescues(ring.id);
        self.log.kicked(ring, &readers, outcome, rescues);
        self.tell_status();
        Ok(())
    }

    /// The processes that read the ring, looked at now.
    fn readers(&mut self, ring: &Ring) -> Result<Vec<Process>> {
        let look = |survey: &Survey| -> Vec<Process> {
            let pids = survey.readers(ring.id).iter();
            pids.filter_map(|pid| Process::look(*pid).ok()).collect()
        };
        let mut readers = look(&self.survey);
        let searched = self.searched.get(&ring.id);
        let stale = searched.is_none_or(|searched| searched.elapsed() >= SEARCH);
        if readers.is_empty() && stale {
            self.survey.find_readers()?;
            self.searched.insert(ring.id, Instant::now());
            readers = look(&self.survey);
        }
        Ok(readers)
    }

    /// What `systemctl status` shows.
    fn tell_status(&mut self) {
        let total = self.episodes.total();
        if total != self.status {
            self.status = total;
            let status = format!("{} rings, {total} rescues", self.survey.rings.len());
            tell_manager(&[NotifyState::Status(&status)]);
        }
    }

    fn report(&mut self) -> Result<()> {
        // What the last kick has brought since.
        self.survey.sample()?;
        for ring in self.survey.rings.clone() {
            let track = self.survey.track(ring.id);
            if !track.is_some_and(|track| track.suspicious(self.stuck_after)) {
                self.moved(&ring);
            }
        }
        for (ring, rescues) in self.episodes.all() {
            self.log.rescues(ring, rescues);
        }
        self.log
            .summary(self.survey.rings.len(), self.episodes.total());
        Ok(())
    }

    fn moved(&mut self, ring: &Ring) {
        if self.episodes.moved(ring.id) {
            let rescues = self.episodes.rescues(ring.id);
            self.log.moved_late(ring, rescues);
        }
    }
}
