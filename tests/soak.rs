// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Long runs: every way to wait × rings × producers × record sizes × notifications, on libbpf, where some
//! hang, and on rbshim, which loses nothing, whatever its options. `make soak SECONDS=N`; a short one is
//! among the tests.

mod common;
mod mutated;

mod soak {
    pub mod cells;
    pub mod table;
}

use common::{Libbpf, Way, rbshim, require_bpf, target_dir};
use soak::cells::{Cell, HUNG, OPTIONS, PASSED, POLLING, RING_BY_RING, SHORTEST, Setting};
use soak::table::{HEAD, Sum};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

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
    // libbpf knows none of rbshim's options: one run serves for all of them.
    let with_libbpf = cells.iter().filter(|cell| cell.option.is_none()).count();
    let mut runs_left = u32::try_from(cells.len() + with_libbpf).expect("not that many");
    let mut overhead = Duration::ZERO;
    let mut sums: BTreeMap<String, Sum> = BTreeMap::new();
    let mut total = Sum::default();
    // In how many windows the reader has spun, and in how many it has slept.
    let mut windows: BTreeMap<(&str, Option<Setting>), [i64; 2]> = BTreeMap::new();
    let mut details = String::from("| cell | libbpf | rbshim | dropped |\n|---|---|---|---|\n");
    for (number, cell) in cells.iter().enumerate() {
        let mut run = |library| {
            // An even share of the time left, less what starting and ending a run takes.
            let share = time.saturating_sub(begun.elapsed()) / runs_left;
            let length = share.saturating_sub(overhead).max(SHORTEST);
            let started = Instant::now();
            let outcome = cell.run(library, length);
            if outcome.status == Some(PASSED) {
                overhead = (3 * overhead + started.elapsed().saturating_sub(length)) / 4;
            }
            runs_left -= 1;
            outcome
        };
        let libbpf = cell.option.is_none().then(|| run(None));
        let rbshim = run(Some(library));
        let libbpf_brief = libbpf
            .as_ref()
            .map_or_else(|| "not run".into(), |libbpf| libbpf.brief());
        tell(&format!(
            "[{}/{}, {:.0} s] {}: libbpf {libbpf_brief}; rbshim {}\n",
            number + 1,
            cells.len(),
            begun.elapsed().as_secs_f64(),
            cell.name(),
            rbshim.brief()
        ));
        total.add(libbpf.as_ref(), &rbshim);
        let sum = sums.entry(cell.group()).or_default();
        sum.add(libbpf.as_ref(), &rbshim);
        let told: &mut [i64; 2] = windows.entry((cell.reader, cell.option)).or_default();
        for (sum, name) in told.iter_mut().zip(["lingers", "coalesced"]) {
            *sum += rbshim.number(name).unwrap_or(0);
        }
        let _ = writeln!(
            details,
            "| {} | {libbpf_brief} | {} | {} |",
            cell.name(),
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
    for (option, is_right) in EXPECTED {
        let [lingers, coalesced] = windows[&(POLLING, option)];
        assert!(is_right(lingers, coalesced), "{option:?}: {windows:?}");
    }
}

/// By option: the windows in which a reader in ring_buffer__poll() spins, and those in which it sleeps.
type IsRight = fn(i64, i64) -> bool;
const EXPECTED: [(Option<Setting>, IsRight); 3] = [
    (None, |lingers, coalesced| lingers > 0 && coalesced == 0),
    (Some(OPTIONS[0]), |lingers, coalesced| {
        lingers == 0 && coalesced == 0
    }),
    (Some(OPTIONS[1]), |_, coalesced| coalesced > 0),
];

#[test]
fn every_reader_gets_every_record_in_order_from_rbshim() {
    if !require_bpf() {
        return;
    }
    for cell in Cell::few() {
        let outcome = cell.run(Some(&rbshim().shared), SHORTEST);
        assert_eq!(outcome.status, Some(PASSED), "{}: {outcome:?}", cell.name());
        assert!(outcome.number("delivered") > Some(0), "{outcome:?}");
    }
}

#[test]
fn a_reader_in_poll_lingers_or_sleeps_as_it_is_told_and_gets_every_record() {
    if !require_bpf() {
        return;
    }
    for (rings, (option, is_right)) in [1, 4]
        .into_iter()
        .flat_map(|rings| EXPECTED.map(|expected| (rings, expected)))
    {
        let cell = Cell {
            reader: POLLING,
            rings,
            producers: 1,
            size: 8,
            notifications: "default",
            option,
        };
        // Another program on a CPU may keep the ring from ever being that fast.
        let as_told = (0..5).any(|_| {
            let outcome = cell.run(Some(&rbshim().shared), 2 * SHORTEST);
            assert_eq!(outcome.status, Some(PASSED), "{}: {outcome:?}", cell.name());
            let [lingers, coalesced] = ["lingers", "coalesced"]
                .map(|name| outcome.number(name).expect("the library has counted"));
            is_right(lingers, coalesced)
        });
        assert!(as_told, "{}", cell.name());
    }
}

#[test]
fn a_library_that_hangs_loses_or_repeats_records_does_not_pass() {
    if !require_bpf() {
        return;
    }
    const CONSUMER: &str = "src/ring/consumer.rs";
    const RECEIVE: &str = "let received = receiver.record(record);";
    let unfenced = [
        (CONSUMER, "        M::fence(Ordering::SeqCst);\n", ""),
        (
            CONSUMER,
            "set_consumer_pos(self.cursor, Ordering::SeqCst)",
            "set_consumer_pos(self.cursor, Ordering::Release)",
        ),
    ];
    let losing = "let lost = record.start % 65536 == 65520;
        let received = if lost { Received::Consumed } else { receiver.record(record) };";
    let repeating = "if record.start % 65536 == 65520 { receiver.record(record); }
        let received = receiver.record(record);";
    let cell = Cell {
        reader: "manager+consume",
        rings: 1,
        producers: 1,
        size: 8,
        notifications: "default",
        option: None,
    };
    // Of several rings one hangs, and the others go on.
    let one_of_four = Cell {
        reader: RING_BY_RING,
        rings: 4,
        ..cell
    };
    let run = |cell: Cell, library: Option<&Path>, seconds| {
        cell.run(library, Duration::from_secs(seconds))
    };

    // A run ends as soon as it hangs.
    let library = mutated::build("unfenced", &unfenced);
    for cell in [cell, one_of_four] {
        let outcome = run(cell, None, 60);
        assert_eq!(outcome.status, Some(HUNG), "libbpf: {outcome:?}");
        let outcome = run(cell, Some(&library.shared), 60);
        assert_eq!(outcome.status, Some(HUNG), "without the fence: {outcome:?}");
    }
    for (name, replacement, count) in [
        ("losing", losing, "lost"),
        ("repeating", repeating, "out_of_order"),
    ] {
        let library = mutated::build(name, &[("src/ring/consumer/walk.rs", RECEIVE, replacement)]);
        let outcome = run(cell, Some(&library.shared), 1);
        assert!(outcome.number(count) > Some(0), "{name}: {outcome:?}");
        assert_eq!(outcome.status, Some(1), "{name}: {outcome:?}");
    }
    // Here the wake-up comes, but the library does not see the record: calling again does not help either.
    let blind = (
        CONSUMER,
        "Header::from_word(word)",
        "Header::from_word(if self.cursor % 65536 == 65520 { u32::MAX } else { word })",
    );
    let library = mutated::build("blind", &[blind]);
    for reader in ["poll(100)", "busy+consume"] {
        let cell = Cell { reader, ..cell };
        let outcome = cell.run(Some(&library.shared), Duration::from_secs(60));
        assert_eq!(outcome.status, Some(1), "{reader}: {outcome:?}");
        assert!(outcome.stderr.contains("hung, yet 0 records were left"));
    }
}
