// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! docs/programs.md against the packages of two Debian releases, as the archive has them now.

mod common;
mod functions;
mod namespace;

mod programs {
    pub mod archive;
    pub mod binary;
}

use common::{clean, manifest_dir, rbshim, require_bpf, run};
use functions::FUNCTIONS;
use namespace::with_view;
use programs::archive::Release;
use programs::binary::{Binary, binaries_in};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Output;
use std::sync::OnceLock;
use std::time::Duration;

/// The rows of the table, and the package whose files call the ring buffer functions.
const PROGRAMS: [(&str, &str); 7] = [
    ("bcc", "libbpfcc"),
    ("bpftrace", "bpftrace"),
    ("bpftune", "libbpftune0"),
    ("libbpf-tools", "libbpf-tools"),
    ("mimic", "mimic"),
    ("pcp", "pcp"),
    ("systemd", "libsystemd-shared"),
];
/// They have a libbpf linked in, which the packages' dependencies do not show.
const STATIC: [&str; 3] = ["bpftool", "libbpf-tools", "linux-perf"];
/// They open libbpf when they run, or use what does, which the packages' dependencies do not show.
const OPENING: [&str; 3] = ["libsystemd-shared", "systemd", "systemd-container"];
/// Large packages of one source with the same calls: one of them will do.
const ALIKE: (&str, &str) = ("qemu-system-", "qemu-system-x86");

#[test]
fn the_matrix_is_what_the_packages_import() {
    if !require_archive() {
        return;
    }
    // What a program calls in a libbpf of its own cannot be seen from outside.
    let columns = PROGRAMS
        .iter()
        .filter(|(_, package)| !STATIC.contains(package));
    let (names, packages): (Vec<_>, Vec<_>) = columns.copied().unzip();
    let mut lines = vec![
        format!("| | {} |", names.join(" | ")),
        format!("|---{}|", "|---".repeat(names.len())),
    ];
    for function in FUNCTIONS {
        let cells = packages.iter().map(|package| {
            in_releases(package, |binary| {
                binary.imports.contains(function) || binary.names.contains(function)
            })
        });
        let cells: Vec<String> = cells.collect();
        lines.push(format!("| `{function}` | {} |", cells.join(" | ")));
    }
    assert_eq!(block("docs/programs.md", "matrix"), lines.join("\n"));
}

#[test]
fn the_table_says_where_each_program_is_and_how_it_gets_libbpf() {
    if !require_archive() {
        return;
    }
    let expected = PROGRAMS.map(|(name, package)| {
        let found = findings()
            .iter()
            .filter(|finding| finding.package == package);
        let ways: BTreeSet<&str> = found.flat_map(Finding::ways).collect();
        assert_eq!(ways.len(), 1, "{package}: {ways:?}");
        let releases = in_releases(package, |binary| way(binary).is_some());
        format!("| {name} | {releases} | {} |", ways.first().expect("one"))
    });
    let table = block("docs/programs.md", "programs");
    let rows: Vec<&str> = table.lines().skip(2).collect();
    assert_eq!(rows.len(), expected.len(), "{table}");
    for (row, start) in rows.iter().zip(expected) {
        assert!(
            row.starts_with(&start),
            "{row:?} does not start with {start:?}"
        );
    }
}

#[test]
fn every_other_package_with_libbpf_is_named_and_calls_no_ring_buffer_function() {
    if !require_archive() {
        return;
    }
    let listed = PROGRAMS.map(|(_, package)| package);
    let mut others: BTreeMap<u32, BTreeSet<&str>> = BTreeMap::new();
    let mut callers = BTreeSet::new();
    for finding in findings() {
        let package = finding.package.as_str();
        let known = listed.contains(&package) || STATIC.contains(&package);
        let source = (finding.release, finding.source.as_str());
        if !finding.ways().is_empty() {
            assert!(known, "{package} has or calls ring buffer functions");
            callers.insert(source);
        } else if finding.binaries.iter().any(|binary| binary.needs_libbpf) {
            others.entry(source.0).or_default().insert(source.1);
        }
    }
    // A source may have packages of both kinds.
    for (release, source) in callers {
        others.entry(release).or_default().remove(source);
    }
    let lines = others.iter().map(|(release, sources)| {
        let names: Vec<&str> = sources.iter().copied().collect();
        format!("- Debian {release}: {}.", names.join(", "))
    });
    let lines: Vec<String> = lines.collect();
    // Long lists are broken into lines there.
    let documented = block("docs/programs.md", "others");
    let words: Vec<&str> = documented.split_whitespace().collect();
    assert_eq!(words.join(" "), lines.join(" "));
}

#[test]
fn the_packages_with_a_libbpf_of_their_own_have_it_in_each_release() {
    if !require_archive() {
        return;
    }
    for finding in findings() {
        if STATIC.contains(&finding.package.as_str()) {
            let ways = finding.ways();
            assert_eq!(ways, BTreeSet::from(["static"]), "{}", finding.package);
        }
    }
}

#[test]
fn the_services_that_use_what_libsystemd_shared_looks_up_are_named() {
    if !require_archive() {
        return;
    }
    let services = findings().iter().flat_map(|finding| {
        let users = finding
            .binaries
            .iter()
            .filter(|binary| binary.all_imports.contains("sym_ring_buffer__new"));
        users.map(|binary| binary.path.file_name().expect("a file").to_string_lossy())
    });
    let services: BTreeSet<_> = services.map(|name| format!("`{name}`")).collect();
    let services: Vec<String> = services.into_iter().collect();
    let text = document("docs/programs.md");
    assert!(
        !services.is_empty() && text.contains(&services.join(" and ")),
        "{services:?}"
    );
}

/// bpftrace, with all its libraries, in a folder of its own on this kernel.
#[test]
#[cfg(target_arch = "x86_64")]
fn a_preloaded_bpftrace_prints_the_same_and_says_that_rbshim_is_active() {
    if !require_archive() || !require_bpf() {
        return;
    }
    let root = trixie().root_with("bpftrace");
    let library = Path::new("/librbshim.so.1");
    fs::copy(&rbshim().shared, root.join("librbshim.so.1")).expect("the library in the folder");
    let expected: String = (0..100)
        .map(|number| format!("record {number}\n"))
        .collect();

    let stock = bpftrace(&root, None);
    assert_eq!(printed(&stock), expected);
    assert_eq!(announced(&stock), Vec::<String>::new());

    let preloaded = bpftrace(&root, Some(library));
    assert_eq!(printed(&preloaded), expected);
    let lines = announced(&preloaded);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains(" active: /librbshim.so.1 "), "{lines:?}");
}

fn bpftrace(root: &Path, preload: Option<&Path>) -> Output {
    let mut command = clean(Path::new("/usr/bin/bpftrace"));
    command
        .args(["-q", "-e"])
        .arg("BEGIN { $i = 0; while ($i < 100) { printf(\"record %d\\n\", $i); $i++; } exit(); }")
        .env("RBSHIM_VERBOSE", "1")
        .envs(preload.map(|library| ("LD_PRELOAD", library)));
    let folders = ["dev", "proc", "sys"];
    let views = folders.map(|folder| (Path::new("/").join(folder), root.join(folder)));
    with_view(&mut command, &views, Some(root));
    let output = run(command, Duration::from_secs(120));
    assert!(output.status.success(), "{output:?}");
    output
}

fn printed(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines()
        .filter(|line| line.starts_with("record "))
        .map(|line| format!("{line}\n"))
        .collect()
}

fn announced(output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stderr);
    text.lines()
        .filter(|line| line.starts_with("rbshim "))
        .map(str::to_string)
        .collect()
}

/// What one package in one release has to do with libbpf.
struct Finding {
    release: u32,
    package: String,
    source: String,
    binaries: Vec<Binary>,
}

impl Finding {
    /// How its files that have to do with ring buffers get libbpf.
    fn ways(&self) -> BTreeSet<&'static str> {
        self.binaries.iter().filter_map(way).collect()
    }
}

fn way(binary: &Binary) -> Option<&'static str> {
    if !binary.imports.is_empty() {
        Some("shared")
    } else if !binary.names.is_empty() {
        Some("dlopen")
    } else if binary.contains_libbpf {
        Some("static")
    } else {
        None
    }
}

fn findings() -> &'static [Finding] {
    static FINDINGS: OnceLock<Vec<Finding>> = OnceLock::new();
    FINDINGS.get_or_init(|| {
        [bookworm(), trixie()]
            .into_iter()
            .flat_map(findings_in)
            .collect()
    })
}

fn findings_in(release: &Release) -> Vec<Finding> {
    let mut names = release.dependents("libbpf1");
    names.retain(|name| !name.starts_with(ALIKE.0) || name == ALIKE.1);
    // For the compiler: it has libbpf itself.
    names.remove("libbpf-dev");
    names.extend(STATIC.into_iter().chain(OPENING).map(str::to_string));
    let packages = release.describe(names);
    let read = |package: &programs::archive::Package| Finding {
        release: release.number,
        binaries: binaries_in(&release.unpack(package)),
        package: package.name.clone(),
        source: package.source.clone(),
    };
    packages.iter().map(read).collect()
}

fn bookworm() -> &'static Release {
    static BOOKWORM: OnceLock<Release> = OnceLock::new();
    BOOKWORM.get_or_init(|| Release::new(12, "bookworm"))
}

fn trixie() -> &'static Release {
    static TRIXIE: OnceLock<Release> = OnceLock::new();
    TRIXIE.get_or_init(|| Release::new(13, "trixie"))
}

/// The releases in which a file of the package is like that: `12, 13`.
fn in_releases(package: &str, is_like_that: impl Fn(&Binary) -> bool) -> String {
    let found = findings()
        .iter()
        .filter(|finding| finding.package == package);
    let found = found.filter(|finding| finding.binaries.iter().any(&is_like_that));
    let releases: BTreeSet<u32> = found.map(|finding| finding.release).collect();
    let releases: Vec<String> = releases.iter().map(u32::to_string).collect();
    releases.join(", ")
}

/// The lines between `<!-- name -->` and `<!-- end of name -->`, without empty ones at the ends.
fn block(file: &str, name: &str) -> String {
    let text = document(file);
    let (_, rest) = text
        .split_once(&format!("<!-- {name} -->\n"))
        .unwrap_or_else(|| panic!("{file} has no <!-- {name} -->"));
    let (block, _) = rest
        .split_once(&format!("<!-- end of {name} -->"))
        .unwrap_or_else(|| panic!("{file} has no <!-- end of {name} -->"));
    block.trim().to_string()
}

fn document(file: &str) -> String {
    fs::read_to_string(manifest_dir().join(file)).expect("the document")
}

/// True when packages can be fetched. With `offline` in `RBSHIM_TESTS` this says so and is false; without
/// network and without that, the test fails.
fn require_archive() -> bool {
    let settings = std::env::var("RBSHIM_TESTS").unwrap_or_default();
    let offline = settings.split(',').any(|setting| setting == "offline");
    if offline {
        println!("skipped: needs Debian's archive, and RBSHIM_TESTS=offline is set");
    }
    !offline
}
