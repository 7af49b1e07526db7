// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! One run: one case, one reader.

use crate::Failure;
use crate::case::{Case, Peer};
use crate::latency::Latencies;
use crate::producer::{Produced, Producer};
use crate::reader::{Reader, Setup, Switches};
use crate::statistics::spread;
use serde::{Deserialize, Serialize};
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

/// How long a reader may take for what is left when the producers have stopped.
const REST_LIMIT: Duration = Duration::from_secs(3);

/// Latencies are looked at so often besides.
const SLICE: Duration = Duration::from_millis(50);

/// What was measured. Records, unless something else is said.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Measured {
    pub elapsed: f64,
    pub delivered: u64,
    pub accepted: u64,
    pub dropped: u64,
    /// Millions delivered per second.
    pub mps: f64,
    /// Nanoseconds in the BPF program for each record it got into the ring.
    pub producer_ns: f64,
    /// Nanoseconds of the reader's CPU for each record delivered.
    pub reader_ns: f64,
    /// Nanoseconds of CPU of both sides together for each record.
    pub both_ns: f64,
    /// Share of the time in which the reader used its CPU.
    pub reader_load: f64,
    pub p50_us: Option<f64>,
    pub p99_us: Option<f64>,
    pub p999_us: Option<f64>,
    /// The p99 of the median slice of the run: what it is while the hypervisor, which takes a CPU away
    /// for milliseconds, leaves both alone.
    pub p99_slice_us: Option<f64>,
    /// Returns from poll, and sleeps of the reader, per second.
    pub returns: f64,
    pub sleeps: f64,
    /// Returns from poll for each burst, where records come in bursts.
    pub returns_per_burst: Option<f64>,
    /// How often somebody else took the reader's CPU away, per second.
    pub preempted: f64,
}

/// All counters at one time.
struct Snapshot {
    at: Instant,
    produced: Produced,
    delivered: u64,
    returns: u64,
    cpu_ns: u64,
    switches: Switches,
    latencies: Latencies,
}

impl Snapshot {
    fn of(producer: &Producer, reader: Option<&Reader>) -> Result<Self, Failure> {
        let produced = producer.produced();
        let Some(reader) = reader else {
            return Ok(Snapshot {
                at: Instant::now(),
                produced,
                delivered: produced.accepted,
                returns: 0,
                cpu_ns: 0,
                switches: Switches::default(),
                latencies: Latencies::default(),
            });
        };
        Ok(Snapshot {
            at: Instant::now(),
            produced,
            delivered: reader.shared.delivered.load(Relaxed),
            returns: reader.shared.returns.load(Relaxed),
            cpu_ns: reader.cpu_ns(),
            switches: reader.switches()?,
            latencies: Latencies::of(&reader.shared),
        })
    }
}

/// Measures a case with a reader. Records that are missing or too many are an error, and so is it if none come.
pub fn run(case: &Case, setup: &Setup) -> Result<Measured, Failure> {
    let measured = run_starved(case, setup)?;
    if measured.accepted == 0 || measured.delivered == 0 {
        return Err("nothing was delivered".into());
    }
    Ok(measured)
}

/// The same with a reader that may have no CPU time, or sleep while its ring is full: nothing need come while it is
/// measured. Times for each record mean nothing then.
pub fn run_starved(case: &Case, setup: &Setup) -> Result<Measured, Failure> {
    case.check()?;
    let alone = setup.peer == Peer::Alone;
    if alone && case.b2b {
        return Err("back to back there is no producer alone".into());
    }
    let producer = Producer::load(case, alone)?;
    let mut reader = match alone {
        true => None,
        false => Some(Reader::start(case, setup, &producer)?),
    };
    let threads = match case.b2b {
        true => None,
        false => Some(producer.start(case, alone)?),
    };
    thread::sleep(Duration::from_secs_f64(case.warm_up));
    let before = Snapshot::of(&producer, reader.as_ref())?;
    let slices = sleep_in_slices(case, reader.as_ref());
    let after = Snapshot::of(&producer, reader.as_ref())?;
    let tried = threads.map(|threads| threads.stop()).transpose()?;
    if let Some(reader) = &mut reader {
        check_counts(case, &producer, reader, tried)?;
    }
    if let Some(reader) = reader {
        reader.stop(&producer)?;
    }
    measured(case, &before, &after, &slices)
}

/// Lets the run go on. Returns the 99th percentile of each slice.
fn sleep_in_slices(case: &Case, reader: Option<&Reader>) -> Vec<f64> {
    let end = Instant::now() + Duration::from_secs_f64(case.seconds);
    let look = |reader: &Reader| Latencies::of(&reader.shared);
    let mut before = reader.map(look);
    let mut slices = Vec::new();
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return slices;
        }
        thread::sleep(left.min(SLICE));
        let after = reader.map(look);
        if let (Some(before), Some(after)) = (&before, &after) {
            slices.extend(after.since(before).quantile_us(0.99));
        }
        before = after;
    }
}

/// Delivered and dropped are what was produced.
fn check_counts(
    case: &Case,
    producer: &Producer,
    reader: &mut Reader,
    tried: Option<u64>,
) -> Result<(), Failure> {
    let Some(tried) = tried else {
        // The reader goes on producing, so that only the order of the counters can be checked.
        reader.shared.stop.store(1, Relaxed);
        thread::sleep(Duration::from_millis(50));
        let triggered = reader.shared.triggered.load(Relaxed);
        return counts_agree(producer.produced(), triggered, reader, case);
    };
    let start = Instant::now();
    while reader.shared.delivered.load(Relaxed) < producer.produced().accepted
        && start.elapsed() < REST_LIMIT
    {
        reader.check_alive()?;
        if case.wake_bytes() > 0 {
            producer.notify()?;
        }
        thread::sleep(Duration::from_millis(2));
    }
    counts_agree(producer.produced(), tried, reader, case)
}

fn counts_agree(
    produced: Produced,
    tried: u64,
    reader: &Reader,
    case: &Case,
) -> Result<(), Failure> {
    let delivered = reader.shared.delivered.load(Relaxed);
    let bytes = reader.shared.bytes.load(Relaxed);
    let Produced {
        accepted, dropped, ..
    } = produced;
    if tried != accepted + dropped
        || delivered != accepted
        || !case.atomic && bytes != accepted * u64::from(case.size)
    {
        return Err(format!(
            "records do not add up: {tried} produced, {accepted} accepted, {dropped} dropped, \
             {delivered} delivered, {bytes} bytes"
        )
        .into());
    }
    Ok(())
}

fn measured(
    case: &Case,
    before: &Snapshot,
    after: &Snapshot,
    slices: &[f64],
) -> Result<Measured, Failure> {
    let seconds = (after.at - before.at).as_secs_f64();
    let accepted = after.produced.accepted - before.produced.accepted;
    let delivered = after.delivered - before.delivered;
    let busy = (after.produced.nanoseconds - before.produced.nanoseconds) as f64;
    let cpu = (after.cpu_ns - before.cpu_ns) as f64;
    let producer_ns = busy / accepted.max(1) as f64;
    let reader_ns = cpu / delivered.max(1) as f64;
    let latencies = after.latencies.since(&before.latencies);
    let returns = (after.returns - before.returns) as f64 / seconds;
    let every = f64::from(case.burst_every_ms) / 1e3;
    Ok(Measured {
        elapsed: seconds,
        delivered,
        accepted,
        dropped: after.produced.dropped - before.produced.dropped,
        mps: delivered as f64 / seconds / 1e6,
        producer_ns,
        reader_ns,
        // Back to back, the BPF program runs on the reader's time.
        both_ns: reader_ns + if case.b2b { 0.0 } else { producer_ns },
        reader_load: cpu / seconds / 1e9,
        p50_us: latencies.quantile_us(0.5),
        p99_us: latencies.quantile_us(0.99),
        p999_us: latencies.quantile_us(0.999),
        p99_slice_us: spread(slices.iter().copied()).map(|slices| slices.median),
        returns,
        returns_per_burst: (case.burst > 0).then_some(returns * every),
        sleeps: (after.switches.sleeps - before.switches.sleeps) as f64 / seconds,
        preempted: (after.switches.preempted - before.switches.preempted) as f64 / seconds,
    })
}
