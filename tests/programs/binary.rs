// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What an ELF file shows of its use of libbpf.

use crate::functions::FUNCTIONS;
use object::read::elf::{Dyn, ElfFile64, SectionHeader};
use object::{LittleEndian, Object, ObjectSection, elf};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A message that only libbpf's ringbuf.c has. A static libbpf leaves it in a stripped binary.
const MESSAGE: &[u8] = b"ringbuf: failed to get map info for fd=%d";
/// The note in which a program says what it opens with dlopen(), and the names in it.
const DLOPEN_NOTE: (&[u8], u32) = (b"FDO", 0x407c_0c0a);

pub struct Binary {
    /// Inside the package.
    pub path: PathBuf,
    pub needs_libbpf: bool,
    /// The ring buffer functions that it takes from libbpf.so.1.
    pub imports: BTreeSet<&'static str>,
    /// The ring buffer functions whose names it has, where it says that it opens libbpf.so.1.
    pub names: BTreeSet<&'static str>,
    /// All that it imports, from wherever.
    pub all_imports: BTreeSet<String>,
    /// libbpf's ring buffer code is in the file.
    pub contains_libbpf: bool,
}

/// The ELF files of an unpacked package.
pub fn binaries_in(package: &Path) -> Vec<Binary> {
    let mut found = Vec::new();
    let mut folders = vec![package.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the package") {
            let entry = entry.expect("an entry of the folder");
            let kind = entry.file_type().expect("its type");
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                found.extend(read(package, &entry.path()));
            }
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

fn read(package: &Path, path: &Path) -> Option<Binary> {
    let bytes = fs::read(path).expect("a file of the package");
    if object::FileKind::parse(&*bytes).ok()? != object::FileKind::Elf64 {
        return None;
    }
    let file = ElfFile64::<LittleEndian>::parse(&*bytes).expect("an ELF file");
    let imports = file.imports().expect("its imports");
    let of_libbpf = imports
        .iter()
        .filter(|import| import.library() == b"libbpf.so.1");
    let constants: Vec<&[u8]> = file
        .sections()
        .filter(|section| section.name().is_ok_and(|name| name.starts_with(".rodata")))
        .filter_map(|section| section.data().ok())
        .collect();
    let contains = |wanted: &[u8]| constants.iter().any(|data| has(data, wanted));
    let opens_libbpf = opened(&file).contains("libbpf.so.1");
    Some(Binary {
        path: path.strip_prefix(package).expect("inside").to_path_buf(),
        needs_libbpf: needed(&file).contains("libbpf.so.1"),
        imports: of_libbpf
            .filter_map(|import| function(import.name()))
            .collect(),
        names: FUNCTIONS
            .into_iter()
            .filter(|name| opens_libbpf && contains(format!("\0{name}\0").as_bytes()))
            .collect(),
        all_imports: imports
            .iter()
            .map(|import| String::from_utf8_lossy(import.name()).into_owned())
            .collect(),
        contains_libbpf: contains(MESSAGE),
    })
}

fn function(name: &[u8]) -> Option<&'static str> {
    FUNCTIONS.into_iter().find(|known| known.as_bytes() == name)
}

fn has(data: &[u8], wanted: &[u8]) -> bool {
    data.windows(wanted.len()).any(|part| part == wanted)
}

/// The libraries that it is linked with.
fn needed(file: &ElfFile64<LittleEndian>) -> BTreeSet<String> {
    let (endian, data) = (file.endian(), file.data());
    let sections = file.elf_section_table();
    let Some((entries, strings)) = sections.dynamic(endian, data).expect("its dynamic section")
    else {
        return BTreeSet::new();
    };
    let strings = sections
        .strings(endian, data, strings)
        .expect("its strings");
    entries
        .iter()
        .filter(|entry| entry.tag32(endian) == Some(elf::DT_NEEDED))
        .map(|entry| entry.string(endian, strings).expect("a library's name"))
        .map(|name| String::from_utf8_lossy(name).into_owned())
        .collect()
}

/// The libraries that it says it opens.
fn opened(file: &ElfFile64<LittleEndian>) -> BTreeSet<String> {
    let (endian, data) = (file.endian(), file.data());
    let mut libraries = BTreeSet::new();
    for section in file.elf_section_table().iter() {
        let Ok(Some(mut notes)) = section.notes(endian, data) else {
            continue;
        };
        while let Ok(Some(note)) = notes.next() {
            if (note.name(), note.n_type(endian)) != DLOPEN_NOTE {
                continue;
            }
            let text = note
                .desc()
                .split(|byte| *byte == 0)
                .next()
                .unwrap_or_default();
            let features: serde_json::Value =
                serde_json::from_slice(text).expect("JSON in the note");
            let features = features.as_array().expect("a list").iter();
            libraries.extend(
                features
                    .filter_map(|feature| feature["soname"].as_array())
                    .flatten()
                    .filter_map(|name| name.as_str().map(str::to_string)),
            );
        }
    }
    libraries
}
