// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Programs print the same of a ring that is read as one in overwrite mode, and are woken for every record.
//!
//! The rings are the kernel's ordinary ones, taken for such by a library that is preloaded
//! (`c-tests/faults/overwriting.c`):
//! nothing is overwritten in them. What this tests is all the rest: notifications, positions, calls by turns and by
//! number, and callbacks that call or leave. Some do so once more with the library as it is where the ring's lock has to
//! be taken.

#![cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]

mod common;
mod mutated;

use common::{Libbpf, Way, counted, manifest_dir, rbshim, require_bpf, run, succeed, target_dir};
use mutated::Replacement;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::Duration;

const WATCH_DOG: Duration = Duration::from_secs(300);

/// Builds the library that has rings taken for others.
fn overwriting() -> &'static PathBuf {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let directory = target_dir().join("c-tests/faults");
        fs::create_dir_all(&directory).expect("a directory for the library");
        let library = directory.join("overwriting.so");
        let new = directory.join(format!("overwriting.so.new-{}", std::process::id()));
        succeed(
            Command::new("cc")
                .args(["-std=gnu11", "-O2", "-g", "-shared", "-fPIC"])
                .args(["-Wall", "-Wextra", "-Werror", "-o"])
                .arg(&new)
                .arg(manifest_dir().join("c-tests/faults/overwriting.c")),
        );
        fs::rename(&new, &library).expect("the library under its name");
        library
    })
}

/// Runs the program on rbshim, whose rings are in overwrite mode or not, and says so then.
fn output(program: &str, arguments: &[&str], overwrites: bool) -> Output {
    let mut command = common::command(program, Libbpf::Vendored, Way::Preloaded);
    if overwrites {
        let mut preload = OsString::from(overwriting());
        preload.push(":");
        preload.push(&rbshim().shared);
        command.env("LD_PRELOAD", preload);
    }
    command.args(arguments);
    let output = run(command, WATCH_DOG);
    let said = String::from_utf8_lossy(&output.stderr);
    let mut counts = said.lines().rev();
    let count = counts.find_map(|line| line.split_once(" rings taken for overwriting"));
    let taken = count.is_some_and(|(count, _)| count != "0");
    assert_eq!(taken, overwrites, "{program}: {output:?}");
    output
}

fn prints_the_same(program: &str) {
    if !require_bpf() {
        return;
    }
    let printed = |overwrites| {
        let output = output(program, &[], overwrites);
        assert!(
            output.status.success(),
            "{program}, {overwrites}: {output:?}"
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert_eq!(printed(true), printed(false), "{program}");
}

macro_rules! programs {
    ($($name:ident),* $(,)?) => {
        mod prints_the_same_in_overwrite_mode {
            $(
                #[test]
                fn $name() {
                    super::prints_the_same(stringify!($name));
                }
            )*
        }
    };
}

programs! {
    callback_errors,
    consume_n,
    discards,
    hot_consume_n,
    hot_leave,
    hot_nested,
    hot_threads,
    leave_by_exception,
    leave_by_longjmp,
    leave_by_thread_exit,
    many_rings,
    many_rings_leave,
    notifications,
    poll_timeouts,
    reentrancy,
    ring_accessors,
    settled_then_left,
    throughput_conservation,
    wrap_around,
}

/// Where it has none, the programs say so. `platforms/kernels/overwrite.sh` runs them where it has.
#[test]
fn the_kernel_s_own_rings_in_overwrite_mode_are_read() {
    if !require_bpf() {
        return;
    }
    for (program, arguments) in [("overwrite_ring", &[][..]), ("overwrite_soak", &["10"])] {
        let mut command = common::command(program, Libbpf::Vendored, Way::Preloaded);
        command.env("RBSHIM_STATS", "1").args(arguments);
        let output = run(command, WATCH_DOG);
        let said = String::from_utf8_lossy(&output.stderr);
        let has_none = said.contains("this kernel has no rings in overwrite mode");
        assert!(!has_none || kernel_is_older_than(6, 19), "{output:?}");
        let status = if has_none { 77 } else { 0 };
        assert_eq!(output.status.code(), Some(status), "{output:?}");
    }
}

fn kernel_is_older_than(major: u32, minor: u32) -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").expect("a release");
    let mut numbers = release.split('.').map_while(|part| part.parse().ok());
    (numbers.next(), numbers.next()) < (Some(major), Some(minor))
}

/// Each record brings the next one. libbpf returns when that ends.
#[test]
fn a_call_comes_back_from_a_producer_as_fast_as_its_reader_and_every_waiter_gets_the_rest() {
    if !require_bpf() {
        return;
    }
    // More than a call has time for, four times.
    let output = output("poll_max", &["300000"], true);
    assert!(output.status.success(), "{output:?}");
    for name in ["poll", "outer", "outermost", "itself", "beside"] {
        assert!(counted(&output, name) >= 1, "{name}: {output:?}");
    }
    // A call for all records has not had all of them either: what is said of the time after one depends on when it was.
    let printed = String::from_utf8_lossy(&output.stdout);
    let timed = |line: &&str| line.starts_with("consumed:") || line.starts_with("nothing is there");
    let printed: Vec<_> = printed.lines().filter(|line| !timed(line)).collect();
    let expected = "\
poll: delivered all, out of order 0
miscounted: 0
poll without a timeout: delivered NOT ALL, out of order 0
consume: delivered NOT ALL, out of order 0
returned before the end: 2
polls: delivered all, out of order 0
outer: delivered all, out of order 0
asleep on data: 0
outermost: delivered all, out of order 0
asleep on data: 0
itself: delivered all, out of order 0
asleep on data: 0
beside: delivered all, out of order 0
asleep on data: 0, did not fail: 0
";
    let expected: Vec<_> = expected.lines().collect();
    assert_eq!(printed, expected, "{output:?}");
}

/// What OVERWRITE_MODE is on machines of which nothing is known.
const REFUSES: Replacement = (
    "src/attach.rs",
    "const OVERWRITE_MODE: OverwriteMode = if cfg!(any(",
    "const OVERWRITE_MODE: OverwriteMode = if cfg!(all(",
);

/// With the one before, what it is on AArch64.
const LOCKS: Replacement = (
    "src/attach.rs",
    "} else if cfg!(all(target_arch = \"aarch64\", target_pointer_width = \"64\")) {",
    "} else if cfg!(target_pointer_width = \"64\") {",
);

/// Runs the program on the library, for whom all rings are in overwrite mode.
fn output_of(library: &Path, program: &str, lock_runs: Option<&str>) -> Output {
    let mut command = common::command(program, Libbpf::Vendored, Way::Preloaded);
    let mut preload = OsString::from(overwriting());
    preload.push(":");
    preload.push(library);
    command.env("LD_PRELOAD", preload);
    if let Some(runs) = lock_runs {
        command.env("LOCK_RUNS", runs);
    }
    run(command, WATCH_DOG)
}

/// In a 32-bit process.
#[test]
fn where_it_cannot_be_read_such_a_ring_is_refused_with_one_warning() {
    if !require_bpf() {
        return;
    }
    let library = mutated::build("refuses", &[REFUSES]).shared;
    let output = output_of(&library, "poll_max", None);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{output:?}");
    assert_eq!(said.matches("cannot be read safely").count(), 1, "{said}");
    assert!(said.contains("Operation not supported"), "{said}");
}

/// On AArch64.
#[test]
fn where_the_lock_is_needed_it_is_taken_or_the_ring_refused() {
    if !require_bpf() {
        return;
    }
    let library = mutated::build("locks", &[REFUSES, LOCKS]).shared;
    for program in [
        "busy_head",
        "callback_errors",
        "discards",
        "many_rings",
        "notifications",
        "reentrancy",
        "ring_accessors",
        "wrap_around",
    ] {
        let locking = output_of(&library, program, None);
        assert!(locking.status.success(), "{program}: {locking:?}");
        let ordinary = output(program, &[], false);
        assert_eq!(locking.stdout, ordinary.stdout, "{program}");
    }
    // It may not be loaded.
    let output = output_of(&library, "poll_max", Some("0"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{output:?}");
    assert_eq!(said.matches("cannot be read safely").count(), 1, "{said}");
    assert!(said.contains("-EPERM (it needs CAP_BPF)"), "{said}");
    assert!(said.contains("Operation not supported"), "{said}");
    // It may not be run any more. The program prints what calls return, and goes on.
    let output = output_of(&library, "discards", Some("3"));
    let said = String::from_utf8_lossy(&output.stderr);
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(printed.contains("= -1, errno EPERM"), "{output:?}");
    assert_eq!(said.matches("does not: -EPERM").count(), 1, "{said}");
}

/// The program ends with another status where it sleeps on a record.
#[test]
fn an_edge_triggered_reader_is_woken_for_every_record() {
    if !require_bpf() {
        return;
    }
    for arguments in [
        ["--wait=map", "--drain=consume"],
        ["--wait=manager", "--drain=poll"],
        ["--wait=manager", "--drain=consume_n"],
    ] {
        let arguments = [&arguments[..], &["--records=3000000"]].concat();
        let output = output("edge_triggered", &arguments, true);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }
}
