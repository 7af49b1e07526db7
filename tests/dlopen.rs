// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Programs that open libbpf with `dlopen()` and look its functions up in it: they hang as others do,
//! preloading rbshim does not reach them, and the front does.

mod common;
mod opened;

use common::{Libbpf, Way, apply, build, manifest_dir, rbshim, require_bpf, run, stated};
use opened::{
    Entry, build_front, command, command_with_front, folder, front, is_active, old_libbpf, program,
    real,
};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;
use std::time::Duration;

const WATCH_DOG: Duration = Duration::from_secs(180);
const HUNG: Option<i32> = Some(3);

/// Programs whose calls every libbpf has, and programs that need a newer libbpf than the system's may be.
const PROGRAMS: [&str; 10] = [
    "callback_errors",
    "errors",
    "forks",
    "leave_by_longjmp",
    "logging",
    "manager",
    "notifications",
    "poll_timeouts",
    "reentrancy",
    "user_ring",
];
const NEWER_PROGRAMS: [&str; 5] = [
    "callback_errors_n",
    "consume_n",
    "private_structs",
    "reentrancy_rings",
    "ring_accessors",
];

#[test]
fn an_edge_triggered_reader_that_opens_libbpf_goes_to_sleep_on_data() {
    if !require_bpf() {
        return;
    }
    for libbpf in Libbpf::ALL {
        let command = command(&program("edge_triggered", libbpf), libbpf);
        let output = race(command, "--seconds=90");
        assert_eq!(output.status.code(), HUNG, "{libbpf:?}: {output:?}");
    }
}

#[test]
fn with_the_front_the_same_program_gets_every_record_in_order() {
    if !require_bpf() {
        return;
    }
    for libbpf in Libbpf::ALL {
        let program = program("edge_triggered", libbpf);
        for entry in Entry::ALL {
            let command = command_with_front(&program, libbpf, entry);
            ran_through(libbpf, &race(command, "--records=4000000"));
        }
        // As Wazuh opens it.
        let mut command = command_with_front(&program, libbpf, Entry::SearchPath);
        command.env("LIBBPF", "libbpf.so");
        ran_through(libbpf, &race(command, "--records=4000000"));
    }
}

#[test]
fn preloading_rbshim_does_not_reach_it_and_does_it_no_harm() {
    if !require_bpf() {
        return;
    }
    for libbpf in Libbpf::ALL {
        let mut command = command(&program("edge_triggered", libbpf), libbpf);
        command.env("LD_PRELOAD", &rbshim().shared);
        let output = race(command, "--seconds=90");
        assert_eq!(output.status.code(), HUNG, "{libbpf:?}: {output:?}");
        assert!(!is_active(&output, &rbshim().shared), "{output:?}");
    }
}

/// libbpf calls some of its functions by their names, as `ring_buffer__add` from `ring_buffer__new`. Where those
/// are rbshim's, they are given libbpf's own structs.
#[test]
fn on_libbpfs_functions_with_rbshims_in_the_way_programs_print_the_same() {
    if !require_bpf() {
        return;
    }
    let programs = PROGRAMS.into_iter().chain(NEWER_PROGRAMS);
    for name in programs.chain(["user_ring_blocking"]) {
        for libbpf in Libbpf::ALL {
            if NEWER_PROGRAMS.contains(&name) && libbpf != Libbpf::Vendored {
                continue;
            }
            let stock = printed(common::command(name, libbpf, Way::Stock));
            let program = program(name, libbpf);
            let mut preloaded = command(&program, libbpf);
            preloaded.env("LD_PRELOAD", &rbshim().shared);
            let mut by_path = command_with_front(&program, libbpf, Entry::Preload);
            by_path.env("LIBBPF", real(libbpf));
            let mut renamed = command(&program, libbpf);
            renamed.env("LD_PRELOAD", &rbshim().shared);
            renamed.env("LIBBPF", by_another_name(libbpf));
            for command in [preloaded, by_path, renamed] {
                let shown = format!("{command:?}");
                assert_eq!(as_linked(printed(command)), stock, "{shown}");
            }
        }
    }
}

#[test]
fn a_library_opened_by_its_path_is_not_the_front() {
    if !require_bpf() {
        return;
    }
    for libbpf in Libbpf::ALL {
        let program = program("edge_triggered", libbpf);
        for entry in Entry::ALL {
            let mut command = command_with_front(&program, libbpf, entry);
            command.env("LIBBPF", real(libbpf));
            let output = race(command, "--seconds=90");
            assert_eq!(output.status.code(), HUNG, "{libbpf:?}: {output:?}");
            assert!(!is_active(&output, &front(libbpf)), "{output:?}");
        }
    }
}

/// A program that opens libbpf by its path gets the front if the front is what lies there.
#[test]
fn a_front_in_the_place_of_a_program_s_own_libbpf_is_reached_by_its_path() {
    if !require_bpf() {
        return;
    }
    let libbpf = Libbpf::Vendored;
    let folder = folder("own");
    let [own, aside] = ["libbpf.so", "libbpf-real.so"].map(|name| folder.join(name));
    fs::copy(real(libbpf), &aside).expect("a copy of libbpf");
    let output = build_front(&[&rbshim().archive, &aside, &own]);
    assert!(output.status.success(), "{output:?}");
    let mut command = command(&program("edge_triggered", libbpf), libbpf);
    command.env("LIBBPF", &own);
    let output = race(command, "--records=4000000");
    assert!(output.status.success(), "{output:?}");
    assert!(is_active(&output, &own), "{output:?}");
}

#[test]
fn programs_that_open_libbpf_print_the_same_with_the_front() {
    if !require_bpf() {
        return;
    }
    for name in PROGRAMS.into_iter().chain(NEWER_PROGRAMS) {
        let (stock, expected) = (stock(name), expected(name));
        for libbpf in Libbpf::ALL {
            if NEWER_PROGRAMS.contains(&name) && libbpf != Libbpf::Vendored {
                continue;
            }
            let program = program(name, libbpf);
            let printed = |command| as_linked(printed(command));
            if libbpf == Libbpf::Vendored {
                let printed = printed(command(&program, libbpf));
                assert_eq!(printed, stock, "{name}");
            }
            for entry in Entry::ALL {
                let printed = printed(command_with_front(&program, libbpf, entry));
                assert_eq!(printed, expected, "{name}, {libbpf:?}, {entry:?}");
            }
        }
    }
}

/// Its symbols are versioned, which a library found under libbpf's name must honour.
#[test]
fn programs_that_are_linked_with_libbpf_print_the_same_with_the_front() {
    if !require_bpf() {
        return;
    }
    let programs = PROGRAMS.into_iter().chain(NEWER_PROGRAMS);
    for name in programs.chain(["leave_by_exception"]) {
        let expected = expected(name);
        for libbpf in Libbpf::ALL {
            if NEWER_PROGRAMS.contains(&name) && libbpf != Libbpf::Vendored {
                continue;
            }
            let program = build(name, libbpf, Way::Stock).expect("it builds");
            for entry in Entry::ALL {
                let mut command = command_with_front(&program, libbpf, entry);
                command.env("LD_BIND_NOW", "1");
                assert_eq!(printed(command), expected, "{name}, {libbpf:?}, {entry:?}");
            }
        }
    }
}

/// The front has the symbol versions of the libbpf that it was built for, and no newer ones.
#[test]
fn a_program_made_for_a_newer_libbpf_is_told_so_when_it_is_loaded() {
    let libbpf = Libbpf::Distribution;
    let front = folder("too-old").join("libbpf.so.1");
    let output = build_front(&[&rbshim().archive, &old_libbpf(), &front, &real(libbpf)]);
    assert!(output.status.success(), "{output:?}");
    let mut command = command(
        &build("manager", libbpf, Way::Stock).expect("it builds"),
        libbpf,
    );
    Entry::SearchPath.bring(&front, &mut command);
    let output = run(command, WATCH_DOG);
    let said = String::from_utf8_lossy(&output.stderr);
    let shown = format!("{}: version `LIBBPF_", front.display());
    assert!(!output.status.success(), "{output:?}");
    assert!(
        said.contains(&shown) && said.contains("' not found"),
        "{said}"
    );
}

/// `ctypes` opens libraries RTLD_LOCAL: libbpf's print hook is in no scope that rbshim's functions
/// have unless the front's dependencies are.
#[test]
fn python_gets_rbshims_functions_and_its_hook_their_warnings_and_can_close_the_library() {
    if !require_bpf() {
        return;
    }
    for libbpf in Libbpf::ALL {
        for entry in Entry::ALL {
            let mut python = command(Path::new("python3"), libbpf);
            entry.bring(&front(libbpf), &mut python);
            python.env("RBSHIM_STATS", "1");
            python.arg(manifest_dir().join("c-tests/dlopen/opens_and_closes.py"));
            let output = run(python, WATCH_DOG);
            let printed = String::from_utf8_lossy(&output.stdout).into_owned();
            let gone = if entry == Entry::SearchPath {
                "no"
            } else {
                "yes"
            };
            let expected = format!(
                "function of {}\nhook: ringbuf: failed to epoll add map fd: EEXIST\n\
                 records: 0\nstill there: {gone}\n",
                front(libbpf).display()
            );
            assert_eq!(printed, expected, "{output:?}");
            assert!(output.status.success(), "{output:?}");
        }
    }
}

/// A copy of libbpf that calls itself otherwise, as programs that bring their own have it.
fn by_another_name(libbpf: Libbpf) -> PathBuf {
    let mut bytes = fs::read(real(libbpf)).expect("libbpf");
    let [name, other] = [b"libbpf.so.1\0", b"libown.so.1\0"];
    let places = bytes.windows(name.len()).enumerate();
    let places: Vec<usize> = places
        .filter(|(_, it)| *it == name)
        .map(|(at, _)| at)
        .collect();
    assert!(!places.is_empty(), "libbpf does not name itself");
    for at in places {
        bytes[at..at + other.len()].copy_from_slice(other);
    }
    let copy = folder(&format!("{libbpf:?}-renamed")).join("libown.so.1");
    fs::write(&copy, bytes).expect("a copy");
    copy
}

/// What the linked program prints on libbpf alone.
fn stock(name: &str) -> String {
    printed(common::command(name, Libbpf::Vendored, Way::Stock))
}

/// What it prints on rbshim, with whichever libbpf.
fn expected(name: &str) -> String {
    let stock = stock(name);
    match stated(name, "differs") {
        None => stock,
        Some(hunks) => apply(&stock, &hunks).expect("what differs is there"),
    }
}

/// The programs print their calls, and these are calls through a struct of pointers, `libbpf`.
fn as_linked(printed: String) -> String {
    printed.replace("libbpf.", "")
}

fn printed(command: Command) -> String {
    let shown = format!("{command:?}");
    let output = alone(command);
    assert!(output.status.success(), "{shown}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

fn race(mut command: Command, limit: &str) -> Output {
    command.args(["--wait=manager", "--drain=consume", limit]);
    command.env("RBSHIM_VERBOSE", "1");
    alone(command)
}

/// The races need both CPUs of a small machine.
fn alone(command: Command) -> Output {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    run(command, WATCH_DOG)
}

fn ran_through(libbpf: Libbpf, output: &Output) {
    // The program itself counts: what was delivered and dropped is what was produced, in order.
    assert!(output.status.success(), "{libbpf:?}: {output:?}");
    assert!(is_active(output, &front(libbpf)), "{libbpf:?}: {output:?}");
}
