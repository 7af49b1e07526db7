// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! How full a ring is and has been: what `rbshim_ring__statistics` says, and to whom.

mod common;
mod manual;

use common::{Libbpf, Way, count, manifest_dir, rbshim, require_bpf, run, succeed, target_dir};
use std::fs;
use std::process::Command;
use std::time::Duration;

const WATCH_DOG: Duration = Duration::from_secs(120);

/// What a program prints, linked with the library in either way, with or without counters.
fn prints(program: &str, counts: bool, expected: &str) {
    // Built against our header.
    for way in [Way::Shared, Way::Static] {
        let mut command = common::command(program, Libbpf::Distribution, way);
        if counts {
            count(&mut command);
        }
        let output = run(command, WATCH_DOG);
        assert!(output.status.success(), "{output:?}");
        let printed = String::from_utf8_lossy(&output.stdout);
        assert_eq!(printed, expected, "{way:?}, counts: {counts}");
    }
}

/// A record of 16 bytes takes 24 of the ring, and the kernel leaves the last byte of a ring free: of 4096 bytes
/// 170 records take 4080. 3584 bytes and more are nearly full: 150 records, not 149.
fn filled_and_emptied(counts: bool) -> String {
    let records = |counted: &str| {
        if counts {
            counted.to_string()
        } else {
            "counted 0, in all 0".to_string()
        }
    };
    [
        (
            "new: 0 of 4096, high water 0, nearly full 0; ",
            "records 0, bytes 0, discards 0",
        ),
        (
            "3 records: 72 of 4096, high water 0, nearly full 0; ",
            "records 0, bytes 0, discards 0",
        ),
        (
            "consumed: 0 of 4096, high water 72, nearly full 0; ",
            "records 3, bytes 48, discards 0",
        ),
        (
            "2 discarded ones: 0 of 4096, high water 72, nearly full 0; ",
            "records 3, bytes 48, discards 2",
        ),
        ("of 1000 records there was room for 170, 4080 bytes", ""),
        (
            "full: 4080 of 4096, high water 72, nearly full 0; ",
            "records 3, bytes 48, discards 2",
        ),
        (
            "consumed: 0 of 4096, high water 4080, nearly full 1; ",
            "records 173, bytes 2768, discards 2",
        ),
        (
            "149 records: 0 of 4096, high water 4080, nearly full 1; ",
            "records 322, bytes 5152, discards 2",
        ),
        (
            "150 records: 0 of 4096, high water 4080, nearly full 2; ",
            "records 472, bytes 7552, discards 2",
        ),
        (
            "one by one: 4008 of 4096, high water 4080, nearly full 5; ",
            "records 475, bytes 7600, discards 2",
        ),
        (
            "the rest: 0 of 4096, high water 4080, nearly full 6; ",
            "records 642, bytes 10272, discards 2",
        ),
    ]
    .map(|(fill, counted)| match counted {
        "" => format!("{fill}\n"),
        _ => format!("{fill}{}\n", records(counted)),
    })
    .concat()
}

/// As libbpf's functions take their options.
const STRUCTS: &str = "\
too small:
rbshim: rbshim_ring_statistics size (7) is too small
7 bytes: -22, errno EINVAL, size unknown, high water unknown, nothing else
older:
8 bytes: 0, errno untouched, size unknown, high water unknown, nothing else
32 bytes: 0, errno untouched, size known, high water known, nothing else
31 bytes: 0, errno untouched, size known, high water unknown, nothing else
this one:
120 bytes: 0, errno untouched, size known, high water known, nothing else
120 bytes: 0, errno untouched, size known, high water known, nothing else
newer:
121 bytes: 0, errno untouched, size known, high water known, nothing else
184 bytes: 0, errno untouched, size known, high water known, nothing else
rbshim: rbshim_ring_statistics has non-zero extra bytes
184 bytes: -22, errno EINVAL, size unknown, high water unknown, nothing else
rbshim: rbshim_ring_statistics has non-zero extra bytes
184 bytes: -22, errno EINVAL, size unknown, high water unknown, nothing else
none:
rbshim_ring__statistics(NULL, NULL) = -22, errno EINVAL
rbshim_ring__statistics(ring, NULL) = -22, errno EINVAL
rbshim_ring__statistics(NULL, &seen) = -22, errno EINVAL
rbshim_ring__statistics(ring, &seen) = 0, errno untouched
";

/// Of a child that reads two records more, and of its parent after that.
fn forked(counts: bool) -> &'static str {
    if counts {
        "\
child, 2 records: 0 of 4096, high water 48, nearly full 0; records 2, bytes 32, discards 0
child: exit status 0
parent: 0 of 4096, high water 4080, nearly full 6; records 642, bytes 10272, discards 2
"
    } else {
        // A fork copies what the parent has found.
        "\
child, 2 records: 0 of 4096, high water 4080, nearly full 6; counted 0, in all 0
child: exit status 0
parent: 0 of 4096, high water 4080, nearly full 6; counted 0, in all 0
"
    }
}

#[test]
fn a_program_sees_how_full_its_ring_has_been_and_the_counters_where_they_are_kept() {
    if !require_bpf() {
        return;
    }
    for counts in [false, true] {
        let expected = filled_and_emptied(counts) + STRUCTS + forked(counts);
        prints("statistics_api", counts, &expected);
    }
}

#[test]
fn another_thread_may_ask_while_the_ring_is_read() {
    if !require_bpf() {
        return;
    }
    let expected = "\
observer: 0 wrong
produced + dropped = 400000
delivered what was produced: yes
out of order: 0
end.available == 0 && end.high_water > 0 = 1, errno untouched
end.records == (counts ? background.delivered : 0) = 1, errno untouched
end.bytes == (counts ? background.delivered * BACKGROUND_RECORD : 0) = 1, errno untouched
";
    for counts in [false, true] {
        prints("statistics_thread_api", counts, expected);
    }
}

/// The examples of the manual page, compiled and run. A record of 8 bytes takes 16 of the ring, which is full with
/// 16383 of them: each of two rounds of 20000 has 3617 refused.
#[test]
fn the_lines_in_the_manual_count_what_was_refused() {
    if !require_bpf() {
        return;
    }
    let page = manifest_dir().join("man/rbshim_ring__statistics.3");
    let examples = manual::programs(&manual::section(&page, "EXAMPLES"));
    let directory = target_dir().join("tmp/refused");
    fs::create_dir_all(&directory).expect("a directory");
    let [fill, bpf, sum] = ["fill.c", "refused.bpf.c", "sum.c"].map(|name| directory.join(name));
    assert_eq!(examples.len(), 3);
    for (file, text) in [&fill, &bpf, &sum].into_iter().zip(examples) {
        fs::write(file, text).expect("a file");
    }
    let object = directory.join("refused.bpf.o");
    succeed(
        common::bpf_compiler()
            .arg("-o")
            .arg(&object)
            .arg("-c")
            .arg(&bpf),
    );
    let binary = directory.join("refused");
    let mut compiler = Command::new("cc");
    compiler.args(["-Wall", "-Wextra", "-Werror", "-I"]);
    compiler.arg(&rbshim().include).arg("-o").arg(&binary);
    compiler
        .arg(manifest_dir().join("tests/manual/refused.c"))
        .args([&fill, &sum]);
    compiler
        .arg("-L")
        .arg(&rbshim().directory)
        .args(["-lrbshim", "-lbpf"]);
    succeed(&mut compiler);

    let mut with_rbshim = common::clean(&binary);
    with_rbshim
        .arg(&object)
        .env("LD_LIBRARY_PATH", &rbshim().directory);
    let output = run(with_rbshim, WATCH_DOG);
    let printed = String::from_utf8_lossy(&output.stdout);
    let expected = "\
32766 delivered, 7234 refused
ring 0: 100% full at most, nearly full 2 times
";
    assert_eq!(printed, expected, "{output:?}");
}
