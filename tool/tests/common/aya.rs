// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A reader with aya, of a ring that another process fills.

use super::{lock, scratch, succeed};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

pub struct Reader {
    process: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// Builds it, a crate of its own.
pub fn program() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let program = BUILT.get_or_init(|| {
        let _lock = lock("aya");
        let target = scratch().join("aya-target");
        let mut cargo = Command::new(env!("CARGO"));
        cargo
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/aya"))
            .args(["build", "--quiet", "--release", "--locked", "--target-dir"])
            .arg(&target);
        succeed(&mut cargo);
        target.join("release/aya-reader")
    });
    program.clone()
}

impl Reader {
    /// Returns when it has the ring mapped.
    pub fn start(ring: u32) -> Reader {
        let mut process = Command::new(program())
            .arg(ring.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the reader starts");
        let commands = process.stdin.take().expect("its stdin");
        let answers = BufReader::new(process.stdout.take().expect("its stdout"));
        let mut reader = Reader {
            process,
            commands,
            answers,
        };
        assert_eq!(reader.answer(), "ready");
        reader
    }

    pub fn pid(&self) -> i32 {
        self.process.id() as i32
    }

    pub fn delivered(&mut self) -> u64 {
        writeln!(self.commands).expect("it listens");
        self.answer().parse().expect("a count")
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("an answer");
        assert!(!line.is_empty(), "the reader has ended");
        line.trim_end().to_string()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
