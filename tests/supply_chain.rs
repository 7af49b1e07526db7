// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What the library and its tests are built from: which crates, from where, under which licenses, and
//! that the bill of materials says so. The rules are those of `deny.toml`.

mod common;

use common::{cargo, make, manifest_dir, succeed, target_dir};
use serde_json::Value;
use spdx::{Expression, ParseMode};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use toml::Table;

/// Linked into the library.
const RUNTIME: [&str; 2] = ["libc", "once_cell"];

/// Run by its build script.
const BUILD: [&str; 3] = ["cc", "find-msvc-tools", "shlex"];

#[test]
fn a_library_build_compiles_these_crates_and_no_others() {
    assert_eq!(names(&compiled("normal")), BTreeSet::from(RUNTIME));
    let all = compiled("normal,build");
    let expected = RUNTIME.into_iter().chain(BUILD).collect();
    assert_eq!(names(&all), expected);
    assert_eq!(all.len(), expected.len(), "two versions of one: {all:?}");
}

/// The library may be taken under the LGPL 2.1, with which Apache-2.0 alone does not go.
#[test]
fn what_a_library_build_compiles_may_be_taken_under_the_mit_license() {
    let licenses = licenses();
    for package in compiled("normal,build") {
        let license = &licenses[&package];
        assert!(satisfied(license, &["MIT"]), "{package:?}: {license}");
    }
}

#[test]
fn every_crate_has_a_license_that_we_allow() {
    let rules = rules();
    let allowed = strings(&rules["licenses"]["allow"]);
    let exceptions = rules["licenses"]["exceptions"].as_array().expect("a list");
    let licenses = licenses();
    assert!(licenses.len() > 50, "{licenses:?}");
    for ((name, version), license) in &licenses {
        let mut allowed = allowed.clone();
        for exception in exceptions {
            if exception["crate"].as_str() == Some(name) {
                allowed.extend(strings(&exception["allow"]));
            }
        }
        assert!(satisfied(license, &allowed), "{name} {version}: {license}");
    }
    for exception in exceptions {
        let name = exception["crate"].as_str().expect("a name");
        assert!(
            licenses.keys().any(|(known, _)| known == name),
            "deny.toml excepts {name}, which is not there"
        );
    }
}

#[test]
fn a_license_is_satisfied_only_as_a_whole() {
    assert!(satisfied("MIT/Apache-2.0", &["MIT"]));
    assert!(satisfied("(MIT OR Apache-2.0) AND ISC", &["MIT", "ISC"]));
    assert!(!satisfied("(MIT OR Apache-2.0) AND ISC", &["MIT"]));
    assert!(!satisfied("GPL-3.0-only WITH GCC-exception-3.1", &["MIT"]));
    assert!(!satisfied(
        "Apache-2.0 WITH LLVM-exception",
        &["Apache-2.0"]
    ));
}

#[test]
fn every_locked_crate_is_from_crates_io_and_has_a_checksum() {
    let registries = strings(&rules()["sources"]["allow-registry"]);
    assert_eq!(
        registries,
        ["https://github.com/rust-lang/crates.io-index"],
        "what else is allowed?"
    );
    for (folder, ours) in [
        (".", &["rbshim"][..]),
        ("benches", &["rbshim", "rbshim-bench"]),
        ("fuzz", &["rbshim", "rbshim-fuzz"]),
        ("tool", &["rbshim-tool"]),
    ] {
        let mut own = Vec::new();
        for package in lock(folder) {
            let name = package["name"].as_str().expect("a name");
            let Some(source) = package.get("source") else {
                own.push(name.to_string());
                continue;
            };
            let source = source.as_str().and_then(|at| at.strip_prefix("registry+"));
            assert_eq!(source, Some(registries[0].as_str()), "{folder}: {name}");
            let checksum = package.get("checksum").and_then(|sum| sum.as_str());
            let is_sha256 =
                |sum: &str| sum.len() == 64 && sum.bytes().all(|digit| digit.is_ascii_hexdigit());
            assert!(checksum.is_some_and(is_sha256), "{folder}: {name}");
        }
        assert_eq!(own, ours, "{folder}");
    }
}

#[test]
fn no_dependency_takes_any_version() {
    for folder in [".", "benches", "fuzz", "tool"] {
        let manifest = table(&format!("{folder}/Cargo.toml"));
        for kind in ["dependencies", "build-dependencies", "dev-dependencies"] {
            let Some(dependencies) = manifest.get(kind).and_then(|of| of.as_table()) else {
                continue;
            };
            for (name, wanted) in dependencies {
                let version = wanted.as_str().or_else(|| wanted.get("version")?.as_str());
                let is_ours = wanted.get("path").is_some();
                assert!(
                    is_ours || version.is_some_and(|version| !version.contains('*')),
                    "{folder}: {name} = {wanted:?}"
                );
            }
        }
    }
}

#[test]
fn the_texts_of_our_own_licenses_are_there() {
    let root = table("Cargo.toml");
    let license = root["package"]["license"].as_str().expect("an expression");
    let expression = Expression::parse(license).expect("an SPDX expression");
    let expected: BTreeSet<String> = expression
        .requirements()
        .map(|requirement| format!("{}.txt", requirement.req))
        .collect();
    let folder = fs::read_dir(manifest_dir().join("LICENSES")).expect("LICENSES/");
    let texts: BTreeSet<String> = folder
        .map(|entry| entry.expect("an entry").file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    assert_eq!(texts, expected);
    for other in ["benches", "fuzz", "tool"] {
        let manifest = table(&format!("{other}/Cargo.toml"));
        assert_eq!(manifest["package"]["license"].as_str(), Some(license));
    }
}

#[test]
fn the_bill_of_materials_lists_what_a_library_build_compiles() {
    let bill = bill(None);
    assert_eq!(bill["bomFormat"], "CycloneDX");
    assert_eq!(bill["specVersion"], "1.5");
    let subject = &bill["metadata"]["component"];
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(subject["purl"], format!("pkg:cargo/rbshim@{version}"));
    assert_eq!(
        subject["licenses"][0]["expression"],
        env!("CARGO_PKG_LICENSE")
    );

    let licenses = licenses();
    let checksums: BTreeMap<Package, String> = lock(".")
        .into_iter()
        .filter_map(|package| {
            let text = |key| Some(package.get(key)?.as_str()?.to_string());
            Some(((text("name")?, text("version")?), text("checksum")?))
        })
        .collect();
    let mut listed = BTreeSet::new();
    for component in bill["components"].as_array().expect("a list") {
        let text = |key: &str| component[key].as_str().expect("a string").to_string();
        let package = (text("name"), text("version"));
        assert_eq!(text("type"), "library");
        assert_eq!(
            text("purl"),
            format!("pkg:cargo/{}@{}", package.0, package.1)
        );
        assert_eq!(text("bom-ref"), text("purl"));
        let runs = RUNTIME.contains(&package.0.as_str());
        assert_eq!(text("scope"), if runs { "required" } else { "excluded" });
        assert_eq!(component["licenses"][0]["expression"], licenses[&package]);
        assert_eq!(component["hashes"][0]["alg"], "SHA-256");
        assert_eq!(component["hashes"][0]["content"], checksums[&package]);
        assert!(listed.insert(package), "twice: {component}");
    }
    assert_eq!(listed, compiled("normal,build"));

    // Every crate is reached from the library.
    let mut reached = BTreeSet::new();
    let mut rest = vec![subject["bom-ref"].as_str().expect("a name")];
    let dependencies = bill["dependencies"].as_array().expect("a list");
    while let Some(package) = rest.pop() {
        reached.insert(package);
        let of = dependencies.iter().find(|of| of["ref"] == package);
        let on = of.and_then(|of| of["dependsOn"].as_array());
        rest.extend(on.expect(package).iter().filter_map(Value::as_str));
    }
    assert_eq!(reached.len(), listed.len() + 1, "{reached:?}");
}

#[test]
fn the_bill_of_materials_is_the_same_every_time() {
    assert_eq!(bill(None), bill(None));
    let dated = bill(Some("1700000000"));
    assert_eq!(dated["metadata"]["timestamp"], "2023-11-14T22:13:20Z");
    assert!(bill(None)["metadata"].get("timestamp").is_none());
}

/// Its bill of materials is that of a build for this machine; what builds for other ones need is there too.
#[test]
fn the_tools_tarball_holds_what_linux_builds_need_under_licenses_that_we_allow() {
    let name = concat!("rbshim-tool-", env!("CARGO_PKG_VERSION"));
    let tree = tools_tarball(name);
    let text = fs::read_to_string(tree.join(format!("{name}.cdx.json"))).expect("a bill");
    let bill: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(bill["metadata"]["component"]["type"], "application");
    let full: BTreeSet<Package> = vendored(&tree, |library| library > 0);
    let empty: BTreeSet<Package> = vendored(&tree, |library| library == 0);

    let allowed = strings(&table("tool/deny.toml")["licenses"]["allow"]);
    let mut scopes = BTreeMap::new();
    for component in bill["components"].as_array().expect("a list") {
        let text = |key: &str| component[key].as_str().expect("a string").to_string();
        let license = component["licenses"][0]["expression"].as_str();
        let license = license.expect("an expression");
        assert!(satisfied(license, &allowed), "{component}");
        assert!(
            full.contains(&(text("name"), text("version"))),
            "{component}"
        );
        scopes.insert(text("name"), text("scope"));
    }
    // A macro is run by the compiler, and so is what it is made of.
    for (name, scope) in [
        ("clap", "required"),
        ("clap_derive", "excluded"),
        ("syn", "excluded"),
    ] {
        assert_eq!(scopes[name], scope, "{name}");
    }
    assert!(
        empty.iter().any(|(name, _)| name == "windows-sys"),
        "{empty:?}"
    );
    // No targets but Linux's, and none of the tests' crates.
    for other in [
        "windows-targets",
        "winapi-x86_64-pc-windows-gnu",
        "proptest",
    ] {
        assert!(
            !full.iter().chain(&empty).any(|(name, _)| name == other),
            "{other}"
        );
    }
}

/// The tree of the tool's tarball.
fn tools_tarball(name: &str) -> PathBuf {
    let root = target_dir().join("tmp/supply_chain");
    let _ = fs::remove_dir_all(&root);
    fs::create_dir_all(&root).expect("a directory");
    succeed(make("dist-tool").env("CARGO_TARGET_DIR", &root));
    let tarball = root.join(format!("dist/{name}.tar.xz"));
    let mut tar = Command::new("tar");
    succeed(tar.arg("x").arg("-C").arg(&root).arg("-f").arg(tarball));
    root.join(name)
}

/// The crates in `vendor/` whose `src/lib.rs` has such a length: the ones that are names alone have an empty one.
fn vendored(tree: &Path, of_length: impl Fn(u64) -> bool) -> BTreeSet<Package> {
    let folders = fs::read_dir(tree.join("vendor")).expect("crates");
    let folders = folders.map(|entry| entry.expect("an entry").path());
    let chosen = folders.filter(|folder| {
        let library = fs::metadata(folder.join("src/lib.rs"));
        // Elsewhere than usual, it is not ours.
        of_length(library.map_or(u64::MAX, |library| library.len()))
    });
    chosen
        .map(|folder| {
            let manifest = fs::read_to_string(folder.join("Cargo.toml")).expect("a manifest");
            let manifest: Table = manifest.parse().expect("a manifest");
            let text = |key| {
                manifest["package"][key]
                    .as_str()
                    .expect("a string")
                    .to_string()
            };
            (text("name"), text("version"))
        })
        .collect()
}

/// Name and version.
type Package = (String, String);

fn names(packages: &BTreeSet<Package>) -> BTreeSet<&str> {
    packages.iter().map(|(name, _)| name.as_str()).collect()
}

/// What cargo compiles for the library, by these kinds of dependencies.
fn compiled(edges: &str) -> BTreeSet<Package> {
    let mut tree = cargo();
    tree.args(["tree", "--locked", "--offline", "--prefix", "none"])
        .args(["--edges", edges, "--format", "{p}"]);
    let mut packages: BTreeSet<Package> = succeed(&mut tree)
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let name = words.next()?;
            let version = words.next()?.strip_prefix('v')?;
            Some((name.to_string(), version.to_string()))
        })
        .collect();
    let ours = ("rbshim".into(), env!("CARGO_PKG_VERSION").into());
    assert!(packages.remove(&ours), "{packages:?}");
    packages
}

/// The license of every crate that is compiled here, for the tests too.
fn licenses() -> BTreeMap<Package, String> {
    let version = succeed(cargo().arg("-vV"));
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let mut metadata = cargo();
    metadata
        .args(["metadata", "--locked", "--offline", "--format-version", "1"])
        .args(["--filter-platform", host.expect("cargo names its host")]);
    let graph: Value = serde_json::from_str(&succeed(&mut metadata)).expect("JSON");
    let packages = graph["packages"].as_array().expect("a list").iter();
    packages
        .map(|package| {
            let text = |key: &str| {
                let text = package[key].as_str();
                text.unwrap_or_else(|| panic!("{} has no {key}", package["name"]))
                    .to_string()
            };
            ((text("name"), text("version")), text("license"))
        })
        .collect()
}

fn satisfied(license: &str, allowed: &[impl AsRef<str>]) -> bool {
    Expression::parse_mode(license, ParseMode::LAX)
        .unwrap_or_else(|error| panic!("{license}: {error}"))
        .evaluate(|wanted| {
            let wanted = wanted.to_string();
            allowed.iter().any(|allowed| allowed.as_ref() == wanted)
        })
}

fn rules() -> Table {
    table("deny.toml")
}

fn lock(folder: &str) -> Vec<Table> {
    let lock = table(&format!("{folder}/Cargo.lock"));
    let packages = lock["package"].as_array().expect("a list").iter();
    packages
        .map(|package| package.as_table().expect("a table").clone())
        .collect()
}

fn table(file: &str) -> Table {
    let text = fs::read_to_string(manifest_dir().join(file));
    let text = text.unwrap_or_else(|error| panic!("{file}: {error}"));
    text.parse()
        .unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn strings(list: &toml::Value) -> Vec<String> {
    let list = list.as_array().expect("a list").iter();
    list.map(|entry| entry.as_str().expect("a string").to_string())
        .collect()
}

fn bill(date: Option<&str>) -> Value {
    let mut script = Command::new(manifest_dir().join("packaging/sbom.py"));
    script
        .env("CARGOFLAGS", "--offline")
        .env("CARGO", cargo().get_program())
        .env_remove("CARGO_BUILD_TARGET")
        .env_remove("SOURCE_DATE_EPOCH")
        .envs(date.map(|date| ("SOURCE_DATE_EPOCH", date)));
    serde_json::from_str(&succeed(&mut script)).expect("JSON")
}
