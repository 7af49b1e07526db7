// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `man/`: well-formed, complete, and the same interface as the header and the library.

mod common;
mod functions;
mod manual;

use common::{manifest_dir, succeed, target_dir};
use functions::{EXTENSIONS, FUNCTIONS};
use manual::{programs, prototypes, section, text};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[test]
fn mandoc_and_man_find_nothing_to_warn_of() {
    for page in pages() {
        let mut lint = Command::new("mandoc");
        lint.args(["-T", "lint", "-W", "warning"]).arg(&page);
        silent(&mut lint, |output| output.stdout.is_empty());
        silent(man().arg("--local-file").arg(&page), |output| {
            !output.stdout.is_empty()
        });
    }
}

#[test]
fn every_page_states_the_version() {
    let footer = format!("rbshim {}", env!("CARGO_PKG_VERSION"));
    for page in pages() {
        let text = text(&page);
        let last = text.lines().last().unwrap_or_default();
        assert!(last.starts_with(&footer), "{}: {last}", page.display());
    }
}

#[test]
fn a_page_of_functions_has_all_sections() {
    let wanted = [
        "NAME",
        "LIBRARY",
        "SYNOPSIS",
        "DESCRIPTION",
        "RETURN VALUES",
        "EXAMPLES",
        "ERRORS",
        "SEE ALSO",
        "CAVEATS",
    ];
    for page in function_pages() {
        let text = text(&page);
        let there: Vec<&str> = text.lines().filter(|line| wanted.contains(line)).collect();
        assert_eq!(there, wanted, "{}", page.display());
        assert!(text.contains("\n   Threads\n"), "{}", page.display());
    }
}

#[test]
fn every_function_has_the_headers_prototype() {
    let mut documented = BTreeMap::new();
    for page in function_pages() {
        documented.extend(prototypes(&section(&page, "SYNOPSIS")));
    }
    let mut preprocessor = Command::new("cc");
    preprocessor
        .args(["-E", "-P", "-x", "c"])
        .arg(manifest_dir().join("include/rbshim.h"));
    let mut declared = prototypes(&succeed(&mut preprocessor));
    let api = FUNCTIONS.into_iter().chain(EXTENSIONS);
    let api: BTreeSet<String> = api.map(str::to_string).collect();
    declared.retain(|name, _| api.contains(name));
    assert_eq!(declared.keys().cloned().collect::<BTreeSet<_>>(), api);
    assert_eq!(documented, declared);
    // And what is compared is the whole of a prototype.
    assert_eq!(
        declared["ring_buffer__ring"].join(" "),
        "struct ring * ring_buffer__ring ( struct ring_buffer * rb , unsigned int idx )"
    );
}

/// From a folder with nothing else, so that no page of the system answers.
#[test]
fn man_finds_every_function_by_its_name() {
    let root = target_dir().join("tmp/man");
    let _ = fs::remove_dir_all(&root);
    for section in ["3", "7"] {
        let folder = root.join(format!("man{section}"));
        fs::create_dir_all(&folder).expect("a folder for the pages");
        for file in files().iter().filter(|file| has_section(file, section)) {
            let name = file.file_name().expect("a file");
            fs::copy(file, folder.join(name)).expect("a copy of the page");
        }
    }
    let mut named = BTreeSet::new();
    for page in function_pages() {
        let names = section(&page, "NAME");
        let (names, _) = names.split_once(" - ").expect("names and what they do");
        let names: BTreeSet<String> = names.split(',').map(|name| name.trim().into()).collect();
        let synopsis = prototypes(&section(&page, "SYNOPSIS"));
        assert_eq!(names, synopsis.into_keys().collect(), "{}", page.display());
        for name in names {
            let look_up = |option: &str| {
                let mut man = man();
                man.args([option, "--manpath"])
                    .arg(&root)
                    .args(["3", &name]);
                man
            };
            silent(&mut look_up("--no-hyphenation"), |output| {
                !output.stdout.is_empty()
            });
            let found = succeed(&mut look_up("--where"));
            assert_eq!(stem(found.trim().into()), stem(page.clone()), "{name}");
            named.insert(name);
        }
    }
    // A page for each function, and none for what is no function.
    let mut pages: BTreeSet<String> = function_pages().into_iter().map(stem).collect();
    pages.extend(named);
    let files = files().into_iter().filter(|file| has_section(file, "3"));
    assert_eq!(files.map(stem).collect::<BTreeSet<_>>(), pages);
}

#[test]
fn every_option_has_its_default_in_the_page_and_the_readme() {
    let options = rbshim::__internals::options();
    let defaults = [
        ("RBSHIM_VERBOSE", u32::from(options.verbose)),
        ("RBSHIM_STATS", u32::from(options.stats)),
        ("RBSHIM_LINGER_US", options.linger_us),
        ("RBSHIM_COALESCE_US", options.coalesce_us),
        ("RBSHIM_POLL_MAX_MS", options.poll_max_ms),
        ("RBSHIM_BUSY_POLL", u32::from(options.busy_poll)),
    ];
    for (name, _) in defaults {
        assert!(std::env::var_os(name).is_none(), "run this without {name}");
    }
    let defaults: BTreeMap<String, String> = defaults
        .map(|(name, default)| (name.into(), default.to_string()))
        .into();

    let source = manifest_dir().join("src/options.rs");
    let source = fs::read_to_string(source).expect("the options");
    let read: BTreeSet<&str> = source
        .split("c\"")
        .filter(|text| text.starts_with("RBSHIM_"))
        .filter_map(|text| text.split_once('"'))
        .map(|(name, _)| name)
        .filter(|name| !name.contains(' '))
        .collect();
    assert_eq!(read, defaults.keys().map(String::as_str).collect());

    let page = section(&manifest_dir().join("man/rbshim.7"), "ENVIRONMENT");
    let documented: BTreeMap<String, String> = page
        .lines()
        .filter_map(|line| line.trim().split_once(" (default: "))
        .filter_map(|(name, rest)| Some((name, rest.strip_suffix(')')?)))
        .map(|(name, default)| (name.into(), default.into()))
        .collect();
    assert_eq!(documented, defaults);

    let readme = fs::read_to_string(manifest_dir().join("README.md")).expect("README.md");
    let documented: BTreeMap<String, String> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("| `RBSHIM_"))
        .filter_map(|line| line.split_once("` | `"))
        .filter_map(|(name, rest)| Some((format!("RBSHIM_{name}"), rest.split_once('`')?.0)))
        .map(|(name, default)| (name, default.into()))
        .collect();
    assert_eq!(documented, defaults);
}

#[test]
fn every_example_compiles_without_a_warning() {
    for page in function_pages() {
        let examples = programs(&section(&page, "EXAMPLES"));
        assert!(!examples.is_empty(), "{}", page.display());
        for example in examples {
            let compiler = match example.contains("bpf_helpers.h") {
                true => common::bpf_compiler(),
                false => Command::new("cc"),
            };
            let mut compiler = { compiler }
                .args(["-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I"])
                .arg(manifest_dir().join("include"))
                .args(["-x", "c", "-"])
                .stdin(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("the compiler can be started");
            let mut stdin = compiler.stdin.take().expect("stdin is a pipe");
            stdin.write_all(example.as_bytes()).expect("it reads");
            drop(stdin);
            let output = compiler.wait_with_output().expect("it ends");
            let errors = String::from_utf8_lossy(&output.stderr);
            let page = page.display();
            assert!(output.status.success(), "{page}:\n{errors}\n{example}");
        }
    }
}

fn files() -> Vec<PathBuf> {
    let folder = fs::read_dir(manifest_dir().join("man")).expect("man/");
    let mut files: Vec<PathBuf> = folder
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    files
}

fn stem(file: PathBuf) -> String {
    let stem = file.file_stem().expect("a name");
    stem.to_string_lossy().into_owned()
}

fn has_section(file: &Path, section: &str) -> bool {
    file.extension()
        .is_some_and(|extension| extension == section)
}

/// All but the files that only lead to another.
fn pages() -> Vec<PathBuf> {
    let mut pages = files();
    pages.retain(|page| {
        let text = fs::read_to_string(page).expect("a page");
        !text.lines().any(|line| line.starts_with(".so "))
    });
    assert!(pages.len() >= 5, "{pages:?}");
    pages
}

fn function_pages() -> Vec<PathBuf> {
    let mut pages = pages();
    pages.retain(|page| has_section(page, "3"));
    pages
}

fn man() -> Command {
    let mut man = Command::new("man");
    man.args(["--warnings", "--encoding=UTF-8"])
        .env("LC_ALL", "C.UTF-8")
        .env("MANPAGER", "cat")
        .env("MANWIDTH", "100");
    man
}

fn silent(command: &mut Command, expected: impl Fn(&std::process::Output) -> bool) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && output.stderr.is_empty() && expected(&output),
        "{command:?}: {}\n{errors}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout)
    );
}
