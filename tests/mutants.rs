// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Each ordering and each look of the reader earns its place: without it, the model fails.
//!
//! A mutant is a copy of the crate in which a piece of source has been replaced. Its model runs in a
//! process of its own, since a deadlock ends the process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};

struct Mutant {
    name: &'static str,
    file: &'static str,
    /// What is replaced by what; each occurs exactly once in the file.
    replace: &'static [(&'static str, &'static str)],
    /// The property that must fail.
    caught_by: &'static str,
}

const CONSUMER: &str = "src/ring/consumer.rs";
const KERNEL: &str = "src/ring/model/kernel.rs";

const FENCE: (&str, &str) = ("            M::fence(Ordering::SeqCst);\n", "");
const RELEASE_STORE: (&str, &str) = (
    "set_consumer_pos(self.cursor, Ordering::SeqCst)",
    "set_consumer_pos(self.cursor, Ordering::Release)",
);
const SETTLE: &str = "        self.publish_end(receiver);
        match self.look() {";
const LEAVE_UNFENCED: (&str, &str) = (
    "            consumer.publish_end(receiver);
        } else",
    "            memory.set_consumer_pos(consumer.cursor, Ordering::Release);
        } else",
);

const WOKEN: &str = "a_reader_is_woken_for_every_record";
const REUSE: &str = "space_is_used_again_only_after_its_record_was_delivered";

const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "the fence of settle removed",
        file: CONSUMER,
        replace: &[FENCE],
        caught_by: WOKEN,
    },
    Mutant {
        name: "the fence of settle removed and its store Release",
        file: CONSUMER,
        replace: &[FENCE, RELEASE_STORE],
        caught_by: WOKEN,
    },
    Mutant {
        name: "no second look",
        file: CONSUMER,
        replace: &[("match self.look() {", "match Head::Pending {")],
        caught_by: WOKEN,
    },
    Mutant {
        name: "a verdict from loads older than the last publication",
        file: CONSUMER,
        replace: &[(
            SETTLE,
            "        let head = self.look();
        self.publish_end(receiver);
        match head {",
        )],
        caught_by: WOKEN,
    },
    Mutant {
        name: "settle looks at producer_pos only",
        file: CONSUMER,
        replace: &[(
            SETTLE,
            "        let seen = self.look_at_producer();
        self.publish_end(receiver);
        let moved = self.look_at_producer() != seen;
        match if moved { Head::Ready } else { Head::Pending } {",
        )],
        caught_by: "a_reader_is_woken_for_a_record_that_was_busy_while_it_settled",
    },
    Mutant {
        name: "a BUSY head delivered",
        file: CONSUMER,
        replace: &[(
            "                if header.is_busy() {",
            "                if false {",
        )],
        caught_by: WOKEN,
    },
    Mutant {
        name: "headers loaded without acquire",
        file: CONSUMER,
        replace: &[(
            "        M::fence(Ordering::Acquire);
        Header::from_word(word)",
            "        Header::from_word(word)",
        )],
        caught_by: WOKEN,
    },
    Mutant {
        name: "starts published Relaxed",
        file: CONSUMER,
        replace: &[(
            "set_consumer_pos(self.cursor, Ordering::Release)",
            "set_consumer_pos(self.cursor, Ordering::Relaxed)",
        )],
        caught_by: REUSE,
    },
    Mutant {
        name: "a record's end published before its callback has returned",
        file: CONSUMER,
        replace: &[(
            "        match receiver.record(Record { start, len }) {",
            "        self.memory.set_consumer_pos(end, Ordering::Release);
        match receiver.record(Record { start, len }) {",
        )],
        caught_by: REUSE,
    },
    Mutant {
        name: "ends, not starts, published on the way and no fence owed for them",
        file: CONSUMER,
        replace: &[(
            "            Received::Consumed => {}
        }
        self.cursor = end;",
            "            Received::Consumed => {}
        }
        self.cursor = end;
        self.memory.set_consumer_pos(end, Ordering::Release);
        self.published = end;",
        )],
        caught_by: WOKEN,
    },
    Mutant {
        name: "a bounded return without the fence",
        file: CONSUMER,
        replace: &[LEAVE_UNFENCED],
        caught_by: "a_reader_of_one_record_a_call_is_woken",
    },
    Mutant {
        name: "a failed return without the fence",
        file: CONSUMER,
        replace: &[LEAVE_UNFENCED],
        caught_by: "a_reader_whose_callback_fails_is_woken",
    },
    Mutant {
        name: "a position that somebody else published is believed",
        file: CONSUMER,
        replace: &[("unfenced: Fenced(cursor) != fenced,", "unfenced: false,")],
        caught_by: "a_reader_that_moves_its_position_itself_is_woken",
    },
    Mutant {
        name: "the kernel's barrier removed",
        file: KERNEL,
        replace: &[(
            "        fence(SeqCst);\n        let consumer",
            "        let consumer",
        )],
        caught_by: WOKEN,
    },
];

/// Correct: the fence is the proof. The SeqCst store is the promise that on x86-64 each of the two
/// alone would do.
const SURVIVOR: Mutant = Mutant {
    name: "a Release store with the fence kept",
    file: CONSUMER,
    replace: &[RELEASE_STORE],
    caught_by: "",
};

#[test]
fn the_model_catches_every_mutant() {
    let mut survivors = Vec::new();
    for mutant in MUTANTS {
        let caught = !run(mutant).status.success();
        let by = if caught { mutant.caught_by } else { "SURVIVED" };
        println!("| {} | {by} |", mutant.name);
        if !caught {
            survivors.push(mutant.name);
        }
    }
    assert!(survivors.is_empty(), "not caught: {survivors:?}");
}

#[test]
fn a_release_store_is_enough_where_the_fence_is() {
    let output = run(&SURVIVOR);
    assert!(output.status.success(), "{output:?}");
}

/// Runs the model of the mutant, or the one property of it that must fail.
fn run(mutant: &Mutant) -> Output {
    // All use one copy, and tests run side by side.
    static COPY: Mutex<()> = Mutex::new(());
    let _copy = COPY.lock().unwrap_or_else(PoisonError::into_inner);
    let copy = mutate(mutant);
    let built = cargo(&copy).arg("--no-run").output().expect("cargo runs");
    assert!(
        built.status.success(),
        "{} does not build:\n{}",
        mutant.name,
        String::from_utf8_lossy(&built.stderr)
    );
    let property = format!("ring::model::{}", mutant.caught_by);
    let mut model = cargo(&copy);
    model.args(["--", &property, "--test-threads=1"]);
    let output = model.output().expect("cargo runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(!text.contains("running 0 tests"), "no test {property}");
    output
}

fn cargo(copy: &Path) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(copy).args(["test", "--release", "--lib"]);
    cargo.args(["--locked", "--offline", "--target-dir"]);
    cargo.arg(root().join("target"));
    cargo
}

/// A copy of the crate with the mutant's replacements made. One after the other uses the same place,
/// so that cargo builds the dependencies once.
fn mutate(mutant: &Mutant) -> PathBuf {
    let copy = root().join("crate");
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let _ = fs::remove_dir_all(&copy);
    fs::create_dir_all(&copy).expect("a directory");
    for file in ["Cargo.toml", "Cargo.lock", "build.rs"] {
        fs::copy(manifest.join(file), copy.join(file)).expect("a copy");
    }
    copy_tree(&manifest.join("src"), &copy.join("src"));
    let path = copy.join(mutant.file);
    let mut source = fs::read_to_string(&path).expect("a source");
    for (from, to) in mutant.replace {
        assert_eq!(source.matches(from).count(), 1, "{}: {from:?}", mutant.name);
        source = source.replace(from, to);
    }
    fs::write(&path, source).expect("a source");
    copy
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("mutants")
}
