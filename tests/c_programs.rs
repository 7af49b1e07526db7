// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Ordinary libbpf programs print the same with rbshim, however it gets into the process, whatever
//! its options, and with either libbpf. What is different on purpose is in `c-tests/<program>.differs`.

mod common;

use common::{
    Cell, Column, Libbpf, StockRun, Way, apply, compare, manifest_dir, require_bpf, run, target_dir,
};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::sync::OnceLock;
use std::time::Duration;

struct Program {
    name: &'static str,
    stock: StockRun,
    cells: OnceLock<Vec<(Libbpf, Column, Cell)>>,
}

impl Program {
    const fn new(name: &'static str, stock: StockRun) -> Program {
        Program {
            name,
            stock,
            cells: OnceLock::new(),
        }
    }

    /// Runs the program once, for its own test and for the table.
    fn cells(&self) -> &[(Libbpf, Column, Cell)] {
        self.cells.get_or_init(|| compare(self.name, self.stock))
    }

    fn check(&self) {
        if !require_bpf() {
            return;
        }
        let mut failures = String::new();
        for (libbpf, column, cell) in self.cells() {
            if let Cell::Failed(how) = cell {
                let _ = writeln!(failures, "{}, {libbpf:?}, {column}: {how}\n", self.name);
            }
        }
        assert!(failures.is_empty(), "{failures}");
    }
}

macro_rules! programs {
    ($($name:ident: $stock:expr,)*) => {
        const COUNT: usize = [$(stringify!($name)),*].len();
        static PROGRAMS: [Program; COUNT] = [$(Program::new(stringify!($name), $stock)),*];
        mod prints_the_same_in_every_way {
            $(
                #[test]
                fn $name() {
                    let is_it = |program: &&super::Program| program.name == stringify!($name);
                    super::PROGRAMS.iter().find(is_it).expect("it is in the list").check();
                }
            )*
        }
    };
}

programs! {
    busy_head: StockRun::Compared,
    busy_poll: StockRun::Compared,
    callback_errors: StockRun::Compared,
    callback_errors_n: StockRun::Compared,
    consume_n: StockRun::Compared,
    counted_fork: StockRun::Compared,
    discards: StockRun::Compared,
    ended_by_eventfd: StockRun::Compared,
    errors: StockRun::Compared,
    few_descriptors: StockRun::Compared,
    foreign_event_in_poll: StockRun::Undefined,
    foreign_fds: StockRun::Compared,
    forks: StockRun::Compared,
    hot_consume_n: StockRun::Compared,
    hot_errors: StockRun::Compared,
    hot_killed: StockRun::Compared,
    hot_leave: StockRun::Compared,
    hot_nested: StockRun::Compared,
    hot_poll: StockRun::Compared,
    hot_positions: StockRun::Compared,
    hot_signals: StockRun::Compared,
    hot_threads: StockRun::Compared,
    leave_by_exception: StockRun::Compared,
    leave_by_exit: StockRun::Compared,
    leave_by_longjmp: StockRun::Compared,
    leave_by_thread_exit: StockRun::Compared,
    leave_n: StockRun::Compared,
    logging: StockRun::Compared,
    manager: StockRun::Compared,
    many_managers: StockRun::Compared,
    many_rings: StockRun::Compared,
    many_rings_leave: StockRun::Compared,
    notifications: StockRun::Compared,
    null_callback: StockRun::Compared,
    null_handles: StockRun::Compared,
    null_rings: StockRun::Compared,
    other_thread: StockRun::Compared,
    own_descriptor: StockRun::Undefined,
    paced_poll: StockRun::Compared,
    paced_rings: StockRun::Compared,
    poll_max: StockRun::Compared,
    poll_timeouts: StockRun::Compared,
    polls_in_callbacks: StockRun::Compared,
    private_structs: StockRun::LayoutSince(1, 3),
    read_on_in_callback: StockRun::Compared,
    reentrancy: StockRun::Compared,
    failed_beside: StockRun::Compared,
    reentrancy_rings: StockRun::Compared,
    ring_accessors: StockRun::Compared,
    sandboxed: StockRun::Compared,
    settled_then_left: StockRun::Compared,
    signals: StockRun::Compared,
    small_ring: StockRun::Compared,
    threads_with_managers: StockRun::Compared,
    throughput_conservation: StockRun::Compared,
    turns: StockRun::Compared,
    user_ring: StockRun::Compared,
    user_ring_big: StockRun::Compared,
    user_ring_blocking: StockRun::Compared,
    wrap_around: StockRun::Compared,
}

#[test]
fn every_program_with_every_libbpf_in_every_column_is_in_the_table() {
    if !require_bpf() {
        return;
    }
    let mut table = String::from("| program | libbpf |");
    for column in Column::ALL {
        let _ = write!(table, " {column} |");
    }
    table.push_str("\n|---|---|");
    table.push_str(&"---|".repeat(Column::ALL.len()));
    table.push('\n');
    for program in &PROGRAMS {
        for libbpf in Libbpf::ALL {
            let _ = write!(table, "| {} | {} |", program.name, libbpf.library().version);
            let cells: Vec<_> = program
                .cells()
                .iter()
                .filter(|cell| cell.0 == libbpf)
                .collect();
            assert_eq!(cells.len(), Column::ALL.len());
            for (_, _, cell) in cells {
                let _ = write!(table, " {cell} |");
            }
            table.push('\n');
        }
    }
    fs::write(target_dir().join("c-tests/matrix.md"), &table).expect("the table can be written");
    // Not captured by the test harness, unlike println!.
    std::io::stderr()
        .write_all(table.as_bytes())
        .expect("the table can be printed");
}

#[test]
fn every_program_and_header_is_in_the_index() {
    let index = fs::read_to_string(manifest_dir().join("c-tests/README.md")).expect("the index");
    let mut listed: Vec<_> = index
        .lines()
        .filter_map(|line| line.strip_prefix("- [")?.split_once("]("))
        .map(|(name, _)| name.to_string())
        .collect();
    listed.sort();
    let mut there: Vec<_> = ["", "faults/", "dlopen/"]
        .into_iter()
        .flat_map(sources_in)
        .collect();
    there.sort();
    assert_eq!(listed, there);
}

/// The files of a folder of `c-tests` that have code in them.
fn sources_in(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(manifest_dir().join("c-tests").join(folder)).expect("a folder");
    entries
        .map(|entry| entry.expect("an entry").file_name())
        .map(|name| format!("{folder}{}", name.to_string_lossy()))
        .filter(|name| {
            [".c", ".cpp", ".h", ".py"]
                .iter()
                .any(|end| name.ends_with(end))
        })
        .collect()
}

#[test]
fn a_stated_difference_must_be_there() {
    let text = "a\nb\nc\nb\n";
    assert_eq!(
        apply(text, "-b\n+x\n+y\n-b\n").as_deref(),
        Ok("a\nx\ny\nc\n")
    );
    assert!(
        apply(text, "-c\n+x\n-a\n+x\n").is_err(),
        "not in this order"
    );
    assert!(
        apply(text, "-b\n-b\n+x\n").is_err(),
        "not one after the other"
    );
    assert!(apply(text, "+x\n").is_err(), "in the place of nothing");
    assert!(apply(text, "b\n").is_err(), "not a hunk");
}

#[test]
fn rbshim_is_in_the_process_unless_the_program_runs_as_it_is() {
    if !require_bpf() {
        return;
    }
    for libbpf in Libbpf::ALL {
        for way in Way::ALL {
            let mut command = common::command("manager", libbpf, way);
            command.env("RBSHIM_VERBOSE", "1");
            let output = run(command, Duration::from_secs(60));
            let said = String::from_utf8_lossy(&output.stderr);
            let active = said.lines().any(|line| line.contains("rbshim"));
            assert_eq!(active, way != Way::Stock, "{libbpf:?}, {way:?}: {said}");
        }
    }
}

#[test]
fn each_libbpf_is_the_one_it_claims_to_be() {
    for libbpf in Libbpf::ALL {
        for way in [Way::Stock, Way::Preloaded, Way::Shared] {
            let mut command = common::command("manager", libbpf, way);
            // The dynamic linker lists what it loads instead of running the program.
            command.env("LD_TRACE_LOADED_OBJECTS", "1");
            let output = run(command, Duration::from_secs(60));
            let loaded = String::from_utf8_lossy(&output.stdout);
            let line = loaded.lines().find(|line| line.contains("libbpf.so.1"));
            let path = line
                .and_then(|line| line.split_whitespace().nth(2))
                .expect("libbpf.so.1");
            let directory = fs::canonicalize(path).expect("the library is there");
            let expected = fs::canonicalize(libbpf.library().directory.join("libbpf.so.1"));
            assert_eq!(
                directory,
                expected.expect("the library is there"),
                "{libbpf:?}, {way:?}"
            );
        }
    }
}
