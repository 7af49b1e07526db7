// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What the crate offers to Rust programs: the C API, and nothing else.

mod common;
mod functions;

use common::{cargo, manifest_dir, succeed};
use functions::{EXTENSIONS, FUNCTIONS};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// libbpf's names for what the functions take and return, and one of our own.
const TYPES: [&str; 6] = [
    "rbshim_ring_statistics",
    "ring",
    "ring_buffer",
    "ring_buffer_opts",
    "user_ring_buffer",
    "user_ring_buffer_opts",
];

#[test]
fn public_are_the_c_functions_and_their_types_alone() {
    let target = scratch("documented");
    let mut rustdoc = cargo();
    rustdoc
        .args(["rustdoc", "--lib", "--locked", "--target-dir"])
        .arg(&target)
        // The switch is not stable; the compiler behind it is the one that builds the rest.
        .env("RUSTC_BOOTSTRAP", "1")
        .args(["--", "-Zunstable-options", "--output-format=json"]);
    succeed(&mut rustdoc);
    let text = fs::read_to_string(target.join("doc/rbshim.json")).expect("a description");
    let described: Value = serde_json::from_str(&text).expect("JSON");

    let mut public = Vec::new();
    collect(&described, &described["root"], &mut public);
    let (modules, items): (Vec<_>, Vec<_>) =
        public.into_iter().partition(|(kind, _)| kind == "module");
    let modules: BTreeSet<_> = modules.into_iter().map(|(_, name)| name).collect();
    let expected = [
        "capi",
        "extensions",
        "rbshim",
        "ring",
        "ring_buffer",
        "statistics",
        "user_ring_buffer",
    ];
    assert_eq!(modules, expected.map(String::from).into());
    let functions = FUNCTIONS
        .iter()
        .chain(&EXTENSIONS)
        .map(|&name| ("function", name));
    let types = TYPES.map(|name| ("struct", name));
    let expected: BTreeSet<(String, String)> = functions
        .chain(types)
        .map(|(kind, name)| (kind.into(), name.into()))
        .collect();
    assert_eq!(items.into_iter().collect::<BTreeSet<_>>(), expected);
}

/// The public items in `item` of rustdoc's description, by kind and name.
fn collect(described: &Value, item: &Value, into: &mut Vec<(String, String)>) {
    let item = &described["index"][item.to_string()];
    let (kind, inner) = item["inner"]
        .as_object()
        .expect("one")
        .iter()
        .next()
        .expect("one");
    // A re-export is named for what it brings.
    let name = item["name"].as_str().or(inner["source"].as_str());
    into.push((kind.clone(), name.expect("a name").into()));
    for child in inner["items"].as_array().into_iter().flatten() {
        if kind == "module" {
            collect(described, child, into);
        }
    }
}

/// Programs without a line of `unsafe` that the crate's modules, were they public, would let do harm;
/// each names what must not be reachable.
const HARMFUL: [(&str, &str, &str); 3] = [
    (
        "reads_through_any_pointer",
        "pages",
        "use rbshim::pages::Pages;
         fn main() { let pages: Option<Pages> = None; drop(pages); }",
    ),
    (
        "consumes_a_ring_without_pages",
        "mapped_ring",
        "use rbshim::mapped_ring::EmptyRing;
         fn main() { let ring = EmptyRing::allocate(); drop(ring); }",
    ),
    (
        "closes_a_descriptor_of_somebody_else",
        "sys",
        "fn main() { rbshim::sys::epoll::destroy(1); }",
    ),
];

#[test]
fn programs_that_would_do_harm_without_unsafe_do_not_build() {
    let harmless =
        "fn main() { let name = std::any::type_name::<rbshim::capi::ring::ring>(); drop(name); }";
    let built = check("harmless", harmless);
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    for (name, module, program) in HARMFUL {
        let built = check(name, program);
        let errors = String::from_utf8_lossy(&built.stderr);
        assert!(!built.status.success(), "{name} builds");
        // Not because there is no such thing.
        let reason = format!("error[E0603]: module `{module}` is private");
        assert_eq!(errors.matches("error[").count(), 1, "{name}: {errors}");
        assert!(errors.contains(&reason), "{name}: {errors}");
    }
}

/// Checks a program that depends on the crate as any program does.
fn check(name: &str, program: &str) -> Output {
    let package = scratch(name);
    fs::create_dir_all(package.join("src")).expect("a directory");
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
         [dependencies]\nrbshim = {{ path = {:?} }}\n[workspace]\n",
        manifest_dir()
    );
    let source = format!("#![forbid(unsafe_code)]\n{program}\n");
    fs::write(package.join("Cargo.toml"), manifest).expect("a manifest");
    fs::write(package.join("src/main.rs"), source).expect("a program");
    fs::copy(
        manifest_dir().join("Cargo.lock"),
        package.join("Cargo.lock"),
    )
    .expect("a lock file");
    let mut cargo: Command = cargo();
    cargo.current_dir(&package);
    cargo
        .args(["check", "--offline", "--target-dir"])
        .arg(scratch("checked"));
    cargo.output().expect("cargo runs")
}

fn scratch(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("public_items")
        .join(name)
}
