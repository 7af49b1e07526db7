// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `RBSHIM_STATS` counts for each process, and what it says on stderr neither waits nor kills.

mod common;

use common::{Libbpf, Way, count, require_bpf, run};
use std::fs::File;
use std::io::{Read, Write};
use std::process::{Command, Output};
use std::time::Duration;

const WATCH_DOG: Duration = Duration::from_secs(60);

fn counting(program: &str) -> Command {
    let mut command = common::command(program, Libbpf::Vendored, Way::Preloaded);
    count(&mut command);
    command
}

fn succeeded(output: Output) -> Output {
    assert!(output.status.success(), "{output:?}");
    output
}

#[test]
fn a_child_says_what_it_has_counted_itself() {
    if !require_bpf() {
        return;
    }
    let output = succeeded(run(counting("counted_fork"), WATCH_DOG));
    let said = String::from_utf8_lossy(&output.stderr);
    let numbers = |name: &str| -> Vec<String> {
        let words = said.split_whitespace();
        let pairs = words.filter_map(|word| word.split_once('='));
        let named = pairs.filter(|(key, _)| *key == name);
        named.map(|(_, number)| number.to_string()).collect()
    };
    // Of the child that has read two, and of the parent; the other child has read none.
    assert_eq!(numbers("records"), ["2", "3"], "{said}");
    // Each takes 24 bytes of the ring.
    assert_eq!(numbers("high_water"), ["48", "72"], "{said}");
    assert_eq!(numbers("size"), ["4096", "4096"], "{said}");
    assert_eq!(numbers("nearly_full"), ["0", "0"], "{said}");
}

/// The program's stderr is this one, whatever it is.
fn with_stderr(stderr: impl Into<std::process::Stdio>) {
    let mut shell = Command::new("timeout");
    let command = counting("counted_fork");
    shell.arg("60").arg(command.get_program()).stderr(stderr);
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.current_dir(command.get_current_dir().expect("a directory"));
    let output = succeeded(shell.output().expect("timeout runs"));
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 2);
}

#[test]
fn a_full_pipe_is_not_waited_for() {
    if !require_bpf() {
        return;
    }
    let (mut reader, mut writer) = std::io::pipe().expect("a pipe");
    // SAFETY: no memory is passed; a pipe of one page.
    let size = unsafe {
        libc::fcntl(
            std::os::fd::AsRawFd::as_raw_fd(&writer),
            libc::F_SETPIPE_SZ,
            4096,
        )
    };
    writer.write_all(&vec![b'x'; size as usize]).expect("room");
    with_stderr(writer);
    let mut seen = Vec::new();
    reader.read_to_end(&mut seen).expect("what is in it");
    assert_eq!(seen.len(), size as usize);
}

#[test]
fn a_pipe_that_nobody_reads_kills_nobody() {
    if !require_bpf() {
        return;
    }
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    with_stderr(writer);
}

#[test]
fn a_device_that_is_full_is_no_error() {
    if !require_bpf() {
        return;
    }
    with_stderr(File::create("/dev/full").expect("a device"));
}
