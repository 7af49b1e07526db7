// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! libbpf and rbshim in one process, step by step: whatever a program does, it sees the same.
//!
//! Sequences of operations are drawn and run on a manager of each library; the rings of both are fed
//! by the same BPF program. After every operation all that can be seen from outside is compared.
//! A failing sequence is printed as Rust: paste it into `sequences_worth_keeping`.
//!
//! `RBSHIM_COMPARE_CASES` says how many are drawn, `RBSHIM_COMPARE_SEED` which (it is printed), and
//! `RBSHIM_COMPARE_LIBRARY` with which library libbpf is compared.

mod common;
mod functions;

mod compare {
    pub mod differences;
    pub mod epoll;
    pub mod hold;
    pub mod kernel;
    pub mod libraries;
    pub mod operations;
    pub mod pair;
    pub mod rings;
    pub mod runs;
    pub mod seen;
    pub mod side;
    pub mod spoilt;
    pub mod tally;
    pub mod user;
    pub mod user_operations;
}

use compare::operations::{Action, Batch, Op, Sequence};
use compare::{libraries, operations, pair, runs, spoilt, user, user_operations};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Where rbshim does not do what libbpf does.
const DIFFERENCES: [&str; 2] = ["ring_buffer__consume_n", "ring__consume_n"];

/// One test at a time: open files are counted.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("/proc").count()
}

#[test]
fn the_two_libraries_really_are_two() {
    let _alone = alone();
    libraries::assert_that_they_are_two();
}

/// The comparison is worth something only if it sees what it is there for.
#[test]
fn a_library_that_differs_is_found_out_by_a_short_sequence() {
    if !common::require_bpf() {
        return;
    }
    let _alone = alone();
    for (name, rbshim) in spoilt::libraries() {
        let libbpf = libraries::libbpf();
        let mut pair = pair::Pair::new(libraries::Libraries { libbpf, rbshim });
        let sequences = operations::sequence();
        let found = runs::find_difference(name, 500, 1, sequences, |sequence| pair.run(sequence));
        let (sequence, difference) = found.unwrap_or_else(|| panic!("not found: {name}"));
        println!("{name}:\n{sequence:?}\n{difference}\n");
        assert!(sequence.operations.len() <= 10, "{name}: {sequence:?}");
    }
}

#[test]
fn sequences_worth_keeping_give_the_same_on_both() {
    if !common::require_bpf() {
        return;
    }
    let _alone = alone();
    let mut pair = pair::Pair::new(libraries::libraries());
    for sequence in sequences_worth_keeping() {
        if let Err(difference) = pair.run(&sequence) {
            panic!("{sequence:?}\n{difference}");
        }
    }
    pair.tally.assert_differences(&DIFFERENCES);
}

#[test]
fn any_sequence_on_rings_gives_the_same_on_both() {
    if !common::require_bpf() {
        return;
    }
    let _alone = alone();
    let mut pair = pair::Pair::new(libraries::libraries());
    let files = open_files();
    let many = runs::draw("rings", runs::cases(), operations::sequence(), |sequence| {
        pair.run(sequence)
    });
    assert_eq!(open_files(), files, "files left open");
    pair.tally.report();
    if many {
        pair.tally.assert_calls(&[
            "ring_buffer__poll failed",
            "ring_buffer__consume failed",
            "ring_buffer__consume_n failed",
            "ring__consume failed",
            "ring__consume_n failed",
            "ring_buffer__add failed",
            "ring_buffer__ring NULL",
        ]);
        pair.tally.assert_differences(&DIFFERENCES);
        pair.tally.assert_turns();
    }
}

const OF_POLLS: &str = "any_sequence_of_polls_gives_the_same_on_both";

#[test]
fn any_sequence_of_polls_gives_the_same_on_both() {
    if !common::require_bpf() {
        return;
    }
    let _alone = alone();
    let mut pair = pair::Pair::new(libraries::libraries());
    let files = open_files();
    // They wait.
    let cases = runs::cases() / 40;
    runs::draw("polls", cases, operations::polls(), |sequence| {
        pair.run(sequence)
    });
    assert_eq!(open_files(), files, "files left open");
    pair.tally.report();
}

/// The library reads its options once: this needs a process of its own. Records come rarely here, so that
/// only a long window is tried; the timeouts cut it short, and it brings nothing.
#[test]
fn any_sequence_of_polls_gives_the_same_with_a_coalescing_window() {
    if !common::require_bpf() {
        return;
    }
    let _alone = alone();
    let program = std::env::current_exe().expect("this program");
    let mut command = std::process::Command::new(program);
    command
        .args(["--exact", OF_POLLS, "--nocapture"])
        .env("RBSHIM_COALESCE_US", "1000000");
    common::count(&mut command);
    let limit = Duration::from_secs(60 + u64::from(runs::cases()) / 40);
    let output = common::run(command, limit);
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && printed.contains("1 passed"),
        "{printed}"
    );
    let coalesced = common::counted(&output, "coalesced");
    println!("{coalesced} windows");
    assert!(coalesced > 0);
}

#[test]
fn any_sequence_on_a_user_ring_gives_the_same_on_both() {
    if !common::require_bpf() {
        return;
    }
    let _alone = alone();
    let mut pair = user::Pair::new(libraries::libraries());
    let files = open_files();
    let many = runs::draw(
        "user rings",
        runs::cases(),
        user_operations::sequence(),
        |sequence| pair.run(sequence),
    );
    assert_eq!(open_files(), files, "files left open");
    pair.tally.report();
    if many {
        pair.tally.assert_calls(&[
            "user_ring_buffer__reserve NULL",
            "user_ring_buffer__reserve_blocking NULL",
        ]);
    }
}

/// Cases that drawing meets rarely.
fn sequences_worth_keeping() -> Vec<Sequence> {
    let batch = |map, count, size| Batch {
        map,
        count,
        size,
        flags: 0,
    };
    let emit = |map, count, size| Op::Emit(batch(map, count, size));
    let script = |after, action| Op::Script { after, action };
    vec![
        // A callback adds a ring, which the same call then consumes, or not.
        Sequence {
            starts: [511, 1023, 1],
            rings: 1,
            operations: vec![
                emit(1, 3, 8),
                emit(0, 2, 8),
                script(0, Action::Add { map: 1 }),
                Op::Consume,
                emit(2, 3, 8),
                emit(0, 2, 8),
                script(1, Action::Add { map: 2 }),
                Op::Poll(0),
                Op::Poll(0),
                Op::Readiness,
            ],
        },
        // Records committed in the opposite order, with discarded ones between.
        Sequence {
            starts: [500, 0, 0],
            rings: 2,
            operations: vec![
                Op::Hold {
                    holder: 0,
                    map: 0,
                    size: 100,
                    flags: 0,
                    discard: false,
                },
                emit(0, 1, 24),
                Op::Hold {
                    holder: 1,
                    map: 0,
                    size: 100,
                    flags: 0,
                    discard: true,
                },
                Op::Discard(batch(0, 20, 16)),
                emit(0, 2, 24),
                Op::Poll(0),
                Op::Edge,
                Op::Release { holder: 1 },
                Op::Edge,
                Op::Poll(0),
                Op::Release { holder: 0 },
                Op::Edge,
                Op::RingConsumeN { ring: 0, n: 2 },
                Op::Poll(0),
                Op::Readiness,
            ],
        },
        // No records are wanted.
        Sequence {
            starts: [0, 0, 0],
            rings: 3,
            operations: vec![
                emit(0, 2, 8),
                emit(1, 2, 8),
                emit(2, 2, 8),
                Op::ConsumeN(0),
                Op::Discard(batch(0, 1, 8)),
                emit(0, 2, 8),
                Op::ConsumeN(0),
                emit(1, 2, 8),
                Op::RingConsumeN { ring: 1, n: 0 },
                Op::Readiness,
            ],
        },
        // A callback that fails, and consumes its own ring before.
        Sequence {
            starts: [0, 0, 0],
            rings: 1,
            operations: vec![
                emit(0, 5, 40),
                script(1, Action::RingConsume { ring: 0 }),
                Op::Poll(0),
                emit(0, 5, 40),
                script(4, Action::Return(-libc::EINTR)),
                Op::ConsumeN(5),
                Op::Poll(0),
            ],
        },
        // A ring that a call for one record has left is not notified about again when another one fails.
        Sequence {
            starts: [0, 0, 0],
            rings: 3,
            operations: vec![
                emit(2, 1, 0),
                Op::ConsumeN(1),
                emit(2, 1, 0),
                script(0, Action::Return(-1)),
                emit(0, 2, 0),
                Op::Consume,
                Op::Edge,
                Op::Readiness,
                script(0, Action::Readiness),
                emit(0, 1, 0),
                Op::RingConsumeN { ring: 0, n: 1 },
            ],
        },
    ]
}
