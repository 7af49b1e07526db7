// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Whether rbshim is in a process: preloaded, as the front, or linked in.

use crate::elf;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Remembers what is in a file: many processes run the same ones.
#[derive(Debug, Default)]
pub struct Active {
    files: BTreeMap<(u64, u64, i64), bool>,
}

impl Active {
    /// Looks at a process's program, and at the libraries whose names may be ours or libbpf's.
    pub fn in_process(&mut self, pid: i32) -> bool {
        let ours = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.contains("rbshim") || name.contains("libbpf")
        };
        let mapped = files(pid).unwrap_or_default();
        let libraries = mapped
            .into_iter()
            .filter(ours)
            .map(|path| inside(pid, &path));
        let program = PathBuf::from(format!("/proc/{pid}/exe"));
        libraries.chain([program]).any(|path| self.in_file(&path))
    }

    fn in_file(&mut self, path: &Path) -> bool {
        let Ok(about) = fs::metadata(path) else {
            return false;
        };
        let key = (about.dev(), about.ino(), about.mtime());
        *self
            .files
            .entry(key)
            .or_insert_with(|| elf::examine_file(path).is_ok_and(|facts| facts.contains_rbshim))
    }
}

/// The files that a process has mapped, as it names them.
pub fn files(pid: i32) -> io::Result<BTreeSet<PathBuf>> {
    let text = fs::read(format!("/proc/{pid}/maps"))?;
    let text = String::from_utf8_lossy(&text);
    let paths = text.lines().filter_map(|line| {
        let at = line.find(" /")?;
        Some(PathBuf::from(line[at + 1..].trim_end_matches(" (deleted)")))
    });
    Ok(paths.collect())
}

/// A file as the process sees it, which may have another root.
pub fn inside(pid: i32, path: &Path) -> PathBuf {
    let path = path.strip_prefix("/").unwrap_or(path);
    Path::new(&format!("/proc/{pid}/root")).join(path)
}
