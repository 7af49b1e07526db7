// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Places where mutants are built: the ring alone, since the rest of the library and the crates of its tests would
//! take most of the time.
//!
//! `src/ring/` needs nothing of the library, and of other crates what its tests use. What else there is of flags and
//! versions is that of this crate.

use super::mutant::Mutant;
use crate::common::{cargo, manifest_dir, succeed};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Crates that the tests of the ring use.
const CRATES: [&str; 2] = ["loom = ", "proptest = "];

/// A folder that nobody else uses meanwhile.
pub struct Place {
    folder: PathBuf,
}

impl Place {
    /// Of all that there will be; the first one's crates, once compiled, are those of the others too.
    pub fn all() -> &'static [Place] {
        static PLACES: OnceLock<Vec<Place>> = OnceLock::new();
        PLACES.get_or_init(|| {
            let workers = std::thread::available_parallelism().map_or(1, usize::from);
            // One more, for the survivor.
            let places: Vec<_> = (0..=workers).map(Place::numbered).collect();
            let (first, others) = places.split_first().expect("a place");
            first.write(true, &[]);
            succeed(first.test().arg("--no-run"));
            for other in others.iter().filter(|it| !it.target().exists()) {
                other.write(true, &[]);
                let new = other.folder.join("target.new");
                let _ = fs::remove_dir_all(&new);
                // With the times of the files, which tell cargo what is older than what.
                succeed(Command::new("cp").arg("-a").arg(first.target()).arg(&new));
                fs::rename(&new, other.target()).expect("a directory");
            }
            places
        })
    }

    fn numbered(number: usize) -> Self {
        let mutants = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mutants");
        Place {
            folder: mutants.join(number.to_string()),
        }
    }

    fn source(&self) -> PathBuf {
        self.folder.join("crate")
    }

    fn target(&self) -> PathBuf {
        self.folder.join("target")
    }

    /// Cargo, about to test what was written last.
    pub fn test(&self) -> Command {
        let mut cargo = cargo();
        cargo.current_dir(self.source()).args(["test", "--lib"]);
        cargo.args(["--offline", "--target-dir"]).arg(self.target());
        cargo.env("RUSTFLAGS", "--cap-lints=allow");
        // Nobody reads where it failed: without debug information it is built much faster.
        cargo.env("CARGO_PROFILE_DEV_DEBUG", "0");
        cargo
    }

    /// Writes the mutant, with no other tests than those of the model if that has the one that it must fail.
    pub fn write_mutant(&self, mutant: &Mutant) {
        let replacements = mutant.replace.iter();
        let replacements: Vec<_> = replacements
            .map(|&(from, to)| (mutant.file, from, to))
            .collect();
        self.write(!is_of_model(mutant.caught_by), &replacements);
    }

    fn write(&self, with_unit_tests: bool, replacements: &[(&str, &str, &str)]) {
        let source = self.source();
        let _ = fs::remove_dir_all(&source);
        let mut replaced = 0;
        for file in files_in(Path::new("src/ring")) {
            let mut text = read(&file);
            if file.ends_with("tests.rs") && !with_unit_tests {
                text.clear();
            }
            for (_, from, to) in replacements.iter().filter(|it| Path::new(it.0) == file) {
                assert_eq!(text.matches(from).count(), 1, "{from:?}");
                text = text.replace(from, to);
                replaced += 1;
            }
            let to = source.join(file);
            fs::create_dir_all(to.parent().expect("a folder")).expect("a directory");
            fs::write(to, text).expect("a source");
        }
        assert_eq!(replaced, replacements.len(), "not in src/ring/");
        fs::write(source.join("src/lib.rs"), "mod ring;\n").expect("a source");
        fs::write(source.join("Cargo.toml"), manifest()).expect("a manifest");
        // The same versions; cargo takes out those that are not needed.
        fs::write(source.join("Cargo.lock"), read(Path::new("Cargo.lock"))).expect("a lock file");
    }
}

/// Whether this, or all if it is empty, is a property of the model.
fn is_of_model(property: &str) -> bool {
    let name = format!("fn {}", property.rsplit("::").next().expect("a name"));
    let mut files = files_in(Path::new("src/ring/model"));
    files.any(|file| read(&file).contains(&name))
}

/// The crate's name, its profiles, and what [`CRATES`] are.
fn manifest() -> String {
    let mut section = String::new();
    let text = read(Path::new("Cargo.toml"));
    let kept = text.lines().filter(|line| {
        if line.starts_with('[') {
            section = line.to_string();
        }
        let begins = |with: &[&str]| with.iter().any(|with| line.starts_with(with));
        match section.as_str() {
            "[package]" => begins(&["[", "name = ", "version = ", "edition = "]),
            "[dev-dependencies]" => begins(&["["]) || begins(&CRATES),
            section => section.starts_with("[profile."),
        }
    });
    kept.fold(String::new(), |text, line| text + line + "\n")
}

fn read(file: &Path) -> String {
    fs::read_to_string(manifest_dir().join(file)).expect("a source")
}

/// From the root of the project.
fn files_in(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = fs::read_dir(manifest_dir().join(folder)).expect("a directory");
    let mut files = Vec::new();
    for entry in entries {
        let path = folder.join(entry.expect("an entry").file_name());
        if manifest_dir().join(&path).is_dir() {
            files.extend(files_in(&path));
        } else {
            files.push(path);
        }
    }
    files.into_iter()
}
