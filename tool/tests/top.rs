// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `rbshim top`: every ring with its state and its reader, on the real kernel.

mod common;

use common::freezer::Freezer;
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

/// A server of tmux of our own, which ends with the test.
struct Terminal(String);

impl Terminal {
    fn command(&self) -> std::process::Command {
        let mut tmux = std::process::Command::new("tmux");
        tmux.args(["-L", &self.0, "-f", "/dev/null"]);
        tmux
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.command().arg("kill-server").status();
    }
}

/// In a real terminal: drawn, resized to almost nothing and back, and left as it was.
#[test]
fn in_a_terminal_it_shows_the_rings_and_leaves_the_screen_as_it_was() {
    let _alone = alone();
    let mut stuck = Victim::start(&[]);
    stuck.sleeps();
    stuck.tell("fill 8000");
    let terminal = Terminal(format!("rbshim-{}", std::process::id()));
    let tmux = |arguments: &[&str]| {
        let output = common::succeed(terminal.command().args(arguments));
        String::from_utf8(output.stdout).expect("text")
    };
    let tool = env!("CARGO_BIN_EXE_rbshim");
    tmux(&[
        "new-session",
        "-d",
        "-s",
        "top",
        "-x",
        "110",
        "-y",
        "30",
        "sh",
    ]);
    tmux(&[
        "send-keys",
        "-t",
        "top",
        &format!("{tool} top --interval 50; echo left=$?"),
        "Enter",
    ]);
    let until = |wanted: &dyn Fn(&str) -> bool| loop {
        let screen = tmux(&["capture-pane", "-p", "-t", "top"]);
        if wanted(&screen) {
            return screen;
        }
    };
    let id = format!("{} ", stuck.ring);
    let screen = until(&|screen| {
        let mut lines = screen.lines();
        lines.any(|line| line.starts_with(&id) && line.contains("stuck"))
    });
    assert!(
        screen.contains("HISTORY") && screen.contains("q quit"),
        "{screen}"
    );
    tmux(&["resize-window", "-t", "top", "-x", "4", "-y", "2"]);
    tmux(&["resize-window", "-t", "top", "-x", "110", "-y", "30"]);
    tmux(&["send-keys", "-t", "top", "/nothing-is-called-so", "Enter"]);
    until(&|screen| screen.contains("filter = nothing") && !screen.contains("victim"));
    tmux(&["send-keys", "-t", "top", "q"]);
    let ended = |screen: &str| (0..=9).any(|digit| screen.contains(&format!("left={digit}")));
    let screen = until(&ended);
    assert!(
        screen.contains("left=0") && !screen.contains("q quit"),
        "{screen}"
    );
}
