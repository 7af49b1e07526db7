// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Compiling and starting the C programs and their BPF programs.

use super::artifacts::{manifest_dir, rbshim, succeed, target_dir, unique};
use super::{Libbpf, Way};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

/// Why a program could not be built.
#[derive(Debug)]
pub struct BuildError {
    /// What the program uses and this libbpf does not have. Empty if that is not the reason.
    pub missing: Vec<String>,
    /// What compiler and linker said.
    pub messages: String,
}

/// Compiles `c-tests/<program>.c` or `.cpp` unless it is up to date, and returns the binary.
pub fn build(program: &str, libbpf: Libbpf, way: Way) -> Result<PathBuf, BuildError> {
    let source = source(program);
    let binary = target_dir()
        .join("c-tests")
        .join(libbpf.name())
        .join(way.link_name())
        .join(program);
    let mut inputs = headers();
    inputs.push(source.clone());
    inputs.push(libbpf.library().archive.clone());
    if matches!(way, Way::Shared | Way::Static) {
        inputs.extend([rbshim().shared.clone(), rbshim().archive.clone()]);
    }
    if is_newer(&binary, &inputs) {
        return Ok(binary);
    }

    fs::create_dir_all(binary.parent().expect("a directory")).expect("a directory for binaries");
    let new = unique(&binary);
    let mut compiler = compiler(&source, libbpf, way);
    compiler.arg("-o").arg(&new).arg(&source);
    compiler.args(libraries(libbpf, way));
    let output = compiler.output().expect("the C compiler can be started");
    if !output.status.success() {
        let messages = String::from_utf8_lossy(&output.stderr).into_owned();
        let mut missing = undeclared_or_undefined(&messages);
        missing.retain(|symbol| !libbpf.library().defines(symbol));
        return Err(BuildError { missing, messages });
    }
    fs::rename(&new, &binary).expect("the binary under its name");
    Ok(binary)
}

/// The program, ready to run in this way, in the folder of the BPF objects.
pub fn command(program: &str, libbpf: Libbpf, way: Way) -> Command {
    let binary = build(program, libbpf, way).unwrap_or_else(|error| {
        panic!("{program} for {libbpf:?}, {way:?}: {}", error.messages);
    });
    let mut command = clean(&binary);
    command.current_dir(bpf_dir());
    if way == Way::Preloaded {
        command.env("LD_PRELOAD", &rbshim().shared);
    }
    command
}

/// A program without our options, and without libraries but those it was linked with: cargo's search path
/// could bring in another libbpf.
pub fn clean(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("RBSHIM_") {
            command.env_remove(name);
        }
    }
    for name in ["LD_LIBRARY_PATH", "LD_PRELOAD", "LIBBPF_LOG_LEVEL"] {
        command.env_remove(name);
    }
    command
}

/// Compiles all BPF programs that are not up to date; returns their folder.
pub fn bpf_dir() -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| {
        let directory = target_dir().join("c-tests/bpf");
        fs::create_dir_all(&directory).expect("a directory for BPF objects");
        let headers = headers();
        for source in files_of_c_tests() {
            let name = source.file_name().expect("a file").to_string_lossy();
            let Some(stem) = name.strip_suffix(".bpf.c") else {
                continue;
            };
            let object = directory.join(format!("{stem}.bpf.o"));
            let mut inputs = headers.clone();
            inputs.push(source.clone());
            if !is_newer(&object, &inputs) {
                let new = unique(&object);
                succeed(bpf_compiler().arg("-o").arg(&new).arg("-c").arg(&source));
                fs::rename(&new, &object).expect("the object under its name");
            }
        }
        directory
    })
}

/// Compiles BPF programs.
pub fn bpf_compiler() -> Command {
    let mut clang = Command::new("clang");
    clang.args(["-O2", "-g", "-target", "bpf", "-Wall", "-Wextra", "-Werror"]);
    // Callbacks of bpf_loop() have parameters they do not need.
    clang.arg("-Wno-unused-parameter");
    clang.arg("-I");
    clang.arg(
        Libbpf::Vendored
            .library()
            .include
            .as_ref()
            .expect("has headers of its own"),
    );
    // <asm/types.h> is in the folder of the machine's architecture, for which this is not compiled.
    let machine = succeed(Command::new("cc").arg("-print-multiarch"));
    clang.arg(format!("-idirafter/usr/include/{}", machine.trim_end()));
    clang
}

impl Way {
    /// Preloading is for the binary as it is.
    fn link_name(self) -> &'static str {
        match self {
            Way::Stock | Way::Preloaded => "stock",
            Way::Shared => "shared",
            Way::Static => "static",
        }
    }
}

fn source(program: &str) -> PathBuf {
    let source = |extension| manifest_dir().join(format!("c-tests/{program}.{extension}"));
    [source("c"), source("cpp")]
        .into_iter()
        .find(|file| file.exists())
        .unwrap_or_else(|| panic!("there is no c-tests/{program}.c or .cpp"))
}

fn compiler(source: &Path, libbpf: Libbpf, way: Way) -> Command {
    let is_c = source.extension().is_some_and(|extension| extension == "c");
    let mut compiler = Command::new(if is_c { "cc" } else { "c++" });
    // The names of missing functions are read from the messages.
    compiler.env("LC_ALL", "C");
    compiler.arg(if is_c { "-std=gnu11" } else { "-std=gnu++17" });
    compiler.args([
        "-O2",
        "-g",
        "-pthread",
        "-D_GNU_SOURCE",
        "-Wall",
        "-Wextra",
        "-Werror",
    ]);
    if let Some(include) = &libbpf.library().include {
        // Like the distribution's: warnings are for the programs, not for libbpf's macros.
        compiler.arg("-isystem").arg(include);
    }
    if matches!(way, Way::Shared | Way::Static) && libbpf == Libbpf::Distribution {
        // Its header may be older than functions that rbshim brings.
        compiler.arg("-I").arg(&rbshim().include);
        compiler.args(["-include", "rbshim.h"]);
    }
    compiler
}

fn libraries(libbpf: Libbpf, way: Way) -> Vec<OsString> {
    let library = libbpf.library();
    let found_in = |directory: &Path| -> [OsString; 2] {
        let directory = directory.display();
        [
            format!("-L{directory}").into(),
            format!("-Wl,-rpath,{directory}").into(),
        ]
    };
    let mut arguments = Vec::new();
    match way {
        Way::Stock | Way::Preloaded => {
            arguments.extend(found_in(&library.directory));
            arguments.push("-lbpf".into());
        }
        Way::Shared => {
            arguments.extend(found_in(&rbshim().directory));
            arguments.extend(found_in(&library.directory));
            arguments.extend(["-lrbshim".into(), "-lbpf".into()]);
        }
        Way::Static => {
            arguments.push(rbshim().archive.clone().into());
            arguments.push(library.archive.clone().into());
            arguments.extend([
                "-lelf".into(),
                "-lz".into(),
                "-lgcc_s".into(),
                "-ldl".into(),
            ]);
        }
    }
    arguments
}

/// The functions that compiler or linker did not find.
fn undeclared_or_undefined(messages: &str) -> Vec<String> {
    let mut missing: Vec<String> = messages
        .lines()
        .filter_map(|line| {
            let unknown = [
                "implicit declaration of function",
                "undefined reference to",
                "was not declared",
            ]
            .iter()
            .any(|complaint| line.contains(complaint));
            let name = line
                .rsplit_once(" error: ")
                .map_or(line, |(_, message)| message);
            let name = name.split(['\'', '`']).nth(1)?;
            unknown.then(|| name.to_string())
        })
        .collect();
    missing.sort();
    missing.dedup();
    missing
}

fn headers() -> Vec<PathBuf> {
    let mut headers = files_of_c_tests();
    headers.retain(|file| file.extension().is_some_and(|extension| extension == "h"));
    let ours = manifest_dir().join("include/rbshim.h");
    headers.extend(ours.exists().then_some(ours));
    headers
}

fn files_of_c_tests() -> Vec<PathBuf> {
    fs::read_dir(manifest_dir().join("c-tests"))
        .expect("c-tests can be listed")
        .map(|entry| entry.expect("an entry of c-tests").path())
        .collect()
}

fn is_newer(file: &Path, inputs: &[PathBuf]) -> bool {
    let time = |path: &Path| -> Option<SystemTime> { fs::metadata(path).ok()?.modified().ok() };
    let Some(built) = time(file) else {
        return false;
    };
    inputs
        .iter()
        .all(|input| time(input).is_some_and(|changed| changed < built))
}
