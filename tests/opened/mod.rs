// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Programs that open libbpf when they run, and fronts for both libbpfs.

// Each integration test is a crate of its own and uses a part of this.
#![allow(dead_code)]

pub mod symbols;

use crate::common::{Libbpf, bpf_dir, clean, manifest_dir, rbshim, succeed, target_dir};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;

/// How the front gets into a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// `LD_LIBRARY_PATH`.
    SearchPath,
    /// `LD_PRELOAD`.
    Preload,
}

impl Entry {
    pub const ALL: [Entry; 2] = [Entry::SearchPath, Entry::Preload];

    pub fn bring(self, front: &Path, command: &mut Command) {
        match self {
            Entry::SearchPath => {
                let directory = front.parent().expect("a directory");
                command.env("LD_LIBRARY_PATH", directory)
            }
            Entry::Preload => command.env("LD_PRELOAD", front),
        };
    }
}

/// The libbpf that the front is for, by its path without symbolic links.
pub fn real(libbpf: Libbpf) -> PathBuf {
    let directory = fs::canonicalize(&libbpf.library().directory);
    directory.expect("its directory").join("libbpf.so.1")
}

/// The front for this libbpf, with the link that is installed beside it.
pub fn front(libbpf: Libbpf) -> PathBuf {
    let directory = folder("front").join(libbpf.name());
    let front = directory.join("libbpf.so.1");
    once(&front, |front| {
        fs::create_dir_all(&directory).expect("a directory for the front");
        let real = libbpf.library().directory.join("libbpf.so.1");
        let output = build_front(&[&rbshim().archive, &real, front]);
        assert!(output.status.success(), "{output:?}");
        let link = directory.join("libbpf.so");
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink("libbpf.so.1", &link).expect("a link to the front");
    });
    front
}

/// Stands for a very old libbpf: it has the name, one version and one function.
pub fn old_libbpf() -> PathBuf {
    let folder = folder("old");
    let library = folder.join("libbpf.so.1");
    once(&library, |library| {
        let [source, versions] = ["libbpf.c", "libbpf.map"].map(|name| folder.join(name));
        fs::write(&source, "void ring_buffer__new(void) {}\n").expect("a source");
        fs::write(&versions, "LIBBPF_0.0.9 { ring_buffer__new; };\n").expect("its versions");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-Wl,-soname,libbpf.so.1"]);
        compiler.arg(format!("-Wl,--version-script={}", versions.display()));
        succeed(compiler.arg(source).arg("-o").arg(library));
    });
    library
}

pub fn build_front(arguments: &[&Path]) -> Output {
    Command::new(manifest_dir().join("packaging/front/build.sh"))
        .args(arguments)
        .output()
        .expect("build.sh can be started")
}

/// A program of `c-tests`, made to open the libbpf for whose headers it is compiled.
pub fn program(name: &str, libbpf: Libbpf) -> PathBuf {
    let mut compiler = compiler(libbpf);
    compiler.arg("-include");
    compiler.arg(manifest_dir().join("c-tests/dlopen/opened.h"));
    if name == "edge_triggered" {
        compiler.arg("-DWITHOUT_CONSUME_N");
    }
    let binary = format!("{name}-{}", libbpf.name());
    compile(compiler, &format!("c-tests/{name}.c"), &binary)
}

/// `c-tests/dlopen/lookups.c`.
pub fn lookups() -> PathBuf {
    let compiler = compiler(Libbpf::Distribution);
    compile(compiler, "c-tests/dlopen/lookups.c", "lookups")
}

fn compiler(libbpf: Libbpf) -> Command {
    let mut compiler = Command::new("cc");
    compiler.args(["-std=gnu11", "-O2", "-g", "-pthread", "-D_GNU_SOURCE"]);
    compiler.args(["-Wall", "-Wextra", "-Werror"]);
    if let Some(include) = &libbpf.library().include {
        compiler.arg("-isystem").arg(include);
    }
    compiler
}

fn compile(mut compiler: Command, source: &str, binary: &str) -> PathBuf {
    let binary = folder("programs").join(binary);
    once(&binary, |binary| {
        compiler.arg(manifest_dir().join(source)).arg("-ldl");
        succeed(compiler.arg("-o").arg(binary));
    });
    binary
}

/// Has `build` make the file, if this process has not made it yet.
fn once(file: &Path, build: impl FnOnce(&Path)) {
    static BUILT: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
    let mut built = BUILT.lock().expect("nothing has failed to be built");
    if !built.contains(file) {
        build(file);
        built.insert(file.to_path_buf());
    }
}

/// To run where the BPF objects are, with nothing but this libbpf to be found.
pub fn command(program: &Path, libbpf: Libbpf) -> Command {
    let mut command = clean(program);
    command.current_dir(bpf_dir());
    command.env("LD_LIBRARY_PATH", &libbpf.library().directory);
    command
}

/// The same with the front.
pub fn command_with_front(program: &Path, libbpf: Libbpf, entry: Entry) -> Command {
    let mut command = command(program, libbpf);
    entry.bring(&front(libbpf), &mut command);
    command
}

/// Has rbshim said that it is this file, or a link beside it?
pub fn is_active(output: &Output, file: &Path) -> bool {
    let said = String::from_utf8_lossy(&output.stderr);
    let folder = file.parent().expect("a directory").display();
    said.contains(&format!("active: {folder}/"))
}

pub fn folder(name: &str) -> PathBuf {
    let folder = target_dir().join("c-tests/dlopen").join(name);
    fs::create_dir_all(&folder).expect("a directory");
    folder
}
