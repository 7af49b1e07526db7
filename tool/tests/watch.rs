// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `rbshim watch`: revives what hangs, counts it, and leaves everything else alone.

mod common;

use common::freezer::Freezer;
use common::victim::Victim;
use common::watcher::Watcher;
use common::{alone, compile, scratch, static_libbpf, told, tool};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::os::unix::net::UnixDatagram;

const QUICK: [&str; 4] = ["--interval=10", "--stuck-after=30", "--kick", "--suspected"];

fn state(ring: u32) -> String {
    let mut top = tool();
    top.args(["top", "--json", "--interval=30"]);
    let document: Value = serde_json::from_str(&told(&mut top).1).expect("JSON");
    let mut rings = document["rings"].as_array().expect("a list").iter();
    let ring = rings.find(|shown| shown["id"] == ring).expect("the ring");
    ring["state"].as_str().expect("a state").to_string()
}

/// The race itself: libbpf's reader at full load, until it sleeps on a full ring.
#[test]
fn what_hangs_on_libbpf_runs_on_and_no_record_is_lost() {
    let _alone = alone();
    for options in [
        &["--wait=manager"][..],
        &["--wait=map"],
        &["--wait=nested", "--close"],
    ] {
        let mut victim = Victim::start(options);
        while state(victim.ring) != "stuck" {
            victim.tell("loud 1000000");
        }
        let hung = victim.tell("count");
        assert!(hung.delivered + hung.dropped < hung.produced, "{hung:?}");
        let watcher = Watcher::start(&QUICK[..3]);
        for _ in 0..20 {
            victim.tell("loud 1000000");
        }
        // Whether or not it hangs at the end, on a ring that is perhaps not full.
        victim.tell("fill 8000");
        let counts = victim.settle();
        assert_eq!(counts.delivered + counts.dropped, counts.produced);
        let said = watcher.end();
        let rescues = said.rescues(victim.ring);
        println!("{options:?}: {counts:?}, {rescues} rescues");
        assert!(rescues > 0, "{said:?}");
    }
}

#[test]
fn without_kick_it_says_once_what_is_stuck_and_does_nothing() {
    let _alone = alone();
    let mut victim = Victim::start(&[]);
    let mut watcher = Watcher::start(&["--interval=10", "--stuck-after=30"]);
    victim.sleeps();
    victim.tell("fill 8000");
    let line = watcher.line_about(victim.ring);
    assert!(line.starts_with("stuck ring="), "{line}");
    assert!(
        line.contains("name=\"victims_ring\" unread=65528 size=65536"),
        "{line}"
    );
    assert!(
        line.contains(&format!("reader=\"victim[{}]\"", victim.pid())),
        "{line}"
    );
    assert_eq!(victim.tell("count").delivered, 0);
    let said = watcher.end();
    assert!(!said.names(victim.ring), "{said:?}");
}

/// A descriptor or a mapping of a ring would keep it alive after its owner.
#[test]
fn between_two_looks_it_holds_no_ring() {
    let _alone = alone();
    let victim = Victim::start(&[]);
    // It has looked once when it says that it watches.
    let watcher = Watcher::start(&["--interval=60000"]);
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", watcher.pid())).expect("its maps");
    assert!(
        maps.contains("rbshim") && !maps.contains("bpf-map"),
        "{maps}"
    );
    let fds = rbshim_tool::process::descriptors(watcher.pid()).expect("its descriptors");
    // It holds a program that looks at them, and that holds none.
    let held = fds.iter().any(|(_, target)| target.contains("bpf-map"));
    assert!(!held, "{fds:?}");
    drop(victim);
}

/// Each of them looks stuck to somebody who looks at the positions alone.
#[test]
fn no_false_alarm_is_kicked() {
    let _alone = alone();
    let mut batching = Victim::start(&[]);
    let mut timed = Victim::start(&["--wait=timer", "--timer-ms=900"]);
    let mut watched_timed = Victim::start(&["--wait=manager", "--timer-ms=900"]);
    let mut slow = Victim::start(&["--callback-ms=700"]);
    let mut stopped = Victim::start(&[]);
    let mut frozen: Vec<Victim> = Freezer::here().iter().map(|_| Victim::start(&[])).collect();

    batching.sleeps();
    stopped.sleeps();
    let pid = Pid::from_raw(stopped.pid()).expect("a process");
    stopped.tell("fill 8000");
    kill_process(pid, Signal::STOP).expect("SIGSTOP");
    let mut ice = Vec::new();
    for (version, victim) in Freezer::here().iter().zip(&mut frozen) {
        victim.sleeps();
        victim.tell("fill 8000");
        ice.push(version.freeze(victim.pid()));
    }
    let watcher = Watcher::start(&QUICK[..3]);
    batching.tell("quiet 10");
    slow.tell("loud 8000");
    // Two ticks of theirs, each with a full ring before it.
    for _ in 0..2 {
        for victim in [&mut timed, &mut watched_timed] {
            victim.tell("fill 8000");
            victim.settle();
        }
    }
    let said = watcher.end();
    assert_eq!(batching.tell("count").delivered, 0);
    for victim in [&batching, &timed, &watched_timed, &slow, &stopped]
        .into_iter()
        .chain(&frozen)
    {
        assert_eq!(said.rescues(victim.ring), 0, "{said:?}");
    }
}

#[test]
fn a_batching_producer_is_helped_only_if_asked_for() {
    let _alone = alone();
    let mut victim = Victim::start(&[]);
    victim.sleeps();
    victim.tell("quiet 10");
    let watcher = Watcher::start(&QUICK);
    assert_eq!(victim.settle().delivered, 10);
    let said = watcher.end();
    assert_eq!(said.rescues(victim.ring), 1, "{said:?}");
}

#[test]
fn the_service_manager_is_told_when_it_is_ready_and_when_it_ends() {
    let _alone = alone();
    let folder = tempfile::tempdir_in(scratch()).expect("a folder");
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    let read = || {
        let mut buffer = [0; 256];
        let size = socket.recv(&mut buffer).expect("news");
        String::from_utf8_lossy(&buffer[..size]).into_owned()
    };
    let watcher = Watcher::start_for(&["--interval=10"], &path);
    assert_eq!(read().trim_end(), "READY=1");
    assert_eq!(read().trim_end(), "WATCHDOG=1");
    let said = watcher.end();
    // To the journal each line has a priority.
    assert!(
        said.lines
            .iter()
            .all(|line| line.starts_with("<6>") || line.starts_with("<5>")),
        "{said:?}"
    );
    loop {
        match read().trim_end() {
            "WATCHDOG=1" => {}
            news if news.starts_with("STATUS=") => {}
            news => return assert_eq!(news, "STOPPING=1"),
        }
    }
}

#[test]
fn without_the_capability_it_says_which_one_is_missing() {
    let _alone = alone();
    let mut watch = std::process::Command::new("setpriv");
    watch
        .args([
            "--bounding-set=-sys_admin",
            "--inh-caps=-all",
            env!("CARGO_BIN_EXE_rbshim"),
        ])
        .arg("watch");
    let (status, _, said) = told(&mut watch);
    assert!(
        status == 3 && said.contains("CAP_SYS_ADMIN"),
        "{status} {said}"
    );
}

/// The producer and reader of the library's own test, which gives up when it hangs for a second.
#[test]
#[ignore = "runs for as many seconds as RBSHIM_WATCH_SECONDS says, or three minutes"]
fn the_librarys_own_reader_runs_for_minutes() {
    let _alone = alone();
    let seconds = std::env::var("RBSHIM_WATCH_SECONDS").unwrap_or_else(|_| "180".into());
    let libbpf = static_libbpf();
    let libbpf: Vec<&str> = libbpf.iter().map(String::as_str).collect();
    let program = compile("../../../c-tests/edge_triggered", "edge_triggered", &libbpf);
    let object = common::compile_bpf("../../../c-tests/edge_triggered");
    let folder = object.parent().expect("a folder");
    let run = || {
        let mut run = std::process::Command::new(&program);
        run.current_dir(folder)
            .args(["--wait=manager", &format!("--seconds={seconds}")]);
        told(&mut run)
    };
    let (status, printed, said) = run();
    assert_eq!(status, 3, "it does not hang: {printed}{said}");
    let watcher = Watcher::start(&[&QUICK[..], &["--name=ring"]].concat());
    let (status, printed, said) = run();
    println!("{printed}{:?}", watcher.end());
    assert_eq!(status, 0, "{printed}{said}");
}
