// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! When something goes wrong around the library, programs see the same as with libbpf: calls to libc that fail
//! one by one, signals, stops, forks, cancelled threads, and readers that end in the middle. Each time nothing
//! is lost, nothing is left over, and the next call works.

mod common;
mod fault_programs;

use common::{Libbpf, Way, printed, require_bpf, target_dir};
use fault_programs::{Program, Row, Run, StockRun, rows};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;

static INJECTION: Program = Program::injection(&[], StockRun::AllocationsSince1_3);
static INJECTION_IN_CALLBACKS: Program = Program::injection(&["in-callbacks"], StockRun::Since1_3);
static SIGNAL_STORM: Program = Program::new("signal_storm");
static STOPPED_READER: Program = Program::new("stopped_reader");
static FORK_UNDER_LOAD: Program = Program::new("fork_under_load");
static CANCELLED_READER: Program = Program::new("cancelled_reader");
static EXEC_IN_CALLBACK: Program = Program::new("exec_in_callback");
static KILLED_READER: Program = Program::new("killed_reader");

#[test]
fn a_call_to_libc_that_fails_is_libbpfs_error_with_nothing_left_over_and_the_next_call_works() {
    INJECTION.check();
}

#[test]
fn a_failed_call_inside_a_callback_leaves_the_poll_around_it_alone() {
    INJECTION_IN_CALLBACKS.check();
}

#[test]
fn thousands_of_signals_interrupt_polls_and_lose_nothing() {
    SIGNAL_STORM.check();
}

#[test]
fn a_reader_that_was_stopped_goes_on_by_itself_with_a_full_ring() {
    STOPPED_READER.check();
}

#[test]
fn a_fork_in_the_callback_disturbs_neither_process() {
    FORK_UNDER_LOAD.check();
}

#[test]
fn a_thread_cancelled_in_the_library_or_in_the_callback_leaves_its_manager_to_the_next() {
    CANCELLED_READER.check();
}

#[test]
fn a_program_executed_in_the_callback_reads_on_from_that_record() {
    EXEC_IN_CALLBACK.check();
}

#[test]
fn the_next_reader_of_a_pinned_map_gets_all_that_a_killed_one_has_not_finished() {
    KILLED_READER.check();
}

/// If the interposer did not see a call, nothing would have failed.
#[test]
fn every_call_to_libc_that_can_fail_has_failed() {
    if !require_bpf() {
        return;
    }
    let in_add = [("allocation", 3), ("mmap", 2), ("epoll_ctl", 1), ("bpf", 1)];
    let mut in_new = vec![("epoll_create1", 1), ("allocation", 4)];
    in_new.extend(&in_add[1..]);
    let mut in_user_new = vec![("epoll_create1", 1), ("allocation", 1)];
    in_user_new.extend(&in_add[1..]);
    let in_wait = [("epoll_wait", 1)];
    let calls: [(&str, &[(&str, usize)]); 6] = [
        ("ring_buffer__new", &in_new),
        ("ring_buffer__add", &in_add),
        ("ring_buffer__add in a callback", &in_add),
        ("ring_buffer__poll", &in_wait),
        ("user_ring_buffer__new", &in_user_new),
        ("user_ring_buffer__reserve_blocking", &in_wait),
    ];
    for way in Way::ALL {
        let mut printed = String::new();
        for program in [&INJECTION, &INJECTION_IN_CALLBACKS] {
            let is_it = |run: &&Run| run.libbpf == Libbpf::Vendored && run.way == way;
            let run = program.runs().iter().find(is_it).expect("a run");
            printed += run
                .printed
                .as_ref()
                .unwrap_or_else(|error| panic!("{error}"));
        }
        let failed: Vec<_> = rows(&printed).map(|row| (row.call, row.fault)).collect();
        for (call, kinds) in &calls {
            for (kind, times) in *kinds {
                for nth in 1..=*times {
                    let fault = format!("{kind} {nth}: ");
                    let hit = failed
                        .iter()
                        .any(|(name, what)| name == call && what.starts_with(&fault));
                    assert!(hit, "{way:?}: {call}: nothing like '{fault}'");
                }
            }
        }
    }
}

#[test]
fn what_is_left_over_is_seen() {
    if !require_bpf() {
        return;
    }
    for way in Way::ALL {
        let mut command = INJECTION.command(Libbpf::Vendored, way);
        // A manager and a user ring that are not freed.
        command.arg("leak");
        let seen = printed(command).unwrap_or_else(|error| panic!("{error}"));
        assert!(
            seen.ends_with("\n2 descriptors, 4 mappings, 5 blocks\n"),
            "{way:?}: {seen}"
        );
    }
}

#[test]
fn every_fault_is_in_the_table() {
    if !require_bpf() {
        return;
    }
    let mut table = String::from("| fault | call | libbpf | rbshim | left over by rbshim |\n");
    table.push_str("|---|---|---|---|---|\n");
    for program in [
        &INJECTION,
        &INJECTION_IN_CALLBACKS,
        &SIGNAL_STORM,
        &STOPPED_READER,
        &FORK_UNDER_LOAD,
        &CANCELLED_READER,
        &EXEC_IN_CALLBACK,
        &KILLED_READER,
    ] {
        let (stock, with_rbshim): (Vec<_>, Vec<_>) =
            program.runs().iter().partition(|run| run.way == Way::Stock);
        let stock: Vec<_> = stock.iter().flat_map(|run| run.rows()).collect();
        let with_rbshim: Vec<_> = with_rbshim.iter().flat_map(|run| run.rows()).collect();
        let first = rows(program.runs()[0].printed.as_deref().unwrap_or_default());
        let mut count = 0;
        for row in first {
            let of_this = |rows: &[Row], column: fn(&Row) -> String| {
                let mut texts: Vec<_> = rows
                    .iter()
                    .filter(|other| other.fault == row.fault && other.call == row.call)
                    .map(column)
                    .collect();
                if texts.is_empty() {
                    texts.push("**none**".to_string());
                }
                texts.sort();
                texts.dedup();
                texts.join(" / ")
            };
            let result = |row: &Row| row.result.to_string();
            let _ = writeln!(
                table,
                "| {} | {} | {} | {} | {} |",
                row.fault,
                row.call,
                of_this(&stock, result),
                of_this(&with_rbshim, result),
                of_this(&with_rbshim, |row| row.left_over.to_string()),
            );
            count += 1;
        }
        assert!(count > 0, "{}: no rows", program.name);
    }
    fs::write(target_dir().join("c-tests/faults.md"), &table).expect("the table can be written");
    // Not captured by the test harness, unlike println!.
    std::io::stderr()
        .write_all(table.as_bytes())
        .expect("the table can be printed");
}
