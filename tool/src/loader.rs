// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Where the dynamic loader looks for a library.

use crate::elf::{self, Facts};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// A program brings in no more libraries than this; a set of hostile ones shall not keep us for ever.
const MOST_LIBRARIES: usize = 512;
/// Nor are more looked for.
const MOST_NAMES: usize = 4096;

/// A file with what was found in it.
#[derive(Clone, Debug)]
pub struct Found {
    /// Where it is.
    pub path: PathBuf,
    /// What it shows.
    pub facts: Facts,
}

/// Remembers the libraries: many programs have the same ones.
#[derive(Debug, Default)]
pub struct Libraries {
    known: BTreeMap<PathBuf, Option<Facts>>,
}

impl Libraries {
    /// The program and all libraries that it is linked with, directly or through others. One that is not
    /// found, or is malformed, is passed over: the loader would have a word about it.
    pub fn closure(&mut self, path: &Path, facts: Facts) -> Vec<Found> {
        let mut found = vec![Found {
            path: path.to_path_buf(),
            facts,
        }];
        let mut seen: BTreeSet<String> = BTreeSet::new();
        let mut next = 0;
        while next < found.len() && found.len() < MOST_LIBRARIES {
            let (from, facts) = (found[next].path.clone(), found[next].facts.clone());
            next += 1;
            for name in &facts.needed {
                if seen.len() == MOST_NAMES || !seen.insert(name.clone()) {
                    continue;
                }
                let library = self.find(name, &from, &facts, &found[0]);
                found.extend(library);
            }
        }
        found
    }

    fn find(&mut self, name: &str, from: &Path, facts: &Facts, program: &Found) -> Option<Found> {
        let candidates: Vec<PathBuf> = if name.contains('/') {
            vec![PathBuf::from(name)]
        } else {
            let own = facts.search.iter().map(|folder| expand(folder, from));
            // A DT_RPATH of the program holds for its libraries too.
            let programs = program.facts.search.iter();
            let programs = programs.map(|folder| expand(folder, &program.path));
            own.chain(programs)
                .chain(folders().iter().cloned())
                .map(|folder| folder.join(name))
                .collect()
        };
        let fits = |facts: &Facts| {
            (facts.bits, facts.machine) == (program.facts.bits, program.facts.machine)
        };
        candidates.into_iter().find_map(|path| {
            let facts = self.facts(&path)?;
            fits(&facts).then_some(Found { path, facts })
        })
    }

    fn facts(&mut self, path: &Path) -> Option<Facts> {
        if let Some(known) = self.known.get(path) {
            return known.clone();
        }
        let facts = path
            .is_file()
            .then(|| elf::examine_file(path).ok())
            .flatten();
        self.known.insert(path.to_path_buf(), facts.clone());
        facts
    }
}

fn expand(folder: &str, file: &Path) -> PathBuf {
    let file = fs::canonicalize(file).unwrap_or_else(|_| file.to_path_buf());
    let origin = file.parent().unwrap_or(Path::new("/")).to_string_lossy();
    PathBuf::from(
        folder
            .replace("${ORIGIN}", &origin)
            .replace("$ORIGIN", &origin),
    )
}

/// The folders that the loader of this system searches, after those that a file names.
pub fn folders() -> &'static [PathBuf] {
    static FOLDERS: OnceLock<Vec<PathBuf>> = OnceLock::new();
    FOLDERS.get_or_init(|| {
        let mut folders = Vec::new();
        configured(Path::new("/etc/ld.so.conf"), 0, &mut folders);
        // musl has a list of its own.
        let musl = format!("/etc/ld-musl-{}.path", std::env::consts::ARCH);
        let musl = fs::read_to_string(musl).unwrap_or_default();
        folders.extend(
            musl.split([':', '\n'])
                .filter(|name| !name.is_empty())
                .map(PathBuf::from),
        );
        for usual in ["/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib"] {
            folders.push(PathBuf::from(usual));
        }
        let mut seen = BTreeSet::new();
        folders.retain(|folder| seen.insert(folder.clone()));
        folders
    })
}

/// Reads `/etc/ld.so.conf` and what it includes.
fn configured(file: &Path, depth: u32, folders: &mut Vec<PathBuf>) {
    let Ok(text) = fs::read_to_string(file) else {
        return;
    };
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if let Some(pattern) = line.strip_prefix("include ") {
            let pattern = Path::new(pattern.trim());
            // The one form in use: every file of a folder with a certain ending.
            let folder = pattern.parent().unwrap_or(Path::new("/etc"));
            let ending = pattern.extension().unwrap_or_default();
            let mut files: Vec<PathBuf> = fs::read_dir(folder)
                .into_iter()
                .flatten()
                .flatten()
                .map(|entry| entry.path())
                .filter(|path| path.extension() == Some(ending))
                .collect();
            files.sort();
            if depth < 4 {
                for file in files {
                    configured(&file, depth + 1, folders);
                }
            }
        } else if line.starts_with('/') {
            folders.push(PathBuf::from(line));
        }
    }
}
