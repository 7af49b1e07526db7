// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What a shared library defines, and in which versions.

use object::read::elf::{Dyn, ElfFile64};
use object::{Endianness, Object, ObjectSymbol, ObjectSymbolTable, RelocationTarget, elf};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

pub struct Symbols {
    /// Where each is in the library, and its version.
    pub symbols: BTreeMap<String, (u64, String)>,
    /// In the order of the library.
    pub versions: Vec<String>,
    /// What its relocations name.
    pub referred_to: BTreeSet<String>,
    pub soname: Option<String>,
    pub needed: Vec<String>,
    pub is_bound_at_load: bool,
    pub is_read_only_after: bool,
}

impl Symbols {
    pub fn of(library: &Path) -> Symbols {
        let bytes =
            std::fs::read(library).unwrap_or_else(|error| panic!("{}: {error}", library.display()));
        Symbols::parse(&bytes).unwrap_or_else(|error| panic!("{}: {error}", library.display()))
    }

    fn parse(bytes: &[u8]) -> object::Result<Symbols> {
        let file = ElfFile64::<Endianness>::parse(bytes)?;
        let endian = file.endian();
        let sections = file.elf_section_table();
        let mut found = Symbols {
            symbols: BTreeMap::new(),
            versions: Vec::new(),
            referred_to: BTreeSet::new(),
            soname: None,
            needed: Vec::new(),
            is_bound_at_load: false,
            is_read_only_after: false,
        };

        let (mut definitions, strings) = sections
            .gnu_verdef(endian, bytes)?
            .expect("versions are defined");
        let strings = sections.strings(endian, bytes, strings)?;
        while let Some((definition, mut names)) = definitions.next()? {
            if definition.vd_flags.get(endian) & elf::VER_FLG_BASE == 0 {
                let name = names.next()?.expect("a name").name(endian, strings)?;
                found.versions.push(text(name));
            }
        }
        let versions = sections
            .versions(endian, bytes)?
            .expect("versions are defined");
        for symbol in file
            .dynamic_symbols()
            .filter(|symbol| symbol.is_definition())
        {
            let index = versions.version_index(endian, symbol.index());
            let Some(version) = versions.version(index)? else {
                continue;
            };
            // Most linkers define a symbol for each version.
            let (name, version) = (symbol.name()?.to_string(), text(version.name()));
            if name != version {
                found.symbols.insert(name, (symbol.address(), version));
            }
        }

        for (_, relocation) in file.dynamic_relocations().into_iter().flatten() {
            if let RelocationTarget::Symbol(index) = relocation.target() {
                let symbol = file.dynamic_symbol_table().expect("it has one");
                let name = symbol.symbol_by_index(index)?.name()?;
                found.referred_to.insert(name.to_string());
            }
        }

        let (entries, link) = sections.dynamic(endian, bytes)?.expect("it is dynamic");
        let strings = sections.strings(endian, bytes, link)?;
        for entry in entries {
            match entry.tag32(endian) {
                Some(elf::DT_SONAME) => found.soname = Some(text(entry.string(endian, strings)?)),
                Some(elf::DT_NEEDED) => found.needed.push(text(entry.string(endian, strings)?)),
                Some(elf::DT_FLAGS_1) => {
                    let flags = entry.val32(endian).unwrap_or(0);
                    found.is_bound_at_load = flags & elf::DF_1_NOW != 0;
                }
                _ => {}
            }
        }
        let mut segments = file.elf_program_headers().iter();
        found.is_read_only_after = segments.any(|it| it.p_type.get(endian) == elf::PT_GNU_RELRO);
        Ok(found)
    }

    pub fn names(&self) -> BTreeSet<&str> {
        self.symbols.keys().map(String::as_str).collect()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
