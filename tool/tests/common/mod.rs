// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What the tests share: the tool, the library, C programs built for them.

// Each integration test is a crate of its own and uses a part of this.
#![allow(dead_code)]

pub mod aya;
pub mod freezer;
pub mod guardian;
pub mod made;
pub mod terminal;
pub mod victim;
pub mod watcher;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, OnceLock, PoisonError};

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
    static BUILT: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(path) = built.get(output) {
        return path.clone();
    }
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
    built.insert(output.to_string(), path.clone());
    path
}

/// Held by every test whose readers must not be woken by another test.
pub fn alone() -> fs::File {
    lock("alone")
}

/// Held until it is dropped: tests run as several processes.
pub fn lock(name: &str) -> fs::File {
    let file = fs::File::create(scratch().join(format!("{name}.lock"))).expect("a lock file");
    rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive).expect("a lock");
    file
}

/// Compiles `tests/programs/NAME.bpf.c`.
pub fn compile_bpf(name: &str) -> PathBuf {
    let _lock = lock("bpf");
    let file = Path::new(name)
        .file_name()
        .expect("a name")
        .to_string_lossy();
    let object = scratch().join(format!("{file}.bpf.o"));
    let machine = succeed(Command::new("cc").arg("-print-multiarch"));
    let machine = String::from_utf8(machine.stdout).expect("text");
    let mut clang = Command::new("clang");
    clang
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["-O2", "-g", "-target", "bpf", "-Wall", "-Wextra", "-Werror"])
        // <asm/types.h> is in the folder of the machine's architecture, for which this is not compiled.
        .arg(format!("-idirafter/usr/include/{}", machine.trim_end()))
        .arg("-o")
        .arg(&object)
        .arg("-c")
        .arg(format!("tests/programs/{name}.bpf.c"));
    succeed(&mut clang);
    object
}

/// What to give to the compiler for a static libbpf: the one that the library's tests build too.
pub fn static_libbpf() -> Vec<String> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let root = BUILT.get_or_init(build_libbpf).display();
    [
        format!("-I{root}/include"),
        "-static".into(),
        format!("{root}/lib/libbpf.a"),
        "-lelf".into(),
        "-lz".into(),
    ]
    .into()
}

fn build_libbpf() -> PathBuf {
    let _lock = lock("libbpf");
    let root = scratch().join("libbpf");
    if root.join("lib/libbpf.a").exists() {
        return root;
    }
    let mut metadata = Command::new(env!("CARGO"));
    metadata
        .current_dir(project())
        .args(["metadata", "--format-version=1", "--locked"]);
    let metadata = succeed(&mut metadata).stdout;
    let metadata: serde_json::Value = serde_json::from_slice(&metadata).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let libbpf = packages
        .iter()
        .find(|package| package["name"] == "libbpf-sys");
    let manifest = libbpf.and_then(|package| package["manifest_path"].as_str());
    let source = Path::new(manifest.expect("libbpf-sys")).with_file_name("libbpf/src");
    let new = scratch().join("libbpf.new");
    let mut make = Command::new("make");
    make.arg("-C")
        .arg(source)
        .arg("CFLAGS=-O2 -w")
        .arg("BUILD_STATIC_ONLY=1");
    for (variable, folder) in [("OBJDIR", "obj"), ("DESTDIR", "")] {
        make.arg(format!("{variable}={}/{folder}", new.display()));
    }
    make.args([
        "PREFIX=",
        "LIBDIR=/lib",
        "INCLUDEDIR=/include",
        "UAPIDIR=/include",
    ])
    .args(["install", "install_uapi_headers"])
    .env_remove("MAKEFLAGS");
    succeed(&mut make);
    fs::rename(&new, &root).expect("libbpf is put in its place");
    root
}
