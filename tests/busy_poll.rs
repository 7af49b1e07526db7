// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Busy polling: a poll that never sleeps does what one that sleeps does, but for what the kernel sees between calls.

mod common;
mod mutated;

use common::{Libbpf, Way, count, counted, require_bpf, run, stated, try_run};
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

const WATCH_DOG: Duration = Duration::from_secs(120);

const BUSY: (&str, &str) = ("RBSHIM_BUSY_POLL", "1");

/// Programs that look neither at positions nor at the epoll instance after a poll.
const PROGRAMS: [&str; 8] = [
    "busy_poll",
    "errors",
    "foreign_fds",
    "hot_nested",
    "hot_signals",
    "hot_threads",
    "poll_timeouts",
    "throughput_conservation",
];

fn output(program: &str, way: Way, option: Option<(&str, &str)>) -> Output {
    let mut command = common::command(program, Libbpf::Vendored, way);
    command.envs(option);
    succeeded(command)
}

fn succeeded(command: Command) -> Output {
    let output = run(command, WATCH_DOG);
    assert!(output.status.success(), "{output:?}");
    output
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn programs_print_what_they_print_on_libbpf() {
    if !require_bpf() {
        return;
    }
    for program in PROGRAMS {
        let stock = text(&output(program, Way::Stock, None));
        for way in [Way::Preloaded, Way::Static] {
            let busy = text(&output(program, way, Some(BUSY)));
            assert_eq!(busy, stock, "{program}, {way:?}");
        }
    }
}

#[test]
fn descriptors_of_the_program_in_the_epoll_end_a_poll() {
    if !require_bpf() {
        return;
    }
    let program = "foreign_event_in_poll";
    let expected = stated(program, "expected").expect("what is right");
    assert_eq!(text(&output(program, Way::Preloaded, Some(BUSY))), expected);
}

/// The first program has hundreds of thousands of records, and calls once without a timeout. On a busy machine it might
/// need as few wake-ups without the option: the second one has its records one by one, and is notified about each.
#[test]
fn a_busy_reader_is_not_notified() {
    if !require_bpf() {
        return;
    }
    let mut command = common::command("busy_poll", Libbpf::Vendored, Way::Preloaded);
    count(&mut command);
    command.envs([BUSY]);
    assert!(counted(&succeeded(command), "wakeups") <= 2);
    let notified = |option: Option<(&str, &str)>| {
        let mut command = common::command("busy_poll_api", Libbpf::Distribution, Way::Shared);
        command.envs(option);
        let output = text(&succeeded(command));
        let said = output
            .lines()
            .find_map(|line| line.strip_prefix("off from the beginning: "));
        said.expect("how it began").to_string()
    };
    assert_eq!(notified(None), "notified each time, another result 0");
    assert_eq!(
        notified(Some(BUSY)),
        "notified hardly ever, another result 0"
    );
}

#[test]
fn a_program_turns_it_on_and_off_by_a_call() {
    if !require_bpf() {
        return;
    }
    let expected = "\
rbshim_ring_buffer__set_busy_poll(NULL, 1) = -22, errno EINVAL
off from the beginning: notified each time, another result 0
  the kernel sees ring 0: available 0, consumer 480, producer 480
rbshim_ring_buffer__set_busy_poll(rb, 1) = 0, errno untouched
set: 0 more descriptors
set: notified hardly ever, another result 0
  the kernel sees ring 0: available 24, consumer 936, producer 960
set, and no record: 0, waited all the time
ring_buffer__consume(rb) = 0, errno untouched
  the kernel sees ring 0: available 0, consumer 960, producer 960
after ring_buffer__consume: notified hardly ever, another result 0
  the kernel sees ring 0: available 24, consumer 1416, producer 1440
ring_buffer__poll(rb, 0) = 0, errno untouched
  the kernel sees ring 0: available 0, consumer 1440, producer 1440
after a poll without a timeout: notified hardly ever, another result 0
  the kernel sees ring 0: available 24, consumer 1896, producer 1920
rbshim_ring_buffer__set_busy_poll(rb, 0) = 0, errno untouched
turned off, and no record: 0, waited all the time
  the kernel sees ring 0: available 0, consumer 1920, producer 1920
turned off: notified each time, another result 0
  the kernel sees ring 0: available 0, consumer 2400, producer 2400
set to 1: 0
set in a callback: notified hardly ever, another result 0
  the kernel sees ring 0: available 24, consumer 2856, producer 2880
set to 0: 0
turned off in a callback: notified each time, another result 0
  the kernel sees ring 0: available 0, consumer 3360, producer 3360
turned off, and no record: 0, waited all the time
  the kernel sees ring 0: available 0, consumer 3360, producer 3360
delivered: all, out of order 0
";
    for way in [Way::Shared, Way::Static] {
        let command = common::command("busy_poll_api", Libbpf::Distribution, way);
        assert_eq!(text(&succeeded(command)), expected, "{way:?}");
    }
}

/// If the program did not see what a busy poll may do wrong, the tests above would say nothing.
#[test]
fn a_poll_that_is_deaf_or_keeps_signals_blocked_is_found_out() {
    if !require_bpf() {
        return;
    }
    const FILE: &str = "src/manager/busy.rs";
    let mutants = [
        (
            "deaf-to-handlers",
            (
                FILE,
                "Ok(true) => return Ended::Failed(Errno(libc::EINTR)),",
                "Ok(true) => {}",
            ),
        ),
        ("signals-kept-blocked", (FILE, "mask.restore();", "")),
        (
            "no-time",
            (FILE, "let over = now >= deadline;", "let over = true;"),
        ),
    ];
    let stock = text(&output("busy_poll", Way::Stock, None));
    for (name, mutant) in mutants {
        let library = mutated::build(name, &[mutant]);
        assert!(differs(&library.shared, &stock), "{name} is not noticed");
    }
}

/// Whether the program prints something else with this library, fails, or does not end.
fn differs(library: &Path, expected: &str) -> bool {
    let mut command: Command = common::command("busy_poll", Libbpf::Vendored, Way::Stock);
    command.env("LD_PRELOAD", library).envs([BUSY]);
    match try_run(command, Duration::from_secs(20)) {
        Ok(output) => !output.status.success() || text(&output) != expected,
        Err(_) => true,
    }
}
