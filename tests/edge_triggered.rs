// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The lost wake-up: readers that wait edge-triggered hang on libbpf, each in a bounded time, and
//! the same programs run through with rbshim.

mod common;

use common::{Libbpf, Way, require_bpf, run, target_dir};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;
use std::{array, fs};

/// Longer than any run takes that does not hang.
const WATCH_DOG: Duration = Duration::from_secs(180);
/// A run on libbpf that has not hung by then fails the test. Most hang within a second.
const HANG_LIMIT: &str = "--seconds=90";
/// Where the hang is not required, but counted: so many runs, each so long.
const COUNTED_RUNS: usize = 3;
const COUNTED_LIMIT: &str = "--seconds=5";

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Case {
    wait: &'static str,
    drain: &'static str,
    batch: u32,
    producers: u32,
}

impl Case {
    fn all() -> Vec<Case> {
        let mut cases = Vec::new();
        for wait in ["map", "manager"] {
            for drain in ["consume", "poll", "consume_n"] {
                for batch in [1, 500] {
                    for producers in [1, 2] {
                        cases.push(Case {
                            wait,
                            drain,
                            batch,
                            producers,
                        });
                    }
                }
            }
        }
        cases
    }

    fn must_hang_on_libbpf(self) -> bool {
        self.drain != "consume_n"
    }

    fn can_run_on(self, libbpf: Libbpf) -> bool {
        self.drain != "consume_n" || libbpf.library().defines("ring_buffer__consume_n")
    }

    /// Only a wake-up can be lost. There is one for each record, or, in batches, one for many.
    fn records(self) -> u64 {
        if self.batch == 1 { 500_000 } else { 8_000_000 }
    }

    fn run(self, libbpf: Libbpf, way: Way, limit: &str) -> Fate {
        // The runs need both CPUs of a small machine.
        static ALONE: Mutex<()> = Mutex::new(());
        let _alone = ALONE
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut command = common::command("edge_triggered", libbpf, way);
        command.args([
            format!("--wait={}", self.wait),
            format!("--drain={}", self.drain),
            format!("--batch={}", self.batch),
            format!("--producers={}", self.producers),
            limit.to_string(),
        ]);
        let shown = format!("{command:?}");
        let output = run(command, WATCH_DOG);
        let fate = Fate {
            status: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            shown: shown + "\n" + &String::from_utf8_lossy(&output.stderr),
        };
        if matches!(fate.status, Some(RAN_THROUGH | HUNG)) {
            let [delivered, dropped, produced, left] =
                ["delivered", "dropped", "produced", "left"].map(|name| fate.number(name));
            assert_eq!(delivered + left + dropped, produced, "{fate:?}");
        }
        fate
    }
}

const RAN_THROUGH: i32 = 0;
const CANNOT_RUN: i32 = 2;
const HUNG: i32 = 3;

/// How a run ended.
#[derive(Debug)]
struct Fate {
    status: Option<i32>,
    stdout: String,
    shown: String,
}

impl Fate {
    /// The number after `name=` in the line of results.
    fn number(&self, name: &str) -> u64 {
        self.stdout
            .split_whitespace()
            .filter_map(|word| word.split_once('='))
            .find_map(|(key, value)| (key == name).then(|| value.parse().ok())?)
            .unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }

    fn ran_through(&self, case: Case) -> bool {
        self.status == Some(RAN_THROUGH)
            && self.number("left") == 0
            && self.number("delivered") >= case.records()
    }

    fn brief(&self) -> String {
        match self.status {
            Some(HUNG) => format!(
                "hung after {} records, ring {}% full",
                self.number("delivered"),
                (self.number("unread") * 100).div_ceil(self.number("size"))
            ),
            Some(RAN_THROUGH) => {
                format!(
                    "{} delivered, {} dropped",
                    self.number("delivered"),
                    self.number("dropped")
                )
            }
            _ => "failed".to_string(),
        }
    }
}

type Fates = HashMap<(Case, &'static str), Vec<Fate>>;

/// Every case on each libbpf as it is.
fn on_libbpf() -> &'static Fates {
    static FATES: OnceLock<Fates> = OnceLock::new();
    FATES.get_or_init(|| {
        let mut fates = Fates::new();
        for case in Case::all() {
            for libbpf in Libbpf::ALL
                .into_iter()
                .filter(|libbpf| case.can_run_on(*libbpf))
            {
                let (runs, limit) = if case.must_hang_on_libbpf() {
                    (1, HANG_LIMIT)
                } else {
                    (COUNTED_RUNS, COUNTED_LIMIT)
                };
                let run = |_| case.run(libbpf, Way::Stock, limit);
                fates.insert((case, libbpf.name()), (0..runs).map(run).collect());
            }
        }
        fates
    })
}

/// Every case on rbshim, preloaded into the same programs.
fn on_rbshim() -> &'static Fates {
    static FATES: OnceLock<Fates> = OnceLock::new();
    FATES.get_or_init(|| {
        let mut fates = Fates::new();
        for case in Case::all() {
            let limit = format!("--records={}", case.records());
            for libbpf in Libbpf::ALL {
                fates.insert(
                    (case, libbpf.name()),
                    vec![case.run(libbpf, Way::Preloaded, &limit)],
                );
            }
        }
        fates
    })
}

#[test]
fn on_libbpf_an_edge_triggered_reader_goes_to_sleep_on_data() {
    if !require_bpf() {
        return;
    }
    for ((case, libbpf), fates) in on_libbpf() {
        for fate in fates {
            assert!(
                matches!(fate.status, Some(HUNG | RAN_THROUGH)),
                "{libbpf}: {fate:?}"
            );
            if case.must_hang_on_libbpf() {
                assert_eq!(
                    fate.status,
                    Some(HUNG),
                    "the defect was not seen: {libbpf}: {fate:?}"
                );
            }
        }
    }
}

#[test]
fn a_libbpf_without_consume_n_cannot_run_the_cases_that_need_it() {
    if !require_bpf() {
        return;
    }
    for libbpf in Libbpf::ALL {
        for case in Case::all()
            .into_iter()
            .filter(|case| !case.can_run_on(libbpf))
        {
            let fate = case.run(libbpf, Way::Stock, COUNTED_LIMIT);
            assert_eq!(fate.status, Some(CANNOT_RUN), "{fate:?}");
            assert!(fate.shown.contains("no ring_buffer__consume_n"), "{fate:?}");
        }
    }
}

#[test]
fn with_rbshim_preloaded_the_same_program_gets_every_record_in_order() {
    if !require_bpf() {
        return;
    }
    for ((case, libbpf), fates) in on_rbshim() {
        for fate in fates {
            assert!(fate.ran_through(*case), "{libbpf}: {fate:?}");
        }
    }
    let records: u64 = on_rbshim()
        .values()
        .flatten()
        .map(|fate| fate.number("delivered"))
        .sum();
    assert!(records >= 50_000_000, "only {records} records went through");
}

#[test]
fn relinked_with_rbshim_it_gets_every_record_in_order() {
    if !require_bpf() {
        return;
    }
    for case in Case::all().into_iter().filter(|case| case.producers == 1) {
        for way in [Way::Shared, Way::Static] {
            // Each combination of library and way has half of the cases.
            let libbpf =
                Libbpf::ALL[usize::from(case.batch == 1) ^ usize::from(way == Way::Static)];
            let fate = case.run(libbpf, way, &format!("--records={}", case.records()));
            assert!(fate.ran_through(case), "{libbpf:?}, {way:?}: {fate:?}");
        }
    }
}

#[test]
fn every_case_is_in_the_table() {
    if !require_bpf() {
        return;
    }
    let versions = Libbpf::ALL.map(|libbpf| &*libbpf.library().version);
    let mut table = format!(
        "| EPOLLET on | drained by | batch | producers | libbpf {0} | libbpf {1} | rbshim preloaded, \
         libbpf {0} | rbshim preloaded, libbpf {1} |\n|---|---|---|---|---|---|---|---|\n",
        versions[0], versions[1]
    );
    for case in Case::all() {
        let Case {
            wait,
            drain,
            batch,
            producers,
        } = case;
        let _ = write!(table, "| {wait} | {drain} | {batch} | {producers} |");
        let cells: [_; 4] = array::from_fn(|column| {
            let fates = if column < 2 { on_libbpf() } else { on_rbshim() };
            fates
                .get(&(case, Libbpf::ALL[column % 2].name()))
                .map_or(&[][..], |fates| fates)
        });
        for fates in cells {
            let hung = fates
                .iter()
                .filter(|fate| fate.status == Some(HUNG))
                .count();
            let _ = match fates {
                [] => write!(table, " n/a |"),
                [fate] => write!(table, " {} |", fate.brief()),
                _ => write!(table, " hung in {hung} of {} runs |", fates.len()),
            };
        }
        table.push('\n');
    }
    assert_eq!(table.lines().count(), 2 + Case::all().len());
    fs::write(target_dir().join("c-tests/hang.md"), &table).expect("the table can be written");
    // Not captured by the test harness, unlike println!.
    std::io::stderr()
        .write_all(table.as_bytes())
        .expect("the table can be printed");
}
