// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `rbshim check`: does a program, or a process, read rings, and what of rbshim reaches it?

mod finding;
mod judge;
mod report;

use crate::cli::Check;
use crate::elf;
use crate::error::{Failure, Result, Status};
use crate::loader::{Found, Libraries};
use crate::privileges::raises_others;
use crate::process::{self, Process, active, mapped};
use crate::rings;
use crate::text::plain;
use crate::top::print;
pub use finding::{Finding, Reach, RingUse};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Scripts whose interpreter is a script, and so on.
const MOST_INTERPRETERS: u32 = 4;

/// Checks each of them. Returns the exit status.
pub fn check(options: &Check) -> Result<u8> {
    let mut findings = Vec::new();
    let mut libraries = Libraries::default();
    let mut failed: Option<Status> = None;
    for subject in &options.subjects {
        let found = match pid(subject) {
            Some(pid) => of_process(pid),
            None => of_program(subject, &mut libraries),
        };
        match found {
            Ok(finding) => findings.push(finding),
            Err(failure) => {
                eprintln!("rbshim: {failure}");
                failed.get_or_insert(failure.status);
            }
        }
    }
    if options.json {
        print(&report::json(&findings))?;
    } else {
        print(&report::text(&findings))?;
    }
    let reach = findings.iter().map(|finding| finding.reach).max();
    Ok(match failed {
        Some(status) => status as u8,
        None => reach.unwrap_or(Reach::Nothing).status(),
    })
}

fn pid(subject: &OsStr) -> Option<i32> {
    subject.to_str()?.parse().ok()
}

/// A program on disk, with the libraries that it is linked with.
pub fn of_program(name: &OsStr, libraries: &mut Libraries) -> Result<Finding> {
    let path = resolve(name)?;
    let (file, script) = executable(&path, MOST_INTERPRETERS)?;
    let facts = elf::examine_file(&file)?;
    let raised = raises_others(&file);
    let files = libraries.closure(&file, facts);
    let mut finding = judge::program(plain(name.as_bytes()), &files, raised);
    if script {
        let interpreter = plain(file.as_os_str().as_bytes());
        finding.reasons.push(format!(
            "a script: this is about its interpreter, {interpreter}; check the process while it runs"
        ));
    }
    Ok(finding)
}

/// A file, or else a command.
fn resolve(name: &OsStr) -> Result<PathBuf> {
    let path = PathBuf::from(name);
    if path.exists() || name.as_bytes().contains(&b'/') {
        return Ok(path);
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&folders)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file());
    found.ok_or_else(|| {
        let shown = plain(name.as_bytes());
        Failure::new(Status::Missing, format!("{shown}: no such file or command"))
    })
}

/// The ELF file that runs; whether it is a script's interpreter.
fn executable(path: &Path, depth: u32) -> Result<(PathBuf, bool)> {
    let bytes = elf::read(path)?;
    if let (Some(interpreter), true) = (elf::interpreter_of_script(&bytes), depth > 0) {
        let (file, _) = executable(&interpreter, depth - 1)?;
        return Ok((file, true));
    }
    Ok((path.to_path_buf(), false))
}

/// A process: what it has in memory, and which rings it reads how.
pub fn of_process(pid: i32) -> Result<Finding> {
    let look = Process::look(pid)?;
    let failed = |error: std::io::Error| process::gone(pid, &error);
    let exe = PathBuf::from(format!("/proc/{pid}/exe"));
    // A kernel thread has no program.
    let target = std::fs::read_link(&exe).map_err(failed)?;
    let program = Found {
        path: target.clone(),
        facts: elf::examine_file(&exe)?,
    };
    let raised = raises_others(&exe);
    let mut files = vec![program];
    for path in active::files(pid).map_err(failed)? {
        if path == target {
            continue;
        }
        if let Ok(facts) = elf::examine_file(&active::inside(pid, &path)) {
            files.push(Found { path, facts });
        }
    }
    let name = format!("{pid} ({})", plain(&look.name));
    let mut finding = judge::process(name, &files, raised);
    finding.pid = Some(pid);
    match uses(pid, &look) {
        Ok(uses) => finding.rings = uses,
        Err(failure) => finding
            .reasons
            .push(format!("its rings are not shown: {failure}")),
    }
    finding.conclude();
    Ok(finding)
}

/// The rings that it has mapped.
fn uses(pid: i32, look: &Process) -> Result<Vec<RingUse>> {
    let rings = rings::find(&mut BTreeMap::new())?;
    let found = mapped::mapped(&rings, [pid])?;
    let own = rings
        .into_iter()
        .filter(|ring| found.processes.contains_key(&ring.id));
    Ok(own
        .map(|ring| RingUse {
            how: look.how(ring.id),
            waits_now: crate::kick::sleeps(look, ring.id),
            ring,
        })
        .collect())
}
