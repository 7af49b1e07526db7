// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A reader in a process of its own, statically linked with libbpf, that sleeps on data when it is told to.

use super::{compile, compile_bpf, static_libbpf};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

pub struct Victim {
    process: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// The id of its ring.
    pub ring: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    pub delivered: u64,
    pub dropped: u64,
    pub produced: u64,
}

impl Victim {
    /// Starts one with these options.
    pub fn start(options: &[&str]) -> Victim {
        let libbpf = static_libbpf();
        let libbpf: Vec<&str> = libbpf.iter().map(String::as_str).collect();
        let mut command = Command::new(compile("victim", "victim", &libbpf));
        Victim::launch(&mut command, options)
    }

    /// The same program, built or started in another way.
    pub fn launch(command: &mut Command, options: &[&str]) -> Victim {
        static OBJECT: OnceLock<PathBuf> = OnceLock::new();
        let object = OBJECT.get_or_init(|| compile_bpf("victim"));
        command.arg(object).args(options);
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the victim starts");
        let commands = process.stdin.take().expect("its stdin");
        let answers = BufReader::new(process.stdout.take().expect("its stdout"));
        let mut victim = Victim {
            process,
            commands,
            answers,
            ring: 0,
        };
        let ready = victim.answer();
        let id = ready.strip_prefix("ready ").expect("its ring");
        victim.ring = id.parse().expect("an id");
        victim
    }

    pub fn pid(&self) -> i32 {
        self.process.id() as i32
    }

    /// `quiet N`, `fill N`, `loud N` or `count`.
    pub fn tell(&mut self, command: &str) -> Counts {
        writeln!(self.commands, "{command}").expect("it listens");
        let answer = self.answer();
        let numbers: Vec<u64> = answer
            .split(' ')
            .filter_map(|word| word.parse().ok())
            .collect();
        let [delivered, dropped, produced] = numbers[..] else {
            panic!("{answer:?}");
        };
        Counts {
            delivered,
            dropped,
            produced,
        }
    }

    /// Waits until everything has been delivered or dropped.
    pub fn settle(&mut self) -> Counts {
        loop {
            let counts = self.tell("count");
            if counts.delivered + counts.dropped == counts.produced {
                return counts;
            }
            std::thread::yield_now();
        }
    }

    /// Waits until its reader sleeps in a wait.
    pub fn sleeps(&self) {
        sleeps(self.pid());
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("an answer");
        assert!(!line.is_empty(), "the victim has ended");
        line.trim_end().to_string()
    }
}

/// Waits until a thread of the process sleeps in a wait.
pub fn sleeps(pid: i32) {
    loop {
        let threads = rbshim_tool::process::thread::all(pid).expect("it lives");
        if threads.iter().any(|thread| thread.asleep()) {
            return;
        }
        std::thread::yield_now();
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
