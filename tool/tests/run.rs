// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `rbshim run`: the library is there and active, the exit status is the command's, and what cannot work is refused.

mod common;

use common::{compile, library, scratch, succeed, told, tool};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

#[test]
fn a_program_runs_with_the_library_and_its_options_and_keeps_its_exit_status() {
    let program = compile("one_ring", "one_ring", &["-lbpf"]);
    let mut run = tool();
    run.args([
        "run",
        "--verbose",
        "--linger-us",
        "7",
        "--coalesce-us",
        "90",
        "--library",
    ])
    .arg(library())
    .arg("--")
    .arg(&program);
    let (status, printed, said) = told(&mut run);
    assert_eq!((status, printed.as_str()), (7, "opened\n"), "{said}");
    assert!(said.contains(" active: "), "{said}");
    assert!(
        said.contains("RBSHIM_LINGER_US=7 RBSHIM_COALESCE_US=90"),
        "{said}"
    );
}

#[test]
fn the_library_comes_before_what_is_preloaded_already() {
    let mut run = tool();
    run.env("LD_PRELOAD", "libc.so.6")
        .args(["run", "--stats", "--library"])
        .arg(library())
        .args(["--", "sh", "-c", "echo $LD_PRELOAD $RBSHIM_STATS"]);
    let (status, printed, said) = told(&mut run);
    let file = fs::canonicalize(library()).expect("the library");
    assert_eq!(
        printed,
        format!("{}:libc.so.6 1\n", file.display()),
        "{said}"
    );
    assert_eq!(status, 0);
}

#[test]
fn the_installed_library_is_found_beside_the_tool() {
    let prefix = tempfile::tempdir_in(scratch()).expect("a folder");
    let (bin, lib) = (prefix.path().join("bin"), prefix.path().join("lib"));
    fs::create_dir_all(&bin).expect("bin");
    fs::create_dir_all(lib.join("rbshim")).expect("lib");
    fs::copy(env!("CARGO_BIN_EXE_rbshim"), bin.join("rbshim")).expect("a copy");
    fs::copy(library(), lib.join("librbshim.so.1")).expect("a copy");
    fs::copy(library(), lib.join("rbshim/libbpf.so.1")).expect("a copy");
    let mut run = Command::new(bin.join("rbshim"));
    run.env_remove("LD_LIBRARY_PATH");
    run.args(["run", "--", "sh", "-c", "echo $LD_PRELOAD $LD_LIBRARY_PATH"]);
    let (_, printed, said) = told(&mut run);
    let lib = lib.display();
    assert_eq!(
        printed,
        format!("{lib}/librbshim.so.1 {lib}/rbshim\n"),
        "{said}"
    );
}

#[test]
fn a_static_program_is_refused_unless_forced() {
    let program = compile("nothing", "static", &["-static"]);
    let refused = |options: &[&str]| {
        let mut run = tool();
        run.arg("run")
            .args(options)
            .arg("--library")
            .arg(library())
            .arg("--")
            .arg(&program);
        told(&mut run)
    };
    let (status, _, said) = refused(&[]);
    assert_eq!(status, 125);
    assert!(said.contains("linked statically"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert_eq!(refused(&["--force"]).0, 0);
}

#[test]
fn raised_privileges_are_refused_for_whom_they_raise() {
    let program = compile("nothing", "raised", &[]);
    fs::set_permissions(&program, fs::Permissions::from_mode(0o4755)).expect("chmod");
    // The user nobody must be able to reach both files.
    let folder = tempfile::Builder::new()
        .tempdir_in("/tmp")
        .expect("a folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("chmod");
    for (from, name) in [
        (env!("CARGO_BIN_EXE_rbshim").as_ref(), "rbshim"),
        (&*program, "raised"),
    ] {
        fs::copy(from, folder.path().join(name)).expect("a copy");
    }
    let raised = folder.path().join("raised");
    let as_nobody = || {
        let mut run = Command::new("setpriv");
        run.args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(folder.path().join("rbshim"))
            .args(["run", "--"])
            .arg(&raised);
        told(&mut run)
    };
    fs::set_permissions(&raised, fs::Permissions::from_mode(0o4755)).expect("chmod");
    let (status, _, said) = as_nobody();
    assert!(status == 125 && said.contains("setuid"), "{status} {said}");
    fs::set_permissions(&raised, fs::Permissions::from_mode(0o755)).expect("chmod");
    succeed(Command::new("setcap").arg("cap_net_raw+ep").arg(&raised));
    let (status, _, said) = as_nobody();
    assert!(
        status == 125 && said.contains("file capabilities"),
        "{status} {said}"
    );
}

#[test]
fn what_cannot_be_run_has_the_usual_exit_status() {
    let run = |command: &str| {
        let mut run = tool();
        run.args(["run", "--library"])
            .arg(library())
            .args(["--", command]);
        told(&mut run)
    };
    let (status, _, said) = run("no-such-command-here");
    assert_eq!(
        (status, said.as_str()),
        (127, "rbshim: no-such-command-here: no such command\n")
    );
    assert_eq!(run("/etc/passwd").0, 126);
    let (status, _, said) = run("/nowhere/\x1b[2Jname");
    assert_eq!(
        (status, said.as_str()),
        (127, "rbshim: /nowhere/\\x1b[2Jname: no such command\n")
    );

    let mut run = tool();
    run.args(["run", "--library", "/etc/passwd", "--", "true"]);
    let (status, _, said) = told(&mut run);
    assert_eq!(
        (status, said.as_str()),
        (125, "rbshim: /etc/passwd: not an ELF file\n")
    );
    let mut run = tool();
    run.args(["run", "--linger-us", "101", "--", "true"]);
    assert_eq!(told(&mut run).0, 2);
}
