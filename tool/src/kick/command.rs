// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `rbshim kick`.

use super::Outcome;
use crate::cli::Kick;
use crate::error::{Failure, Result, Status};
use crate::process::{self, Process, mapped};
use crate::rings::{self, Kind, Ring};
use crate::state::State;
use crate::survey::Survey;
use crate::text::plain;
use crate::top::print;
use std::time::Duration;

/// Wakes the readers that the user means. Returns the exit status.
pub fn kick(options: &Kick) -> Result<u8> {
    let mut all_woken = true;
    let targets = match options.id {
        Some(id) => vec![one(id)?],
        None => stuck(options)?,
    };
    if targets.is_empty() {
        print("no reader is stuck\n")?;
    }
    for (ring, readers) in &targets {
        let outcome = super::ring(ring, readers)?;
        let shown = format!("ring {} ({})", ring.id, plain(&ring.name));
        print(&format!("{shown}: {}\n", words(outcome)))?;
        all_woken &= matches!(outcome, Outcome::Woken(..) | Outcome::Moves);
    }
    Ok(if targets.is_empty() || !all_woken {
        Status::No as u8
    } else {
        0
    })
}

/// What came of it, for people.
pub fn words(outcome: Outcome) -> String {
    match outcome {
        Outcome::Woken(means, bytes) => {
            format!("woken by {}; it has read {bytes} bytes since", means.name())
        }
        Outcome::Moves => "it moves by itself".into(),
        Outcome::Awake => "its reader does not sleep in a wait for it: nothing done".into(),
        Outcome::SleepsOn => "its reader has not read, though it was woken".into(),
        Outcome::NoWay => {
            "full, and its reader waits by io_uring: there is no way to wake it from outside".into()
        }
        Outcome::Gone => "gone".into(),
    }
}

fn one(id: u32) -> Result<(Ring, Vec<i32>)> {
    let ring = rings::by_id(id)?;
    if ring.kind == Kind::User {
        return Err(Failure::new(
            Status::No,
            format!("{id}: a user ring, which BPF reads: there is nobody to wake"),
        ));
    }
    let found = mapped::mapped(std::slice::from_ref(&ring), process::all())?;
    match found.processes.get(&id) {
        Some(readers) => Ok((ring, readers.clone())),
        None => Err(Failure::new(
            Status::No,
            format!("{id}: no process has mapped this ring: there is nobody to wake"),
        )),
    }
}

fn stuck(options: &Kick) -> Result<Vec<(Ring, Vec<i32>)>> {
    let after = Duration::from_millis(options.stuck_after);
    let mut survey = Survey::default();
    survey.sample()?;
    std::thread::sleep(after);
    survey.sample()?;
    survey.find_readers()?;
    let mut targets = Vec::new();
    for ring in survey
        .rings
        .iter()
        .filter(|ring| ring.is_meant(&options.name))
    {
        let readers: Vec<Process> = survey
            .readers(ring.id)
            .iter()
            .filter_map(|pid| Process::look(*pid).ok())
            .collect();
        let state = survey.state(ring, &readers, after);
        if state == State::Stuck || options.suspected && state == State::Suspected {
            targets.push((ring.clone(), survey.readers(ring.id).to_vec()));
        }
    }
    Ok(targets)
}
