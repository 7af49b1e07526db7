// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The front as a file: programs and tools take it for libbpf.so.1. The ring buffer functions in it are
//! rbshim's, and every other symbol is the real library's.

mod common;
mod functions;
mod opened;

use common::{Libbpf, rbshim};
use functions::{EXTENSIONS, FUNCTIONS};
use opened::symbols::Symbols;
use opened::{Entry, build_front, folder, front, lookups, old_libbpf, real};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const OWN_VERSION: &str = "RBSHIM_1";

#[test]
fn it_has_the_functions_in_libbpfs_versions_and_all_of_its_versions_and_nothing_else() {
    for libbpf in Libbpf::ALL {
        let (ours, theirs) = (Symbols::of(&front(libbpf)), Symbols::of(&real(libbpf)));
        let expected: BTreeSet<&str> = FUNCTIONS.into_iter().chain(EXTENSIONS).collect();
        assert_eq!(ours.names(), expected);
        for (name, (_, version)) in &ours.symbols {
            let theirs = theirs.symbols.get(name);
            let expected = theirs.map_or(OWN_VERSION, |(_, version)| version);
            assert_eq!(version, expected, "{name} for {libbpf:?}");
        }
        let mut versions = theirs.versions;
        versions.push(OWN_VERSION.to_string());
        assert_eq!(ours.versions, versions);
    }
}

#[test]
fn it_is_called_libbpf_and_needs_the_real_one_by_its_path_and_little_else() {
    for libbpf in Libbpf::ALL {
        let front = Symbols::of(&front(libbpf));
        assert_eq!(front.soname.as_deref(), Some("libbpf.so.1"));
        assert_eq!(Path::new(&front.needed[0]), real(libbpf));
        for library in &front.needed[1..] {
            let known = ["libc.so", "ld-linux"];
            assert!(
                known.iter().any(|name| library.starts_with(name)),
                "{library}"
            );
        }
        assert!(front.is_bound_at_load && front.is_read_only_after);
    }
}

/// `dlsym()` in a process finds rbshim's functions in the front, and all else where it always was.
#[test]
fn every_symbol_of_libbpf_is_found_through_it_however_it_is_opened() {
    let lookups = lookups();
    for libbpf in Libbpf::ALL {
        for entry in Entry::ALL {
            for flags in [
                &["lazy"][..],
                &["now", "nodelete"],
                &["now", "global"],
                &["now", "deepbind"],
            ] {
                let mut command = Command::new(&lookups);
                entry.bring(&front(libbpf), &mut command);
                command.arg("libbpf.so.1").args(flags);
                are_all_found(command, &front(libbpf), &real(libbpf));
            }
        }
        let mut command = Command::new(&lookups);
        Entry::Preload.bring(&front(libbpf), &mut command);
        command.args(["libbpf.so.1", "now", "noload"]);
        are_all_found(command, &front(libbpf), &real(libbpf));
    }
}

/// The front is made for one libbpf and later finds another in its place.
#[test]
fn it_outlives_an_upgrade_of_libbpf() {
    let old = old_libbpf();
    for new in Libbpf::ALL.map(real) {
        let front = folder("upgrade").join("libbpf.so.1");
        let output = build_front(&[&rbshim().archive, &old, &front, &new]);
        assert!(output.status.success(), "{output:?}");

        let mut command = Command::new(lookups());
        Entry::SearchPath.bring(&front, &mut command);
        command.args(["libbpf.so.1", "now"]);
        for found in look_up(command, &Symbols::of(&new)) {
            let is_ours = FUNCTIONS.contains(&found.name.as_str());
            let file = if is_ours { &front } else { &new };
            assert_eq!(found.file, *file, "{}", found.name);
            // The front has a function only in a version that there was when it was built.
            let has_version = !is_ours || found.name == "ring_buffer__new";
            assert_eq!(found.is_the_same_by_version, has_version, "{}", found.name);
        }
    }
}

/// Handles of libbpf's own come to rbshim only through these, which pass them on.
#[test]
fn libbpf_calls_no_other_functions_of_its_own_by_name() {
    let passed_on = BTreeSet::from([
        "ring__consume_n",
        "ring__consumer_pos",
        "ring__producer_pos",
        "ring_buffer__add",
        "ring_buffer__free",
        "user_ring_buffer__free",
        "user_ring_buffer__reserve",
    ]);
    let mut called = BTreeSet::new();
    for libbpf in Libbpf::ALL {
        let imported = Symbols::of(&real(libbpf)).referred_to;
        called.extend(
            FUNCTIONS
                .into_iter()
                .filter(|name| imported.contains(*name)),
        );
    }
    assert!(called.contains("ring_buffer__add"));
    assert!(called.is_subset(&passed_on), "{called:?}");
}

#[test]
fn it_is_the_same_file_whenever_and_wherever_it_is_built() {
    let libbpf = Libbpf::Distribution;
    let again = folder("again").join("another-name.so");
    let output = build_front(&[&rbshim().archive, &real(libbpf), &again]);
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{output:?}"
    );
    let read = |file: &Path| fs::read(file).expect("a front");
    assert!(read(&again) == read(&front(libbpf)));
}

#[test]
fn building_one_from_bad_input_is_one_line_and_leaves_nothing_behind() {
    let folder = folder("bad");
    fs::remove_dir_all(&folder).expect("what an earlier run has left");
    fs::create_dir(&folder).expect("a directory");
    let [archive, real] = [&rbshim().archive, &real(Libbpf::Distribution)];
    let of = |name: &str| folder.join(name);
    let libc = PathBuf::from("/proc/self/exe");
    let text = of("text");
    fs::write(&text, "no library\n").expect("a file");
    let other_archive = &Libbpf::Distribution.library().archive;
    let front = front(Libbpf::Distribution);
    let out = of("out.so");
    let cases: [(&[&Path], &str); 13] = [
        (&[], "usage"),
        (&[archive, real], "usage"),
        (&[archive, real, &out, real, real], "usage"),
        (&[&of("none.a"), real, &out], "no such archive"),
        (&[archive, &of("none.so"), &out], "no such library"),
        (&[archive, &folder, &out], "no such library"),
        (&[archive, real, &of("none/out.so")], "no such directory"),
        (&[archive, real, &folder], "is a directory"),
        (&[archive, &text, &out], "not libbpf 1.x"),
        (&[archive, &libc, &out], "not libbpf 1.x"),
        (&[archive, &front, &out], "is a front itself"),
        (&[other_archive, real, &out], "not rbshim's static library"),
        (
            &[archive, real, &out, Path::new("libbpf.so.1")],
            "not an absolute path",
        ),
    ];
    for (arguments, complaint) in cases {
        let output = build_front(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{arguments:?}");
        assert!(
            said.starts_with("front: ") && said.contains(complaint) && said.lines().count() == 1,
            "{arguments:?}: {said}"
        );
        assert!(output.stdout.is_empty());
    }
    let left: Vec<_> = fs::read_dir(&folder)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(left, ["text"]);
}

fn are_all_found(command: Command, front: &Path, real: &Path) {
    let shown = format!("{command:?}");
    let theirs = Symbols::of(real);
    for found in look_up(command, &theirs) {
        let name = &found.name;
        if FUNCTIONS.contains(&name.as_str()) {
            assert_eq!(found.file, front, "{name}: {shown}");
        } else {
            assert_eq!(found.file, real, "{name}: {shown}");
            assert_eq!(found.offset, theirs.symbols[name].0, "{name}: {shown}");
        }
        assert!(found.is_the_same_by_version, "{name}: {shown}");
    }
}

/// Where `dlsym()` finds a symbol.
struct Found {
    name: String,
    file: PathBuf,
    offset: u64,
    /// Whether `dlvsym()` with libbpf's version finds it there, too.
    is_the_same_by_version: bool,
}

fn look_up(mut command: Command, symbols: &Symbols) -> Vec<Found> {
    let mut program = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it can be started");
    let mut input = program.stdin.take().expect("a pipe");
    for (name, (_, version)) in &symbols.symbols {
        writeln!(input, "{name} {version}").expect("it reads");
    }
    drop(input);
    let output = program.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{command:?}: {output:?}");
    let printed = String::from_utf8(output.stdout).expect("text");
    let found: Vec<Found> = printed
        .lines()
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let [name, file, offset, by_version] = words[..] else {
                panic!("{line}");
            };
            let offset = offset.trim_start_matches("0x");
            Found {
                name: name.to_string(),
                file: file.into(),
                offset: u64::from_str_radix(offset, 16).expect("a number"),
                is_the_same_by_version: by_version == "same",
            }
        })
        .collect();
    assert_eq!(found.len(), symbols.symbols.len());
    found
}
