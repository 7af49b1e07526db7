// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Builds of the library with pieces of its source replaced: what a check must find.

// Each integration test is a crate of its own and uses a part of this.
#![allow(dead_code)]

use super::common::{cargo, locked, manifest_dir, succeed};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file, what is replaced in it, by what. The piece occurs exactly once.
pub type Replacement<'a> = (&'a str, &'a str, &'a str);

pub struct Mutated {
    pub shared: PathBuf,
    pub archive: PathBuf,
}

/// The release library with the replacements made.
pub fn build(name: &str, replacements: &[Replacement]) -> Mutated {
    in_copy(name, replacements, |source, target, built| {
        let mut cargo = cargo_in(source, target, "build");
        succeed(cargo.env("RUSTFLAGS", "--cap-lints=allow"));
        let kept = |file: &str| keep(&target.join("release").join(file), &built.join(file));
        Mutated {
            shared: kept("librbshim.so"),
            archive: kept("librbshim.a"),
        }
    })
}

/// The release archive with the replacements made, if any, instrumented for a sanitizer.
///
/// No std with the same instrumentation is needed, since nothing of this crate that a program can
/// reach calls into std.
pub fn build_sanitized(name: &str, replacements: &[Replacement], sanitizer: &str) -> PathBuf {
    in_copy(name, replacements, |source, target, built| {
        let mut flags = format!("--cap-lints=allow -Zsanitizer={sanitizer}");
        // Newer compilers want to hear that std without it is all right.
        let switch = "unsafe-allow-abi-mismatch";
        if succeed(Command::new(rustc()).args(["-C", "help"])).contains(switch) {
            flags += &format!(" -C{switch}=sanitizer");
        }
        let version = succeed(Command::new(rustc()).arg("-vV"));
        let host = version
            .lines()
            .find_map(|line| line.strip_prefix("host: "))
            .expect("a host");
        let mut cargo = cargo_in(source, target, "rustc");
        // `--target` keeps the flags away from build scripts.
        cargo.args(["--crate-type=staticlib", "--target", host]);
        // The switch is not stable; the compiler behind it is the one that builds the rest.
        succeed(cargo.env("RUSTFLAGS", flags).env("RUSTC_BOOTSTRAP", "1"));
        let archive = target.join(host).join("release/librbshim.a");
        keep(&archive, &built.join("librbshim.a"))
    })
}

/// Copies the crate, replaces, and calls `build` with the copy, a target directory, and a directory
/// for the result. All tests use one place, one after the other, so that cargo builds the dependencies once.
pub fn in_copy<T>(
    name: &str,
    replacements: &[Replacement],
    build: impl FnOnce(&Path, &Path, &Path) -> T,
) -> T {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mutated");
    // Two tests may have the same name for different replacements.
    let built = root.join(env!("CARGO_CRATE_NAME")).join(name);
    fs::create_dir_all(&built).expect("a directory");
    locked(&root.join("lock"), || {
        let source = root.join("crate");
        copy_crate(&source);
        for (file, from, to) in replacements {
            let file = source.join(file);
            let text = fs::read_to_string(&file).expect("a source");
            assert_eq!(text.matches(from).count(), 1, "{name}: {from:?}");
            fs::write(&file, text.replace(from, to)).expect("a source");
        }
        build(&source, &root.join("target"), &built)
    })
}

fn cargo_in(source: &Path, target: &Path, action: &str) -> Command {
    let mut cargo = cargo();
    cargo.current_dir(source);
    cargo.args([action, "--release", "--lib", "--locked", "--offline"]);
    cargo.arg("--target-dir").arg(target);
    cargo
}

fn rustc() -> OsString {
    std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())
}

fn keep(from: &Path, to: &Path) -> PathBuf {
    fs::copy(from, to).expect("a library");
    to.to_path_buf()
}

fn copy_crate(to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to).expect("a directory");
    for file in ["Cargo.toml", "Cargo.lock", "build.rs"] {
        fs::copy(manifest_dir().join(file), to.join(file)).expect("a copy");
    }
    copy_tree(&manifest_dir().join("src"), &to.join("src"));
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}
