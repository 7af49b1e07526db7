// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `rbshim kick`: a reader that sleeps on data is woken, and gets every record once and in order. The reader itself
//! checks the order.

mod common;

use common::aya::Reader;
use common::victim::{Victim, sleeps};
use common::{alone, told, tool};
use rustix::process::{Pid, Signal, kill_process};

fn kick(arguments: &[&str]) -> (i32, String, String) {
    let mut kick = tool();
    kick.arg("kick").args(arguments);
    told(&mut kick)
}

/// The ways to wait, edge-triggered; each also with the map's descriptor closed and drained by poll.
const WAYS: [&str; 3] = ["--wait=manager", "--wait=map", "--wait=nested"];

fn revives(options: &[&str], command: &str, means: &str) {
    let mut victim = Victim::start(options);
    victim.tell("loud 100");
    victim.settle();
    for nth in 1..=20 {
        victim.sleeps();
        let before = victim.tell(command);
        let ring = victim.ring.to_string();
        let (status, printed, said) = kick(&[&ring]);
        assert_eq!(
            (status, said.as_str()),
            (0, ""),
            "{options:?}: kick {nth}: {printed}"
        );
        assert!(
            printed.contains(means),
            "{options:?}: kick {nth}: {printed}"
        );
        let after = victim.settle();
        assert!(after.delivered > before.delivered, "{before:?} {after:?}");
    }
}

#[test]
fn twenty_kicks_of_twenty_work_where_the_ring_has_room() {
    let _alone = alone();
    for way in WAYS {
        revives(&[way], "quiet 10", "an empty record");
        revives(&[way, "--close"], "quiet 10", "an empty record");
    }
    revives(&["--wait=manager", "--poll"], "quiet 10", "an empty record");
}

#[test]
fn twenty_kicks_of_twenty_work_where_the_ring_is_full() {
    let _alone = alone();
    for way in WAYS {
        revives(&[way], "fill 8000", "a one-shot event");
        revives(&[way, "--close"], "fill 8000", "a one-shot event");
    }
    revives(
        &["--wait=manager", "--poll"],
        "fill 8000",
        "a one-shot event",
    );
    // Where it waits level-triggered it sleeps on too: the producer has not woken it.
    revives(&["--wait=poll"], "fill 8000", "a one-shot event");
}

/// aya's reader: no library reaches it, and it loses wake-ups as libbpf's does.
#[test]
fn twenty_kicks_of_twenty_work_on_a_reader_with_aya() {
    let _alone = alone();
    for (command, means) in [
        ("quiet 10", "an empty record"),
        ("fill 8000", "a one-shot event"),
    ] {
        let mut producer = Victim::start(&["--wait=none"]);
        let mut reader = Reader::start(producer.ring);
        let ring = producer.ring.to_string();
        for nth in 1..=20 {
            sleeps(reader.pid());
            let counts = producer.tell(command);
            let due = counts.produced - counts.dropped;
            assert!(reader.delivered() < due, "kick {nth}: it does not sleep on");
            let (status, printed, said) = kick(&[&ring]);
            assert_eq!((status, said.as_str()), (0, ""), "kick {nth}: {printed}");
            assert!(printed.contains(means), "kick {nth}: {printed}");
            while reader.delivered() < due {
                std::thread::yield_now();
            }
        }
    }
}

#[test]
fn a_stuck_reader_is_found_and_a_suspected_one_left_alone() {
    let _alone = alone();
    let mut suspected = Victim::start(&["--wait=map"]);
    let mut stuck = Victim::start(&["--wait=nested"]);
    for victim in [&mut suspected, &mut stuck] {
        victim.sleeps();
    }
    suspected.tell("quiet 10");
    stuck.tell("fill 8000");
    let (_, printed, said) = kick(&["--stuck", "--name=victims_ring", "--stuck-after", "20"]);
    let woken = format!("ring {} (victims_ring): woken by", stuck.ring);
    assert!(printed.contains(&woken), "{printed}{said}");
    let (left, woken) = (suspected.tell("count"), stuck.settle());
    assert!(
        printed.contains(&format!("ring {} ", stuck.ring)),
        "{printed}{said}"
    );
    assert!(
        !printed.contains(&format!("ring {} ", suspected.ring)),
        "{printed}"
    );
    assert_eq!((left.delivered, woken.delivered + woken.dropped), (0, 8000));

    let (_, printed, _) = kick(&[
        "--stuck",
        "--suspected",
        "--name=victims_ring",
        "--stuck-after",
        "20",
    ]);
    assert!(
        printed.contains(&format!("ring {} ", suspected.ring)),
        "{printed}"
    );
    assert_eq!(suspected.settle().delivered, 10);
}

#[test]
fn a_reader_by_io_uring_is_woken_where_the_ring_has_room() {
    let _alone = alone();
    revives(&["--wait=uring"], "quiet 10", "an empty record");
    let mut victim = Victim::start(&["--wait=uring"]);
    victim.sleeps();
    victim.tell("fill 8000");
    let (status, printed, _) = kick(&[&victim.ring.to_string()]);
    assert_eq!(status, 1);
    assert!(printed.contains("no way to wake it"), "{printed}");
}

/// A reader that does nothing when it is woken keeps the tool waiting, with its event in the reader's epoll instance.
#[test]
fn nothing_is_left_in_the_reader_when_the_tool_is_killed() {
    let _alone = alone();
    let mut victim = Victim::start(&["--wait=map", "--deaf"]);
    victim.sleeps();
    let items = |victim: &Victim| {
        let epolls = rbshim_tool::process::Process::look(victim.pid())
            .expect("it lives")
            .epolls;
        epolls.values().map(Vec::len).sum::<usize>()
    };
    let before = items(&victim);
    victim.tell("fill 8000");
    let mut kick = tool();
    kick.args(["kick", &victim.ring.to_string()]);
    let mut tool = kick.spawn().expect("it starts");
    while items(&victim) == before {
        assert_eq!(
            tool.try_wait().expect("its status"),
            None,
            "nothing was added"
        );
    }
    tool.kill().expect("SIGKILL");
    tool.wait().expect("its end");
    assert_eq!(items(&victim), before);
}

#[test]
fn nothing_is_left_in_the_reader() {
    let _alone = alone();
    let mut victim = Victim::start(&["--wait=manager"]);
    victim.sleeps();
    let look = |victim: &Victim| {
        rbshim_tool::process::Process::look(victim.pid())
            .expect("it lives")
            .epolls
    };
    let before = look(&victim);
    victim.tell("fill 8000");
    assert_eq!(kick(&[&victim.ring.to_string()]).0, 0);
    victim.settle();
    assert_eq!(look(&victim), before);
}

#[test]
fn a_reader_that_does_not_sleep_is_left_alone() {
    let _alone = alone();
    let mut busy = Victim::start(&["--callback-ms=3000"]);
    busy.tell("loud 8000");
    let (status, printed, _) = kick(&[&busy.ring.to_string()]);
    assert_eq!(status, 1);
    assert!(printed.contains("nothing done"), "{printed}");

    let mut stopped = Victim::start(&[]);
    stopped.sleeps();
    stopped.tell("fill 8000");
    let process = Pid::from_raw(stopped.pid()).expect("a process");
    kill_process(process, Signal::STOP).expect("SIGSTOP");
    let (status, printed, _) = kick(&[&stopped.ring.to_string()]);
    assert_eq!(status, 1);
    assert!(printed.contains("nothing done"), "{printed}");
}

#[test]
fn what_is_not_there_is_said_in_one_line() {
    let (status, printed, said) = kick(&["4294967295"]);
    assert_eq!((status, printed.as_str()), (4, ""));
    assert_eq!(said, "rbshim: 4294967295: no such map\n");
    assert_eq!(kick(&["nonsense"]).0, 2);
    assert_eq!(kick(&[]).0, 2);
    let mut unprivileged = std::process::Command::new("setpriv");
    unprivileged
        .args([
            "--bounding-set=-sys_admin",
            "--inh-caps=-all",
            env!("CARGO_BIN_EXE_rbshim"),
        ])
        .args(["kick", "1"]);
    let (status, _, said) = told(&mut unprivileged);
    assert!(
        status == 3 && said.contains("CAP_SYS_ADMIN"),
        "{status} {said}"
    );
}
