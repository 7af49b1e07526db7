// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The ABI is the committed one: programs linked with an older rbshim run with this one.
//!
//! The types come from the header, which is what cbindgen makes of the source (`header.rs`); the
//! symbols and the soname from the library that ships.

use crate::common::{manifest_dir, rbshim, succeed, target_dir};
use crate::functions::FUNCTIONS;
use crate::{generate, mutated};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn the_header_declares_the_committed_abi() {
    let described = describe(&rbshim().include.join("rbshim.h"), "same");
    let (same, differences) = abidiff(&committed(), &described);
    assert!(same, "{differences}");
    assert_eq!(differences, "");
}

#[test]
fn the_library_has_the_committed_symbols_and_soname() {
    let (same, differences) = abidiff(&committed(), &rbshim().shared);
    assert!(same, "{differences}");
}

#[test]
fn a_parameter_of_another_type_would_be_found() {
    let replacement = (
        "src/capi/ring_buffer.rs",
        "timeout_ms: c_int,",
        "timeout_ms: core::ffi::c_long,",
    );
    mutated::in_copy("a parameter", &[replacement], |source, _, built| {
        fs::copy(
            manifest_dir().join("cbindgen.toml"),
            source.join("cbindgen.toml"),
        )
        .expect("cbindgen's configuration");
        let header = built.join("rbshim.h");
        let root = source.to_str().expect("UTF-8");
        generate::generate(root).write_to_file(&header);
        let (same, differences) = abidiff(&committed(), &describe(&header, "parameter"));
        assert!(!same);
        let named = differences.contains("ring_buffer__poll") && differences.contains("changed");
        assert!(named, "{differences}");
    });
}

#[test]
fn a_function_or_a_soname_that_is_gone_would_be_found() {
    let directory = target_dir().join("tmp/abi/broken");
    fs::create_dir_all(&directory).expect("a directory");
    let whole = fs::read_to_string(rbshim().include.join("rbshim.h")).expect("the header");
    for (version, gone) in [("1.0.0", FUNCTIONS[0]), ("2.0.0", "SONAME")] {
        let header = directory.join("rbshim.h");
        let with_it = format!("{gone}(");
        fs::write(&header, whole.replace(&with_it, "nothing(")).expect("a header");
        let mut link = Command::new(manifest_dir().join("packaging/link.sh"));
        link.arg(&rbshim().compiled)
            .arg(&header)
            .arg(version)
            .arg(&directory);
        succeed(&mut link);
        let library = directory.join(format!("librbshim.so.{version}"));
        let (same, differences) = abidiff(&committed(), &library);
        assert!(!same);
        assert!(differences.contains(gone), "{differences}");
    }
}

fn committed() -> PathBuf {
    manifest_dir().join("abi/librbshim.abi")
}

fn describe(header: &Path, name: &str) -> PathBuf {
    let output = target_dir().join("tmp/abi").join(format!("{name}.abi"));
    fs::create_dir_all(output.parent().expect("a directory")).expect("a directory");
    let mut describe = Command::new(manifest_dir().join("abi/describe.sh"));
    succeed(describe.arg(header).arg(&output));
    output
}

/// Whether the two are the same to a program, and how they differ.
fn abidiff(old: &Path, new: &Path) -> (bool, String) {
    let output = Command::new("abidiff")
        .args(["--no-architecture", "--no-corpus-path"])
        .args([old, new])
        .output()
        .expect("abidiff can be started");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), printed)
}
