// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! No panic can be reached from C.
//!
//! The functions that panic are in core, alloc and std. This test follows the exported functions through the
//! objects of this crate, as the linker does, and finds no reference to a Rust function outside of them. So no
//! function of core, alloc or std is ever called, and it does not matter that they can panic. The libraries
//! that ship are linked from the archive that is looked at here.

mod common;
mod functions;
mod mutated;

use common::rbshim;
use functions::FUNCTIONS;
use object::read::archive::ArchiveFile;
use object::{
    File, Object, ObjectSection, ObjectSymbol, RelocationTarget, SectionIndex, SymbolSection,
};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::path::Path;

/// A section of one of the objects. The compiler gives each function and constant its own.
type Place = (usize, SectionIndex);

/// The crate's objects within an archive.
struct Objects<'data> {
    files: Vec<File<'data>>,
    /// Where each global symbol is defined.
    definitions: HashMap<String, Place>,
}

impl<'data> Objects<'data> {
    fn of_archive(bytes: &'data [u8]) -> Self {
        let archive = ArchiveFile::parse(bytes).expect("an archive");
        let members = archive.members().map(|member| member.expect("a member"));
        let files: Vec<_> = members
            .filter(|member| {
                [b"rbshim.", b"rbshim-"]
                    .iter()
                    .any(|own| member.name().starts_with(*own))
            })
            .map(|member| File::parse(member.data(bytes).expect("data")).expect("an object"))
            .collect();
        let mut definitions = HashMap::new();
        for (number, file) in files.iter().enumerate() {
            for symbol in file.symbols().filter(|symbol| symbol.is_global()) {
                if let SymbolSection::Section(section) = symbol.section() {
                    let name = symbol.name().expect("a name").to_string();
                    definitions.insert(name, (number, section));
                }
            }
        }
        Objects { files, definitions }
    }

    /// The symbols that are not defined here and that something reachable from `roots` refers to,
    /// each with the sections that do. A section counts as reached with whatever refers to it, by
    /// a call or by taking an address.
    fn reached_outside(&self, roots: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
        let defined = |root: &&str| {
            let place = self.definitions.get(*root).copied();
            place.unwrap_or_else(|| panic!("{root} is not in the archive"))
        };
        let mut waiting: Vec<Place> = roots.iter().map(defined).collect();
        let mut reached: HashSet<Place> = waiting.iter().copied().collect();
        let mut outside: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        while let Some((number, index)) = waiting.pop() {
            let file = &self.files[number];
            let section = file.section_by_index(index).expect("a section");
            for (_, relocation) in section.relocations() {
                let place = match relocation.target() {
                    RelocationTarget::Section(section) => (number, section),
                    RelocationTarget::Symbol(symbol) => {
                        let symbol = file.symbol_by_index(symbol).expect("a symbol");
                        let name = symbol.name().expect("a name");
                        match (symbol.section(), self.definitions.get(name)) {
                            (SymbolSection::Section(section), _) => (number, section),
                            (_, Some(place)) => *place,
                            (_, None) => {
                                let by = section.name().expect("a name").to_string();
                                outside.entry(name.to_string()).or_default().insert(by);
                                continue;
                            }
                        }
                    }
                    other => panic!("a relocation against {other:?}"),
                };
                if reached.insert(place) {
                    waiting.push(place);
                }
            }
        }
        outside
    }
}

/// Is this the name of a Rust function? Mangled, old or new, or of std's allocator.
fn is_rust(name: &str) -> bool {
    ["_R", "_ZN", "rust_", "__rust", "__rdl_", "__rg_"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

/// What the exported functions reach in Rust outside of this crate, and from where.
fn rust_reached_by(archive: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let bytes = fs::read(archive).expect("the archive can be read");
    let mut outside = Objects::of_archive(&bytes).reached_outside(&FUNCTIONS);
    // What they cannot do without: were it missing, nothing at all would have been followed.
    for needed in ["epoll_wait", "mmap", "rbshim_log_warn"] {
        assert!(outside.contains_key(needed), "{needed} is not reached");
    }
    outside.retain(|name, _| is_rust(name));
    outside
}

#[test]
fn no_exported_function_reaches_a_panic() {
    let reached = rust_reached_by(&rbshim().compiled);
    assert!(reached.is_empty(), "{reached:#?}");
}

#[test]
fn a_panic_anywhere_would_be_found() {
    const WALK: &str = "src/ring/consumer/walk.rs";
    let mutants = [
        (
            "index",
            WALK,
            "let end = self.cursor.wrapping_add(span);",
            "let end = [span, 0, 8][self.cursor as usize];",
            "panic_bounds_check",
        ),
        (
            "unwrap",
            WALK,
            "let span = header.span();\n        if",
            "let span = Some(header.span()).filter(|&span| span != 16).unwrap();\n        if",
            "unwrap_failed",
        ),
        (
            "division",
            WALK,
            "let end = self.cursor.wrapping_add(span);",
            "let end = self.cursor / u64::from(header.payload_len());",
            "panic_const_div_by_zero",
        ),
        (
            "allocation",
            WALK,
            "let end = self.cursor.wrapping_add(span);",
            "let end = *std::hint::black_box(Box::new(self.cursor.wrapping_add(span)));",
            "alloc",
        ),
        (
            "std",
            "src/sys/clock.rs",
            "    let mut now",
            "    std::hint::black_box(std::env::var_os(\"HOME\"));\n    let mut now",
            "env",
        ),
    ];
    for (name, file, from, to, found) in mutants {
        let mutant = mutated::build(name, &[(file, from, to)]);
        let reached = rust_reached_by(&mutant.archive);
        assert!(
            reached.keys().any(|symbol| symbol.contains(found)),
            "{name}: {reached:#?}"
        );
    }
}
