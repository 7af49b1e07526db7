// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What is measured: how records are produced and read.

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

/// Bytes unread at which programs that sample notifications usually ask for one.
const SAMPLED_BYTES: u64 = 8000;

#[derive(Args, Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    /// Records offered per second, by all producers together; 0: as many as possible
    #[arg(long, default_value_t = 0.0)]
    pub rate: f64,
    /// Records produced by each call of the BPF program
    #[arg(long, default_value_t = 1)]
    pub batch: u32,
    /// Bytes of each record, 8 or more
    #[arg(long, default_value_t = 16)]
    pub size: u32,
    /// Stamp each record with the time at which it is submitted; the reader measures its age
    #[arg(long)]
    pub stamp: bool,
    /// Notify only once 8000 bytes are unread (with --b2b: the whole batch)
    #[arg(long)]
    pub sampled: bool,
    /// The same, with another number of bytes
    #[arg(long)]
    pub wake_bytes: Option<u64>,
    /// Bytes of each ring
    #[arg(long, default_value_t = 512 * 1024)]
    pub ring: u32,
    /// Rings of the reader; records go into the first one
    #[arg(long, default_value_t = 1)]
    pub rings: u32,
    /// Records go into all rings by turns
    #[arg(long)]
    pub warm: bool,
    /// A thread for each ring, which produces into that ring only
    #[arg(long)]
    pub ring_threads: bool,
    /// Records come in bursts of so many, one a call; 0: they do not
    #[arg(long, default_value_t = 0)]
    pub burst: u32,
    /// Microseconds from one record of a burst to the next
    #[arg(long, default_value_t = 0)]
    pub burst_gap_us: u32,
    /// Milliseconds from the start of one burst to that of the next
    #[arg(long, default_value_t = 0)]
    pub burst_every_ms: u32,
    /// The longest window of the reader that coalesces, in microseconds
    #[arg(long, default_value_t = 100)]
    pub window_us: u32,
    /// Nanoseconds that the callback spends on a record, busily
    #[arg(long, default_value_t = 0)]
    pub callback_ns: u64,
    /// The callback does nothing but an atomic increment
    #[arg(long)]
    pub atomic: bool,
    /// Threads that produce
    #[arg(long, default_value_t = 1)]
    pub producers: u32,
    /// The reader's own thread produces the next batch when all of the last has come
    #[arg(long)]
    pub b2b: bool,
    /// Do not pin the reader to a CPU of its own
    #[arg(long)]
    pub unpinned: bool,
    /// Seconds to measure
    #[arg(long, default_value_t = 1.0)]
    pub seconds: f64,
    /// Seconds to run before that
    #[arg(long, default_value_t = 0.15)]
    pub warm_up: f64,
}

impl Default for Case {
    fn default() -> Self {
        #[derive(clap::Parser)]
        struct Options {
            #[command(flatten)]
            case: Case,
        }
        <Options as clap::Parser>::parse_from(["case"]).case
    }
}

impl Case {
    /// Bytes that a record takes up in the ring.
    pub fn span(&self) -> u64 {
        (8 + u64::from(self.size)).next_multiple_of(8)
    }

    /// Bytes unread at which the producer asks for a notification; 0: it leaves that to the kernel.
    pub fn wake_bytes(&self) -> u64 {
        let sampled = if self.b2b {
            self.span() * u64::from(self.batch)
        } else {
            SAMPLED_BYTES
        };
        self.wake_bytes
            .unwrap_or(if self.sampled { sampled } else { 0 })
    }

    /// Threads that produce, whichever option says it.
    pub fn threads(&self) -> u32 {
        match self.ring_threads {
            true => self.rings,
            false => self.producers,
        }
    }

    /// Rings that records go into.
    pub fn filled(&self) -> u32 {
        match self.warm || self.ring_threads {
            true => self.rings,
            false => 1,
        }
    }

    /// What makes it impossible to measure.
    pub fn check(&self) -> Result<(), String> {
        use crate::shared::{MAX_PRODUCERS, MAX_RINGS};
        let within = |what: &str, value: u32, least: u32, most: usize| {
            if value < least || value as usize > most {
                return Err(format!("{what}: {value} is not within {least} to {most}"));
            }
            Ok(())
        };
        within("rings", self.rings, 1, MAX_RINGS)?;
        within("producers", self.threads(), 1, MAX_PRODUCERS)?;
        within("size", self.size, 8, 1 << 20)?;
        within("batch", self.batch, 1, 1 << 20)?;
        if self.b2b && self.span() * u64::from(self.batch) > u64::from(self.ring) {
            return Err("back to back: a batch must fit into the ring".into());
        }
        if self.b2b && (self.rate != 0.0 || self.burst != 0 || self.threads() != 1) {
            return Err("back to back: the reader is the one producer, at its own rate".into());
        }
        if self.ring_threads && (self.warm || self.producers != 1) {
            return Err("a thread for each ring: no other producers, and no turns".into());
        }
        if self.burst != 0 && (self.rate != 0.0 || self.batch != 1) {
            return Err("bursts: one record a call, at no other rate".into());
        }
        let burst_us = u64::from(self.burst) * u64::from(self.burst_gap_us);
        if burst_us > u64::from(self.burst_every_ms) * 1000 {
            return Err("bursts: the next one would begin before the last one is over".into());
        }
        Ok(())
    }
}

/// Who reads.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub enum Peer {
    /// The C program with the system's libbpf
    Libbpf,
    /// The same once more: how far two runs of one reader lie apart
    LibbpfAgain,
    /// The same program, rbshim preloaded
    Rbshim,
    /// The same, with a coalescing window of `Case::window_us`
    RbshimCoalesce,
    /// The same, polling busily
    RbshimBusy,
    /// The same, never lingering
    RbshimSettles,
    /// The same, lingering also where a limit is seen
    RbshimUnaware,
    /// aya's RingBuf in a loop of its own, waiting level-triggered
    Aya,
    /// libbpf-rs with its own libbpf
    LibbpfRs,
    /// Nobody: the producer frees the space itself and wakes no one
    Alone,
}

impl Peer {
    pub fn name(self) -> &'static str {
        match self {
            Peer::Libbpf => "libbpf",
            Peer::LibbpfAgain => "libbpf again",
            Peer::Rbshim => "rbshim",
            Peer::RbshimCoalesce => "rbshim-coalesce",
            Peer::RbshimBusy => "rbshim-busy",
            Peer::RbshimSettles => "rbshim, settles",
            Peer::RbshimUnaware => "rbshim, unaware",
            Peer::Aya => "aya",
            Peer::LibbpfRs => "libbpf-rs",
            Peer::Alone => "alone",
        }
    }
}
