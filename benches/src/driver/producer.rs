// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The rings, the BPF program that fills them, and the threads that call it.

use crate::Failure;
use crate::case::Case;
use crate::cpu;
use crate::own_space::OwnSpace;
use crate::pace::Pace;
use crate::shared::{Command, MAX_PRODUCERS, Mapped, Production, Tally, run_program};
use libbpf_rs::{MapCore, MapFlags, MapHandle, MapType, Object, ObjectBuilder};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::path::Path;
use std::slice;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::{self, JoinHandle};
use std::time::Instant;

/// The BPF program, loaded, and its rings.
pub struct Producer {
    object: Object,
    more_rings: Vec<MapHandle>,
    tallies: Arc<Mapped<[Tally; MAX_PRODUCERS]>>,
}

/// Sums over all producers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Produced {
    pub accepted: u64,
    pub dropped: u64,
    pub nanoseconds: u64,
}

/// Threads that produce until they are stopped.
pub struct Threads {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Result<u64, Failure>>>,
}

impl Producer {
    pub fn load(case: &Case, silent: bool) -> Result<Self, Failure> {
        let mut open = ObjectBuilder::default().open_file(Path::new(env!("PRODUCER_OBJECT")))?;
        let production = Production {
            size: case.size,
            stamped: case.stamp.into(),
            wake_bytes: case.wake_bytes(),
            silent: silent.into(),
            turns: case.filled(),
            own_ring: case.ring_threads.into(),
            unused: 0,
        };
        for mut map in open.maps_mut() {
            match map.name().to_str() {
                Some("ring") => map.set_max_entries(case.ring)?,
                Some(name) if name.ends_with(".rodata") => {
                    let value = map.initial_value_mut().ok_or("no constants")?;
                    // SAFETY: Integers only, without padding.
                    let bytes = unsafe {
                        slice::from_raw_parts(
                            (&raw const production).cast::<u8>(),
                            size_of::<Production>(),
                        )
                    };
                    value
                        .get_mut(..bytes.len())
                        .ok_or("too few constants")?
                        .copy_from_slice(bytes);
                }
                _ => {}
            }
        }
        let object = open.load()?;
        let tallies = map_named(&object, ".bss")?.as_fd().as_raw_fd();
        // SAFETY: All of the program's variables are the tallies; it changes them by whole words.
        let tallies = Arc::new(unsafe { Mapped::new(tallies)? });
        let mut producer = Producer {
            object,
            more_rings: Vec::new(),
            tallies,
        };
        producer.add_rings(case)?;
        Ok(producer)
    }

    fn add_rings(&mut self, case: &Case) -> Result<(), Failure> {
        let options = libbpf_sys::bpf_map_create_opts {
            sz: size_of::<libbpf_sys::bpf_map_create_opts>() as libbpf_sys::size_t,
            ..Default::default()
        };
        for _ in 1..case.rings {
            self.more_rings.push(MapHandle::create(
                MapType::RingBuf,
                Some("ring"),
                0,
                0,
                case.ring,
                &options,
            )?);
        }
        let fds = self.ring_fds();
        let keys: Vec<u8> = (0..case.rings).flat_map(u32::to_ne_bytes).collect();
        let values: Vec<u8> = fds.into_iter().flat_map(RawFd::to_ne_bytes).collect();
        // At once: each update by itself would wait until no program can use the old ring any more.
        let (table, any) = (map_named(&self.object, "rings")?, MapFlags::ANY);
        table.update_batch(&keys, &values, case.rings, any, any)?;
        Ok(())
    }

    /// The rings in their order.
    pub fn ring_fds(&self) -> Vec<RawFd> {
        let first = map_named(&self.object, "ring").map(|map| map.as_fd().as_raw_fd());
        let more = self.more_rings.iter().map(|map| map.as_fd().as_raw_fd());
        first.into_iter().chain(more).collect()
    }

    /// The rings that a producer fills.
    fn filled_by(&self, producer: usize, case: &Case) -> Vec<RawFd> {
        let mut fds = self.ring_fds();
        fds.truncate(case.filled() as usize);
        match case.ring_threads {
            true => vec![fds[producer]],
            false => fds,
        }
    }

    fn program(&self, name: &str) -> RawFd {
        self.object
            .progs()
            .find(|program| program.name() == name)
            .map(|program| program.as_fd().as_raw_fd())
            .expect("the object has it")
    }

    /// The program that produces.
    pub fn program_fd(&self) -> RawFd {
        self.program("produce")
    }

    pub fn produced(&self) -> Produced {
        let mut sum = Produced::default();
        for tally in self.tallies.iter() {
            sum.accepted += tally.accepted.load(Relaxed);
            sum.dropped += tally.dropped.load(Relaxed);
            sum.nanoseconds += tally.nanoseconds.load(Relaxed);
        }
        sum
    }

    /// Wakes the reader of the first ring.
    pub fn notify(&self) -> Result<(), Failure> {
        let command = Command {
            producer: 0,
            batch: 0,
        };
        Ok(run_program(self.program("notify"), command)?)
    }

    /// Starts the threads; with `alone` they free the space themselves.
    pub fn start(&self, case: &Case, alone: bool) -> Result<Threads, Failure> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut threads = Vec::new();
        for index in 0..case.threads() as usize {
            let own_space = if alone {
                self.filled_by(index, case)
                    .into_iter()
                    .map(OwnSpace::open)
                    .collect::<Result<Vec<_>, _>>()?
            } else {
                Vec::new()
            };
            let thread = Thread {
                fd: self.program_fd(),
                command: Command {
                    producer: index as u32,
                    batch: case.batch,
                },
                pace: Pace::of(case),
                own_space,
                calls_between_frees: calls_between_frees(case),
                stop: stop.clone(),
            };
            threads.push(thread::spawn(move || {
                cpu::come_first();
                cpu::pin(cpu::of_producer(index))?;
                thread.run()
            }));
        }
        Ok(Threads { stop, threads })
    }
}

fn map_named<'a>(object: &'a Object, name: &str) -> Result<libbpf_rs::Map<'a>, Failure> {
    let mut maps = object.maps();
    let found = maps.find(|map| {
        let own = map.name().to_string_lossy();
        own == name || name.starts_with('.') && own.ends_with(name)
    });
    found.ok_or_else(|| format!("the object has no map {name}").into())
}

/// A producer that frees the space itself does it when a ring may be full to a quarter: after each call it
/// would touch every one of many rings for a single record.
fn calls_between_frees(case: &Case) -> u64 {
    let each = case.span() * u64::from(case.batch) * u64::from(case.threads());
    (u64::from(case.ring / 4) / each).max(1)
}

struct Thread {
    fd: RawFd,
    command: Command,
    pace: Pace,
    own_space: Vec<OwnSpace>,
    calls_between_frees: u64,
    stop: Arc<AtomicBool>,
}

impl Thread {
    /// Returns how many records it has tried to produce.
    fn run(&self) -> Result<u64, Failure> {
        let start = Instant::now();
        let mut calls = 0u64;
        loop {
            // A call that comes late does not move the next one.
            if let Some(due) = self.pace.due(calls) {
                while start.elapsed() < due && !self.stop.load(Relaxed) {
                    std::hint::spin_loop();
                }
            }
            if self.stop.load(Relaxed) {
                return Ok(calls * u64::from(self.command.batch));
            }
            run_program(self.fd, self.command)?;
            calls += 1;
            if calls.is_multiple_of(self.calls_between_frees) {
                self.own_space.iter().for_each(OwnSpace::free);
            }
        }
    }
}

impl Threads {
    /// Ends them. Returns how many records they have tried to produce.
    pub fn stop(self) -> Result<u64, Failure> {
        self.stop.store(true, Relaxed);
        let mut tried = 0;
        for thread in self.threads {
            tried += thread.join().map_err(|_| "a producer panicked")??;
        }
        Ok(tried)
    }
}
