// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! All runs of a suite, and what can be asked of them.

use crate::Failure;
use crate::case::{Case, Peer};
use crate::run::Measured;
use crate::statistics::{Spread, spread};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

/// One figure of a run.
pub type Figure = fn(&Measured) -> Option<f64>;

/// Which run it was.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Key {
    pub name: String,
    pub peer: Peer,
    pub round: usize,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    pub key: Key,
    pub case: Case,
    pub measured: Measured,
}

/// One measurement of calls or of a start.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Timed {
    pub what: String,
    pub peer: Peer,
    pub round: usize,
    pub nanoseconds: f64,
}

/// Instructions of a call or for a record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Counted {
    pub what: String,
    pub peer: Peer,
    pub instructions: f64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Results {
    pub rows: Vec<Row>,
    pub timed: Vec<Timed>,
    /// Empty if they could not be counted.
    pub counted: Vec<Counted>,
    /// Runs that failed, and why.
    pub failures: Vec<String>,
    pub rounds: usize,
    pub seconds: f64,
    pub machine: Vec<(String, String)>,
}

impl Results {
    fn of(&self, name: &str, peer: Peer) -> impl Iterator<Item = &Row> {
        let wanted = move |row: &&Row| row.key.peer == peer && row.key.name == name;
        self.rows.iter().filter(wanted)
    }

    /// A figure over all rounds. `None` if there is none.
    pub fn figure(&self, name: &str, peer: Peer, figure: Figure) -> Option<Spread> {
        spread(self.of(name, peer).filter_map(|row| figure(&row.measured)))
    }

    /// The ratio of a figure to another reader's in the same round, over all rounds.
    pub fn ratio(&self, name: &str, peer: Peer, base: Peer, figure: Figure) -> Option<Spread> {
        self.ratio_of((name, peer), (name, base), figure)
    }

    /// The same of two cases.
    pub fn ratio_of(
        &self,
        (name, peer): (&str, Peer),
        (base_name, base): (&str, Peer),
        figure: Figure,
    ) -> Option<Spread> {
        let bases: Vec<&Row> = self.of(base_name, base).collect();
        spread(self.of(name, peer).filter_map(|row| {
            let base = bases.iter().find(|base| base.key.round == row.key.round)?;
            Some(figure(&row.measured)? / figure(&base.measured)?)
        }))
    }

    /// The ratio of a figure in each round to the most that another reader has reached in any.
    pub fn ratio_to_best(
        &self,
        name: &str,
        peer: Peer,
        bases: &[Peer],
        figure: Figure,
    ) -> Option<Spread> {
        let bases = bases
            .iter()
            .filter_map(|base| self.figure(name, *base, figure));
        let best = bases.map(|spread| spread.most).reduce(f64::max)?;
        Some(self.figure(name, peer, figure)?.divided_by(best))
    }

    pub fn time(&self, what: &str, peer: Peer) -> Option<Spread> {
        let wanted = |timed: &&Timed| timed.peer == peer && timed.what == what;
        spread(
            self.timed
                .iter()
                .filter(wanted)
                .map(|timed| timed.nanoseconds),
        )
    }

    /// The ratio of a time to libbpf's in the same round.
    pub fn time_ratio(&self, what: &str, peer: Peer) -> Option<Spread> {
        let of = |peer| {
            let wanted = move |timed: &&Timed| timed.peer == peer && timed.what == what;
            self.timed.iter().filter(wanted)
        };
        spread(of(peer).filter_map(|timed| {
            let base = of(Peer::Libbpf).find(|base| base.round == timed.round)?;
            Some(timed.nanoseconds / base.nanoseconds)
        }))
    }

    pub fn instructions(&self, what: &str, peer: Peer) -> Option<f64> {
        let mut counted = self.counted.iter();
        let found = counted.find(|counted| counted.peer == peer && counted.what == what);
        found.map(|counted| counted.instructions)
    }

    /// The raw figures, a row for each run.
    pub fn write_csv(&self, runs: &Path, timed: &Path) -> Result<(), Failure> {
        let mut writer = csv::Writer::from_path(runs)?;
        for Row {
            key,
            case,
            measured,
        } in &self.rows
        {
            writer.serialize((key, case, measured))?;
        }
        writer.flush()?;
        let mut writer = csv::Writer::from_path(timed)?;
        for row in &self.timed {
            writer.serialize(row)?;
        }
        Ok(writer.flush()?)
    }

    pub fn save(&self, path: &Path) -> Result<(), Failure> {
        Ok(serde_json::to_writer(
            BufWriter::new(File::create(path)?),
            self,
        )?)
    }

    pub fn load(path: &Path) -> Result<Self, Failure> {
        Ok(serde_json::from_slice(&std::fs::read(path)?)?)
    }
}
