// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! docs/linking.md: its commands are run as they stand there, after `make install`, and print what it says.

mod common;
mod guide;
mod namespace;

use common::{Libbpf, clean, make, manifest_dir, require_bpf, run, succeed, target_dir};
use guide::{Block, Section, matches, sections};
use namespace::with_view;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const WATCH_DOG: Duration = Duration::from_secs(300);
/// Where each section's folder is while its commands run.
const WORK: &str = "/srv";

#[test]
fn every_command_of_the_guide_prints_what_the_guide_says() {
    if !require_bpf() {
        return;
    }
    let machine = Machine::new();
    let mut wrong = Vec::new();
    for section in guide() {
        wrong.extend(machine.run(&section));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn every_program_that_the_guide_runs_is_shown_with_or_without_rbshim() {
    let sections = guide();
    let mut programs = 0;
    for section in &sections {
        for block in &section.blocks {
            let Block::Commands { script, prints } = block else {
                continue;
            };
            let lines = script.lines().map(str::trim_start);
            let runs = lines
                .filter(|line| line.starts_with("RBSHIM_VERBOSE=1 "))
                .count();
            programs += runs;
            let shown = prints.as_ref().is_some_and(|text| !text.is_empty());
            assert!(runs == 0 || shown, "{}: {script}", section.title);
        }
    }
    assert!(programs > 20, "{programs} programs are run");
}

fn guide() -> Vec<Section> {
    let text = fs::read_to_string(manifest_dir().join("docs/linking.md"));
    sections(&text.expect("the guide"))
}

/// What the commands find: rbshim installed in /usr/local, and an /etc that they may write to.
struct Machine {
    root: PathBuf,
}

impl Machine {
    fn new() -> Machine {
        let root = target_dir().join("linking");
        let _ = fs::remove_dir_all(&root);
        for folder in ["etc", "hosts-etc", "cache", "nothing"] {
            fs::create_dir_all(root.join(folder)).expect("a folder");
        }
        for entry in fs::read_dir("/etc").expect("/etc can be listed") {
            let name = entry.expect("an entry of /etc").file_name();
            if name != "ld.so.cache" && name != "ld.so.preload" {
                let link = root.join("etc").join(&name);
                symlink(root.join("hosts-etc").join(&name), link).expect("a link");
            }
        }
        succeed(make("install").arg(format!("DESTDIR={}", root.display())));
        let machine = Machine { root };
        let printed = machine.shell(&machine.root.join("nothing"), "ldconfig");
        assert_eq!(printed, Ok(String::new()));
        machine
    }

    /// What is not as the section says.
    fn run(&self, section: &Section) -> Option<String> {
        let folder = self.root.join(section.title.replace(' ', "-"));
        succeed(
            Command::new("cp")
                .arg("-a")
                .arg(manifest_dir().join("tests/linking"))
                .arg(&folder),
        );
        let libbpf = Libbpf::Vendored.library();
        fs::create_dir(folder.join(".output")).expect("a folder");
        let bpf = libbpf
            .include
            .as_ref()
            .expect("headers of its own")
            .join("bpf");
        for (what, name) in [(&libbpf.archive, "libbpf.a"), (&bpf, "bpf")] {
            symlink(what, folder.join(".output").join(name)).expect("a link");
        }
        for block in &section.blocks {
            match block {
                Block::File { name, text } => fs::write(folder.join(name), text).expect("a file"),
                Block::Commands { script, prints } => {
                    let printed = match self.shell(&folder, script) {
                        Ok(printed) => printed,
                        Err(failure) => {
                            return Some(format!("{}:\n{script}{failure}", section.title));
                        }
                    };
                    if let Some(prints) = prints
                        && !matches(prints, &printed)
                    {
                        return Some(format!(
                            "{}:\n{script}--- should print\n{prints}--- printed\n{printed}",
                            section.title
                        ));
                    }
                }
            }
        }
        None
    }

    /// Runs the commands; both of their outputs, or how they failed.
    fn shell(&self, folder: &Path, script: &str) -> Result<String, String> {
        let mut shell = clean(Path::new("/bin/sh"));
        shell.args(["-euc", &format!("cd {WORK}; exec 2>&1; {script}")]);
        let inside = |name: &str| self.root.join(name);
        let views = [
            (PathBuf::from("/etc"), inside("hosts-etc")),
            (inside("etc"), "/etc".into()),
            (inside("cache"), "/var/cache/ldconfig".into()),
            (inside("usr/local/lib"), "/usr/local/lib".into()),
            (inside("usr/local/include"), "/usr/local/include".into()),
            (folder.to_path_buf(), WORK.into()),
        ];
        with_view(&mut shell, &views, None);
        let output = run(shell, WATCH_DOG);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            Ok(text)
        } else {
            Err(format!("--- {}\n{text}", output.status))
        }
    }
}
