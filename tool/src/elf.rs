// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What an ELF file shows of its use of BPF ring buffers.

mod needles;

use crate::error::{Failure, Result, Status};
use crate::text::plain;
use needles::Needles;
use object::elf;
use object::read::elf::{Dyn, FileHeader, ProgramHeader, Sym};
use object::{Endianness, FileKind, StringTable};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// libbpf's ring buffer functions: those that the library replaces.
pub const FUNCTIONS: [&str; 21] = [
    "ring__avail_data_size",
    "ring__consume",
    "ring__consume_n",
    "ring__consumer_pos",
    "ring__map_fd",
    "ring__producer_pos",
    "ring__size",
    "ring_buffer__add",
    "ring_buffer__consume",
    "ring_buffer__consume_n",
    "ring_buffer__epoll_fd",
    "ring_buffer__free",
    "ring_buffer__new",
    "ring_buffer__poll",
    "ring_buffer__ring",
    "user_ring_buffer__discard",
    "user_ring_buffer__free",
    "user_ring_buffer__new",
    "user_ring_buffer__reserve",
    "user_ring_buffer__reserve_blocking",
    "user_ring_buffer__submit",
];

/// A file larger than this is not read: no program is, and a hostile one shall not take the memory.
const LARGEST: u64 = 1 << 30;

/// What was found in one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// 32 or 64.
    pub bits: u8,
    /// `EM_*`.
    pub machine: u16,
    /// The loader that it asks for. Without one it is static, or a library.
    pub interpreter: Option<String>,
    /// It has a dynamic section: a library, or a program that is linked with some.
    pub dynamic: bool,
    /// It is a program, and no library.
    pub program: bool,
    /// Its own name, if it is a library.
    pub soname: Option<String>,
    /// The libraries that it is linked with.
    pub needed: Vec<String>,
    /// `DT_RUNPATH`, or else `DT_RPATH`.
    pub search: Vec<String>,
    /// The ring buffer functions that it takes from a library.
    pub imports: BTreeSet<&'static str>,
    /// The ring buffer functions that it offers to others.
    pub offers: BTreeSet<&'static str>,
    /// libbpf's ring buffer code is in it.
    pub contains_libbpf: bool,
    /// It names libbpf's file and `ring_buffer__new`, as one does who opens libbpf at run time.
    pub opens_libbpf: bool,
    /// rbshim is in it.
    pub contains_rbshim: bool,
    /// It was made by Go's compiler.
    pub go: bool,
    /// cilium/ebpf's ring buffer reader is in it.
    pub cilium: bool,
    /// aya's ring buffer reader is in it.
    pub aya: bool,
}

impl Facts {
    /// A program that no loader touches, so that nothing can be preloaded.
    pub fn is_static(&self) -> bool {
        self.program && self.interpreter.is_none()
    }

    /// libbpf itself, as a library.
    pub fn is_libbpf(&self) -> bool {
        let named = |name: &String| name.starts_with("libbpf.so");
        !self.contains_rbshim && self.soname.as_ref().is_some_and(named)
    }
}

/// Reads a regular file, whole.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    let shown = plain(path.as_os_str().as_bytes());
    let failed = |error: std::io::Error| Failure::from_io(&shown, &error);
    let open = || {
        // A fifo must not keep us waiting.
        File::options()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(path)
    };
    let file = open().map_err(failed)?;
    let about = file.metadata().map_err(failed)?;
    if !about.is_file() {
        return Err(Failure::new(
            Status::Malformed,
            format!("{shown}: not a regular file"),
        ));
    }
    if about.len() > LARGEST {
        return Err(Failure::new(
            Status::Malformed,
            format!("{shown}: larger than 1 GiB"),
        ));
    }
    let mut bytes = Vec::with_capacity(about.len() as usize);
    // It may grow while it is read.
    file.take(LARGEST).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// The interpreter of a script, if these are the bytes of one.
pub fn interpreter_of_script(bytes: &[u8]) -> Option<PathBuf> {
    let line = bytes.strip_prefix(b"#!")?;
    let line = line.split(|byte| *byte == b'\n').next()?;
    let mut words = line.split(|byte| matches!(byte, b' ' | b'\t'));
    let interpreter = words.find(|word| !word.is_empty())?;
    Some(PathBuf::from(OsStr::from_bytes(interpreter)))
}

/// Reads and examines a file.
pub fn examine_file(path: &Path) -> Result<Facts> {
    examine(&read(path)?).map_err(|reason| {
        let shown = plain(path.as_os_str().as_bytes());
        Failure::new(Status::Malformed, format!("{shown}: {reason}"))
    })
}

/// Examines the bytes of a file; an error says what they are instead.
pub fn examine(bytes: &[u8]) -> std::result::Result<Facts, String> {
    let facts = match FileKind::parse(bytes) {
        Ok(FileKind::Elf32) => headers::<elf::FileHeader32<Endianness>>(bytes),
        Ok(FileKind::Elf64) => headers::<elf::FileHeader64<Endianness>>(bytes),
        _ => return Err("not an ELF file".into()),
    };
    let mut facts = facts.map_err(|error| format!("malformed ELF file: {error}"))?;
    let needles = Needles::of(bytes);
    facts.contains_libbpf = needles.libbpf;
    facts.contains_rbshim = needles.rbshim;
    facts.go = needles.go;
    facts.cilium = needles.go && needles.cilium;
    facts.aya = needles.aya;
    let linked = facts
        .needed
        .iter()
        .any(|name| name.starts_with("libbpf.so"));
    // libbpf itself, and a front, have both names for reasons of their own.
    let own = facts.is_libbpf() || !facts.offers.is_empty();
    facts.opens_libbpf = needles.names_libbpf && needles.names_new && !linked && !own;
    Ok(facts)
}

fn headers<Header: FileHeader<Endian = Endianness>>(
    bytes: &[u8],
) -> std::result::Result<Facts, String> {
    let failed = |error: object::Error| error.to_string();
    let header = Header::parse(bytes).map_err(failed)?;
    let endian = header.endian().map_err(failed)?;
    let kind = header.e_type(endian);
    if kind != elf::ET_EXEC && kind != elf::ET_DYN {
        return Err("neither a program nor a library".into());
    }
    let mut facts = Facts {
        bits: if header.is_type_64() { 64 } else { 32 },
        machine: header.e_machine(endian).0,
        ..Facts::default()
    };
    let segments = header.program_headers(endian, bytes).map_err(failed)?;
    for segment in segments {
        if let Some(name) = segment.interpreter(endian, bytes).map_err(failed)? {
            facts.interpreter = Some(String::from_utf8_lossy(name).into_owned());
        }
    }
    let (mut pie, mut names) = (false, &bytes[..0]);
    for segment in segments {
        let Some(entries) = segment.dynamic(endian, bytes).map_err(failed)? else {
            continue;
        };
        facts.dynamic = true;
        let strings = dynamic_strings::<Header>(endian, segments, entries, bytes);
        pie |= read_dynamic::<Header>(endian, entries, strings.0, &mut facts);
        names = &bytes[strings.1];
    }
    facts.program = kind == elf::ET_EXEC || facts.interpreter.is_some() || pie;
    let known = symbols::<Header>(endian, header, bytes, &mut facts).map_err(failed)?;
    if !known && facts.soname.is_none() {
        facts.imports = FUNCTIONS
            .into_iter()
            .filter(|name| needles::is_word(names, name))
            .collect();
    }
    Ok(facts)
}

/// The table that the loader itself uses: it needs no section headers, which a program may lack.
fn dynamic_strings<'data, Header: FileHeader<Endian = Endianness>>(
    endian: Endianness,
    segments: &[Header::ProgramHeader],
    entries: &[Header::Dyn],
    bytes: &'data [u8],
) -> (StringTable<'data, &'data [u8]>, Range<usize>) {
    let value = |wanted| {
        let entry = entries.iter().find(|entry| entry.d_tag(endian) == wanted);
        entry.map(|entry| entry.val(endian))
    };
    let (Some(address), Some(size)) = (value(elf::DT_STRTAB), value(elf::DT_STRSZ)) else {
        return (StringTable::default(), 0..0);
    };
    for segment in segments {
        let first: u64 = segment.p_vaddr(endian).into();
        let inside = address.wrapping_sub(first);
        if segment.p_type(endian) == elf::PT_LOAD && inside < segment.p_filesz(endian).into() {
            let offset: u64 = segment.p_offset(endian).into();
            let start = offset.saturating_add(inside).min(bytes.len() as u64);
            let end = start.saturating_add(size).min(bytes.len() as u64);
            return (
                StringTable::new(bytes, start, end),
                start as usize..end as usize,
            );
        }
    }
    (StringTable::default(), 0..0)
}

/// Returns whether it says that it is a program.
fn read_dynamic<'data, Header: FileHeader<Endian = Endianness>>(
    endian: Endianness,
    entries: &[Header::Dyn],
    strings: StringTable<'data, &'data [u8]>,
    facts: &mut Facts,
) -> bool {
    let mut pie = false;
    let (mut runpath, mut rpath) = (Vec::new(), Vec::new());
    for entry in entries {
        let text = || {
            let at = u32::try_from(entry.val(endian)).ok()?;
            let name = strings.get(at).ok()?;
            Some(String::from_utf8_lossy(name).into_owned())
        };
        let folders = || text().map(|list| list.split(':').map(str::to_string).collect::<Vec<_>>());
        match entry.d_tag(endian) {
            elf::DT_NULL => break,
            elf::DT_NEEDED => facts.needed.extend(text()),
            elf::DT_SONAME => facts.soname = text(),
            elf::DT_RUNPATH => runpath.extend(folders().unwrap_or_default()),
            elf::DT_RPATH => rpath.extend(folders().unwrap_or_default()),
            elf::DT_FLAGS_1 => pie |= entry.val(endian) & PIE != 0,
            _ => {}
        }
    }
    facts.search = if runpath.is_empty() { rpath } else { runpath };
    pie
}

/// `DF_1_PIE`.
const PIE: u64 = 0x0800_0000;

/// What it imports and exports by name. False if it has no table of symbols that can be found without the loader's
/// work: a program whose section headers were removed. There the names in its string table must do.
fn symbols<Header: FileHeader<Endian = Endianness>>(
    endian: Endianness,
    header: &Header,
    bytes: &[u8],
    facts: &mut Facts,
) -> object::Result<bool> {
    let sections = header.sections(endian, bytes)?;
    let table = sections.symbols(endian, bytes, elf::SHT_DYNSYM)?;
    for symbol in table.iter() {
        let Ok(name) = table.symbol_name(endian, symbol) else {
            continue;
        };
        let Some(known) = FUNCTIONS.into_iter().find(|known| known.as_bytes() == name) else {
            continue;
        };
        if symbol.is_undefined(endian) {
            facts.imports.insert(known);
        } else {
            facts.offers.insert(known);
        }
    }
    Ok(!table.is_empty())
}
