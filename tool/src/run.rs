// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `rbshim run`: starts a program with the library.

use crate::cli::Run;
use crate::elf::{self, Facts};
use crate::error::{Failure, Result, Status, words};
use crate::loader;
use crate::privileges::{Raised, raised};
use crate::text::plain;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The library, and the front for programs that open libbpf at run time.
const LIBRARY: &str = "librbshim.so.1";
const FRONT: &str = "rbshim/libbpf.so.1";

/// Scripts whose interpreter is a script, and so on: the kernel allows as many.
const MOST_INTERPRETERS: u32 = 4;

/// Replaces this process by the command. Returns only if that fails.
pub fn run(options: &Run) -> Result<()> {
    let (name, arguments) = options
        .command
        .split_first()
        .ok_or_else(|| Failure::new(Status::Refused, "no command"))?;
    let path = resolve(name)?;
    let (file, facts) = program(&path, MOST_INTERPRETERS)?;
    if !options.force {
        refuse_without_effect(&file, &facts)?;
    }
    let environment = environment(options, &facts)?;
    let error = Command::new(&path)
        .arg0(name)
        .args(arguments)
        .envs(environment)
        .exec();
    let status = match error.raw_os_error() {
        Some(libc::ENOENT) => Status::NotFound,
        _ => Status::NotExecutable,
    };
    Err(Failure::new(
        status,
        format!("{}: {}", plain(name.as_bytes()), words(&error)),
    ))
}

/// Finds a command as the shell does.
fn resolve(name: &OsStr) -> Result<PathBuf> {
    let not_found = || {
        let shown = plain(name.as_bytes());
        Failure::new(Status::NotFound, format!("{shown}: no such command"))
    };
    if name.as_bytes().contains(&b'/') {
        let path = PathBuf::from(name);
        return if path.exists() {
            Ok(path)
        } else {
            Err(not_found())
        };
    }
    let folders = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
    std::env::split_paths(&folders)
        .map(|folder| folder.join(name))
        .find(|path| {
            path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
        })
        .ok_or_else(not_found)
}

/// The ELF file that runs: the command itself, or the interpreter of a script.
fn program(path: &Path, depth: u32) -> Result<(PathBuf, Facts)> {
    let refused = |failure: Failure| Failure::new(Status::NotExecutable, failure.message);
    let bytes = elf::read(path).map_err(refused)?;
    if let (Some(interpreter), true) = (elf::interpreter_of_script(&bytes), depth > 0) {
        return program(&interpreter, depth - 1);
    }
    let facts = elf::examine(&bytes).map_err(|reason| {
        let shown = plain(path.as_os_str().as_bytes());
        Failure::new(Status::NotExecutable, format!("{shown}: {reason}"))
    })?;
    Ok((path.to_path_buf(), facts))
}

fn refuse_without_effect(path: &Path, facts: &Facts) -> Result<()> {
    let reason = if facts.is_static() {
        "it is linked statically, so no library can be preloaded into it: relink it with rbshim, or use \
         `rbshim watch`"
    } else {
        match raised(path) {
            Some(Raised::SetId) => {
                "it is setuid or setgid, and there the loader ignores LD_PRELOAD: relink it with rbshim, or use \
                 `rbshim watch`"
            }
            Some(Raised::Capabilities) => {
                "it has file capabilities, and there the loader ignores LD_PRELOAD: relink it with rbshim, or use \
                 `rbshim watch`"
            }
            None => return Ok(()),
        }
    };
    Err(Failure::new(
        Status::Refused,
        format!(
            "{}: {reason} (--force runs it all the same)",
            plain(path.as_os_str().as_bytes())
        ),
    ))
}

/// What the program's environment gets.
fn environment(options: &Run, facts: &Facts) -> Result<Vec<(&'static str, OsString)>> {
    let mut set: Vec<(&str, OsString)> = Vec::new();
    let library = match &options.library {
        Some(path) => absolute(path, facts)?,
        None => installed(LIBRARY, facts).ok_or_else(|| {
            Failure::new(
                Status::Refused,
                format!(
                    "{LIBRARY} for this program ({} bit) is not installed; --library says where it is",
                    facts.bits
                ),
            )
        })?,
    };
    // A program that opens libbpf itself may be the command, or what the command starts.
    let front = match &options.front {
        Some(path) => Some(absolute(path, facts)?),
        None => installed(FRONT, facts),
    };
    set.push(("LD_PRELOAD", first(library.as_os_str(), "LD_PRELOAD")?));
    if let Some(folder) = front.as_deref().and_then(Path::parent) {
        let list = first(folder.as_os_str(), "LD_LIBRARY_PATH")?;
        set.push(("LD_LIBRARY_PATH", list));
    }
    let mut option = |name, value: Option<String>| {
        set.extend(value.map(|value| (name, OsString::from(value))));
    };
    option("RBSHIM_VERBOSE", options.verbose.then(|| "1".into()));
    option("RBSHIM_STATS", options.stats.then(|| "1".into()));
    option("RBSHIM_BUSY_POLL", options.busy_poll.then(|| "1".into()));
    let number = |value: Option<u32>| value.map(|value| value.to_string());
    option("RBSHIM_LINGER_US", number(options.linger_us));
    option("RBSHIM_COALESCE_US", number(options.coalesce_us));
    option("RBSHIM_POLL_MAX_MS", number(options.poll_max_ms));
    Ok(set)
}

/// `entry` before what the variable holds already. The loader takes colons and spaces for separators.
fn first(entry: &OsStr, variable: &str) -> Result<OsString> {
    if entry
        .as_bytes()
        .iter()
        .any(|byte| b": \t\n;".contains(byte))
    {
        let shown = plain(entry.as_bytes());
        return Err(Failure::new(
            Status::Refused,
            format!("{shown}: the loader cannot take a path with a space or a colon"),
        ));
    }
    let mut list = entry.to_os_string();
    if let Some(before) = std::env::var_os(variable).filter(|before| !before.is_empty()) {
        list.push(":");
        list.push(before);
    }
    Ok(list)
}

/// A library that the user names.
fn absolute(path: &Path, program: &Facts) -> Result<PathBuf> {
    let refused = |message: String| Failure::new(Status::Refused, message);
    let shown = plain(path.as_os_str().as_bytes());
    let path =
        fs::canonicalize(path).map_err(|error| refused(format!("{shown}: {}", words(&error))))?;
    let facts = elf::examine_file(&path).map_err(|failure| refused(failure.message))?;
    if !facts.contains_rbshim {
        return Err(refused(format!("{shown}: not a library of rbshim")));
    }
    if (facts.bits, facts.machine) != (program.bits, program.machine) {
        return Err(refused(format!(
            "{shown}: for another machine than the program"
        )));
    }
    Ok(path)
}

/// Where `make install` or a package has put it: beside this program, or where the loader looks.
fn installed(name: &str, program: &Facts) -> Option<PathBuf> {
    let own = std::env::current_exe().ok();
    let prefix = own.as_deref().and_then(Path::parent).and_then(Path::parent);
    let beside = prefix.into_iter().flat_map(|prefix| {
        let folders = fs::read_dir(prefix.join("lib"))
            .into_iter()
            .flatten()
            .flatten();
        // Debian's folders for each architecture.
        let architectures = folders
            .map(|entry| entry.path())
            .filter(|path| path.to_string_lossy().contains("-linux-"));
        [prefix.join("lib"), prefix.join("lib64")]
            .into_iter()
            .chain(architectures)
    });
    beside
        .chain(loader::folders().iter().cloned())
        .map(|folder| folder.join(name))
        .filter(|path| path.is_file())
        .find(|path| {
            elf::examine_file(path).is_ok_and(|facts| {
                facts.contains_rbshim
                    && (facts.bits, facts.machine) == (program.bits, program.machine)
            })
        })
}
