// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `make install`, `make uninstall` and `make dist`: what they leave where, and that bad input leaves nothing.

mod common;

use common::{make, manifest_dir, rbshim, succeed, target_dir};
use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const VERSION: &str = env!("CARGO_PKG_VERSION");

#[test]
fn install_and_uninstall_handle_the_same_files_and_honour_every_directory() {
    rbshim();
    for layout in [
        Layout::usual("/usr/local"),
        Layout::usual("/usr"),
        Layout {
            libdir: "/usr/lib/x86_64-linux-gnu",
            includedir: "/opt/include",
            mandir: "/opt/man",
        },
    ] {
        let root = fresh("layout");
        let directories = layout.arguments(&root);
        succeed(make("install").args(&directories));
        assert_eq!(files(&root), layout.files());
        for link in ["librbshim.so", "librbshim.so.1"] {
            let library = root.join(&layout.libdir[1..]).join(link);
            let library = fs::canonicalize(library).expect("a link to the library");
            assert!(library.ends_with(format!("librbshim.so.{VERSION}")));
        }
        succeed(make("uninstall").args(&directories));
        assert_eq!(files(&root), BTreeSet::new());
    }
}

#[test]
fn pkg_config_finds_what_was_installed() {
    let root = fresh("pkg-config");
    let prefix = root.to_str().expect("UTF-8");
    succeed(make("install").arg(format!("PREFIX={prefix}")));
    let ask = |arguments: &[&str]| {
        let mut command = Command::new("pkg-config");
        command.env("PKG_CONFIG_PATH", root.join("lib/pkgconfig"));
        succeed(command.args(arguments).arg("rbshim"))
    };
    assert_eq!(ask(&["--modversion"]).trim(), VERSION);
    assert_eq!(
        ask(&["--cflags", "--libs"]).trim(),
        format!("-I{prefix}/include -L{prefix}/lib -lrbshim")
    );
    let with_private = ask(&["--static", "--libs"]);
    assert_eq!(with_private.trim(), format!("-L{prefix}/lib -lrbshim -lc"));
}

#[test]
fn what_cannot_be_installed_is_one_line_and_leaves_nothing() {
    rbshim();
    let root = fresh("refused");
    let file = root.join("a-file");
    fs::write(&file, "").expect("a file");
    let under_a_file = format!("PREFIX={}", file.join("prefix").display());
    // Only the last directory cannot be written to: nothing may be put into the others.
    let one_of_them = [
        format!("PREFIX={}", root.join("prefix").display()),
        format!("MANDIR={}", file.join("man").display()),
    ];
    for (arguments, says) in [
        (vec![under_a_file], "cannot write to"),
        (one_of_them.to_vec(), "cannot write to"),
        (vec!["PREFIX=relative".into()], "not an absolute path"),
        (
            vec![format!("PREFIX={}/with space", root.display())],
            "spaces",
        ),
        (
            vec!["CARGO=no-such-cargo".into()],
            "no-such-cargo is needed",
        ),
        (vec!["CC=no-such-cc".into()], "no-such-cc is needed"),
    ] {
        // What is built is installed without any compiler.
        let needs_tools = arguments[0].starts_with('C');
        let goal = if needs_tools { "build" } else { "install" };
        let output = tried(make(goal).args(&arguments));
        assert!(!output.status.success(), "{arguments:?}");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        // Cargo and make print messages of their own as well.
        let others = |line: &&str| !line.starts_with("make") && !line.contains(" Finished ");
        let ours: Vec<&str> = errors.lines().filter(others).collect();
        assert_eq!(ours.len(), 1, "{arguments:?}: {errors}");
        assert!(
            ours[0].starts_with("rbshim: ") && ours[0].contains(says),
            "{errors}"
        );
        assert_eq!(
            files(&root),
            BTreeSet::from(["/a-file".into()]),
            "{arguments:?}"
        );
    }
}

/// Not even by an installation that fails at any of its files.
#[test]
fn what_was_installed_before_is_there_until_all_of_the_new_is() {
    rbshim();
    let root = fresh("again");
    let prefix = format!("PREFIX={}", root.join("prefix").display());
    succeed(make("install").arg(&prefix));
    let installed = files(&root);
    let library = root.join("prefix/lib/librbshim.so.1");
    fs::write(&library, "the one of before").expect("the library can be written to");
    for failing in ["librbshim.so", "librbshim.a", "rbshim.pc", "cmake", "man3"] {
        let script = target_dir().join("tmp/install/failing-install");
        let text =
            format!("#!/bin/sh\ncase \"$*\" in *{failing}*) exit 1 ;; esac\ninstall \"$@\"\n");
        fs::write(&script, text).expect("a script");
        fs::set_permissions(&script, Permissions::from_mode(0o755)).expect("it can be run");
        let output =
            tried(make("install").args([&prefix, &format!("INSTALL={}", script.display())]));
        assert!(!output.status.success(), "{failing}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("rbshim: not installed\n"));
        assert_eq!(files(&root), installed, "{failing}");
        let text = fs::read(&library).expect("the library");
        assert_eq!(text, b"the one of before", "{failing}");
    }
    succeed(make("install").arg(&prefix));
    assert_eq!(files(&root), installed);
    assert_eq!(sha256(&library), sha256(&rbshim().shared));
}

/// A prefix may end in a slash, and the destination may be named from here.
#[test]
fn directories_may_be_written_in_other_ways() {
    rbshim();
    let root = fresh("spelling");
    let target = format!("CARGO_TARGET_DIR={}", target_dir().display());
    let mut install = make("install");
    install
        .current_dir(&root)
        .args(["-C", manifest_dir().to_str().expect("UTF-8"), &target]);
    let relative = format!("tmp-{}", std::process::id());
    succeed(install.args([
        &format!("DESTDIR={relative}"),
        "PREFIX=/usr//",
        "INCLUDEDIR=/usr/include",
    ]));
    let staged = manifest_dir().join(&relative);
    let config = fs::read_to_string(staged.join("usr/lib/cmake/rbshim/rbshim-config.cmake"));
    fs::remove_dir_all(&staged).expect("what was installed");
    let config = config.expect("the CMake package");
    assert!(
        config.contains("${_rbshim_here}/../../../include\""),
        "{config}"
    );
}

#[test]
fn a_target_without_bpf_is_refused_in_one_line() {
    let mut build = Command::new(build_script());
    build.env("CARGO_CFG_TARGET_OS", "macos");
    let output = tried(&mut build);
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        printed.trim(),
        "cargo::error=BPF ring buffers are Linux's: cannot build for macos"
    );
}

#[test]
fn the_packagers_flags_reach_the_library() {
    let root = fresh("flags");
    let mut build = make("build");
    build.env("CARGO_TARGET_DIR", root.join("target"));
    let host = succeed(Command::new("rustc").arg("-vV"));
    let host = host.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.expect("a host");
    // Many distributions have the compiler's link-time optimization among their flags.
    build.args([
        "LDFLAGS=-Wl,-z,now -Wl,--build-id=0xfeedfacefeedface",
        "CFLAGS=-O2 -flto",
        &format!("CARGO_BUILD_TARGET={host}"),
    ]);
    build.env("RUSTFLAGS", "-C metadata=packager");
    succeed(&mut build);
    let library = root.join("target").join(host).join("package/librbshim.so");
    let read = |option| succeed(Command::new("readelf").args(["-W", option]).arg(&library));
    assert!(read("--dynamic").contains("BIND_NOW"));
    assert!(read("--notes").contains("Build ID: feedfacefeedface"));
}

/// Two builds, of the repository and of the tarball without a network, in different folders and with
/// different target directories.
#[test]
fn the_tarball_builds_offline_to_the_same_bytes() {
    let root = fresh("dist");
    let tarball = |name: &str| {
        let target = root.join(name);
        succeed(make("dist-library").env("CARGO_TARGET_DIR", &target));
        target.join(format!("dist/rbshim-{VERSION}.tar.xz"))
    };
    let [first, second] = ["one", "the/other"].map(tarball);
    assert_eq!(sha256(&first), sha256(&second));
    let mut check = Command::new("sha256sum");
    check
        .current_dir(first.parent().expect("a directory"))
        .arg("--check");
    succeed(check.arg(format!("rbshim-{VERSION}.tar.xz.sha256")));

    succeed(
        Command::new("tar")
            .arg("x")
            .arg("-C")
            .arg(&root)
            .arg("-f")
            .arg(&first),
    );
    let unpacked = root.join(format!("rbshim-{VERSION}"));
    let vendored: BTreeSet<String> = names(&unpacked.join("vendor"));
    let needed = ["cc", "find-msvc-tools", "libc", "once_cell", "shlex"].map(str::to_string);
    assert_eq!(vendored, BTreeSet::from(needed));

    let mut build = make("build");
    build.current_dir(&unpacked).arg("CARGOFLAGS=--offline");
    build.env("CARGO_TARGET_DIR", unpacked.join("target"));
    // An empty cargo home: nothing but vendor/ is there to be used.
    build.env("CARGO_HOME", root.join("cargo-home"));
    succeed(&mut build);
    for (ours, theirs) in [
        (&rbshim().shared, format!("librbshim.so.{VERSION}")),
        (&rbshim().archive, "librbshim.a".to_string()),
    ] {
        let theirs = unpacked.join("target/package").join(theirs);
        assert_eq!(sha256(ours), sha256(&theirs), "{}", theirs.display());
        println!("{} {}", sha256(ours), ours.display());
    }
}

struct Layout {
    libdir: &'static str,
    includedir: &'static str,
    mandir: &'static str,
}

impl Layout {
    fn usual(prefix: &str) -> Self {
        match prefix {
            "/usr" => Layout {
                libdir: "/usr/lib",
                includedir: "/usr/include",
                mandir: "/usr/share/man",
            },
            _ => Layout {
                libdir: "/usr/local/lib",
                includedir: "/usr/local/include",
                mandir: "/usr/local/share/man",
            },
        }
    }

    fn arguments(&self, root: &Path) -> Vec<String> {
        let mut arguments = vec![format!("DESTDIR={}", root.display())];
        let prefix = self.libdir.strip_suffix("/lib");
        match prefix {
            Some(prefix) => arguments.push(format!("PREFIX={prefix}")),
            None => arguments.extend([
                format!("LIBDIR={}", self.libdir),
                format!("INCLUDEDIR={}", self.includedir),
                format!("MANDIR={}", self.mandir),
            ]),
        }
        arguments
    }

    fn files(&self) -> BTreeSet<String> {
        let mut files: BTreeSet<String> = [
            "librbshim.a".to_string(),
            "librbshim.so".to_string(),
            "librbshim.so.1".to_string(),
            format!("librbshim.so.{VERSION}"),
            "pkgconfig/rbshim.pc".to_string(),
            "cmake/rbshim/rbshim-config.cmake".to_string(),
            "cmake/rbshim/rbshim-config-version.cmake".to_string(),
        ]
        .map(|file| format!("{}/{file}", self.libdir))
        .into();
        files.insert(format!("{}/rbshim.h", self.includedir));
        for page in names(&manifest_dir().join("man")) {
            let section = page.rsplit('.').next().expect("a section");
            files.insert(format!("{}/man{section}/{page}", self.mandir));
        }
        files
    }
}

fn fresh(name: &str) -> PathBuf {
    let root = target_dir().join("tmp/install").join(name);
    let _ = fs::remove_dir_all(&root);
    fs::create_dir_all(&root).expect("a directory");
    root
}

/// All that are not directories, as paths from `root`.
fn files(root: &Path) -> BTreeSet<String> {
    let mut find = Command::new("find");
    find.arg(root)
        .args(["!", "-type", "d", "-printf", "/%P\\n"]);
    succeed(&mut find).lines().map(str::to_string).collect()
}

fn names(directory: &Path) -> BTreeSet<String> {
    fs::read_dir(directory)
        .expect("a directory")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("UTF-8")
        })
        .collect()
}

fn tried(command: &mut Command) -> Output {
    for variable in ["MAKEFLAGS", "MFLAGS", "MAKELEVEL"] {
        command.env_remove(variable);
    }
    command.output().expect("it can be started")
}

fn sha256(file: &Path) -> String {
    let printed = succeed(Command::new("sha256sum").arg(file));
    printed.split(' ').next().expect("a hash").to_string()
}

/// The compiled `build.rs` of the release build.
fn build_script() -> PathBuf {
    rbshim();
    let builds = target_dir().join("release/build");
    fs::read_dir(&builds)
        .expect("build scripts")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.to_string_lossy().contains("/rbshim-"))
        .map(|path| path.join("build-script-build"))
        .find(|path| path.exists())
        .expect("the crate's build script")
}
