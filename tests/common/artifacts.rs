// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Where things are, and the release build of the library.

use super::run::account;
use std::ffi::OsString;
use std::fs;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The release libraries as they ship.
pub struct Artifacts {
    pub shared: PathBuf,
    pub archive: PathBuf,
    /// Holds `librbshim.so` and its links: for `-L`, `-rpath` and the loader.
    pub directory: PathBuf,
    pub include: PathBuf,
    /// What rustc made, with all of std; the shipped ones are linked from it.
    pub compiled: PathBuf,
}

pub fn manifest_dir() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Cargo's target directory, which may be set to be anywhere.
pub fn target_dir() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("the temporary directory is inside the target directory")
}

/// Builds the release libraries, once per process.
pub fn rbshim() -> &'static Artifacts {
    static ARTIFACTS: OnceLock<Artifacts> = OnceLock::new();
    ARTIFACTS.get_or_init(|| {
        let build = || succeed(&mut make("build"));
        locked(&target_dir().join("package.lock"), build);
        let directory = target_dir().join("package");
        Artifacts {
            shared: directory.join(concat!("librbshim.so.", env!("CARGO_PKG_VERSION"))),
            archive: directory.join("librbshim.a"),
            include: manifest_dir().join("include"),
            compiled: target_dir().join("release/librbshim.a"),
            directory,
        }
    })
}

/// Make, in the project, with the target directory and the cargo of this test.
pub fn make(goal: &str) -> Command {
    let mut make = Command::new("make");
    make.current_dir(manifest_dir())
        .args(["--silent", goal])
        .env("CARGO_TARGET_DIR", target_dir())
        .env("CARGO", cargo_program());
    make
}

/// Cargo, as the tests were started with, in the project.
pub fn cargo() -> Command {
    let mut cargo = Command::new(cargo_program());
    cargo.current_dir(manifest_dir());
    cargo
}

fn cargo_program() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into())
}

/// Runs a tool that must succeed, and returns its stdout.
pub fn succeed(command: &mut Command) -> String {
    // From a `make` that runs the tests: its job server and variables are not for this tool.
    for variable in ["MAKEFLAGS", "MFLAGS", "MAKELEVEL", "LD_PRELOAD"] {
        command.env_remove(variable);
    }
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", account(&output));
    String::from_utf8(output.stdout).expect("a tool prints text")
}

/// A name beside `path` that no other thread or process uses: what is built there and then
/// renamed is never seen half done.
pub fn unique(path: &Path) -> PathBuf {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let serial = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".new-{}-{serial}", std::process::id()));
    PathBuf::from(name)
}

/// Runs `work` while no other process holds the lock `file`.
pub fn locked<T>(file: &Path, work: impl FnOnce() -> T) -> T {
    let lock = fs::File::create(file).expect("a lock file");
    // SAFETY: the descriptor is open as long as `lock` lives.
    let result = unsafe { libc::flock(lock.as_raw_fd(), libc::LOCK_EX) };
    assert_eq!(result, 0, "flock: {}", std::io::Error::last_os_error());
    work()
}
