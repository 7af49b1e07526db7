// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Runs the programs of `c-tests/faults` in every way and takes apart what they print.

use crate::common::{
    Libbpf, Way, command, first_difference, manifest_dir, printed, rbshim, require_bpf, succeed,
    target_dir,
};
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A program of `c-tests/faults`. It fails by itself if something is lost or left over.
pub struct Program {
    pub name: &'static str,
    arguments: &'static [&'static str],
    interposed: bool,
    stock: StockRun,
    runs: OnceLock<Vec<Run>>,
}

/// In what the program's run on libbpf alone must agree with the newer libbpf.
#[derive(Clone, Copy, PartialEq)]
pub enum StockRun {
    Compared,
    /// Before 1.3 it does not allocate each ring by itself.
    AllocationsSince1_3,
    /// Before 1.3 adding a ring frees what the poll around the callback still uses.
    Since1_3,
}

pub struct Run {
    pub libbpf: Libbpf,
    pub way: Way,
    /// Which lines are to be as with libbpf.
    compared: fn(&str) -> bool,
    /// What it has printed; how it has failed.
    pub printed: Result<String, String>,
}

impl Program {
    pub const fn new(name: &'static str) -> Program {
        Program {
            name,
            arguments: &[],
            interposed: false,
            stock: StockRun::Compared,
            runs: OnceLock::new(),
        }
    }

    pub const fn injection(arguments: &'static [&'static str], stock: StockRun) -> Program {
        Program {
            name: "injection",
            arguments,
            interposed: true,
            stock,
            runs: OnceLock::new(),
        }
    }

    /// Runs the program once in every way, for its own test and for the table. The first run is
    /// the one that the others are measured by: the newer libbpf, as it is.
    pub fn runs(&self) -> &[Run] {
        self.runs.get_or_init(|| {
            let mut runs = Vec::new();
            for libbpf in [Libbpf::Vendored, Libbpf::Distribution] {
                for way in Way::ALL {
                    let old = way == Way::Stock && libbpf.version() < (1, 3);
                    if old && self.stock == StockRun::Since1_3 {
                        continue;
                    }
                    runs.push(Run {
                        libbpf,
                        way,
                        compared: if old && self.stock == StockRun::AllocationsSince1_3 {
                            |line| !line.contains("allocation ")
                        } else {
                            |_| true
                        },
                        printed: printed(self.command(libbpf, way)),
                    });
                }
            }
            runs
        })
    }

    pub fn command(&self, libbpf: Libbpf, way: Way) -> Command {
        let mut command = command(&format!("faults/{}", self.name), libbpf, way);
        command.args(self.arguments);
        if self.interposed {
            // Before the library, so that it is the library's calls that fail.
            let mut preload = OsString::from(interposer());
            if way == Way::Preloaded {
                preload.push(":");
                preload.push(&rbshim().shared);
            }
            command.env("LD_PRELOAD", preload);
        }
        command
    }

    pub fn check(&self) {
        if !require_bpf() {
            return;
        }
        let expected = self.runs()[0].printed.as_deref().unwrap_or_default();
        let mut failures = String::new();
        for run in self.runs() {
            let failure = match &run.printed {
                Err(failure) => Some(failure.clone()),
                Ok(printed) => {
                    let [expected, printed] =
                        [expected, printed].map(|text| run.compared_lines(text));
                    (expected != printed).then(|| first_difference(&expected, &printed))
                }
            };
            if let Some(failure) = failure {
                let _ = writeln!(
                    failures,
                    "{}, {:?}, {:?}: {failure}\n",
                    self.name, run.libbpf, run.way
                );
            }
        }
        assert!(failures.is_empty(), "{failures}");
    }
}

/// A line that a program prints for the table.
pub struct Row<'a> {
    pub fault: &'a str,
    pub call: &'a str,
    pub result: &'a str,
    pub left_over: &'a str,
}

pub fn rows(printed: &str) -> impl Iterator<Item = Row<'_>> {
    printed.lines().filter_map(|line| {
        let mut columns = line.split(" | ");
        let row = Row {
            fault: columns.next()?,
            call: columns.next()?,
            result: columns.next()?,
            left_over: columns.next()?,
        };
        (row.fault != "fault").then_some(row)
    })
}

impl Run {
    fn compared_lines(&self, text: &str) -> String {
        let lines = text.lines().filter(|line| (self.compared)(line));
        lines.map(|line| format!("{line}\n")).collect()
    }

    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        rows(self.printed.as_deref().unwrap_or_default())
    }
}

/// Builds what stands between the programs and libc.
fn interposer() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let directory = target_dir().join("c-tests/faults");
        fs::create_dir_all(&directory).expect("a directory for the interposer");
        let library = directory.join("interposer.so");
        let new = directory.join(format!("interposer.so.new-{}", std::process::id()));
        succeed(
            Command::new("cc")
                .args(["-std=gnu11", "-O2", "-g", "-shared", "-fPIC"])
                .args(["-Wall", "-Wextra", "-Werror", "-o"])
                .arg(&new)
                .arg(manifest_dir().join("c-tests/faults/interposer.c")),
        );
        fs::rename(&new, &library).expect("the interposer under its name");
        library
    })
}
