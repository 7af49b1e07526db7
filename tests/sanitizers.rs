// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The C programs under valgrind's memcheck and under the compilers' sanitizers.
//!
//! Memcheck watches the library as it ships. The sanitizers watch the program and, in the archive,
//! this crate as well: rustc instruments it, gcc's run-time library does the watching. That needs no
//! instrumented std, since nothing of the crate that a program reaches calls into std. What they
//! cannot see is the kernel's side of the ring: that the orderings suffice is shown by the model
//! checker. Nor do they understand fences, so the thread sanitizer may only be asked about what our
//! threads share with each other: positions and counters, which are atomics.

mod common;
mod mutated;
mod tools;

use common::{Way, manifest_dir, rbshim, require_bpf, target_dir};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use tools::Tool::{self, Address, Memcheck, Thread};
use tools::{memcheck, sanitize};

/// What a tool does not run, and why.
const EXCLUDED: &[(&str, &[Tool], &str)] = &[
    (
        "busy_head",
        &[Memcheck],
        "its thread waits inside bpf(2), which valgrind takes for a call that never waits",
    ),
    (
        "errors",
        &[Memcheck, Address, Thread],
        "takes address space and memory away, which the tools need themselves; it counts by itself \
         what is left over",
    ),
    (
        "throughput_conservation",
        &[Memcheck, Thread],
        "ten million records",
    ),
    ("edge_triggered", &[Memcheck], "two threads at full speed"),
    (
        "sandboxed",
        &[Memcheck, Address, Thread],
        "its filter kills the tools, which make system calls of their own",
    ),
    ("soak", &[Memcheck], "two threads at full speed"),
    ("overwrite_ring", &[Memcheck, Address, Thread], NEWER_KERNEL),
    ("overwrite_soak", &[Memcheck, Address, Thread], NEWER_KERNEL),
    ("busy_poll_api", &[Memcheck], NOT_IN_LIBBPF),
    ("coalesce_api", &[Memcheck], NOT_IN_LIBBPF),
    ("poll_max_api", &[Memcheck], NOT_IN_LIBBPF),
    ("statistics_api", &[Memcheck], NOT_IN_LIBBPF),
    ("statistics_thread_api", &[Memcheck], NOT_IN_LIBBPF),
    ("paced_poll", &[Memcheck], "a producer at a rate"),
    ("hot_consume_n", &[Memcheck, Thread], FULL_SPEED),
    ("hot_errors", &[Memcheck, Thread], FULL_SPEED),
    ("hot_killed", &[Memcheck, Thread], FULL_SPEED),
    ("hot_leave", &[Memcheck, Thread], FULL_SPEED),
    ("hot_nested", &[Memcheck, Thread], FULL_SPEED),
    ("hot_poll", &[Memcheck, Thread], FULL_SPEED),
    ("hot_positions", &[Memcheck, Thread], FULL_SPEED),
    ("hot_signals", &[Memcheck, Thread], FULL_SPEED),
    ("hot_threads", &[Memcheck, Thread], FULL_SPEED),
    (
        "many_managers",
        &[Memcheck],
        "opens more descriptors than valgrind lets a program have",
    ),
    ("many_rings", &[Memcheck, Thread], FULL_SPEED),
    ("many_rings_leave", &[Memcheck, Thread], FULL_SPEED),
    ("settled_then_left", &[Memcheck, Thread], FULL_SPEED),
];

const NOT_IN_LIBBPF: &str = "cannot be preloaded: it calls what libbpf does not have";

const FULL_SPEED: &str = "hundreds of thousands of records from a producer at full speed";

const NEWER_KERNEL: &str = "ends at once on most kernels, which have no overwrite mode";

fn excluded(program: &str, tool: Tool) -> Option<&'static str> {
    let entry = EXCLUDED
        .iter()
        .find(|(name, tools, _)| *name == program && tools.contains(&tool));
    entry.map(|(_, _, why)| *why)
}

/// All programs there are, so that a new one is not forgotten.
fn programs() -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(manifest_dir().join("c-tests")).expect("c-tests");
    let mut programs: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter_map(|path| {
            let name = path.file_name()?.to_str()?;
            let stem = name.strip_suffix(".c").or(name.strip_suffix(".cpp"))?;
            (!stem.ends_with(".bpf")).then(|| (stem.to_string(), path.clone()))
        })
        .collect();
    programs.sort();
    programs
}

/// Runs every program that is not excluded, and lists how they went.
fn check_all(tool: Tool, title: &str, check: impl Fn(&str, &Path) -> Result<(), String> + Sync) {
    let programs = programs();
    for (name, _, _) in EXCLUDED {
        let known = programs.iter().any(|(program, _)| program == name);
        assert!(known, "excluded, but there is no {name}");
    }
    let waiting = Mutex::new(programs.iter());
    let results = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().expect("a list").next();
                    let Some((program, source)) = next else { break };
                    let result = match excluded(program, tool) {
                        Some(why) => Ok(format!("not run: {why}")),
                        None => check(program, source).map(|()| "clean".to_string()),
                    };
                    results.lock().expect("a list").push((program, result));
                }
            });
        }
    });
    let mut results = results.into_inner().expect("a list");
    results.sort();
    let mut table = format!("| program | {title} |\n|---|---|\n");
    let mut failures = String::new();
    for (program, result) in results {
        let cell = result.as_deref().unwrap_or("**FAILED**");
        let _ = writeln!(table, "| {program} | {cell} |");
        if let Err(how) = &result {
            let _ = writeln!(failures, "{program}, {title}: {how}\n");
        }
    }
    let file = title.replace([' ', ','], "-").replace("--", "-");
    let file = target_dir().join(format!("c-tests/{file}.md"));
    fs::write(file, &table).expect("the table can be written");
    // Not captured by the test harness, unlike println!.
    std::io::stderr()
        .write_all(table.as_bytes())
        .expect("the table can be printed");
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn memcheck_finds_nothing_with_the_library_preloaded() {
    if !require_bpf() {
        return;
    }
    check_all(Memcheck, "memcheck, preloaded", |program, _| {
        memcheck(program, Way::Preloaded, None)
    });
}

#[test]
fn memcheck_finds_nothing_in_relinked_programs() {
    if !require_bpf() {
        return;
    }
    check_all(Memcheck, "memcheck, relinked", |program, _| {
        memcheck(program, Way::Shared, None)
    });
}

#[test]
fn the_address_sanitizer_finds_nothing_in_relinked_programs() {
    if !require_bpf() {
        return;
    }
    let archive = mutated::build_sanitized("address", &[], "address");
    check_all(Address, "address sanitizer, static", |program, source| {
        sanitize(Address, program, source, &archive)
    });
    let shared = rbshim().directory.join("librbshim.so");
    check_all(Address, "address sanitizer, shared", |program, source| {
        sanitize(Address, program, source, &shared)
    });
}

#[test]
fn the_thread_sanitizer_finds_nothing_in_relinked_programs() {
    if !require_bpf() {
        return;
    }
    let archive = mutated::build_sanitized("thread", &[], "thread");
    check_all(Thread, "thread sanitizer, static", |program, source| {
        sanitize(Thread, program, source, &archive)
    });
}

#[test]
fn each_tool_finds_what_it_is_there_for() {
    if !require_bpf() {
        return;
    }
    const RING: &str = "src/mapped_ring.rs";
    let source = |program: &str| manifest_dir().join(format!("c-tests/{program}.c"));
    let finds = |what: &str, result: Result<(), String>| {
        let found = result.expect_err(what);
        assert!(found.contains(what), "{what} is not in: {found}");
    };

    let kept = (
        RING,
        "alloc::free_handle(self.as_ptr())",
        "let _ = self.as_ptr();",
    );
    let leaking = mutated::build("leaking", &[kept]);
    let result = memcheck("manager", Way::Preloaded, Some(&leaking.shared));
    finds("definitely lost in loss record", result);
    let result = sanitize(Address, "manager", &source("manager"), &leaking.archive);
    finds("detected memory leaks", result);

    let beyond = (
        "src/manager.rs",
        "events.add(number)",
        "events.add(number + 64)",
    );
    let reading = mutated::build("reading", &[beyond]);
    let result = memcheck("manager", Way::Preloaded, Some(&reading.shared));
    finds("Invalid read of size 8", result);
    let archive = mutated::build_sanitized("reading-address", &[beyond], "address");
    let result = sanitize(Address, "manager", &source("manager"), &archive);
    finds("heap-buffer-overflow", result);

    let plain = (
        RING,
        "pages.consumer_pos(Ordering::Acquire)",
        "unsafe { *pages.consumer.cast::<u64>() }",
    );
    let archive = mutated::build_sanitized("racing-thread", &[plain], "thread");
    let result = sanitize(Thread, "other_thread", &source("other_thread"), &archive);
    finds("data race", result);
}
