// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What a file is linked with: its dynamic section and its symbols.
//!
//! All of it may be hostile, and overlap: many entries may name texts as long as the file. So each text is read as far as a
//! name may go, and of entries as many as there may be.

use super::{FUNCTIONS, Facts};
use object::Endianness;
use object::elf;
use object::read::elf::{Dyn, FileHeader, ProgramHeader, SectionHeader, Sym};

/// `PATH_MAX`.
const LONGEST: usize = 4096;
/// A dynamic section has some thirty entries, and one more for each library.
const MOST_ENTRIES: usize = 4096;
/// So many folders of a search path are searched.
const MOST_FOLDERS: usize = 64;

/// `DF_1_PIE`.
const PIE: u64 = 0x0800_0000;

/// The text that ends before the first NUL, if there is one and it is no longer than a path may be.
pub fn name(bytes: &[u8]) -> Option<String> {
    Some(String::from_utf8_lossy(word(bytes)?).into_owned())
}

fn word(bytes: &[u8]) -> Option<&[u8]> {
    let near = &bytes[..bytes.len().min(LONGEST)];
    // The loader's own tables end with a NUL. A name in a segment of its own need not.
    let end = match memchr::memchr(0, near) {
        Some(end) => end,
        None if bytes.len() < LONGEST => bytes.len(),
        None => return None,
    };
    Some(&near[..end])
}

/// The names that the loader itself uses: they need no section headers, which a program may lack.
pub fn strings<'data, Header: FileHeader<Endian = Endianness>>(
    endian: Endianness,
    segments: &[Header::ProgramHeader],
    entries: &[Header::Dyn],
    bytes: &'data [u8],
) -> &'data [u8] {
    let value = |wanted| {
        let mut entries = entries.iter().take(MOST_ENTRIES);
        let entry = entries.find(|entry| entry.d_tag(endian) == wanted);
        entry.map(|entry| entry.val(endian))
    };
    let (Some(address), Some(size)) = (value(elf::DT_STRTAB), value(elf::DT_STRSZ)) else {
        return &[];
    };
    for segment in segments {
        let first: u64 = segment.p_vaddr(endian).into();
        let inside = address.wrapping_sub(first);
        if segment.p_type(endian) == elf::PT_LOAD && inside < segment.p_filesz(endian).into() {
            let offset: u64 = segment.p_offset(endian).into();
            let start = offset.saturating_add(inside).min(bytes.len() as u64);
            let end = start.saturating_add(size).min(bytes.len() as u64);
            return &bytes[start as usize..end as usize];
        }
    }
    &[]
}

/// Returns whether it says that it is a program.
pub fn read<Header: FileHeader<Endian = Endianness>>(
    endian: Endianness,
    entries: &[Header::Dyn],
    names: &[u8],
    facts: &mut Facts,
) -> bool {
    let mut pie = false;
    let (mut runpath, mut rpath): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for entry in entries.iter().take(MOST_ENTRIES) {
        let text = || name(names.get(usize::try_from(entry.val(endian)).ok()?..)?);
        let folders = || {
            let list = text().unwrap_or_default();
            let folders = list.split(':').filter(|folder| !folder.is_empty());
            folders.take(MOST_FOLDERS).map(str::to_string).collect()
        };
        match entry.d_tag(endian) {
            elf::DT_NULL => break,
            elf::DT_NEEDED => facts.needed.extend(text()),
            elf::DT_SONAME => facts.soname = text(),
            // The loader takes the last of each.
            elf::DT_RUNPATH => runpath = folders(),
            elf::DT_RPATH => rpath = folders(),
            elf::DT_FLAGS_1 => pie |= entry.val(endian) & PIE != 0,
            _ => {}
        }
    }
    facts.search = if runpath.is_empty() { rpath } else { runpath };
    pie
}

/// What it imports and exports by name. False if it has no table of symbols that can be found without the loader's
/// work: a program whose section headers were removed. There the names in its string table must do.
pub fn symbols<Header: FileHeader<Endian = Endianness>>(
    endian: Endianness,
    header: &Header,
    bytes: &[u8],
    facts: &mut Facts,
) -> object::Result<bool> {
    let sections = header.sections(endian, bytes)?;
    let table = sections.symbols(endian, bytes, elf::SHT_DYNSYM)?;
    if table.is_empty() {
        return Ok(false);
    }
    let names = sections.section(table.string_section())?;
    let names = names.data(endian, bytes)?;
    for symbol in table.iter() {
        let named = names.get(symbol.st_name(endian) as usize..);
        let named = named.unwrap_or_default();
        let is = |known: &&str| {
            let rest = named.strip_prefix(known.as_bytes());
            rest.is_some_and(|rest| rest.first() == Some(&0))
        };
        let Some(known) = FUNCTIONS.into_iter().find(is) else {
            continue;
        };
        if symbol.is_undefined(endian) {
            facts.imports.insert(known);
        } else {
            facts.offers.insert(known);
        }
    }
    Ok(true)
}
