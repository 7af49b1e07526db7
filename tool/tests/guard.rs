// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `rbshim guard`: a reader that would sleep on data does not, from the first moment on.

mod common;

use common::guardian::{Guarded, Guardian};
use common::victim::Victim;
use common::{alone, compile, static_libbpf, told, tool};
use rbshim_tool::{bpf, process, rings};
use rustix::process::{Pid, Signal, kill_process};
use std::process::Command;

/// The ways to wait, edge-triggered, and one that drains by a poll with timeout 0.
const WAYS: [&[&str]; 5] = [
    &["--wait=manager"],
    &["--wait=map"],
    &["--wait=nested"],
    &["--wait=nested", "--close"],
    &["--wait=manager", "--poll"],
];

fn times(variable: &str, usual: u32) -> u32 {
    std::env::var(variable).map_or(usual, |times| times.parse().expect("a number"))
}

/// The race itself, over and over: libbpf's reader at full load, which hangs without a guard. Every other one hangs for
/// certain before it is guarded. `RBSHIM_GUARD_ATTACHMENTS=1000` for more.
#[test]
fn every_attachment_sees_the_reader_and_no_record_is_lost() {
    let _alone = alone();
    let (mut attachments, mut asleep, mut sleeps, mut woken) = (0, 0, 0, 0);
    let mut victims: Vec<Victim> = WAYS.iter().map(|way| Victim::start(way)).collect();
    for _ in 0..times("RBSHIM_GUARD_ATTACHMENTS", 50) / WAYS.len() as u32 {
        for (victim, way) in victims.iter_mut().zip(WAYS) {
            // Not guarded: it may hang here, or not.
            victim.tell("loud 300000");
            if attachments % 2 == 1 {
                victim.sleeps();
                victim.tell("quiet 10");
            }
            let mut guard = Guardian::start(victim.pid(), &[]);
            victim.tell("loud 100000");
            // On a busy machine the reader may not have run yet. One that is not guarded fills its ring and is rescued.
            while guard.counts(victim.ring).seen == 0 {
                victim.tell("loud 10000");
            }
            let counts = victim.settle();
            assert_eq!(counts.delivered + counts.dropped, counts.produced);
            let guarded = guard.end(victim.ring);
            assert_eq!(guarded.rescued, 0, "{way:?}: {guarded:?}");
            attachments += 1;
            asleep += guarded.first;
            sleeps += guarded.seen;
            woken += guarded.woken;
        }
    }
    println!(
        "{attachments} attachments of {attachments} saw the reader, {asleep} found it asleep on data; \
         {sleeps} sleeps, {woken} woken"
    );
}

#[test]
fn at_full_load_no_reader_is_left_asleep() {
    let _alone = alone();
    for way in WAYS {
        let mut victim = Victim::start(way);
        let guard = Guardian::start(victim.pid(), &[]);
        for _ in 0..times("RBSHIM_GUARD_MILLIONS", 5) {
            victim.tell("loud 1000000");
        }
        let counts = victim.settle();
        assert_eq!(counts.delivered + counts.dropped, counts.produced);
        let guarded = guard.end(victim.ring);
        println!("{way:?}: {counts:?}, {guarded:?}");
        assert!(guarded.seen > 0 && guarded.rescued == 0, "{guarded:?}");
    }
}

#[test]
fn a_reader_that_sleeps_on_data_already_is_woken_first() {
    let _alone = alone();
    for way in WAYS {
        let mut victim = Victim::start(way);
        victim.sleeps();
        victim.tell("fill 8000");
        let guard = Guardian::start(victim.pid(), &[]);
        // If it is not woken first it is rescued, as any reader of a full ring.
        victim.settle();
        assert_eq!(guard.end(victim.ring).rescued, 0, "{way:?}");
    }
}

/// It is notified, does not read, and waits again: to the kernel that is a reader that has missed the record.
#[test]
fn a_reader_that_is_about_to_sleep_on_data_is_woken() {
    let _alone = alone();
    for way in WAYS.into_iter().chain([&["--wait=uring"][..]]) {
        let mut victim = Victim::start(&[way, &["--deaf=1"]].concat());
        victim.sleeps();
        let mut guard = Guardian::start(victim.pid(), &["--interval=60000"]);
        // It has looked at the sleeper before it answers.
        assert_eq!(guard.counts(victim.ring).seen, 0);
        victim.tell("loud 1");
        // It is woken, reads, and comes again.
        guard.until(victim.ring, |guarded| guarded.seen >= 2);
        assert_eq!(victim.settle().delivered, 1);
        victim.sleeps();
        let Guarded {
            seen,
            woken,
            full,
            kicked,
            first,
            rescued,
        } = guard.end(victim.ring);
        // And before it slept again, there was nothing.
        assert!(seen == 2 && woken == 1, "{way:?}: {seen} {woken}");
        assert_eq!([full, kicked, first, rescued], [0; 4], "{way:?}");
    }
}

/// A wait with timeout 0 is none: woken for that, the program would not come to read.
#[test]
fn a_reader_that_takes_all_events_before_it_reads_gets_to_read() {
    let _alone = alone();
    for call in ["--call=wait", "--call=pwait", "--call=pwait2"] {
        let mut victim = Victim::start(&["--greedy", call]);
        victim.sleeps();
        let mut guard = Guardian::start(victim.pid(), &["--interval=60000"]);
        assert_eq!(guard.counts(victim.ring).seen, 0);
        victim.tell("loud 1");
        guard.until(victim.ring, |guarded| guarded.seen > 0);
        assert_eq!(victim.settle().delivered, 1);
        let guarded = guard.end(victim.ring);
        assert_eq!((guarded.seen, guarded.woken), (1, 0), "{call}");
    }
}

/// A reader that does not read when it is woken shows what the program does, one step after the other.
#[test]
fn a_reader_that_waits_again_without_having_read_is_woken_eight_times() {
    let _alone = alone();
    let mut victim = Victim::start(&["--deaf"]);
    victim.sleeps();
    let mut guard = Guardian::start(victim.pid(), &[]);
    // It has looked at the sleeper before it answers.
    assert_eq!(guard.counts(victim.ring).seen, 0);
    victim.tell("loud 1");
    guard.until(victim.ring, |guarded| guarded.seen >= 9);
    victim.sleeps();
    let guarded = guard.end(victim.ring);
    assert_eq!((guarded.seen, guarded.woken), (9, 8), "{guarded:?}");
    assert_eq!(
        (guarded.first, guarded.kicked, guarded.rescued),
        (0, 0, 0),
        "{guarded:?}"
    );
}

/// Stopped and continued, it returns from its wait without having read, and goes to sleep again before a full ring.
#[test]
fn where_the_ring_is_full_the_tool_wakes_the_reader() {
    let _alone = alone();
    for way in WAYS {
        let mut victim = Victim::start(&[way, &["--deaf=1"]].concat());
        victim.sleeps();
        let mut guard = Guardian::start(victim.pid(), &[]);
        assert_eq!(guard.counts(victim.ring).seen, 0);
        victim.tell("fill 8000");
        let pid = Pid::from_raw(victim.pid()).expect("a process");
        kill_process(pid, Signal::STOP).expect("SIGSTOP");
        let stopped = || process::Process::look(victim.pid()).is_ok_and(|process| process.paused());
        while !stopped() {
            std::thread::yield_now();
        }
        kill_process(pid, Signal::CONT).expect("SIGCONT");
        // Without the tool it would be rescued, as one that sleeps on a full ring for other reasons.
        victim.settle();
        let guarded = guard.end(victim.ring);
        assert!(guarded.full >= 1, "{way:?}: {guarded:?}");
        assert_eq!(
            (guarded.kicked, guarded.rescued),
            (1, 0),
            "{way:?}: {guarded:?}"
        );
    }
}

#[test]
fn a_thread_and_a_ring_that_come_later_are_guarded() {
    let _alone = alone();
    let mut victim = Victim::start(&["--late"]);
    let mut guard = Guardian::start(victim.pid(), &["--interval=10"]);
    // It begins to read.
    victim.tell("loud 1000000");
    victim.settle();
    guard.until(victim.ring, |guarded| guarded.seen > 0);
    victim.sleeps();
    victim.tell("more");
    let of_first = format!("ring={} ", victim.ring);
    let of_second = |line: &String| line.starts_with("guarding ") && !line.contains(&of_first);
    let told = (0..10_000).any(|_| {
        guard.counts(victim.ring);
        guard.said.iter().any(of_second)
    });
    assert!(told, "{:?}", guard.said);
    let before = guard.counts(victim.ring).seen;
    for _ in 0..100 {
        victim.tell("loud 10");
        victim.settle();
    }
    // What the first program has counted is not forgotten.
    assert!(guard.counts(victim.ring).seen > before);
}

/// As many as a program can have.
#[test]
fn sixty_two_rings_are_guarded() {
    let _alone = alone();
    let mut victim = Victim::start(&["--deaf=1"]);
    for _ in 1..62 {
        victim.tell("more");
    }
    let mut guard = Guardian::start(victim.pid(), &["--interval=60000"]);
    for _ in 1..62 {
        let line = guard.line();
        assert!(line.starts_with("guarding "), "{line}");
    }
    assert_eq!(guard.counts(victim.ring).seen, 0);
    victim.tell("loud 1");
    guard.until(victim.ring, |guarded| guarded.woken > 0);
    drop(guard);
    victim.tell("more");
    let (status, said) = self::guard(&victim.pid().to_string());
    assert!(
        status == 7 && said.contains("more than 62 rings"),
        "{status} {said}"
    );
}

#[test]
fn a_reader_in_a_container_is_guarded() {
    let _alone = alone();
    let libbpf = static_libbpf();
    let libbpf: Vec<&str> = libbpf.iter().map(String::as_str).collect();
    let mut contained = Command::new("unshare");
    contained.args(["--pid", "--fork", "--kill-child"]);
    contained.arg(compile("victim", "victim", &libbpf));
    let mut victim = Victim::launch(&mut contained, &[]);
    let ring = rings::by_id(victim.ring).expect("its ring");
    let readers = process::mapped::mapped(&[ring], process::all()).expect("its reader");
    let mut guard = Guardian::start(readers.processes[&victim.ring][0], &[]);
    victim.tell("loud 10");
    victim.settle();
    guard.until(victim.ring, |guarded| guarded.seen > 0);
}

#[test]
fn it_ends_with_the_process() {
    let _alone = alone();
    let victim = Victim::start(&[]);
    let mut guard = Guardian::start(victim.pid(), &[]);
    let ended = format!("ended reader=\"victim[{}]\"", victim.pid());
    drop(victim);
    assert!(guard.ended().contains(&ended));
}

#[test]
fn nothing_is_left_of_it_when_it_is_killed() {
    let _alone = alone();
    let victim = Victim::start(&[]);
    let guard = Guardian::start(victim.pid(), &[]);
    let fds = process::descriptors(guard.pid()).expect("its descriptors");
    let maps: Vec<u32> = fds
        .iter()
        .filter_map(|(fd, _)| process::epoll::map_of(guard.pid(), *fd))
        .collect();
    // The counters and the bell. As long as they are there the program may be, and they no longer than it.
    assert_eq!(maps.len(), 2);
    guard.send(Signal::KILL);
    for map in maps {
        while bpf::open_map(map).is_ok() {
            std::thread::yield_now();
        }
    }
}

fn guard(pid: &str) -> (i32, String) {
    let mut guard = tool();
    let (status, printed, said) = told(guard.args(["guard", pid]));
    assert_eq!(printed, "");
    (status, said)
}

#[test]
fn what_needs_no_guard_is_left_alone() {
    let _alone = alone();
    let level = Victim::start(&["--wait=poll"]);
    let (status, said) = guard(&level.pid().to_string());
    assert_eq!(status, 1);
    assert!(said.contains("why=\"level-triggered"), "{said}");
    assert!(said.contains("nothing to guard"), "{said}");
    let (status, said) = guard(&std::process::id().to_string());
    assert!(
        status == 1 && said.contains("reads no ring"),
        "{status} {said}"
    );
}

#[test]
fn what_is_not_there_is_said_in_one_line() {
    assert_eq!(
        guard("4194305"),
        (4, "rbshim: 4194305: no such process\n".into())
    );
    assert_eq!(guard("nonsense").0, 2);
    assert_eq!(guard("0").0, 2);
    let victim = Victim::start(&[]);
    for capability in ["sys_admin", "sys_ptrace"] {
        let mut unprivileged = Command::new("setpriv");
        unprivileged
            .arg(format!("--bounding-set=-{capability}"))
            .args(["--inh-caps=-all", env!("CARGO_BIN_EXE_rbshim"), "guard"])
            .arg(victim.pid().to_string());
        let (status, _, said) = told(&mut unprivileged);
        let name = format!("CAP_{}", capability.to_uppercase());
        assert!(status == 3 && said.contains(&name), "{status} {said}");
    }
}
