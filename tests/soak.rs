// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Long runs: every way to wait × producers × record sizes × notifications, on libbpf, where some
//! hang, and on rbshim, which loses nothing. `make soak SECONDS=N`; a short one is among the tests.

mod common;
mod mutated;

use common::{Libbpf, Way, rbshim, require_bpf, target_dir, try_run};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

const READERS: [&str; 8] = [
    "map+consume",
    "map+poll(0)",
    "map+consume_n(1)",
    "manager+consume",
    "manager+poll(0)",
    "manager+consume_n(1)",
    "poll(100)",
    "busy+consume",
];
const PRODUCERS: [u32; 3] = [1, 2, 4];
const SIZES: [u32; 4] = [8, 64, 512, 4096];
const NOTIFICATIONS: [&str; 3] = ["default", "sampled", "forced"];

const PASSED: i32 = 0;
const HUNG: i32 = 3;

/// Longer than a verdict takes after the run's own time.
const WATCH_DOG: Duration = Duration::from_secs(60);
/// Below this a run is mostly set-up.
const SHORTEST: Duration = Duration::from_millis(200);

#[derive(Clone, Copy)]
struct Cell {
    reader: &'static str,
    producers: u32,
    size: u32,
    notifications: &'static str,
}

impl Cell {
    fn all() -> Vec<Cell> {
        let mut cells = Vec::new();
        for reader in READERS {
            for notifications in NOTIFICATIONS {
                for producers in PRODUCERS {
                    cells.extend(SIZES.map(|size| Cell {
                        reader,
                        producers,
                        size,
                        notifications,
                    }));
                }
            }
        }
        cells
    }

    fn run(self, library: Option<&Path>, length: Duration) -> Outcome {
        // The runs need both CPUs of a small machine.
        static ALONE: Mutex<()> = Mutex::new(());
        let _alone = ALONE
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut command = common::command("soak", Libbpf::Vendored, Way::Stock);
        if let Some(library) = library {
            command.env("LD_PRELOAD", library);
        }
        command.args([
            self.reader,
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

    fn name(self) -> String {
        let Cell {
            reader,
            producers,
            size,
            notifications,
        } = self;
        format!("{reader}, {producers} producer(s), {size} bytes, {notifications} notifications")
    }
}

/// How a run ended.
#[derive(Clone, Debug)]
struct Outcome {
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Outcome {
    /// The number after `name=` in the line of results; none if the run did not get that far.
    fn number(&self, name: &str) -> Option<i64> {
        self.stdout
            .split_whitespace()
            .filter_map(|word| word.split_once('='))
            .find_map(|(key, value)| (key == name).then(|| value.parse().ok())?)
    }

    fn brief(&self) -> String {
        let delivered = self.number("delivered").unwrap_or(0);
        match self.status {
            Some(PASSED) => format!("{delivered} records"),
            Some(HUNG) => format!("hung after {delivered} records"),
            _ => format!("FAILED: {}{}", self.stdout, self.stderr),
        }
    }
}

/// Sums over cells.
#[derive(Default)]
struct Sum {
    cells: u32,
    libbpf_hung: u32,
    libbpf_failed: u32,
    rbshim_hung: u32,
    rbshim_failed: u32,
    /// In the order of `COUNTED`.
    numbers: [i64; COUNTED.len()],
}

const COUNTED: [&str; 6] = [
    "delivered",
    "bytes",
    "dropped",
    "lost",
    "out_of_order",
    "damaged",
];

impl Sum {
    fn add(&mut self, libbpf: &Outcome, rbshim: &Outcome) {
        self.cells += 1;
        self.libbpf_hung += u32::from(libbpf.status == Some(HUNG));
        self.libbpf_failed += u32::from(!matches!(libbpf.status, Some(PASSED | HUNG)));
        self.rbshim_hung += u32::from(rbshim.status == Some(HUNG));
        self.rbshim_failed += u32::from(!matches!(rbshim.status, Some(PASSED | HUNG)));
        for (sum, name) in self.numbers.iter_mut().zip(COUNTED) {
            *sum += rbshim.number(name).unwrap_or(0);
        }
    }

    fn row(&self, of: &str) -> String {
        let mut row = format!("| {of} | {} | hung in {}", self.cells, self.libbpf_hung);
        if self.libbpf_failed > 0 {
            let _ = write!(row, ", failed in {}", self.libbpf_failed);
        }
        for number in self.numbers {
            let _ = write!(row, " | {number}");
        }
        let _ = write!(row, " | {} | {} |", self.rbshim_hung, self.rbshim_failed);
        row + "\n"
    }
}

const HEAD: &str = "| reader, notifications | cells | libbpf | rbshim: records | bytes | dropped | \
                    lost | out of order | damaged | hung | failed |\n\
                    |---|---|---|---|---|---|---|---|---|---|---|\n";

fn tell(text: &str) {
    // Not captured by the test harness, unlike eprintln!.
    std::io::stderr()
        .write_all(text.as_bytes())
        .expect("stderr can be written");
}

#[test]
#[ignore = "as long as SOAK_SECONDS says: make soak SECONDS=N"]
fn soak() {
    if !require_bpf() {
        return;
    }
    let seconds = std::env::var("SOAK_SECONDS").expect("SOAK_SECONDS says how long");
    let time = Duration::from_secs(seconds.parse().expect("SOAK_SECONDS is a number"));
    let library = &rbshim().shared;
    common::command("soak", Libbpf::Vendored, Way::Stock);

    let cells = Cell::all();
    let begun = Instant::now();
    let mut runs_left = 2 * u32::try_from(cells.len()).expect("not that many");
    let mut overhead = Duration::ZERO;
    let mut sums: BTreeMap<String, Sum> = BTreeMap::new();
    let mut total = Sum::default();
    let mut details = String::from("| cell | libbpf | rbshim | dropped |\n|---|---|---|---|\n");
    for (number, cell) in cells.iter().enumerate() {
        let outcomes = [None, Some(library.as_path())].map(|library| {
            // An even share of what is left, less what a run takes besides.
            let share = time.saturating_sub(begun.elapsed()) / runs_left;
            let length = share.saturating_sub(overhead).max(SHORTEST);
            let started = Instant::now();
            let outcome = cell.run(library, length);
            if outcome.status == Some(PASSED) {
                overhead = (3 * overhead + started.elapsed().saturating_sub(length)) / 4;
            }
            runs_left -= 1;
            outcome
        });
        let [libbpf, rbshim] = &outcomes;
        tell(&format!(
            "[{}/{}, {:.0} s] {}: libbpf {}; rbshim {}\n",
            number + 1,
            cells.len(),
            begun.elapsed().as_secs_f64(),
            cell.name(),
            libbpf.brief(),
            rbshim.brief()
        ));
        total.add(libbpf, rbshim);
        let group = format!("{}, {}", cell.reader, cell.notifications);
        sums.entry(group).or_default().add(libbpf, rbshim);
        let _ = writeln!(
            details,
            "| {} | {} | {} | {} |",
            cell.name(),
            libbpf.brief(),
            rbshim.brief(),
            rbshim.number("dropped").unwrap_or(0)
        );
    }
    let mut table = HEAD.to_string();
    for (group, sum) in &sums {
        table += &sum.row(group);
    }
    table += &total.row("all");
    fs::write(target_dir().join("soak.md"), format!("{table}\n{details}")).expect("a table");
    tell(&table);
    assert_eq!(
        total.rbshim_hung + total.rbshim_failed,
        0,
        "rbshim hangs or loses records"
    );
}

#[test]
fn every_reader_gets_every_record_in_order_from_rbshim() {
    if !require_bpf() {
        return;
    }
    // Each reader with each notification; sizes and producers take turns.
    for (number, cell) in Cell::all().into_iter().enumerate() {
        if number / 12 % 12 != number % 12 {
            continue;
        }
        let outcome = cell.run(Some(&rbshim().shared), SHORTEST);
        assert_eq!(outcome.status, Some(PASSED), "{}: {outcome:?}", cell.name());
        assert!(outcome.number("delivered") > Some(0), "{outcome:?}");
    }
}

#[test]
fn a_library_that_hangs_loses_or_repeats_records_does_not_pass() {
    if !require_bpf() {
        return;
    }
    const CONSUMER: &str = "src/ring/consumer.rs";
    const RECEIVE: &str = "match receiver.record(Record { start, len }) {";
    let unfenced = [
        (CONSUMER, "            M::fence(Ordering::SeqCst);\n", ""),
        (
            CONSUMER,
            "set_consumer_pos(self.cursor, Ordering::SeqCst)",
            "set_consumer_pos(self.cursor, Ordering::Release)",
        ),
    ];
    let losing = "let lost = start % 65536 == 65520;
        match if lost { Received::Consumed } else { receiver.record(Record { start, len }) } {";
    let repeating = "if start % 65536 == 65520 { receiver.record(Record { start, len }); }
        match receiver.record(Record { start, len }) {";
    let cell = Cell {
        reader: "manager+consume",
        producers: 1,
        size: 8,
        notifications: "default",
    };
    let run = |library: Option<&Path>, seconds| cell.run(library, Duration::from_secs(seconds));

    // A run ends as soon as it hangs.
    let outcome = run(None, 60);
    assert_eq!(outcome.status, Some(HUNG), "libbpf: {outcome:?}");
    let library = mutated::build("unfenced", &unfenced);
    let outcome = run(Some(&library.shared), 60);
    assert_eq!(outcome.status, Some(HUNG), "without the fence: {outcome:?}");
    for (name, replacement, count) in [
        ("losing", losing, "lost"),
        ("repeating", repeating, "out_of_order"),
    ] {
        let library = mutated::build(name, &[(CONSUMER, RECEIVE, replacement)]);
        let outcome = run(Some(&library.shared), 1);
        assert!(outcome.number(count) > Some(0), "{name}: {outcome:?}");
        assert_eq!(outcome.status, Some(1), "{name}: {outcome:?}");
    }
    // Not the wake-up is lost, but the look: who calls again and again gets nothing either.
    let blind = ["if header.is_busy()", "if self.look_at_header().is_busy()"].map(|look| {
        (
            CONSUMER,
            look,
            format!("{look} || self.cursor % 65536 == 65520"),
        )
    });
    let blind = blind
        .each_ref()
        .map(|(file, from, to)| (*file, *from, to.as_str()));
    let library = mutated::build("blind", &blind);
    for reader in ["poll(100)", "busy+consume"] {
        let cell = Cell { reader, ..cell };
        let outcome = cell.run(Some(&library.shared), Duration::from_secs(60));
        assert_eq!(outcome.status, Some(1), "{reader}: {outcome:?}");
        assert!(outcome.stderr.contains("hung, yet 0 records were left"));
    }
}
