// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! All rings with their readers, looked at again and again.

use crate::error::Result;
use crate::kick;
use crate::process::active::Active;
use crate::process::mapped::mapped;
use crate::process::wait::How;
use crate::process::{self, Process};
use crate::rings::census::{self, Count, Mean, Rate};
use crate::rings::looks::{Look, Looks};
use crate::rings::{Kind, Ring};
use crate::state::{Reader, State, Track};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What is known of the machine's rings.
#[derive(Debug, Default)]
pub struct Survey {
    looks: Looks,
    /// The rings of the last look, by id.
    pub rings: Vec<Ring>,
    tracks: BTreeMap<u32, Track>,
    readers: BTreeMap<u32, Vec<i32>>,
    /// So many processes could not be looked at.
    pub hidden: usize,
    active: Active,
    /// Of each ring, how large its records are.
    means: BTreeMap<u32, Mean>,
    /// Records a second, in and out.
    records: BTreeMap<u32, [Option<Rate>; 2]>,
}

/// A process that reads a ring; of a user ring, that writes it.
#[derive(Clone, Debug)]
pub struct ReaderRow {
    /// Its id.
    pub pid: i32,
    /// Its name, perhaps hostile.
    pub name: Vec<u8>,
    /// How it waits.
    pub how: How,
    /// rbshim is in it.
    pub rbshim: bool,
}

/// A ring as it is shown.
#[derive(Clone, Debug)]
pub struct Row {
    /// Which.
    pub ring: Ring,
    /// Bytes that are not read.
    pub unread: u64,
    /// Everything before it was read.
    pub consumer: u64,
    /// Everything before it was reserved.
    pub producer: u64,
    /// Bytes a second, in and out.
    pub rates: (f64, f64),
    /// Records a second, in and out, where that is known.
    pub records: [Option<Rate>; 2],
    /// The most unread bytes that were seen.
    pub high_water: u64,
    /// For so long the next record has been there to be read.
    pub waiting: Option<Duration>,
    /// The verdict.
    pub state: State,
    /// Who reads.
    pub readers: Vec<ReaderRow>,
}

impl Survey {
    /// For more than a few looks.
    pub fn lasting() -> Survey {
        Survey {
            looks: Looks::many(),
            ..Survey::default()
        }
    }

    /// Finds the rings and looks at their positions.
    pub fn sample(&mut self) -> Result<()> {
        let mut tracks = BTreeMap::new();
        self.rings.clear();
        for Look { ring, sample, at } in self.looks.look()? {
            let track = match self.tracks.remove(&ring.id) {
                Some(mut track) => {
                    track.see(sample, at);
                    track
                }
                None => Track::new(sample, at),
            };
            tracks.insert(ring.id, track);
            self.rings.push(ring);
        }
        self.readers.retain(|id, _| tracks.contains_key(id));
        self.means.retain(|id, _| tracks.contains_key(id));
        self.tracks = tracks;
        Ok(())
    }

    /// Counts the records between the last two looks. To be called right after the second one: what they left in the rings
    /// is overwritten soon.
    pub fn count_records(&mut self) {
        self.records.clear();
        for ring in &self.rings {
            let Some(track) = self.tracks.get(&ring.id) else {
                continue;
            };
            let mean = self.means.entry(ring.id).or_default();
            self.records.insert(ring.id, records(ring, track, mean));
        }
    }

    /// Finds out which processes read the rings.
    pub fn find_readers(&mut self) -> Result<()> {
        let found = mapped(&self.rings, process::all())?;
        (self.readers, self.hidden) = (found.processes, found.hidden);
        Ok(())
    }

    /// The processes that read a ring, as found last.
    pub fn readers(&self, ring: u32) -> &[i32] {
        self.readers.get(&ring).map_or(&[], Vec::as_slice)
    }

    /// What was seen of a ring.
    pub fn track(&self, ring: u32) -> Option<&Track> {
        self.tracks.get(&ring)
    }

    /// The verdict about a ring whose readers were looked at after the last sample.
    pub fn state(&self, ring: &Ring, readers: &[Process], stuck_after: Duration) -> State {
        let Some(track) = self.tracks.get(&ring.id) else {
            return State::Idle;
        };
        let state = track.state(ring.kind, ring.size, reader(ring, readers), stuck_after);
        if matches!(state, State::Stuck | State::Suspected) {
            // It may have woken between the sample and the look at its threads.
            let now = ring.sample().ok().flatten();
            if now.is_none_or(|now| now.consumer != track.last.consumer) {
                return State::BackingUp;
            }
        }
        state
    }

    /// Looks at all readers, and has a row for each ring.
    pub fn rows(&mut self, stuck_after: Duration) -> Vec<Row> {
        let pids: BTreeSet<i32> = self.readers.values().flatten().copied().collect();
        let processes: BTreeMap<i32, Process> = pids
            .into_iter()
            .filter_map(|pid| Some((pid, Process::look(pid).ok()?)))
            .collect();
        let mut rows = Vec::new();
        for ring in self.rings.clone() {
            let readers: Vec<Process> = self
                .readers(ring.id)
                .iter()
                .filter_map(|pid| processes.get(pid).cloned())
                .collect();
            let state = self.state(&ring, &readers, stuck_after);
            let Some(track) = self.tracks.get(&ring.id) else {
                continue;
            };
            let active = &mut self.active;
            rows.push(Row {
                unread: track.last.unread(),
                consumer: track.last.consumer,
                producer: track.last.producer,
                rates: track.rates(),
                records: self.records.get(&ring.id).copied().unwrap_or_default(),
                high_water: track.high_water,
                waiting: track.waiting(),
                state,
                readers: readers
                    .iter()
                    .map(|process| ReaderRow {
                        pid: process.pid,
                        name: process.name.clone(),
                        how: process.how(ring.id),
                        rbshim: active.in_process(process.pid),
                    })
                    .collect(),
                ring,
            });
        }
        rows
    }
}

/// Records a second between the last two looks, in and out.
fn records(ring: &Ring, track: &Track, mean: &mut Mean) -> [Option<Rate>; 2] {
    let (looks, time) = track.between();
    let [before, after] = looks.map(|look| (look.consumer, look.producer));
    if before == after {
        return [Count::Exact(0).rate(time); 2];
    }
    let counted = match ring.open() {
        Ok(Some(map)) => census::count(&map, ring.kind, ring.size, looks, mean).ok(),
        _ => None,
    };
    counted.map_or([None; 2], |census| {
        [census.came, census.read].map(|count| count.rate(time))
    })
}

/// What the readers of a ring do, taken together.
pub fn reader(ring: &Ring, readers: &[Process]) -> Reader {
    if readers.is_empty() {
        return Reader::None;
    }
    if ring.kind == Kind::User {
        return Reader::Busy;
    }
    if readers.iter().all(Process::paused) {
        return Reader::Paused;
    }
    if !readers.iter().any(|process| kick::sleeps(process, ring.id)) {
        return Reader::Busy;
    }
    let waiters = readers.iter().flat_map(|process| process.waiters(ring.id));
    let sleepers = waiters.filter(|waiter| waiter.thread.asleep());
    let wakes_itself = sleepers.filter_map(|waiter| waiter.wakes_itself).min();
    Reader::Asleep { wakes_itself }
}
