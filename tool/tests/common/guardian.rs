// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `rbshim guard` in the background.

use super::tool;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Stdio};

pub struct Guardian {
    process: Child,
    lines: BufReader<ChildStderr>,
    /// What it has said between two answers.
    pub said: Vec<String>,
}

/// What it has counted for a ring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guarded {
    pub seen: u64,
    pub woken: u64,
    pub full: u64,
    pub kicked: u64,
    pub first: u64,
    pub rescued: u64,
}

impl Guardian {
    /// Returns when the program is attached.
    pub fn start(pid: i32, options: &[&str]) -> Guardian {
        let mut guard = tool();
        guard
            .arg("guard")
            .arg(pid.to_string())
            .args(options)
            .env_remove("JOURNAL_STREAM")
            .stderr(Stdio::piped());
        let mut process = guard.spawn().expect("it starts");
        let lines = BufReader::new(process.stderr.take().expect("its stderr"));
        let said = Vec::new();
        let mut guardian = Guardian {
            process,
            lines,
            said,
        };
        let first = guardian.line();
        assert!(first.starts_with("guarding reader="), "{first}");
        guardian
    }

    pub fn pid(&self) -> i32 {
        self.process.id() as i32
    }

    /// Its next line.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("a line");
        assert!(!line.is_empty(), "it has ended");
        line.trim_end().to_string()
    }

    /// What it has counted so far.
    pub fn counts(&mut self, ring: u32) -> Guarded {
        self.send(Signal::USR1);
        loop {
            let line = self.line();
            match guarded(&line, ring) {
                Some(guarded) => return guarded,
                None => self.said.push(line),
            }
        }
    }

    /// Waits until it has counted so.
    pub fn until(&mut self, ring: u32, counted: impl Fn(Guarded) -> bool) {
        // More questions than anything needs that happens within one system call.
        let done = (0..10_000).any(|_| counted(self.counts(ring)));
        assert!(done, "ring {ring}: {:?}", self.counts(ring));
    }

    /// Ends it.
    pub fn end(mut self, ring: u32) -> Guarded {
        self.send(Signal::TERM);
        let lines = self.ended();
        let counts = lines.iter().find_map(|line| guarded(line, ring));
        counts.unwrap_or_else(|| panic!("{lines:?}"))
    }

    /// Waits for its end. What it has said until then.
    pub fn ended(&mut self) -> Vec<String> {
        let lines = self.lines.by_ref().lines();
        let lines = lines.map(|line| line.expect("text")).collect();
        let status = self.process.wait().expect("its status");
        assert!(status.success(), "{status} {lines:?}");
        lines
    }

    pub fn send(&self, signal: Signal) {
        let pid = Pid::from_raw(self.pid()).expect("a process");
        kill_process(pid, signal).expect("it lives");
    }
}

fn guarded(line: &str, ring: u32) -> Option<Guarded> {
    let counts = line.strip_prefix(&format!("guarded ring={ring} "))?;
    let mut guarded = Guarded::default();
    for word in counts.split(' ') {
        let (name, number) = word.split_once('=').expect("a counter");
        let field = match name {
            "seen" => &mut guarded.seen,
            "woken" => &mut guarded.woken,
            "full" => &mut guarded.full,
            "kicked" => &mut guarded.kicked,
            "first" => &mut guarded.first,
            "rescued" => &mut guarded.rescued,
            _ => panic!("{line}"),
        };
        *field = number.parse().expect("a number");
    }
    Some(guarded)
}

impl Drop for Guardian {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
