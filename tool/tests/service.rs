// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The unit under a systemd of its own, in its sandbox: it becomes ready, rescues a reader, and goes on.

mod common;

use common::{alone, compile, compile_bpf, project, scratch, static_libbpf, succeed};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the service manager is told to do: a victim is stuck until the service wakes it.
const SCRIPT: &str = r#"#!/bin/bash
set -eu
cd /opt/rbshim-test
exec >said 2>&1
show() { systemctl show rbshim-watch -p ActiveState,SubState,StatusText,NRestarts | tr '\n' ' '; echo; }
trap 'systemctl exit' EXIT
show
systemctl is-active --quiet rbshim-watch
coproc VICTIM { exec ./victim ./victim.bpf.o --wait=nested --close; }
tell() { echo "$1" >&"${VICTIM[1]}"; read -r line <&"${VICTIM[0]}"; }
read -r line <&"${VICTIM[0]}"
until grep -q epoll_wait /proc/"$VICTIM_PID"/task/*/wchan; do :; done
tell 'fill 8000'
echo "filled $line"
until tell count; set -- $line; [ $(($2 + $4)) = "$6" ]; do sleep 0.1; done
echo "at last $line"
until show | tee state | grep -q '1 rescues'; do sleep 0.1; done
cat state
# Longer than the watchdog waits for a sign of life.
sleep 65
show
"#;

/// The machine's own root, with a layer of memory over it.
struct Root(PathBuf);

impl Root {
    fn new() -> Root {
        let folder = scratch().join("service");
        fs::create_dir_all(&folder).expect("a folder");
        succeed(
            Command::new("mount")
                .args(["-t", "tmpfs", "rbshim-test"])
                .arg(&folder),
        );
        for name in ["upper", "work", "root"] {
            fs::create_dir(folder.join(name)).expect("a folder");
        }
        let layers = format!(
            "lowerdir=/,upperdir={0}/upper,workdir={0}/work",
            folder.display()
        );
        let root = Root(folder);
        let mut mount = Command::new("mount");
        mount.args(["-t", "overlay", "overlay", "-o", &layers]);
        succeed(mount.arg(root.path("")));
        root
    }

    fn path(&self, inside: &str) -> PathBuf {
        self.0.join("root").join(inside)
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.path(file), text).expect("it can be written");
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.path("")).status();
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
#[ignore = "boots a systemd with systemd-nspawn, for more than a minute"]
fn the_unit_becomes_ready_rescues_a_reader_and_goes_on() {
    let _alone = alone();
    let libbpf = static_libbpf();
    let libbpf: Vec<&str> = libbpf.iter().map(String::as_str).collect();
    let root = Root::new();
    let put = |from: &Path, to: &str| {
        fs::copy(from, root.path(to)).expect("it can be copied");
    };
    fs::create_dir_all(root.path("opt/rbshim-test")).expect("a folder");
    put(Path::new(env!("CARGO_BIN_EXE_rbshim")), "usr/bin/rbshim");
    put(
        &compile("victim", "victim", &libbpf),
        "opt/rbshim-test/victim",
    );
    put(&compile_bpf("victim"), "opt/rbshim-test/victim.bpf.o");
    root.write("opt/rbshim-test/script", SCRIPT);
    let unit = fs::read_to_string(project().join("tool/systemd/rbshim-watch.service.in"));
    let unit = unit.expect("the unit").replace("@BINDIR@", "/usr/bin");
    root.write("etc/systemd/system/rbshim-watch.service", &unit);
    let service = "[Unit]\nWants=rbshim-watch.service\nAfter=rbshim-watch.service\n\
                   [Service]\nExecStart=/bin/bash /opt/rbshim-test/script\n";
    root.write("etc/systemd/system/rbshim-test.service", service);
    let target = "[Unit]\nRequires=sysinit.target rbshim-test.service\nAfter=sysinit.target\n";
    root.write("etc/systemd/system/rbshim-test.target", target);

    let mut boot = Command::new("systemd-nspawn");
    boot.args(["--quiet", "--register=no", "--keep-unit", "--boot"])
        .args(["--private-network", "--resolv-conf=off"])
        .args(["--capability=all", "--machine=rbshim-test"])
        // What a container may not do otherwise, and rbshim does.
        .arg("--system-call-filter=bpf kcmp pidfd_getfd @privileged")
        .arg("-D")
        .arg(root.path(""))
        .args(["--", "--unit=rbshim-test.target"]);
    let booted = boot.output().expect("systemd-nspawn");
    let console = String::from_utf8_lossy(&booted.stdout);
    let said = fs::read_to_string(root.path("opt/rbshim-test/said"));
    let said = said.unwrap_or_else(|error| panic!("{error}: {console}"));
    let lines: Vec<&str> = said.lines().collect();
    let [ready, filled, drained, rescued, later] = lines[..] else {
        panic!("{said}{console}");
    };
    for state in [ready, rescued, later] {
        let runs = state.contains("ActiveState=active SubState=running");
        assert!(runs && state.contains("NRestarts=0"), "{said}");
    }
    assert!(filled.starts_with("filled delivered 0 "), "{said}");
    assert!(drained.ends_with(" produced 8000"), "{said}");
    assert!(later.contains("1 rescues"), "{said}");
}
