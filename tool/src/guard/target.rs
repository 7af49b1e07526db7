// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What there is to guard in a process: the rings that it waits for edge-triggered, and by what.

use crate::error::Result;
use crate::process::Process;
use crate::process::mapped::mapped;
use crate::process::wait::How;
use crate::rings::{self, Kind, Ring};
use std::collections::BTreeMap;

/// A ring that can be slept on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Which.
    pub ring: Ring,
    /// The epoll instances, by descriptor, from which an edge-triggered way leads to it.
    pub epolls: Vec<i32>,
    /// The process has an io_uring, which may poll it.
    pub uring: bool,
}

/// The rings of a process, those that it may sleep on and those that it may not.
#[derive(Debug, Default)]
pub struct Found {
    /// To be guarded.
    pub targets: Vec<Target>,
    /// The others that it reads, with how it waits for each.
    pub safe: Vec<(How, Ring)>,
}

/// Looks at a process. `known` are the maps of the machine, as [`rings::find`] keeps them.
pub fn find(process: &Process, known: &mut BTreeMap<u32, Option<Ring>>) -> Result<Found> {
    let mut rings = rings::find(known)?;
    rings.retain(|ring| ring.kind == Kind::Ring);
    let readers = mapped(&rings, [process.pid])?.processes;
    rings.retain(|ring| readers.contains_key(&ring.id));
    let mut found = Found::default();
    for ring in rings {
        let epolls = process.edge_triggered_epolls(ring.id);
        // Which rings an io_uring polls cannot be seen.
        if epolls.is_empty() && !process.uring {
            found.safe.push((process.how(ring.id), ring));
            continue;
        }
        found.targets.push(Target {
            epolls,
            uring: process.uring,
            ring,
        });
    }
    Ok(found)
}
