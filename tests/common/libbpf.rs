// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The two libbpfs: where their headers and libraries are, and what they define.

use super::Libbpf;
use super::artifacts::{cargo, locked, succeed, target_dir};
use object::{Object, ObjectSymbol};
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

pub struct Library {
    /// Not set for the distribution's, whose headers the compiler finds by itself.
    pub include: Option<PathBuf>,
    /// Holds `libbpf.so`.
    pub directory: PathBuf,
    pub archive: PathBuf,
    /// As in the name of the file: `1.7.0`.
    pub version: String,
    symbols: HashSet<String>,
}

impl Library {
    /// Does the shared library define this symbol?
    pub fn defines(&self, symbol: &str) -> bool {
        self.symbols.contains(symbol)
    }

    fn new(include: Option<PathBuf>, link: &Path, archive: PathBuf) -> Library {
        let file = fs::canonicalize(link).unwrap_or_else(|error| {
            panic!("{}: {error}: is libbpf-dev installed?", link.display())
        });
        let name = file.file_name().expect("a file").to_string_lossy();
        let version = name.rsplit_once(".so.").expect("a version").1.to_string();
        let bytes = fs::read(&file).expect("libbpf can be read");
        let symbols = object::File::parse(&*bytes)
            .expect("libbpf is an ELF file")
            .dynamic_symbols()
            .filter(|symbol| symbol.is_definition())
            .filter_map(|symbol| symbol.name().ok().map(str::to_string))
            .collect();
        Library {
            include,
            directory: link.parent().expect("a directory").to_path_buf(),
            archive,
            version,
            symbols,
        }
    }
}

impl Libbpf {
    pub fn library(self) -> &'static Library {
        static DISTRIBUTION: OnceLock<Library> = OnceLock::new();
        static VENDORED: OnceLock<Library> = OnceLock::new();
        match self {
            Libbpf::Distribution => DISTRIBUTION.get_or_init(|| {
                let archive = compilers_file("libbpf.a");
                Library::new(None, &compilers_file("libbpf.so"), archive)
            }),
            Libbpf::Vendored => VENDORED.get_or_init(|| {
                let root = build_vendored();
                Library::new(
                    Some(root.join("include")),
                    &root.join("lib/libbpf.so"),
                    root.join("lib/libbpf.a"),
                )
            }),
        }
    }

    /// Major and minor.
    pub fn version(self) -> (u32, u32) {
        let mut numbers = self
            .library()
            .version
            .split('.')
            .map_while(|part| part.parse().ok());
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
    }

    /// The name of its folder under `target/c-tests`, and in tables.
    pub fn name(self) -> &'static str {
        match self {
            Libbpf::Distribution => "distribution",
            Libbpf::Vendored => "vendored",
        }
    }
}

/// Where the C compiler finds a library.
fn compilers_file(name: &str) -> PathBuf {
    let printed = succeed(Command::new("cc").arg(format!("-print-file-name={name}")));
    PathBuf::from(printed.trim_end())
}

/// Builds the source that comes with libbpf-sys, outside of cargo's registry.
fn build_vendored() -> PathBuf {
    let root = target_dir().join("libbpf-vendored");
    fs::create_dir_all(&root).expect("a directory for libbpf");
    let source = vendored_source();
    let stamp = root.join("built-from");
    locked(&root.join("lock"), || {
        let wanted = source.to_string_lossy();
        if fs::read_to_string(&stamp).is_ok_and(|built| built == wanted) {
            return;
        }
        // Objects of another version would look newer than this one's source.
        let _ = fs::remove_dir_all(root.join("obj"));
        let jobs = std::thread::available_parallelism().map_or(1, |cpus| cpus.get());
        let set = |variable: &str, folder: &str| format!("{variable}={}/{folder}", root.display());
        succeed(
            Command::new("make")
                .arg(format!("-j{jobs}"))
                .arg("-C")
                .arg(&source)
                .arg(set("OBJDIR", "obj"))
                .arg(set("PREFIX", ""))
                .arg(set("LIBDIR", "lib"))
                .arg(set("INCLUDEDIR", "include"))
                .arg(set("UAPIDIR", "include"))
                .arg("CFLAGS=-O2 -w")
                .args(["install", "install_uapi_headers"]),
        );
        fs::write(&stamp, wanted.as_bytes()).expect("a stamp");
    });
    root
}

/// `RBSHIM_LIBBPF` names another libbpf, in the layout of its own repository.
fn vendored_source() -> PathBuf {
    if let Some(other) = std::env::var_os("RBSHIM_LIBBPF") {
        return Path::new(&other).join("src");
    }
    let metadata = succeed(cargo().args(["metadata", "--format-version=1", "--locked"]));
    let metadata: serde_json::Value = serde_json::from_str(&metadata).expect("cargo prints JSON");
    let manifest = metadata["packages"]
        .as_array()
        .expect("packages")
        .iter()
        .find(|package| package["name"] == "libbpf-sys")
        .and_then(|package| package["manifest_path"].as_str())
        .expect("libbpf-sys is a dependency");
    Path::new(manifest).with_file_name("libbpf").join("src")
}
