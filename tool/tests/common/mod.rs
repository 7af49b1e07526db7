// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What the tests share: the tool, the library, C programs built for them.

// Each integration test is a crate of its own and uses a part of this.
#![allow(dead_code)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// The tool, with no variable of ours in its environment.
pub fn tool() -> Command {
    let mut tool = Command::new(env!("CARGO_BIN_EXE_rbshim"));
    for variable in [
        "LD_PRELOAD",
        "LD_LIBRARY_PATH",
        "RBSHIM_VERBOSE",
        "RBSHIM_STATS",
    ] {
        tool.env_remove(variable);
    }
    tool
}

/// Its exit status, stdout and stderr.
pub fn told(command: &mut Command) -> (i32, String, String) {
    let output = command.output().expect("the tool starts");
    (
        output.status.code().unwrap_or(-1),
        String::from_utf8(output.stdout).expect("text"),
        String::from_utf8(output.stderr).expect("text"),
    )
}

/// Runs what must succeed.
pub fn succeed(command: &mut Command) -> Output {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    output
}

/// The project's own folder, above the tool's.
pub fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("a parent")
}

/// The project's target directory, where the tests of the library keep what they build.
pub fn project_target() -> PathBuf {
    project().join("target")
}

/// Where this test may write.
pub fn scratch() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).to_path_buf();
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// The library as it ships, built once.
pub fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let _lock = lock("library");
        let mut make = Command::new("make");
        make.current_dir(project())
            .args(["--silent", "build"])
            .env("CARGO_TARGET_DIR", project_target());
        for variable in ["MAKEFLAGS", "MFLAGS", "MAKELEVEL", "RUSTFLAGS"] {
            make.env_remove(variable);
        }
        succeed(&mut make);
        project_target().join("package/librbshim.so.1")
    })
}

/// Compiles `tests/programs/NAME.c` with these further arguments, to a file named `output`.
pub fn compile(name: &str, output: &str, arguments: &[&str]) -> PathBuf {
    let _lock = lock(output);
    let path = scratch().join(output);
    let source = format!("tests/programs/{name}.c");
    let new = path.with_extension("new");
    let mut compiler = Command::new("cc");
    compiler
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["-O2", "-g", "-Wall", "-Wextra", "-Werror", "-pthread", "-o"])
        .arg(&new)
        .arg(source)
        .args(arguments);
    succeed(&mut compiler);
    fs::rename(&new, &path).expect("the program is put in its place");
    path
}

/// Held until it is dropped: tests run as several processes.
pub fn lock(name: &str) -> fs::File {
    let file = fs::File::create(scratch().join(format!("{name}.lock"))).expect("a lock file");
    rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive).expect("a lock");
    file
}
