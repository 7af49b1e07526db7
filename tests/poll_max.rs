// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A poll that returns while records go on coming: only for readers that ask for it, and nobody sleeps on what it has
//! left behind.

mod common;
mod mutated;

use common::{Libbpf, Way, counted, require_bpf, run, try_run};
use std::process::{Command, Output};
use std::time::Duration;

const WATCH_DOG: Duration = Duration::from_secs(120);

const SHORT: (&str, &str) = ("RBSHIM_POLL_MAX_MS", "5");

/// The names under which the program says how often a poll has returned before its time.
const RETURNS: [&str; 5] = ["poll", "outer", "outermost", "itself", "beside"];

fn poll_max(way: Way, option: Option<(&str, &str)>) -> Output {
    let mut command = common::command("poll_max", Libbpf::Vendored, way);
    command.envs(option);
    let output = run(command, WATCH_DOG);
    assert!(output.status.success(), "{output:?}");
    output
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_poll_returns_though_records_go_on_coming_and_every_waiter_gets_the_rest() {
    if !require_bpf() {
        return;
    }
    let stock = poll_max(Way::Stock, None);
    for name in RETURNS {
        assert_eq!(counted(&stock, name), 0, "libbpf: {name}");
    }
    for way in [Way::Preloaded, Way::Static] {
        let output = poll_max(way, Some(SHORT));
        assert_eq!(text(&output.stdout), text(&stock.stdout), "{way:?}");
        for name in RETURNS {
            assert!(counted(&output, name) >= 2, "{way:?}, {name}: {output:?}");
        }
    }
}

#[test]
fn nobody_returns_who_has_not_asked_for_it() {
    if !require_bpf() {
        return;
    }
    for option in [None, Some(("RBSHIM_POLL_MAX_MS", "0"))] {
        let output = poll_max(Way::Preloaded, option);
        for name in RETURNS {
            assert_eq!(counted(&output, name), 0, "{option:?}, {name}");
        }
    }
}

#[test]
fn a_program_limits_its_polls_by_a_call_and_ends_that_again() {
    if !require_bpf() {
        return;
    }
    let expected = "\
rbshim_ring_buffer__set_poll_max_ms(NULL, 100) = -22, errno EINVAL
new, with its map: 2 more descriptors
rbshim_ring_buffer__set_poll_max_ms(rb, 0) = 0, errno untouched
off from the beginning: 2 more descriptors
off: one call
rbshim_ring_buffer__set_poll_max_ms(rb, 1) = -24, errno EMFILE
after that: 2 more descriptors
not set: one call
rbshim_ring_buffer__set_poll_max_ms(rb, 1) = 0, errno untouched
set: 3 more descriptors
set: more than one call
rbshim_ring_buffer__set_poll_max_ms(rb, 0xffffffffu) = 0, errno untouched
set to more than a minute: one call
rbshim_ring_buffer__set_poll_max_ms(rb, 0) = 0, errno untouched
turned off: one call
set to 1: 0
set in a callback: one call
after that: more than one call
set to 0: 0
turned off in a callback: more than one call
after that: one call
turned off: 3 more descriptors
out of order: 0
freed: 1 more descriptors
";
    for way in [Way::Shared, Way::Static] {
        let command = common::command("poll_max_api", Libbpf::Distribution, way);
        let output = run(command, WATCH_DOG);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(text(&output.stdout), expected, "{way:?}");
    }
}

/// If the program did not see a waiter that sleeps on records, the tests above would say nothing.
#[test]
fn a_poll_that_leaves_without_a_new_edge_is_found_out() {
    if !require_bpf() {
        return;
    }
    const EDGE: (&str, &str, &str) = ("src/manager/leaving.rs", "edge.give();", "");
    let library = mutated::build("no-new-edge", &[EDGE]);
    let mut command: Command = common::command("poll_max", Libbpf::Vendored, Way::Stock);
    command.env("LD_PRELOAD", &library.shared).envs([SHORT]);
    let output = try_run(command, WATCH_DOG).expect("it ends");
    let asleep = text(&output.stdout).matches("asleep on data: 1\n").count();
    assert_eq!(asleep, 2, "{output:?}");
}
