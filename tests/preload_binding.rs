// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Which library a program's ring buffer functions come from, in each way of bringing ours in.

mod common;
mod functions;

use common::{Libbpf, clean, rbshim, run, target_dir};
use functions::FUNCTIONS;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

#[test]
fn a_preloaded_library_takes_over_every_function_of_an_unmodified_program() {
    for libbpf in Libbpf::ALL {
        let (directory, program) = program(libbpf, "preloaded", &["-lbpf"]);
        let mut command = traced(&program);
        command.env("LD_PRELOAD", &rbshim().shared);
        let bindings = bindings(command);
        for function in functions_of(libbpf) {
            let binding = find(&bindings, function);
            // The reference has libbpf's version, our definition has none.
            assert!(binding.contains("[LIBBPF_"), "{binding}");
            assert!(binds_to(binding, &rbshim().shared), "{binding}");
        }
        let other = find(&bindings, "libbpf_set_print");
        assert!(!binds_to(other, &rbshim().shared), "{other}");
        fs::remove_dir_all(directory).expect("the program can be removed");
    }
}

#[test]
fn without_preloading_every_function_is_libbpfs() {
    for libbpf in Libbpf::ALL {
        let (directory, program) = program(libbpf, "stock", &["-lbpf"]);
        let bindings = bindings(traced(&program));
        for function in functions_of(libbpf) {
            let binding = find(&bindings, function);
            assert!(binding.contains("/libbpf.so.1"), "{binding}");
        }
        fs::remove_dir_all(directory).expect("the program can be removed");
    }
}

#[test]
fn linked_before_libbpf_ours_wins_and_linked_after_it_loses_silently() {
    for libbpf in Libbpf::ALL {
        for (order, wins) in [
            (["-lrbshim", "-lbpf"], true),
            (["-lbpf", "-lrbshim"], false),
        ] {
            let (directory, program) = program(libbpf, "order", &order);
            let bindings = bindings(traced(&program));
            for function in functions_of(libbpf) {
                let binding = find(&bindings, function);
                assert_eq!(
                    binds_to(binding, &rbshim().directory),
                    wins,
                    "{order:?}: {binding}"
                );
            }
            assert_eq!(is_announced(&program), wins, "{order:?}");
            fs::remove_dir_all(directory).expect("the program can be removed");
        }
    }
}

#[test]
fn an_archive_before_libbpfs_wins_and_after_it_loses_silently() {
    for libbpf in Libbpf::ALL {
        let ours = rbshim().archive.to_str().expect("UTF-8");
        let theirs = libbpf.library().archive.to_str().expect("UTF-8");
        for (order, wins) in [([ours, theirs], true), ([theirs, ours], false)] {
            let arguments = [order[0], order[1], "-lelf", "-lz", "-lgcc_s"];
            let (directory, program) = program(libbpf, "archives", &arguments);
            assert_eq!(is_announced(&program), wins, "{order:?}");
            fs::remove_dir_all(directory).expect("the program can be removed");
        }
    }
}

/// A program that refers to each function of this libbpf, and calls one.
fn program(libbpf: Libbpf, name: &str, libraries: &[&str]) -> (PathBuf, PathBuf) {
    let directory = target_dir()
        .join("tmp")
        .join(format!("binding-{name}-{libbpf:?}-{}", std::process::id()));
    fs::create_dir_all(&directory).expect("a directory for the program");
    let references: String = functions_of(libbpf)
        .map(|name| format!("{name},\n"))
        .collect();
    let source = directory.join("program.c");
    let text = format!(
        "#include <bpf/libbpf.h>
        void *const volatile references[] = {{ {references} libbpf_set_print }};
        int main(void)
        {{
            libbpf_set_print(NULL);
            return !references[0] || ring_buffer__new(-1, NULL, NULL, NULL);
        }}"
    );
    fs::write(&source, text).expect("the source");
    let program = directory.join("program");
    let mut compiler = Command::new("cc");
    compiler.arg("-o").args([&program, &source]);
    if let Some(include) = &libbpf.library().include {
        compiler.arg("-I").arg(include);
    }
    for folder in [&rbshim().directory, &libbpf.library().directory] {
        compiler.arg("-L").arg(folder);
        compiler.arg(format!("-Wl,-rpath,{}", folder.display()));
    }
    let output = compiler
        .args(libraries)
        .output()
        .expect("cc can be started");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    (directory, program)
}

fn functions_of(libbpf: Libbpf) -> impl Iterator<Item = &'static str> {
    FUNCTIONS
        .into_iter()
        .filter(move |name| libbpf.library().defines(name))
}

/// The dynamic linker binds all symbols at the start, and says to what.
fn traced(program: &Path) -> Command {
    let mut command = clean(program);
    command.envs([("LD_BIND_NOW", "1"), ("LD_DEBUG", "bindings")]);
    command
}

/// The lines about what the program itself refers to.
fn bindings(command: Command) -> Vec<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = run(command, Duration::from_secs(60));
    assert!(output.status.success(), "{program}: {}", output.status);
    let text = String::from_utf8_lossy(&output.stderr);
    let start = format!("binding file {program} ");
    text.lines()
        .filter(|line| line.contains(&start))
        .map(str::to_string)
        .collect()
}

/// The last line about the symbol is the one that counts.
fn find<'a>(bindings: &'a [String], symbol: &str) -> &'a str {
    let wanted = format!("symbol `{symbol}'");
    bindings
        .iter()
        .rfind(|line| line.contains(&wanted))
        .unwrap_or_else(|| panic!("the program is not bound to {symbol}: {bindings:?}"))
}

fn binds_to(binding: &str, library: &Path) -> bool {
    binding.contains(&format!(" to {}", library.display()))
}

/// Does `RBSHIM_VERBOSE` bring our line?
fn is_announced(program: &Path) -> bool {
    let mut command = clean(program);
    command.env("RBSHIM_VERBOSE", "1");
    let output = run(command, Duration::from_secs(60));
    assert!(
        output.status.success(),
        "{}: {}",
        program.display(),
        output.status
    );
    assert!(output.stdout.is_empty(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.is_empty() || text.starts_with("rbshim "), "{text}");
    !text.is_empty()
}
