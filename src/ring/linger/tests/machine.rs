// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What things cost in the simulation, and what is counted there.

/// What things cost, in ns.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    /// A wake-up, to the producer, whether the reader sleeps or not.
    pub producer: u64,
    /// From there until the reader runs, if it sleeps; costs nobody CPU time.
    pub latency: u64,
    /// A call of the reader, its way to sleep and back included.
    pub call: u64,
    /// A record, to the reader.
    pub record: u64,
}

pub const MACHINE: Machine = Machine {
    producer: 2_500,
    latency: 3_000,
    call: 2_000,
    record: 30,
};

/// One on which wake-ups are dear.
pub const SLOW: Machine = Machine {
    producer: 12_000,
    latency: 20_000,
    call: 10_000,
    record: 30,
};

/// A virtual one on which the producer pays many times what the reader does.
pub const VIRTUAL: Machine = Machine {
    producer: 14_000,
    latency: 10_000,
    call: 2_000,
    record: 30,
};

/// Its clock interrupt: so often while the reader runs, and so long, ns.
pub const TICK: (u64, u64) = (4_000_000, 80_000);

/// What has happened.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Seen {
    pub wakeups: u64,
    pub records: u64,
    pub calls: u64,
    pub windows: u64,
    /// ns of windows.
    pub spun: u64,
    /// The longest and the shortest window, ns.
    pub widest: u64,
    pub narrowest: Option<u64>,
    /// ns of windows in which no record came to any ring, and the longest row of them in one call.
    pub lost: u64,
    pub lost_in_a_row: u64,
    /// ns from the first window of a call to the end of its last, at most.
    pub longest: u64,
    /// ns of both sides' CPU time: the reader's, and the producer's for wake-ups.
    pub cpu: u64,
}
