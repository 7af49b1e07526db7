// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The coalescing window, in which a reader sleeps while records collect: only readers that ask for one have it,
//! whatever must not wait ends it at once, and nothing can be seen of it afterwards.

mod common;
mod mutated;

use common::{Libbpf, Way, count, counted, require_bpf, run, stated, try_run};
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

const WATCH_DOG: Duration = Duration::from_secs(60);

/// So long that a window which ends earlier was ended by something.
const SECOND: (&str, &str) = ("RBSHIM_COALESCE_US", "1000000");

/// Runs the program and has the library count.
fn counting(program: &str, way: Way, option: Option<(&str, &str)>) -> Output {
    let mut command = common::command(program, Libbpf::Vendored, way);
    count(&mut command);
    command.envs(option);
    let output = run(command, WATCH_DOG);
    assert!(output.status.success(), "{output:?}");
    output
}

fn paced_poll(way: Way, option: Option<(&str, &str)>) -> Output {
    counting("paced_poll", way, option)
}

fn preloaded(program: &str, option: (&str, &str)) -> Output {
    counting(program, Way::Preloaded, Some(option))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The program says on stderr how long a record took that nothing but the end of the window brings.
#[test]
fn what_must_not_wait_ends_a_window_of_a_second() {
    if !require_bpf() {
        return;
    }
    let stock = paced_poll(Way::Stock, None);
    for way in [Way::Preloaded, Way::Static] {
        let waiting = paced_poll(way, Some(SECOND));
        assert_eq!(text(&waiting.stdout), text(&stock.stdout), "{way:?}");
        let unforced = counted(&waiting, "unforced_ms");
        assert!(unforced > 300, "there was no window: {waiting:?}");
        assert!(counted(&waiting, "coalesced") >= 10, "{waiting:?}");
    }
}

#[test]
fn nobody_waits_who_has_not_asked_for_it() {
    if !require_bpf() {
        return;
    }
    for option in [None, Some(("RBSHIM_COALESCE_US", "0"))] {
        let output = paced_poll(Way::Preloaded, option);
        assert_eq!(counted(&output, "coalesced"), 0, "{output:?}");
        assert!(counted(&output, "unforced_ms") < 300, "{output:?}");
    }
}

#[test]
fn a_program_opens_a_window_by_a_call_and_closes_it_again() {
    if !require_bpf() {
        return;
    }
    let expected = "\
rbshim_ring_buffer__set_coalesce_us(NULL, 100) = -22, errno EINVAL
new: 1 more descriptors
rbshim_ring_buffer__set_coalesce_us(paced.rb, 0) = 0, errno untouched
off from the beginning: 1 more descriptors
0 descriptors are left
rbshim_ring_buffer__set_coalesce_us(paced.rb, 100) = -24, errno EMFILE
after that: 1 more descriptors
ring_buffer__poll(paced.rb, 1000) = 1, errno untouched
1 descriptors are left
rbshim_ring_buffer__set_coalesce_us(paced.rb, 100) = -24, errno EMFILE
after that: 1 more descriptors
ring_buffer__poll(paced.rb, 1000) = 1, errno untouched
rbshim_ring_buffer__set_coalesce_us(paced.rb, 100) = 0, errno untouched
set: 3 more descriptors
rbshim_ring_buffer__set_coalesce_us(paced.rb, 0xffffffffu) = 0, errno untouched
set to more than a second: 3 more descriptors
a window of a second: the last record came late
rbshim_ring_buffer__set_coalesce_us(paced.rb, 0) = 0, errno untouched
none: the last record came soon
rbshim_ring_buffer__set_coalesce_us(paced.rb, SECOND_US) = 0, errno untouched
a window of a second: the last record came late
rbshim_ring_buffer__set_coalesce_us(paced.rb, 0) = 0, errno untouched
none: the last record came soon
rbshim_ring_buffer__set_coalesce_us(paced.rb, SECOND_US) = 0, errno untouched
turned off and on: 3 more descriptors
delivered: all, wrong 0, miscounted 0
freed: 0 more descriptors
set to 500: 0
set to 0: 0
ring_buffer__poll(paced.rb, -1) = 2, errno untouched
set in a callback: 3 more descriptors
freed: 0 more descriptors
";
    // Built against our header.
    for way in [Way::Shared, Way::Static] {
        let mut command = common::command("coalesce_api", Libbpf::Distribution, way);
        count(&mut command);
        let output = run(command, WATCH_DOG);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(text(&output.stdout), expected, "{way:?}");
        assert!(counted(&output, "coalesced") > 0, "{output:?}");
    }
}

/// A manager that cannot have its window says so and does without.
#[test]
fn without_descriptors_for_a_window_the_manager_goes_on_and_warns() {
    if !require_bpf() {
        return;
    }
    let mut command = common::command("few_descriptors", Libbpf::Vendored, Way::Stock);
    let stock = run(command, WATCH_DOG);
    command = common::command("few_descriptors", Libbpf::Vendored, Way::Preloaded);
    command.envs([SECOND]);
    let output = run(command, WATCH_DOG);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(text(&output.stdout), text(&stock.stdout));
    let said = text(&output.stderr);
    let warnings = said
        .matches("rbshim: no coalescing window: -EMFILE\n")
        .count();
    assert_eq!(warnings, 2, "{said}");
}

#[test]
fn a_descriptor_that_is_always_ready_keeps_no_record_back() {
    if !require_bpf() {
        return;
    }
    let expected = stated("own_descriptor", "expected").expect("what is right");
    let output = preloaded("own_descriptor", ("RBSHIM_COALESCE_US", "100"));
    assert_eq!(text(&output.stdout), expected, "{output:?}");
    assert!(counted(&output, "coalesced") > 0, "{output:?}");
}

/// A window needs an epoll around the manager's own.
#[test]
fn a_manager_that_the_kernel_lets_nobody_watch_opens_without_a_window_and_warns() {
    if !require_bpf() {
        return;
    }
    const MANAGERS: usize = 510;
    // The kernel's limit for epolls around an epoll that watches a file: path_limits in fs/eventpoll.c.
    const WATCHED: usize = 500;
    let output = preloaded("many_managers", ("RBSHIM_COALESCE_US", "100"));
    let expected = format!(
        "{MANAGERS} of {MANAGERS} managers\n{} records, wrong results 0\n",
        2 * MANAGERS
    );
    assert_eq!(text(&output.stdout), expected, "{output:?}");
    let said = text(&output.stderr);
    let warnings = said
        .matches("rbshim: no coalescing window: too many managers of one map\n")
        .count();
    assert_eq!(warnings, MANAGERS - WATCHED, "{said}");
}

/// The program says on stderr how many calls have brought its hundred records.
#[test]
fn a_window_goes_on_after_the_first_record_of_another_ring() {
    if !require_bpf() {
        return;
    }
    let calls = |option: (&str, &str)| counted(&preloaded("paced_rings", option), "calls");
    // On a busy machine the records may take longer than the window, or come many at a time.
    let few = (0..ATTEMPTS).any(|_| calls(SECOND) <= 2);
    assert!(few, "the call has ended with a window");
    let many = (0..ATTEMPTS).any(|_| calls(("RBSHIM_COALESCE_US", "0")) > 10);
    assert!(many, "the records come together without a window, too");

    let ending = (
        "src/manager/coalesce_call.rs",
        "(Woken::Early, Looked::NewRing) => Ended::ByRing",
        "(Woken::Early, Looked::NewRing) => Ended::Early",
    );
    let library = mutated::build("ended-by-ring", &[ending]);
    let mut command = common::command("paced_rings", Libbpf::Vendored, Way::Stock);
    command.env("LD_PRELOAD", &library.shared).envs([SECOND]);
    let calls = counted(&run(command, WATCH_DOG), "calls");
    assert!(calls > 2, "{calls} calls");
}

/// Another program on a CPU may keep the reader or the producer from it.
const ATTEMPTS: usize = 5;

/// If the program did not see what a window may do wrong, the tests above would say nothing.
#[test]
fn a_window_that_is_deaf_or_leaves_a_record_held_back_is_found_out() {
    if !require_bpf() {
        return;
    }
    const SLEEP: &str = "src/sys/edge_sleep.rs";
    const LINGERING: &str = "src/manager/lingering.rs";
    const CONSUMER: &str = "src/ring/consumer.rs";
    let mutants = [
        (
            "deaf",
            [(
                SLEEP,
                "epoll::add(outer, inner, epoll::READABLE_EDGE, INNER)",
                "epoll::add(outer, inner, 0, INNER)",
            )],
            "late",
        ),
        (
            "timeout-ignored",
            [(
                LINGERING,
                "Ok(timeout) if self.minds_time() =>",
                "Ok(timeout) if self.minds_time() && timeout > 1_000_000_000 =>",
            )],
            "too long",
        ),
        (
            "not-settled",
            [(
                CONSUMER,
                " = consumer.settle(receiver);\n            consumer.leave();\n",
                " = true;\n",
            )],
            "a second waiter",
        ),
    ];
    let stock = paced_poll(Way::Stock, None);
    for (name, replacements, line) in &mutants {
        let library = mutated::build(name, replacements);
        let found = differs(&library.shared, &text(&stock.stdout), line);
        assert!(found, "{name} is not noticed");
    }
}

/// Whether the program says something else about `line` with this library, fails, or does not end.
fn differs(library: &Path, expected: &str, line: &str) -> bool {
    let mut command: Command = common::command("paced_poll", Libbpf::Vendored, Way::Stock);
    command.env("LD_PRELOAD", library).envs([SECOND]);
    let about = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|of| of.contains(line));
        lines.map(str::to_string).collect()
    };
    match try_run(command, Duration::from_secs(12)) {
        Ok(output) => !output.status.success() || about(&text(&output.stdout)) != about(expected),
        Err(_) => true,
    }
}
