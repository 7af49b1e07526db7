// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What was counted for each ring, over all the programs that have guarded it.

use super::attached::{Attached, Counts};
use crate::error::Result;
use std::collections::BTreeMap;

/// Wake-ups from outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Of a reader that slept on data already when it was to be guarded.
    pub first: u64,
    /// Of one that the program had no room to wake.
    pub kicked: u64,
    /// Of one that slept on a full ring for other reasons: its producer does not wake it.
    pub rescued: u64,
}

/// For each ring.
#[derive(Debug, Default)]
pub struct Tallies {
    /// What programs that are replaced have counted.
    before: BTreeMap<u32, Counts>,
    rings: BTreeMap<u32, Tally>,
}

impl Tallies {
    /// That of a ring.
    pub fn of(&mut self, ring: u32) -> &mut Tally {
        self.rings.entry(ring).or_default()
    }

    /// The program is about to be replaced.
    pub fn keep(&mut self, attached: &Attached) -> Result<()> {
        for (target, counts) in attached.targets.iter().zip(attached.counts()?) {
            let kept = self.before.entry(target.ring.id).or_default();
            *kept = sum(*kept, counts);
        }
        Ok(())
    }

    /// Everything, by ring.
    pub fn all(&self, attached: Option<&Attached>) -> Result<Vec<(u32, Counts, Tally)>> {
        let mut counts = self.before.clone();
        if let Some(attached) = attached {
            for (target, now) in attached.targets.iter().zip(attached.counts()?) {
                let kept = counts.entry(target.ring.id).or_default();
                *kept = sum(*kept, now);
            }
        }
        let tally = |ring: &u32| self.rings.get(ring).copied().unwrap_or_default();
        Ok(counts
            .into_iter()
            .map(|(ring, counts)| (ring, counts, tally(&ring)))
            .collect())
    }
}

fn sum(one: Counts, other: Counts) -> Counts {
    Counts {
        seen: one.seen + other.seen,
        woken: one.woken + other.woken,
        full: one.full + other.full,
    }
}
