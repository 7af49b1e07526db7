// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Drawing sequences, running them, and telling which one failed.

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use std::cell::{Cell, RefCell};
use std::fmt::Debug;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// `RBSHIM_COMPARE_CASES` sequences are drawn, or this many.
const CASES: u32 = 4_000;

/// So many meet every case that the tests ask for.
const MANY: u32 = 500;

/// A line is printed after so many sequences.
const PROGRESS: u32 = 10_000;

/// Makes a seed like 1 as good as any other.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// A sequence that takes longer hangs.
const WATCH_DOG: Duration = Duration::from_secs(60);

/// Draws so many sequences and runs each; panics with the shortest that fails. The same
/// `RBSHIM_COMPARE_SEED` draws the same ones. True if there were enough to meet every case.
pub fn draw<S>(
    name: &str,
    cases: u32,
    strategy: S,
    run: impl FnMut(&S::Value) -> Result<(), String>,
) -> bool
where
    S: Strategy,
    S::Value: Debug,
{
    let seed = number("RBSHIM_COMPARE_SEED").unwrap_or_else(|| RandomState::new().hash_one(0));
    println!("{name}: {cases} sequences, RBSHIM_COMPARE_SEED={seed}");
    let begin = Instant::now();
    if let Some((sequence, difference)) = find_difference(name, cases, seed, strategy, run) {
        panic!(
            "{name}: libbpf and rbshim differ (RBSHIM_COMPARE_SEED={seed}) in\n\
             {sequence:?}\n{difference}"
        );
    }
    let took = begin.elapsed();
    println!("{name}: {cases} sequences compared in {took:.1?}");
    cases >= MANY
}

/// How many sequences are to be drawn.
pub fn cases() -> u32 {
    number("RBSHIM_COMPARE_CASES").map_or(CASES, |cases| cases as u32)
}

/// The shortest sequence that could be found for the first that failed, and how it fails.
pub fn find_difference<S>(
    name: &str,
    cases: u32,
    seed: u64,
    strategy: S,
    run: impl FnMut(&S::Value) -> Result<(), String>,
) -> Option<(S::Value, String)>
where
    S: Strategy,
    S::Value: Debug,
{
    // Much faster than proptest's default, in a test that is built without optimization.
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&seed.wrapping_mul(SPREAD).to_le_bytes());
    bytes[8..].copy_from_slice(&(seed ^ SPREAD).to_le_bytes());
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_time: 60_000,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::XorShift, &bytes);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let run = RefCell::new(run);
    let done = Cell::new(0u32);
    let begin = Instant::now();
    let watch = Watch::start();
    let result = runner.run(&strategy, |sequence| {
        watch.note(&sequence);
        let result = run.borrow_mut()(&sequence);
        done.set(done.get() + 1);
        if done.get() % PROGRESS == 0 {
            let passed = begin.elapsed();
            println!("{name}: {} of {cases} after {passed:.0?}", done.get());
        }
        result.map_err(TestCaseError::fail)
    });
    watch.stop();
    match result {
        Ok(()) => None,
        Err(TestError::Fail(reason, sequence)) => Some((sequence, reason.to_string())),
        Err(TestError::Abort(reason)) => panic!("{name}: {reason}"),
    }
}

fn number(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok()?;
    Some(
        value
            .parse()
            .unwrap_or_else(|error| panic!("{variable}={value}: {error}")),
    )
}

/// Ends the process when a sequence hangs, after saying which.
struct Watch {
    /// What runs since when.
    running: Arc<Mutex<Option<(Instant, String)>>>,
}

impl Watch {
    fn start() -> Watch {
        let running: Arc<Mutex<Option<(Instant, String)>>> =
            Arc::new(Mutex::new(Some((Instant::now(), String::new()))));
        let watched = Arc::clone(&running);
        thread::spawn(move || {
            loop {
                thread::sleep(Duration::from_secs(1));
                match &*watched.lock().unwrap_or_else(PoisonError::into_inner) {
                    None => return,
                    Some((since, sequence)) if since.elapsed() > WATCH_DOG => {
                        eprintln!("hangs: {sequence}");
                        std::process::abort();
                    }
                    Some(_) => {}
                }
            }
        });
        Watch { running }
    }

    fn note(&self, sequence: &impl Debug) {
        let now = (Instant::now(), format!("{sequence:?}"));
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    fn stop(&self) {
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
