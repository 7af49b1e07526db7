// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `rbshim top`: every ring with its state and its reader, on the real kernel.

mod common;

use common::freezer::Freezer;
use common::terminal::{TOOL, Terminal};
use common::victim::Victim;
use common::{alone, told, tool};
use serde_json::Value;

fn top(arguments: &[&str]) -> String {
    let mut top = tool();
    top.arg("top").args(arguments);
    let (status, printed, said) = told(&mut top);
    assert_eq!((status, said.as_str()), (0, ""));
    printed
}

fn shown(ring: u32) -> Value {
    let printed = top(&["--json", "--interval", "50"]);
    let document: Value = serde_json::from_str(&printed).expect("JSON");
    let rings = document["rings"].as_array().expect("a list");
    let ring = rings.iter().find(|shown| shown["id"] == ring);
    ring.unwrap_or_else(|| panic!("{printed}")).clone()
}

#[test]
fn a_reader_asleep_on_a_full_ring_is_stuck_whichever_way_it_waits() {
    let _alone = alone();
    for options in [
        &["--wait=manager"][..],
        &["--wait=map"],
        &["--wait=nested"],
        &["--wait=manager", "--close"],
        &["--wait=map", "--close"],
        &["--wait=nested", "--close"],
    ] {
        let mut victim = Victim::start(options);
        victim.tell("loud 100");
        victim.settle();
        victim.sleeps();
        let idle = shown(victim.ring);
        assert_eq!(idle["state"], "idle", "{options:?}: {idle}");
        assert_eq!(idle["unread"], 0);

        victim.tell("quiet 10");
        let suspected = shown(victim.ring);
        assert_eq!(suspected["state"], "suspected", "{options:?}: {suspected}");
        assert_eq!(suspected["unread"], 10 * 16);

        let counts = victim.tell("quiet 8000");
        assert!(counts.dropped > 0, "{counts:?}");
        let stuck = shown(victim.ring);
        assert_eq!(stuck["state"], "stuck", "{options:?}: {stuck}");
        let reader = &stuck["readers"][0];
        assert_eq!(reader["pid"], victim.pid());
        assert_eq!(reader["waits"], "edge");
        assert_eq!(reader["rbshim"], false);
        assert_eq!(
            (&stuck["name"], &stuck["kind"]),
            (&"victims_ring".into(), &"ring".into())
        );
    }
}

#[test]
fn a_reader_that_is_stopped_or_busy_is_not_stuck() {
    let _alone = alone();
    let mut victim = Victim::start(&["--callback-ms=3000"]);
    victim.tell("loud 8000");
    // In its first callback.
    let busy = shown(victim.ring);
    assert_eq!(busy["state"], "backing up", "{busy}");

    let mut victim = Victim::start(&[]);
    victim.sleeps();
    victim.tell("quiet 8000");
    let process = rustix::process::Pid::from_raw(victim.pid()).expect("a process");
    rustix::process::kill_process(process, rustix::process::Signal::STOP).expect("SIGSTOP");
    let paused = shown(victim.ring);
    assert_eq!(paused["state"], "paused", "{paused}");

    for version in Freezer::here() {
        let mut victim = Victim::start(&[]);
        victim.sleeps();
        victim.tell("quiet 8000");
        let _frozen = version.freeze(victim.pid());
        let frozen = shown(victim.ring);
        assert_eq!(frozen["state"], "paused", "{version:?}: {frozen}");
    }
}

#[test]
fn a_level_triggered_reader_is_called_so_and_its_ring_ends_with_it() {
    let _alone = alone();
    let victim = Victim::start(&["--level"]);
    let level = shown(victim.ring);
    assert_eq!(level["readers"][0]["waits"], "level");
    let id = format!("\"id\": {},", victim.ring);
    drop(victim);
    // The kernel frees it a little later: for ever not, if something of ours kept it.
    while top(&["--json", "--interval", "10"]).contains(&id) {}
}

#[test]
fn names_reach_neither_terminal_nor_labels_as_they_are() {
    let _alone = alone();
    let victim = Victim::start(&["--name=\x1b[2J\"\n\\x"]);
    let table = top(&["--once", "--interval", "10"]);
    assert!(table.contains("\\x1b[2J\"\\x0a\\x5cx["), "{table}");
    let metrics = top(&["--prometheus", "--interval", "10"]);
    assert!(
        metrics.contains("comm=\"\\\\x1b[2J\\\"\\\\x0a\\\\x5cx\""),
        "{metrics}"
    );
    for text in [&table, &metrics] {
        assert!(
            text.chars()
                .all(|letter| letter == '\n' || !letter.is_control()),
            "{text:?}"
        );
    }
    let id = format!(
        "rbshim_ring_size_bytes{{id=\"{}\",name=\"victims_ring\",kind=\"ring\"}} 65536\n",
        victim.ring
    );
    assert!(metrics.contains(&id), "{metrics}");
}

#[test]
fn without_the_capability_it_says_which_one_is_missing() {
    let mut top = std::process::Command::new("setpriv");
    top.args([
        "--bounding-set=-sys_admin",
        "--inh-caps=-all",
        env!("CARGO_BIN_EXE_rbshim"),
    ])
    .args(["top", "--once"]);
    let (status, printed, said) = told(&mut top);
    assert_eq!((status, printed.as_str()), (3, ""));
    assert_eq!(
        said,
        "rbshim: listing BPF maps: needs CAP_SYS_ADMIN, which this process does not have\n"
    );
}

#[test]
fn without_a_terminal_it_says_what_to_do() {
    let mut top = tool();
    top.arg("top");
    let (status, printed, said) = told(&mut top);
    assert_eq!((status, printed.as_str(), said.lines().count()), (2, "", 1));
    assert!(said.contains("not a terminal; --once"), "{said}");
}

/// In a real terminal: drawn, resized to almost nothing and back, and left as it was.
#[test]
fn in_a_terminal_it_shows_the_rings_and_leaves_the_screen_as_it_was() {
    let _alone = alone();
    let mut stuck = Victim::start(&[]);
    stuck.sleeps();
    stuck.tell("fill 8000");
    let terminal = Terminal::start("110", "30");
    terminal.enter(&format!("{TOOL} top --interval 50; echo left=$?"));
    let id = format!("{} ", stuck.ring);
    let screen = terminal.until(&|screen| {
        let mut lines = screen.lines();
        lines.any(|line| line.starts_with(&id) && line.contains("stuck"))
    });
    assert!(
        screen.contains("HISTORY") && screen.contains("q quit"),
        "{screen}"
    );
    terminal.resize("4", "2");
    terminal.resize("110", "30");
    terminal.enter("/nothing-is-called-so");
    terminal.until(&|screen| screen.contains("filter = nothing") && !screen.contains("victim"));
    terminal.press("q");
    let ended = |screen: &str| (0..=9).any(|digit| screen.contains(&format!("left={digit}")));
    let screen = terminal.until(&ended);
    assert!(
        screen.contains("left=0") && !screen.contains("q quit"),
        "{screen}"
    );
}

/// What docs/top.svg is made from: CONTRIBUTING.md says how.
#[test]
#[ignore = "makes a picture, and tests nothing"]
fn picture() {
    let _alone = alone();
    let idle = Victim::start(&["--name=acme-audit", "--level"]);
    let mut flowing = Victim::start(&["--name=acme-trace", "--level"]);
    let mut behind = Victim::start(&["--name=acme-log", "--callback-ms=5"]);
    let mut stuck = Victim::start(&["--name=acme-agent"]);
    for victim in [&idle, &flowing, &behind, &stuck] {
        victim.sleeps();
    }
    let terminal = Terminal::start("112", "7");
    terminal.enter(&format!("clear; {TOOL} top --interval 250"));
    terminal.until(&|screen| screen.contains("q quit"));
    // Other rings of this machine are not to be in the picture.
    terminal.enter("/acme");
    let pause = |ms| std::thread::sleep(std::time::Duration::from_millis(ms));
    pause(500);
    behind.tell("loud 2600");
    for step in 0..100 {
        flowing.tell(&format!("loud {}", 200 + 37 * (step * 7 % 13)));
        behind.tell("loud 10");
        if step % 10 == 0 {
            stuck.tell("quiet 300");
        }
        pause(50);
    }
    stuck.tell("fill 8000");
    let settled = |screen: &str| {
        let states = [
            "rings  1 stuck  1 backing up  1 flowing  1 idle",
            "stuck      acme-agent",
        ];
        states.iter().all(|state| screen.contains(state))
    };
    let producing = std::sync::atomic::AtomicBool::new(true);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while producing.load(std::sync::atomic::Ordering::Relaxed) {
                flowing.tell("loud 300");
                behind.tell("loud 10");
                pause(50);
            }
        });
        terminal.until(&settled);
        let screen = terminal.command(&["capture-pane", "-e", "-p", "-t", "top"]);
        producing.store(false, std::sync::atomic::Ordering::Relaxed);
        let file = common::scratch().join("top.ansi");
        std::fs::write(&file, screen).expect("it can be written");
        println!("{}", file.display());
    });
}
