// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! All rings with their positions, again and again.

use super::iterator::RingIterator;
use super::{Ring, Sample, find};
use crate::bpf;
use crate::error::Result;
use std::collections::BTreeMap;
use std::time::Instant;

/// The two ways to look at all rings. Both see the same.
#[derive(Debug, Default)]
pub struct Looks {
    /// One read for all of them.
    iterator: Option<RingIterator>,
    /// Each is opened, mapped and closed again.
    known: BTreeMap<u32, Option<Ring>>,
}

/// A ring at one time.
#[derive(Clone, Debug)]
pub struct Look {
    /// Which.
    pub ring: Ring,
    /// What was seen.
    pub sample: Sample,
    /// When.
    pub at: Instant,
}

impl Looks {
    /// Each ring by a descriptor. To begin with this costs nothing, so it is best for a few looks.
    pub fn by_descriptors() -> Looks {
        Looks::default()
    }

    /// By the iterator, if the kernel has it and lets us.
    pub fn by_iterator() -> Option<Looks> {
        let iterator = Some(RingIterator::new().ok()?);
        Some(Looks {
            iterator,
            known: BTreeMap::new(),
        })
    }

    /// What is best for many looks.
    pub fn many() -> Looks {
        // The iterator asks for fewer capabilities than what comes after a look. The other way says at once what is
        // missing.
        match bpf::next_map(0) {
            Ok(_) => Looks::by_iterator().unwrap_or_default(),
            Err(_) => Looks::by_descriptors(),
        }
    }

    /// Looks at all rings there are, in the order of their ids.
    pub fn look(&mut self) -> Result<Vec<Look>> {
        if let Some(iterator) = &self.iterator {
            match iterator.look() {
                Ok(seen) => {
                    let at = Instant::now();
                    let look = |(ring, sample)| Look { ring, sample, at };
                    return Ok(seen.into_iter().map(look).collect());
                }
                // Whatever it is, the other way has words for it.
                Err(_) => self.iterator = None,
            }
        }
        let mut seen = Vec::new();
        for ring in find(&mut self.known)? {
            // One that is gone by now is left out.
            if let Some(sample) = ring.sample()? {
                let at = Instant::now();
                seen.push(Look { ring, sample, at });
            }
        }
        Ok(seen)
    }
}
