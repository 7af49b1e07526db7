// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What `rbshim check` says about one subject.

use crate::process::wait::How;
use crate::rings::{Kind, Ring};

/// What of rbshim reaches it. In the order of how much is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// It does not read rings, as far as can be seen.
    Nothing,
    /// rbshim is in it already.
    Active,
    /// The library, preloaded.
    Preload,
    /// The front, which stands for the libbpf that it opens.
    Front,
    /// No library: `rbshim watch` alone, or relinking.
    Watch,
    /// As `Watch`, if it reads rings at all: libbpf is linked in, whole, and what of it is called cannot be seen.
    Contains,
}

impl Reach {
    /// The exit status of `rbshim check`.
    pub fn status(self) -> u8 {
        match self {
            Reach::Nothing | Reach::Active => 0,
            Reach::Preload => 10,
            Reach::Front => 11,
            Reach::Watch | Reach::Contains => 12,
        }
    }

    /// For JSON.
    pub fn name(self) -> &'static str {
        match self {
            Reach::Nothing => "nothing",
            Reach::Active => "active",
            Reach::Preload => "preload",
            Reach::Front => "front",
            Reach::Watch => "watch",
            Reach::Contains => "contains",
        }
    }

    /// For people.
    pub fn sentence(self) -> &'static str {
        match self {
            Reach::Nothing => {
                "no ring buffer reader of libbpf's, cilium/ebpf's or aya's is to be seen in it"
            }
            Reach::Active => "rbshim is in it",
            Reach::Preload => "the preloaded library reaches it: rbshim run",
            Reach::Front => "it opens libbpf at run time, and the front reaches it: rbshim run",
            Reach::Watch => "no library reaches it: relink it with rbshim, or rbshim watch --kick",
            Reach::Contains => {
                "if it reads rings at all, no library reaches it: relink it with rbshim, or rbshim watch --kick"
            }
        }
    }
}

/// A ring of a process.
#[derive(Clone, Debug)]
pub struct RingUse {
    /// Which.
    pub ring: Ring,
    /// How the process waits for it.
    pub how: How,
    /// A thread sleeps in that wait.
    pub waits_now: bool,
}

/// About one program or process.
#[derive(Clone, Debug)]
pub struct Finding {
    /// As the user named it, fit for a terminal.
    pub subject: String,
    /// Of a process.
    pub pid: Option<i32>,
    /// The verdict.
    pub reach: Reach,
    /// What it was concluded from.
    pub reasons: Vec<String>,
    /// Of a process.
    pub rings: Vec<RingUse>,
    /// A reader of its may sleep on a record for ever. Of a program that cannot be seen.
    pub exposed: Option<bool>,
}

impl Finding {
    /// From the rings of a process: whether it may lose a wake-up.
    pub fn conclude(&mut self) {
        let reads = |ring: &&RingUse| ring.ring.kind != Kind::User;
        let edge = self
            .rings
            .iter()
            .filter(reads)
            .any(|ring| ring.how.exposed());
        self.exposed = Some(edge && self.reach != Reach::Active);
        if !self.rings.iter().any(|ring| reads(&ring)) {
            return;
        }
        match self.reach {
            // A reader of its own, or one that left no mark.
            Reach::Nothing => {
                self.reach = Reach::Watch;
                let reason = "it reads rings with code that is not known here";
                self.reasons.push(reason.into());
            }
            Reach::Contains => self.reach = Reach::Watch,
            _ => {}
        }
    }
}
