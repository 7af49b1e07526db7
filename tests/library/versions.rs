// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The version is Cargo.toml's, wherever else it stands.

use crate::common::{manifest_dir, rbshim};
use std::fs;
use std::process::Command;

const VERSION: &str = env!("CARGO_PKG_VERSION");
const MAJOR: &str = env!("CARGO_PKG_VERSION_MAJOR");

#[test]
fn the_header_the_soname_and_the_library_agree() {
    let header = text("include/rbshim.h");
    let parts = [
        ("", format!("\"{VERSION}\"")),
        ("_MAJOR", MAJOR.to_string()),
        ("_MINOR", env!("CARGO_PKG_VERSION_MINOR").to_string()),
        ("_PATCH", env!("CARGO_PKG_VERSION_PATCH").to_string()),
    ];
    for (part, value) in parts {
        let line = format!("#define RBSHIM_VERSION{part} {value}\n");
        assert!(header.contains(&line), "{line}");
    }
    assert!(text("build.rs").contains(&format!("-soname,librbshim.so.{MAJOR}\"")));
    let library = fs::read(&rbshim().shared).expect("the library");
    let announced = format!("\0{VERSION}\0");
    let found = library
        .windows(announced.len())
        .any(|bytes| bytes == announced.as_bytes());
    assert!(found, "the library announces another version");
}

/// Each place and how it writes the version.
#[test]
fn every_file_that_names_the_version_names_this_one() {
    for (file, written) in [
        ("CHANGELOG.md", format!("## [{VERSION}]")),
        ("README.md", format!("rbshim {VERSION} active")),
        ("man/rbshim.7", format!("rbshim {VERSION}")),
        ("debian/changelog", format!("rbshim ({VERSION}-")),
        (
            "packaging/rpm/rbshim.spec",
            format!("\nVersion:        {VERSION}\n"),
        ),
        (
            "packaging/nix/library.nix",
            format!("  version = \"{VERSION}\";\n"),
        ),
        (
            "packaging/nix/tool.nix",
            format!("  version = \"{VERSION}\";\n"),
        ),
        (
            "packaging/nix/tool.nix",
            format!("ln -s ../rbshim-tool-{VERSION} rbshim-{VERSION}/tool"),
        ),
        (
            "packaging/nix/default.nix",
            format!("/rbshim-tool-{VERSION}.tar.xz,\n"),
        ),
        ("tool/Cargo.toml", format!("\nversion = \"{VERSION}\"\n")),
        (
            "packaging/nix/default.nix",
            format!("/rbshim-{VERSION}.tar.xz,\n"),
        ),
        ("packaging/alpine/APKBUILD", format!("pkgver={VERSION}\n")),
        ("packaging/arch/PKGBUILD", format!("pkgver={VERSION}\n")),
    ] {
        assert!(text(file).contains(&written), "{file}: {written}");
    }
}

#[test]
fn every_man_page_names_this_version() {
    let mut looked_at = 0;
    for entry in fs::read_dir(manifest_dir().join("man")).expect("man/") {
        let page = entry.expect("an entry").path();
        let source = fs::read_to_string(&page).expect("a page");
        // Some only lead to another.
        if source.lines().any(|line| line.starts_with(".so ")) {
            continue;
        }
        let line = source.lines().find(|line| line.starts_with(".Os"));
        assert_eq!(
            line,
            Some(format!(".Os rbshim {VERSION}").as_str()),
            "{page:?}"
        );
        looked_at += 1;
    }
    assert!(looked_at >= 4);
}

#[test]
fn the_lock_files_name_this_version() {
    for lock in ["Cargo.lock", "benches/Cargo.lock", "fuzz/Cargo.lock"] {
        let entry = format!("name = \"rbshim\"\nversion = \"{VERSION}\"\n");
        assert!(text(lock).contains(&entry), "{lock}");
    }
}

#[test]
fn make_takes_it_from_the_same_place() {
    let mut make = Command::new("make");
    make.current_dir(manifest_dir())
        .args(["--print-data-base", "--question"]);
    let printed = make.output().expect("make can be started").stdout;
    let printed = String::from_utf8_lossy(&printed).into_owned();
    assert!(printed.contains(&format!("VERSION := {VERSION}\n")));
}

fn text(file: &str) -> String {
    fs::read_to_string(manifest_dir().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}
