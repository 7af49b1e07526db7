// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The programs that read a ring as fast as it can be written do linger with rbshim, and still see
//! nothing of it: what they print is what they print with libbpf alone.

mod common;
mod mutated;

use common::{Libbpf, Way, count, counted, require_bpf, run, try_run};
use std::path::Path;
use std::process::Output;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const PROGRAMS: [&str; 12] = [
    "hot_consume_n",
    "hot_errors",
    "hot_killed",
    "hot_leave",
    "hot_nested",
    "hot_poll",
    "hot_positions",
    "hot_signals",
    "hot_threads",
    "many_rings",
    "many_rings_leave",
    "settled_then_left",
];

const WATCH_DOG: Duration = Duration::from_secs(60);

/// Another program on a CPU may keep a ring from ever being hot.
const ATTEMPTS: usize = 5;

/// Runs the program as it is.
fn stock(program: &str) -> Output {
    let _alone = alone();
    succeeded(run(
        common::command(program, Libbpf::Vendored, Way::Stock),
        WATCH_DOG,
    ))
}

/// Runs it with rbshim and an option.
fn preloaded(program: &str, option: Option<(&str, &str)>) -> Output {
    let _alone = alone();
    let mut command = common::command(program, Libbpf::Vendored, Way::Preloaded);
    count(&mut command);
    command.envs(option);
    succeeded(run(command, WATCH_DOG))
}

/// Each program needs both CPUs of a small machine.
fn alone() -> impl Drop {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn succeeded(output: Output) -> Output {
    assert!(output.status.success(), "{output:?}");
    output
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs the program until `is_it` says that a run was what is wanted; each run must print what libbpf
/// does.
fn print_the_same(option: Option<(&str, &str)>, is_it: impl Fn(&Output) -> bool) {
    if !require_bpf() {
        return;
    }
    for program in PROGRAMS {
        let expected = text(&stock(program));
        let found = (0..ATTEMPTS).any(|_| {
            let output = preloaded(program, option);
            assert_eq!(text(&output), expected, "{program}, {option:?}");
            is_it(&output)
        });
        assert!(found, "{program}, {option:?}: never as it should be");
    }
}

#[test]
fn they_linger_and_publish_every_few_records_only() {
    print_the_same(None, |output| {
        let [records, publishes, lingers, coalesced] =
            ["records", "publishes", "lingers", "coalesced"].map(|name| counted(output, name));
        assert_eq!(coalesced, 0);
        // A process that is killed does not print its counters.
        is_killed(output) || lingers > 100 && publishes < records * 3 / 4
    });
}

#[test]
fn without_lingering_they_do_neither() {
    print_the_same(Some(("RBSHIM_LINGER_US", "0")), |output| {
        let [records, publishes, lingers, coalesced] =
            ["records", "publishes", "lingers", "coalesced"].map(|name| counted(output, name));
        assert_eq!((lingers, coalesced), (0, 0));
        // Not all: the start of a record that comes again has been published already.
        assert!(
            publishes * 100 >= records * 99,
            "{publishes} of {records} published"
        );
        true
    });
}

#[test]
fn with_a_window_they_sleep_in_it() {
    print_the_same(Some(("RBSHIM_COALESCE_US", "200")), |output| {
        is_killed(output) || counted(output, "coalesced") > 20
    });
}

fn is_killed(output: &Output) -> bool {
    String::from_utf8_lossy(&output.stderr).contains("readers=")
}

/// The program says on stderr how many records came again. With libbpf it is one for each process that
/// ended in its callback; up to 256 bytes of records come again only where lingering makes the ring hot.
#[test]
fn records_that_come_again_after_a_kill_are_few_and_without_lingering_those_of_libbpf() {
    if !require_bpf() {
        return;
    }
    let strict = [
        stock("hot_killed"),
        preloaded("hot_killed", Some(("RBSHIM_LINGER_US", "0"))),
    ];
    for output in strict {
        let [readers, again] = ["readers", "again"].map(|name| counted(&output, name));
        assert!(again <= readers, "{again} records for {readers} readers");
    }
    let again = |_| {
        let output = preloaded("hot_killed", None);
        let [readers, again] = ["readers", "again"].map(|name| counted(&output, name));
        again > readers
    };
    assert!((0..ATTEMPTS).any(again), "no ring was hot");
}

#[test]
fn poll_returns_hundreds_of_times_a_second_from_a_ring_that_is_never_empty() {
    if !require_bpf() {
        return;
    }
    // With a window: 10 ms of it in a call, and what it takes to read what has come meanwhile.
    for (option, least) in [(None, 500), (Some(("RBSHIM_COALESCE_US", "200")), 10)] {
        let returns = |_| counted(&preloaded("hot_poll", option), "returns");
        let most = (0..ATTEMPTS).map(returns).find(|&returns| returns >= least);
        assert!(most.is_some(), "{option:?}: fewer than {least} in a second");
    }
}

/// If these programs did not see what a hot ring may do wrong, the tests above would say nothing.
#[test]
fn a_library_that_does_not_make_up_for_what_it_holds_back_is_found_out() {
    if !require_bpf() {
        return;
    }
    find_out(&[
        (
            "no-repair",
            [(
                "src/ring/consumer/hold.rs",
                "if held == Held::NOTHING {",
                "if held == held {",
            )],
            &["hot_leave", "many_rings_leave"],
        ),
        (
            "resumed-too-early",
            [(
                "src/ring/consumer/hold.rs",
                "cursor: held.reached,",
                "cursor: held.published,",
            )],
            &["hot_nested", "many_rings", "many_rings_leave"],
        ),
        (
            "repair-unnoticed",
            [(PASSED, "        if self.is_moved() {", "        if false {")],
            &["hot_nested"],
        ),
        (
            "watched-ignored",
            [(MAPPED_RING, " && !self.is_watched()", "")],
            &["hot_positions"],
        ),
    ]);
}

/// The same for what only several rings can show.
#[test]
fn a_library_that_mistakes_one_ring_for_another_is_found_out() {
    if !require_bpf() {
        return;
    }
    find_out(&[
        (
            "held-rings-shown",
            [(
                MAPPED_RING,
                "self.journal().shown(pages.size(), position)",
                "position()",
            )],
            &["many_rings"],
        ),
        (
            "not-released",
            [(MAPPED_RING, "if self.is_held() {", "if false {")],
            &["many_rings"],
        ),
        (
            "released-as-settled",
            [(
                MAPPED_RING,
                "let part = self.part().walked();",
                "let part = self.part();",
            )],
            &["settled_then_left"],
        ),
        (
            "ended-parts-unseen",
            [(TAKING_PART, "if ended != self.ended {", "if false {")],
            &["polls_in_callbacks"],
        ),
        (
            "left-rings-forgotten",
            [(PART, "Err(_) => self.left(),", "Err(_) => self.read_up(),")],
            &["failed_beside"],
        ),
        (
            "a-call-s-rest-forgotten",
            [(MAPPED_RING, "part.left()", "part.walked()")],
            &["failed_beside"],
        ),
        (
            "dismissed-guests-unseen",
            [(TAKING_PART, "if kept != before {", "if false {")],
            &["polls_in_callbacks"],
        ),
    ]);
}

const PASSED: &str = "src/ring/consumer/passed.rs";
const MAPPED_RING: &str = "src/mapped_ring.rs";
const PART: &str = "src/manager/part.rs";
const TAKING_PART: &str = "src/manager/taking_part.rs";

/// A name, what is replaced, and the programs that notice it.
type Mutant<'a> = (&'a str, [mutated::Replacement<'a>; 1], &'a [&'a str]);

fn find_out(mutants: &[Mutant]) {
    for (name, replacements, programs) in mutants {
        let library = mutated::build(name, replacements);
        for program in *programs {
            let expected = text(&stock(program));
            let found = (0..ATTEMPTS).any(|_| differs(program, &library.shared, &expected));
            assert!(found, "{program} does not notice {name}");
        }
    }
}

/// Whether the program prints something else with this library, fails, or does not end.
fn differs(program: &str, library: &Path, expected: &str) -> bool {
    let _alone = alone();
    let mut command = common::command(program, Libbpf::Vendored, Way::Stock);
    command.env("LD_PRELOAD", library);
    match try_run(command, Duration::from_secs(10)) {
        Ok(output) => !output.status.success() || text(&output) != expected,
        Err(_) => true,
    }
}
