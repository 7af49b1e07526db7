// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Packages of a Debian release, whichever the host is: apt with lists, sources and status of its own
//! under the target directory. Nothing is installed.

use crate::common::{succeed, target_dir};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
const MIRROR: &str = "http://deb.debian.org/debian";
/// The matrix is of this architecture's packages.
const ARCHITECTURE: &str = "amd64";

pub struct Release {
    /// As in "Debian 12".
    pub number: u32,
    directory: PathBuf,
}

pub struct Package {
    pub name: String,
    /// The name of the source package.
    pub source: String,
    version: String,
}

impl Release {
    /// Fetches the list of packages.
    pub fn new(number: u32, suite: &str) -> Release {
        let directory = target_dir().join("debian").join(suite);
        for folder in ["state/lists/partial", "cache/archives/partial", "unpacked"] {
            fs::create_dir_all(directory.join(folder)).expect("a directory for apt");
        }
        let root = directory.display();
        let mirror = std::env::var("DEBIAN_MIRROR").unwrap_or_else(|_| MIRROR.into());
        for (name, text) in [
            (
                "sources.list",
                format!("deb [signed-by={KEYS}] {mirror} {suite} main\n"),
            ),
            ("status", String::new()),
            (
                "apt.conf",
                format!(
                    "Dir::Etc::main \"/dev/null\";\nDir::Etc::parts \"/dev/null\";\n\
                     Dir::Etc::sourcelist \"{root}/sources.list\";\nDir::Etc::sourceparts \"/dev/null\";\n\
                     Dir::State \"{root}/state\";\nDir::State::status \"{root}/status\";\n\
                     Dir::Cache \"{root}/cache\";\nAPT::Architecture \"{ARCHITECTURE}\";\n\
                     APT::Architectures \"{ARCHITECTURE}\";\nAPT::Sandbox::User \"root\";\n\
                     Acquire::Languages \"none\";\nAcquire::Retries \"3\";\n"
                ),
            ),
        ] {
            fs::write(directory.join(name), text).expect("a file for apt");
        }
        let release = Release { number, directory };
        let output = release
            .apt("apt-get")
            .args(["-q", "update", "--error-on=any"])
            .output()
            .unwrap_or_else(|error| panic!("this test needs apt-get: {error}"));
        assert!(
            output.status.success(),
            "this test needs Debian's archive at {mirror}, and its keys in {KEYS}. \
             RBSHIM_TESTS=offline skips the tests that need them.\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        release
    }

    /// The packages that depend on this one, or recommend it.
    pub fn dependents(&self, package: &str) -> BTreeSet<String> {
        succeed(
            self.apt("apt-cache")
                .args(["rdepends", "--no-suggests", package]),
        )
        .lines()
        // The name itself and a title come first.
        .filter_map(|line| line.strip_prefix("  "))
        .map(|name| name.trim_start_matches('|').to_string())
        .collect()
    }

    /// Those of the packages that the release has.
    pub fn describe(&self, names: impl IntoIterator<Item = impl Into<String>>) -> Vec<Package> {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        let output = self
            .apt("apt-cache")
            .args(["show", "--no-all-versions"])
            .args(&names)
            .output()
            .expect("apt-cache can be started");
        let text = String::from_utf8(output.stdout).expect("apt-cache prints text");
        text.split("\n\n")
            .filter_map(Package::from_stanza)
            .collect()
    }

    /// The packages that installing this one would bring into an empty system.
    pub fn closure(&self, package: &str) -> Vec<Package> {
        let plan = succeed(
            self.apt("apt-get")
                .args(["-q", "install", "--simulate", "--no-install-recommends"])
                .arg(package),
        );
        self.describe(plan.lines().filter_map(|line| {
            let rest = line.strip_prefix("Inst ")?;
            rest.split(' ').next()
        }))
    }

    /// The package's files.
    pub fn unpack(&self, package: &Package) -> PathBuf {
        let directory = self.directory.join("unpacked").join(package.file_name());
        if !directory.exists() {
            let new = unfinished(&directory);
            self.extract(package, &new);
            fs::rename(&new, &directory).expect("the folder under its name");
        }
        directory
    }

    /// A folder to `chroot` into: the package with all that it depends on, unpacked.
    pub fn root_with(&self, package: &str) -> PathBuf {
        let packages = self.closure(package);
        let this = packages
            .iter()
            .find(|found| found.name == package)
            .expect("the plan names the package itself");
        let directory = self
            .directory
            .join("unpacked")
            .join(format!("root-{}", this.file_name()));
        if !directory.exists() {
            let new = unfinished(&directory);
            for folder in [
                "usr/bin",
                "usr/lib",
                "usr/lib64",
                "usr/sbin",
                "dev",
                "proc",
                "sys",
                "tmp",
            ] {
                fs::create_dir_all(new.join(folder)).expect("a folder of the root");
            }
            // The links that base-files brings.
            for name in ["bin", "lib", "lib64", "sbin"] {
                symlink(format!("usr/{name}"), new.join(name)).expect("a link of the root");
            }
            for package in &packages {
                self.extract(package, &new);
            }
            fs::rename(&new, &directory).expect("the folder under its name");
        }
        directory
    }

    fn extract(&self, package: &Package, into: &Path) {
        let debs = unfinished(&self.directory.join("debs"));
        fs::create_dir_all(&debs).expect("a folder for the package");
        succeed(
            self.apt("apt-get")
                .args(["-q", "download"])
                .arg(format!("{}={}", package.name, package.version))
                .current_dir(&debs),
        );
        for entry in fs::read_dir(&debs).expect("the folder can be listed") {
            let deb = entry.expect("an entry").path();
            succeed(Command::new("dpkg-deb").arg("-x").arg(deb).arg(into));
        }
        fs::remove_dir_all(&debs).expect("the folder can be removed");
    }

    fn apt(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("APT_CONFIG", self.directory.join("apt.conf"));
        command.env("LC_ALL", "C");
        command
    }
}

impl Package {
    fn from_stanza(stanza: &str) -> Option<Package> {
        let field = |name: &str| {
            stanza
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        };
        let name = field("Package")?.to_string();
        // With a version in brackets where it is another than the package's.
        let source = field("Source").and_then(|source| source.split(' ').next());
        Some(Package {
            source: source.unwrap_or(&name).to_string(),
            version: field("Version")?.to_string(),
            name,
        })
    }

    fn file_name(&self) -> String {
        format!("{}_{}", self.name, self.version.replace(':', "%3a"))
    }
}

/// A name that no other test or process uses: what is made there and then renamed is never seen
/// half done.
fn unfinished(path: &Path) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let serial = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".new-{}-{serial}", std::process::id()));
    PathBuf::from(name)
}
