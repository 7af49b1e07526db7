// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `rbshim watch` in the background.

use super::tool;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, Stdio};

pub struct Watcher {
    process: Child,
    lines: BufReader<ChildStderr>,
}

/// What it has said until its end.
#[derive(Debug)]
pub struct Said {
    pub lines: Vec<String>,
}

impl Said {
    /// How often it has rescued the reader of this ring.
    pub fn rescues(&self, ring: u32) -> u64 {
        let mark = format!("rescues ring={ring} count=");
        let count = self.lines.iter().find_map(|line| line.strip_prefix(&mark));
        count.map_or(0, |count| count.parse().expect("a number"))
    }

    pub fn names(&self, ring: u32) -> bool {
        let mark = format!("ring={ring} ");
        self.lines.iter().any(|line| line.contains(&mark))
    }
}

impl Watcher {
    /// Returns when it watches.
    pub fn start(options: &[&str]) -> Watcher {
        Watcher::launch(options, None)
    }

    /// As a service, with the socket of the service manager.
    pub fn start_for(options: &[&str], manager: &Path) -> Watcher {
        Watcher::launch(options, Some(manager))
    }

    fn launch(options: &[&str], manager: Option<&Path>) -> Watcher {
        let mut watch = tool();
        watch
            .args(["watch", "--name=victims_ring"])
            .args(options)
            .stderr(Stdio::piped());
        watch.env_remove("JOURNAL_STREAM");
        if let Some(socket) = manager {
            watch
                .env("NOTIFY_SOCKET", socket)
                .env("JOURNAL_STREAM", "8:1");
        }
        let mut process = watch.spawn().expect("it starts");
        let lines = BufReader::new(process.stderr.take().expect("its stderr"));
        let mut watcher = Watcher { process, lines };
        let first = watcher.line();
        assert!(first.contains("watching rings="), "{first}");
        watcher
    }

    pub fn pid(&self) -> i32 {
        self.process.id() as i32
    }

    /// Its next line that names the ring.
    pub fn line_about(&mut self, ring: u32) -> String {
        loop {
            let line = self.line();
            if line.contains(&format!("ring={ring} ")) {
                return line;
            }
        }
    }

    /// Ends it.
    pub fn end(mut self) -> Said {
        let pid = Pid::from_raw(self.process.id() as i32).expect("a process");
        kill_process(pid, Signal::TERM).expect("SIGTERM");
        let lines = self.lines.by_ref().lines();
        let lines = lines.map(|line| line.expect("text")).collect();
        let status = self.process.wait().expect("its status");
        assert!(status.success(), "{status}");
        Said { lines }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("a line");
        assert!(!line.is_empty(), "it has ended");
        line.trim_end().to_string()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
