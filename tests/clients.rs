// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Real clients in other languages and of other shapes than the C programs: libbpf-rs, a Rust
//! program with the library as a dependency, Python, and C without libbpf.

mod common;

use common::{
    Libbpf, bpf_dir, cargo, clean, manifest_dir, rbshim, require_bpf, run, succeed, target_dir,
};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const WATCH_DOG: Duration = Duration::from_secs(120);
const ALL_RECORDS: &str = "10000 records, 0 out of order\n";

#[test]
fn libbpf_rs_reads_through_a_preloaded_library() {
    if !require_bpf() {
        return;
    }
    let reader = reader("shared", &[]);
    let stock = read(&reader, None);
    assert_eq!(text(&stock.stdout), ALL_RECORDS);
    assert_eq!(text(&stock.stderr), "", "nothing of ours is in the process");

    let preloaded = read(&reader, Some(&rbshim().shared));
    assert_eq!(text(&preloaded.stdout), ALL_RECORDS);
    assert_announced(&preloaded, &rbshim().shared);
}

#[test]
fn a_rust_program_has_the_api_from_its_dependency_before_a_shared_libbpf() {
    if !require_bpf() {
        return;
    }
    let reader = reader("dependency", &["--features=rbshim"]);
    let output = read(&reader, None);
    assert_eq!(text(&output.stdout), ALL_RECORDS);
    assert_announced(&output, &reader);
}

#[test]
fn a_rust_program_has_the_api_from_its_dependency_before_a_static_libbpf() {
    if !require_bpf() {
        return;
    }
    let reader = reader("static", &["--features=rbshim,vendored"]);
    let output = read(&reader, None);
    assert_eq!(text(&output.stdout), ALL_RECORDS);
    assert_announced(&output, &reader);
}

#[test]
fn a_warning_reaches_the_hook_of_a_libbpf_that_python_keeps_to_itself() {
    for libbpf in Libbpf::ALL {
        let mut python = clean(Path::new("python3"));
        python
            .arg(clients().join("rtld_local.py"))
            .arg(libbpf.library().directory.join("libbpf.so.1"))
            .env("LD_PRELOAD", &rbshim().shared);
        let output = run(python, WATCH_DOG);
        assert!(
            output.status.success(),
            "{libbpf:?}: {}",
            text(&output.stderr)
        );
        assert_eq!(
            text(&output.stdout),
            "level 0: libbpf: ringbuf: failed to get map info for fd=-1: -EBADFD\n\
             manager None, errno EBADFD\n\
             the hook is still set: True\n"
        );
        assert_eq!(text(&output.stderr), "");
    }
}

const READ_TWICE: &str = "record: 8 bytes, 42\npoll = 1\nrecord: 8 bytes, 42\npoll = 1\n";

#[test]
fn the_library_works_without_libbpf_and_warns_on_stderr() {
    if !require_bpf() {
        return;
    }
    let mut command = clean(&no_libbpf("warns"));
    command.arg("and a bad descriptor");
    let output = run(command, WATCH_DOG);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(text(&output.stdout), format!("{READ_TWICE}errno EBADFD\n"));
    assert_eq!(
        text(&output.stderr),
        "libbpf: ringbuf: failed to get map info for fd=-1: -EBADFD\n"
    );
}

#[test]
fn the_library_is_silent_unless_it_is_asked() {
    if !require_bpf() {
        return;
    }
    let program = no_libbpf("silent");
    for value in [None, Some(""), Some("0")] {
        let mut command = clean(&program);
        command.envs(value.map(|value| ("RBSHIM_VERBOSE", value)));
        let output = run(command, WATCH_DOG);
        assert_eq!(text(&output.stdout), READ_TWICE, "{value:?}");
        assert_eq!(text(&output.stderr), "", "{value:?}");
    }
}

#[test]
fn verbose_is_one_line_on_stderr_however_many_managers_there_are() {
    if !require_bpf() {
        return;
    }
    let mut command = clean(&no_libbpf("verbose"));
    command.env("RBSHIM_VERBOSE", "1");
    let output = run(command, WATCH_DOG);
    assert_eq!(text(&output.stdout), READ_TWICE);
    assert_announced(&output, &rbshim().directory.join("librbshim.so.1"));
}

#[test]
fn a_value_that_is_not_understood_is_named_and_has_no_effect() {
    if !require_bpf() {
        return;
    }
    let program = no_libbpf("value");
    for (name, value) in [
        ("RBSHIM_VERBOSE", "loud"),
        ("RBSHIM_STATS", "2"),
        ("RBSHIM_LINGER_US", "101"),
        ("RBSHIM_LINGER_US", "-1"),
        ("RBSHIM_LINGER_US", "+6"),
        ("RBSHIM_LINGER_US", "6us"),
        ("RBSHIM_COALESCE_US", "1000001"),
        ("RBSHIM_COALESCE_US", " 100"),
        ("RBSHIM_COALESCE_US", "99999999999999999999"),
        ("RBSHIM_POLL_MAX_MS", "60001"),
        ("RBSHIM_BUSY_POLL", "yes"),
    ] {
        let mut command = clean(&program);
        command.env(name, value);
        let output = run(command, WATCH_DOG);
        assert_eq!(text(&output.stdout), READ_TWICE);
        let said = text(&output.stderr);
        assert_eq!(said.lines().count(), 1, "{name}={value}: {said}");
        assert!(said.contains(name) && said.contains(value), "{said}");
    }
}

#[test]
fn verbose_names_the_options_in_force() {
    if !require_bpf() {
        return;
    }
    let program = no_libbpf("options");
    let readme = fs::read_to_string(manifest_dir().join("README.md")).expect("the README");
    // In two lines there.
    let defaults = readme
        .split_once(" active: ")
        .and_then(|(_, line)| line.split_once(" ("))
        .and_then(|(_, options)| options.split_once(')'))
        .map(|(options, _)| options.split_whitespace().collect::<Vec<_>>().join(" "))
        .expect("the README shows the line");
    for (linger, coalesce, poll_max, busy, in_force) in [
        ("", "", "", "", defaults.as_str()),
        (
            "0",
            "0",
            "0",
            "0",
            "RBSHIM_LINGER_US=0 RBSHIM_COALESCE_US=0 RBSHIM_POLL_MAX_MS=0 RBSHIM_BUSY_POLL=0",
        ),
        (
            "100",
            "1000000",
            "60000",
            "1",
            "RBSHIM_LINGER_US=100 RBSHIM_COALESCE_US=1000000 RBSHIM_POLL_MAX_MS=60000 RBSHIM_BUSY_POLL=1",
        ),
    ] {
        let mut command = clean(&program);
        command.envs([
            ("RBSHIM_VERBOSE", "1"),
            ("RBSHIM_LINGER_US", linger),
            ("RBSHIM_COALESCE_US", coalesce),
            ("RBSHIM_POLL_MAX_MS", poll_max),
            ("RBSHIM_BUSY_POLL", busy),
        ]);
        let output = run(command, WATCH_DOG);
        assert_eq!(text(&output.stdout), READ_TWICE);
        assert_announced(&output, &rbshim().directory.join("librbshim.so.1"));
        assert!(text(&output.stderr).contains(in_force), "{output:?}");
    }
}

fn clients() -> PathBuf {
    manifest_dir().join("tests/clients")
}

/// Builds the libbpf-rs program. Without the feature `vendored` it is linked with the shared
/// libbpf of the version that its bindings are for.
fn reader(name: &str, features: &[&str]) -> PathBuf {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let directory = target_dir().join("clients");
    succeed(
        cargo()
            .args(["build", "--locked", "--manifest-path"])
            .arg(clients().join("libbpf-rs-reader/Cargo.toml"))
            .arg("--target-dir")
            .arg(&directory)
            .args(features)
            .env(
                "LIBBPF_SYS_LIBRARY_PATH",
                &Libbpf::Vendored.library().directory,
            ),
    );
    // A link: a copy, being written while another test forks, might not be executable.
    let reader = directory.join(format!("reader-{name}"));
    let _ = fs::remove_file(&reader);
    fs::hard_link(directory.join("debug/libbpf-rs-reader"), &reader).expect("the program");
    reader
}

fn read(reader: &Path, preload: Option<&Path>) -> Output {
    let mut command = clean(reader);
    command
        .arg(bpf_dir().join("edge_triggered.bpf.o"))
        .env("LD_LIBRARY_PATH", &Libbpf::Vendored.library().directory)
        .env("RBSHIM_VERBOSE", "1")
        .envs(preload.map(|library| ("LD_PRELOAD", library)));
    let output = run(command, WATCH_DOG);
    assert!(
        output.status.success(),
        "{}: {}",
        output.status,
        text(&output.stderr)
    );
    output
}

/// Compiles the program against our header and our shared library alone.
fn no_libbpf(name: &str) -> PathBuf {
    let directory = target_dir().join("clients");
    fs::create_dir_all(&directory).expect("a directory for programs");
    let program = directory.join(format!("no_libbpf-{name}"));
    let libraries = rbshim().directory.display();
    succeed(
        Command::new("cc")
            .args(["-Wall", "-Wextra", "-Werror", "-o"])
            .arg(&program)
            .arg(clients().join("no_libbpf.c"))
            .arg("-I")
            .arg(&rbshim().include)
            .args([format!("-L{libraries}"), format!("-Wl,-rpath,{libraries}")])
            .arg("-lrbshim"),
    );
    program
}

/// One line on stderr: version and path.
fn assert_announced(output: &Output, library: &Path) {
    let said = text(&output.stderr);
    let start = format!("rbshim {} ", env!("CARGO_PKG_VERSION"));
    assert_eq!(said.lines().count(), 1, "{said:?}");
    assert!(said.starts_with(&start) && said.ends_with('\n'), "{said:?}");
    let path = library.to_str().expect("a path in UTF-8");
    assert!(said.contains(path), "{said:?} does not name {path}");
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
