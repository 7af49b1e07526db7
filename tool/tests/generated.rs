// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The manual pages and the completions are those of the command line as it is.
//! `RBSHIM_WRITE=1 cargo test --test generated` writes them anew.

use clap::CommandFactory;
use clap_complete::Shell;
use rbshim_tool::cli::Cli;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

fn generated() -> BTreeMap<String, Vec<u8>> {
    let folder = tempfile::tempdir().expect("a folder");
    let pages = folder.path().join("man");
    fs::create_dir(&pages).expect("a folder");
    clap_mangen::generate_to(Cli::command(), &pages).expect("the pages");
    let completions = folder.path().join("completions");
    fs::create_dir(&completions).expect("a folder");
    for shell in [Shell::Bash, Shell::Fish, Shell::Zsh] {
        clap_complete::generate_to(shell, &mut Cli::command(), "rbshim", &completions)
            .expect("a completion");
    }
    let mut files = files(folder.path());
    for (name, text) in &mut files {
        *text = licensed(name, text);
    }
    files
}

/// The text with the line that states its license, which zsh wants to be the second one.
fn licensed(name: &str, text: &[u8]) -> Vec<u8> {
    let sign = if name.starts_with("man/") {
        ".\\\""
    } else {
        "#"
    };
    let line = format!("{sign} SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause\n");
    let first = text
        .iter()
        .position(|&byte| byte == b'\n')
        .map_or(0, |end| end + 1);
    let place = if text.starts_with(b"#compdef") {
        first
    } else {
        0
    };
    [&text[..place], line.as_bytes(), &text[place..]].concat()
}

fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for name in ["man", "completions"] {
        for entry in fs::read_dir(root.join(name)).into_iter().flatten() {
            let path = entry.expect("an entry").path();
            let file = path.file_name().expect("a name").to_string_lossy();
            let bytes = fs::read(&path).expect("a file");
            found.insert(format!("{name}/{file}"), bytes);
        }
    }
    found
}

#[test]
fn manual_and_completions_are_those_of_the_command_line() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let expected = generated();
    if std::env::var_os("RBSHIM_WRITE").is_some() {
        for (name, bytes) in &expected {
            fs::create_dir_all(root.join(name).parent().expect("a folder")).expect("a folder");
            fs::write(root.join(name), bytes).expect("it can be written");
        }
    }
    let present = files(root);
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&present), names(&expected));
    for (name, bytes) in expected {
        assert!(
            present[&name] == bytes,
            "{name} is not up to date: RBSHIM_WRITE=1 writes it"
        );
    }
}

#[test]
fn the_manual_has_every_command_and_every_exit_status() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("man/rbshim.1"));
    let page = page.expect("the page");
    for command in Cli::command().get_subcommands() {
        let name = format!("rbshim\\-{}(1)", command.get_name());
        assert!(page.contains(&name), "{name}");
    }
    let plain = page.replace("\\-", "-");
    for line in rbshim_tool::cli::STATUSES.lines() {
        assert!(plain.contains(line.trim()), "{line}");
    }
}

#[test]
fn the_shells_take_the_completions() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = root.join("completions/rbshim.bash");
    let checked = Command::new("bash").arg("-n").arg(file).status();
    assert!(checked.expect("bash").success());
}
