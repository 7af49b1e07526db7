// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! One run of the program: a way to wait, with one kind of records.

use crate::common::{self, Libbpf, Way, count, try_run};
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

const READERS: [&str; 9] = [
    "map+consume",
    "map+poll(0)",
    "map+consume_n(1)",
    RING_BY_RING,
    "manager+consume",
    "manager+poll(0)",
    "manager+consume_n(1)",
    POLLING,
    "busy+consume",
];
const RINGS: [u32; 3] = [1, 4, 16];
const PRODUCERS: [u32; 3] = [1, 2, 4];
const SIZES: [u32; 4] = [8, 64, 512, 4096];
const NOTIFICATIONS: [&str; 3] = ["default", "sampled", "forced"];

/// The only reader that reads but the rings that it was notified about: one that hangs in one ring alone is
/// not woken by another.
pub const RING_BY_RING: &str = "map+ring__consume";
/// The only reader that waits inside the library, so that the library's options can matter to it.
pub const POLLING: &str = "poll(100)";
/// The options that it runs with; it runs without any, too.
pub const OPTIONS: [Setting; 2] = [("RBSHIM_LINGER_US", "0"), ("RBSHIM_COALESCE_US", "100")];
/// A variable of the environment, and its value.
pub type Setting = (&'static str, &'static str);

pub const PASSED: i32 = 0;
pub const HUNG: i32 = 3;

/// Longer than a verdict takes after the run's own time.
const WATCH_DOG: Duration = Duration::from_secs(60);
/// Below this a run is mostly set-up.
pub const SHORTEST: Duration = Duration::from_millis(200);

#[derive(Clone, Copy)]
pub struct Cell {
    pub reader: &'static str,
    pub rings: u32,
    pub producers: u32,
    pub size: u32,
    pub notifications: &'static str,
    pub option: Option<Setting>,
}

fn readers_with_options() -> Vec<(&'static str, Option<Setting>)> {
    let with_options = |reader| {
        let options = options_for(reader);
        options.into_iter().map(move |option| (reader, option))
    };
    READERS.into_iter().flat_map(with_options).collect()
}

/// None but for the reader that waits inside the library.
fn options_for(reader: &str) -> Vec<Option<Setting>> {
    let options: &[Setting] = if reader == POLLING { &OPTIONS } else { &[] };
    let told = options.iter().copied().map(Some);
    std::iter::once(None).chain(told).collect()
}

impl Cell {
    /// All of one ring; of several rings each size of record, with one of the numbers of producers.
    pub fn all() -> Vec<Cell> {
        let mut cells = Vec::new();
        for (reader, option) in readers_with_options() {
            for notifications in NOTIFICATIONS {
                for rings in RINGS {
                    for (size_number, size) in SIZES.into_iter().enumerate() {
                        let producers = PRODUCERS.into_iter().enumerate();
                        let producers = producers.filter(|(number, _)| {
                            rings == 1 || *number == size_number % PRODUCERS.len()
                        });
                        cells.extend(producers.map(|(_, producers)| Cell {
                            reader,
                            rings,
                            producers,
                            size,
                            notifications,
                            option,
                        }));
                    }
                }
            }
        }
        cells
    }

    /// Each reader with each notification, in as many rings each time as in no neighbour; sizes and
    /// producers take turns.
    pub fn few() -> Vec<Cell> {
        let mut cells = Vec::new();
        for (row, (reader, option)) in readers_with_options().into_iter().enumerate() {
            for (column, notifications) in NOTIFICATIONS.into_iter().enumerate() {
                let number = row * NOTIFICATIONS.len() + column;
                cells.push(Cell {
                    reader,
                    rings: RINGS[(row + column) % RINGS.len()],
                    producers: PRODUCERS[number / SIZES.len() % PRODUCERS.len()],
                    size: SIZES[number % SIZES.len()],
                    notifications,
                    option,
                });
            }
        }
        cells
    }

    pub fn run(self, library: Option<&Path>, length: Duration) -> Outcome {
        // The runs need both CPUs of a small machine.
        static ALONE: Mutex<()> = Mutex::new(());
        let _alone = ALONE
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut command = common::command("soak", Libbpf::Vendored, Way::Stock);
        if let Some(library) = library {
            command.env("LD_PRELOAD", library).envs(self.option);
            if self.reader == POLLING {
                count(&mut command);
            }
        }
        command.args([
            self.reader,
            &self.rings.to_string(),
            &self.producers.to_string(),
            &self.size.to_string(),
            self.notifications,
            &length.as_secs_f64().to_string(),
        ]);
        match try_run(command, length + WATCH_DOG) {
            Ok(output) => Outcome {
                status: output.status.code(),
                stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
                stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            },
            Err(killed) => Outcome {
                status: None,
                stdout: String::new(),
                stderr: killed,
            },
        }
    }

    pub fn name(self) -> String {
        let Cell {
            reader,
            rings,
            producers,
            size,
            notifications,
            ..
        } = self;
        format!(
            "{reader}, {rings} ring(s), {producers} producer(s), {size} bytes, {notifications} notifications{}",
            self.told()
        )
    }

    /// The readers, rings, notifications and options that are summed up together.
    pub fn group(self) -> String {
        let Cell {
            reader,
            rings,
            notifications,
            ..
        } = self;
        format!("{reader}, {rings} ring(s), {notifications}{}", self.told())
    }

    fn told(self) -> String {
        self.option
            .map_or_else(String::new, |(name, value)| format!(", {name}={value}"))
    }
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    /// The number after `name=` in the line of results, or in what the library has counted; none if the
    /// run did not get that far.
    pub fn number(&self, name: &str) -> Option<i64> {
        self.stdout
            .split_whitespace()
            .chain(self.stderr.split_whitespace())
            .filter_map(|word| word.split_once('='))
            .find_map(|(key, value)| (key == name).then(|| value.parse().ok())?)
    }

    pub fn brief(&self) -> String {
        let delivered = self.number("delivered").unwrap_or(0);
        match self.status {
            Some(PASSED) => format!("{delivered} records"),
            Some(HUNG) => format!("hung after {delivered} records"),
            _ => format!("FAILED: {}{}", self.stdout, self.stderr),
        }
    }
}
