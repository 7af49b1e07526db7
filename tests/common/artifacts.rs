// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Where things are, and the release build of the library.

use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The release library as it ships.
pub struct Artifacts {
    pub shared: PathBuf,
    pub archive: PathBuf,
    /// Holds `librbshim.so` and `librbshim.so.1`: for `-L`, `-rpath` and the loader.
    pub directory: PathBuf,
    pub include: PathBuf,
}

pub fn manifest_dir() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Cargo's target directory, wherever it was told to put it.
pub fn target_dir() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("the temporary directory is inside the target directory")
}

/// Builds the release library, once per process.
pub fn rbshim() -> &'static Artifacts {
    static ARTIFACTS: OnceLock<Artifacts> = OnceLock::new();
    ARTIFACTS.get_or_init(|| {
        let mut cargo = cargo();
        cargo
            .args(["build", "--release", "--lib", "--locked", "--target-dir"])
            .arg(target_dir());
        succeed(&mut cargo);

        let release = target_dir().join("release");
        let shared = release.join("librbshim.so");
        let directory = target_dir().join("c-tests/lib");
        fs::create_dir_all(&directory).expect("a directory for the links");
        for name in ["librbshim.so", "librbshim.so.1"] {
            let link = directory.join(name);
            if fs::read_link(&link).ok().as_deref() != Some(&shared) {
                let new = unique(&link);
                symlink(&shared, &new).expect("a link to the library");
                fs::rename(&new, &link).expect("the link under its name");
            }
        }
        Artifacts {
            archive: release.join("librbshim.a"),
            include: manifest_dir().join("include"),
            shared,
            directory,
        }
    })
}

/// Cargo, as the tests were started with, in the project.
pub fn cargo() -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into());
    let mut cargo = Command::new(program);
    cargo.current_dir(manifest_dir());
    cargo
}

/// Runs a tool that must succeed, and returns its stdout.
pub fn succeed(command: &mut Command) -> String {
    // A make above us would hand its job server and variables down.
    for variable in ["MAKEFLAGS", "MFLAGS", "MAKELEVEL", "LD_PRELOAD"] {
        command.env_remove(variable);
    }
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
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
