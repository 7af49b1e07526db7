// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `make install-tool` and `make uninstall`: what they leave where.

mod common;

use common::{library, project, scratch, succeed};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

fn files(root: &Path) -> BTreeSet<String> {
    let find = succeed(
        Command::new("find")
            .arg(root)
            .args(["-type", "f", "-printf", "%P %m\n"]),
    );
    let list = String::from_utf8(find.stdout).expect("text");
    list.lines().map(str::to_string).collect()
}

#[test]
fn install_and_uninstall_handle_the_same_files() {
    // Make must find the library built: uninstall would build it else.
    library();
    let root = tempfile::tempdir_in(scratch()).expect("a folder");
    let built = Path::new(env!("CARGO_BIN_EXE_rbshim"))
        .parent()
        .expect("a folder");
    let make = |goal: &str| {
        let mut make = Command::new("make");
        make.current_dir(project())
            .args(["--silent", goal, "PREFIX=/usr"])
            .arg(format!("DESTDIR={}", root.path().display()))
            .arg(format!("TOOL_BUILD={}", built.display()))
            .env_remove("MAKEFLAGS")
            .env_remove("MAKELEVEL");
        succeed(&mut make);
    };
    make("install-tool");
    let commands = ["", "-check", "-guard", "-kick", "-run", "-top", "-watch"];
    let mut expected: BTreeSet<String> = commands
        .into_iter()
        .map(|command| format!("usr/share/man/man1/rbshim{command}.1 644"))
        .collect();
    expected.extend(
        [
            "usr/bin/rbshim 755",
            "usr/lib/systemd/system/rbshim-watch.service 644",
            "usr/share/bash-completion/completions/rbshim 644",
            "usr/share/fish/vendor_completions.d/rbshim.fish 644",
            "usr/share/zsh/site-functions/_rbshim 644",
        ]
        .map(str::to_string),
    );
    assert_eq!(files(root.path()), expected);
    let unit = root
        .path()
        .join("usr/lib/systemd/system/rbshim-watch.service");
    let unit = fs::read_to_string(unit).expect("the unit");
    assert!(
        unit.contains("\nExecStart=/usr/bin/rbshim watch --kick\n"),
        "{unit}"
    );
    make("uninstall");
    assert_eq!(files(root.path()), BTreeSet::new());
}

/// The unit's own sandbox, as far as it can be had without systemd: its capabilities and no others.
#[test]
fn the_units_capabilities_suffice() {
    use common::victim::Victim;
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd/rbshim-watch.service.in");
    let unit = fs::read_to_string(unit).expect("the unit");
    let set = unit
        .lines()
        .find_map(|line| line.strip_prefix("CapabilityBoundingSet="));
    let set: Vec<String> = set
        .expect("its capabilities")
        .split(' ')
        .map(|name| format!("+{}", name.trim_start_matches("CAP_").to_lowercase()))
        .collect();
    let mut victim = Victim::start(&["--wait=nested", "--close"]);
    for command in ["quiet 10", "fill 8000"] {
        victim.sleeps();
        victim.tell(command);
        let mut kick = Command::new("setpriv");
        kick.arg(format!("--bounding-set=-all,{}", set.join(",")))
            .args([
                "--inh-caps=-all",
                "--no-new-privs",
                env!("CARGO_BIN_EXE_rbshim"),
            ])
            .args(["kick", &victim.ring.to_string()]);
        succeed(&mut kick);
        victim.settle();
    }
}
