// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What an ELF file shows of its use of BPF ring buffers.

mod linked;
mod needles;

use crate::error::{Failure, Result, Status};
use crate::text::plain;
use needles::Needles;
use object::elf;
use object::read::elf::{FileHeader, ProgramHeader};
use object::{Endianness, FileKind};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
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
    let is = |kind| move |segment: &&Header::ProgramHeader| segment.p_type(endian) == kind;
    // As the kernel does, which takes the first one.
    if let Some(segment) = segments.iter().find(is(elf::PT_INTERP)) {
        let name = segment.interpreter(endian, bytes).map_err(failed)?;
        facts.interpreter = name.and_then(linked::name);
    }
    let (mut pie, mut names) = (false, &bytes[..0]);
    if let Some(segment) = segments.iter().find(is(elf::PT_DYNAMIC)) {
        facts.dynamic = true;
        let entries = segment.dynamic(endian, bytes).map_err(failed)?;
        let entries = entries.unwrap_or_default();
        names = linked::strings::<Header>(endian, segments, entries, bytes);
        pie = linked::read::<Header>(endian, entries, names, &mut facts);
    }
    facts.program = kind == elf::ET_EXEC || facts.interpreter.is_some() || pie;
    let known = linked::symbols::<Header>(endian, header, bytes, &mut facts).map_err(failed)?;
    if !known && facts.soname.is_none() {
        facts.imports = FUNCTIONS
            .into_iter()
            .filter(|name| needles::is_word(names, name))
            .collect();
    }
    Ok(facts)
}
