// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What `make check-kernels` makes of what guests have printed: that it finds a difference, and takes neither a program
//! that was not run nor a guest that ended early for a success.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

struct Report {
    good: bool,
    text: String,
}

/// The report about a guest that prints this.
fn report(guest: &str, printed: &str, status: u32) -> Report {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!(
        "transcript-{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    );
    let transcript = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let text = format!(
        "guest {guest}\nlibbpf 1.7.0\nkernel 6.1, of a test\npage 4 kB\n{printed}ended {status} 9\n"
    );
    fs::write(&transcript, text).expect("a transcript");
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("platforms/kernels/report.py");
    let output = Command::new("python3")
        .arg(script)
        .arg(&transcript)
        .output()
        .expect("python3 can be started");
    fs::remove_file(&transcript).expect("the transcript");
    Report {
        good: output.status.success(),
        text: String::from_utf8_lossy(&output.stdout).into_owned(),
    }
}

fn whole(guest: &str, runs: &str) -> Report {
    report(guest, &format!("{runs}all were run\n"), 0)
}

/// One program, of which each way prints its line and ends with status 0.
fn runs(program: &str, lines: &[(&str, &str)]) -> String {
    lines
        .iter()
        .map(|(way, line)| format!("run {program} {way}\n{line}\nstatus 0 1.0\n"))
        .collect()
}

#[test]
fn the_same_output_is_the_same() {
    let report = whole(
        "x/6.1",
        &runs(
            "manager",
            &[
                ("stock", "out a"),
                ("preloaded", "as before"),
                ("static", "out a"),
            ],
        ),
    );
    assert!(report.good, "{}", report.text);
    assert!(
        report.text.contains("| manager | same |"),
        "{}",
        report.text
    );
}

#[test]
fn another_output_is_a_failure() {
    let report = whole(
        "x/6.1",
        &runs(
            "manager",
            &[
                ("stock", "out a"),
                ("preloaded", "as before"),
                ("static", "out b"),
            ],
        ),
    );
    assert!(!report.good, "{}", report.text);
    assert!(
        report.text.contains("static: line 1 is 'b' instead of 'a'"),
        "{}",
        report.text
    );
}

#[test]
fn a_difference_that_is_stated_must_be_there() {
    let stock = "out   20000 and 21 records; of the second ring during the flood: none\n".repeat(5);
    let rbshim = stock.replace("none", "most");
    let with = |rbshim: &str| {
        whole(
            "x/6.1",
            &runs(
                "turns",
                &[
                    ("stock", stock.trim_end()),
                    ("preloaded", rbshim.trim_end()),
                ],
            ),
        )
    };
    let differs = with(&rbshim);
    assert!(differs.good, "{}", differs.text);
    assert!(
        differs.text.contains("| turns | differs as stated |"),
        "{}",
        differs.text
    );
    assert!(!with(&stock).good);
}

#[test]
fn what_is_right_is_stated_for_a_program_whatever_its_arguments() {
    let with = |printed: &str| {
        let ways = [("stock", "out WRONG"), ("preloaded", printed)];
        whole("x/7", &runs("overwrite_soak,20", &ways))
    };
    let right = with("out all right");
    assert!(right.good, "{}", right.text);
    assert!(!with("out WRONG").good);
}

#[test]
fn a_program_that_fails_is_a_failure_even_if_it_prints_the_same() {
    let runs = "run manager stock\nout a\nstatus 0 1.0\nrun manager preloaded\nas before\nerr lost\nstatus 1 1.0\n";
    assert!(!whole("x/6.1", runs).good);
    assert!(!whole("x/6.1", &runs.replace("status 1", "status 137")).good);
    // The same error twice is not the same output.
    assert!(!whole("x/6.1", &runs.replace("status 0", "status 1")).good);
}

#[test]
fn what_cannot_be_run_is_not_the_same_and_has_to_be_stated() {
    let cannot = |program: &str| {
        let way = |way| format!("run {program} {way}\nerr this kernel cannot\nstatus 77 1.0\n");
        way("stock") + &way("preloaded")
    };
    let others = runs("manager", &[("stock", "out a"), ("preloaded", "as before")]);
    let known = whole("x86-64/5.10", &format!("{others}{}", cannot("user_ring")));
    assert!(known.good, "{}", known.text);
    assert!(
        known.text.contains("| user_ring | not run |"),
        "{}",
        known.text
    );
    assert!(!whole("x86-64/6.12", &format!("{others}{}", cannot("user_ring"))).good);
    // Nothing at all was run.
    assert!(!whole("x86-64/5.10", &cannot("user_ring")).good);
    // What is stated has to be true.
    assert!(!whole("x86-64/5.10", &others.replace("manager", "user_ring")).good);
    // One way can be run and the other cannot.
    let one = others.replacen("status 0", "status 77", 1);
    assert!(!whole("x86-64/5.10", &one).good);
}

#[test]
fn what_its_libbpf_lacks_is_no_failure_of_a_kernel() {
    let others = runs("manager", &[("stock", "out a"), ("preloaded", "as before")]);
    let lacking = |libbpf: &str| {
        let way = |way| {
            format!("run turns {way}\nerr libbpf {libbpf} has no ring__size()\nstatus 77 0\n")
        };
        format!("{others}{}{}", way("stock"), way("preloaded"))
    };
    // The one of which the transcript is.
    let known = whole("x86-64/6.12", &lacking("1.7.0"));
    assert!(known.good, "{}", known.text);
    assert!(known.text.contains("| turns | not run |"), "{}", known.text);
    assert!(!whole("x86-64/6.12", &lacking("1.1.0")).good);
}

#[test]
fn a_guest_that_does_not_come_to_its_end_is_a_failure() {
    let runs = runs("manager", &[("stock", "out a"), ("preloaded", "as before")]);
    let early = report("x/6.1", &format!("{runs}run errors stock\nout a\n"), 124);
    assert!(!early.good, "{}", early.text);
    assert!(
        early.text.contains("the last that it ran was errors stock"),
        "{}",
        early.text
    );
    assert!(!report("x/6.1", &runs, 0).good);
    assert!(!report("x/6.1", "", 124).good);
}

#[test]
fn an_edge_triggered_reader_may_hang_with_libbpf_alone() {
    let runs = "run edge_triggered,--wait=map stock\nout result=hung\nstatus 3 1.0\n\
                run edge_triggered,--wait=map preloaded\nout result=passed\nstatus 0 1.0\n";
    let report = whole("x/6.1", runs);
    assert!(report.good, "{}", report.text);
    assert!(
        report.text.contains("with libbpf alone it hung"),
        "{}",
        report.text
    );
    assert!(!whole("x/6.1", &runs.replace("status 0", "status 3")).good);
}
