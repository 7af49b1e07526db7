// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What ships: the symbols, dependencies and size of the release library, and the license line of
//! every file.

use crate::common::{Libbpf, manifest_dir, rbshim};
use crate::functions::{EXTENSIONS, FUNCTIONS};
use object::read::archive::ArchiveFile;
use object::read::elf::{Dyn, ElfFile64, FileHeader};
use object::{Endianness, Object, ObjectSection, ObjectSymbol, elf};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

type Elf<'a> = ElfFile64<'a, Endianness>;

#[test]
fn the_21_functions_and_rbshims_own_one_are_exported_and_nothing_else() {
    with_library(|elf| {
        let exported: BTreeSet<&str> = elf
            .dynamic_symbols()
            .filter(|symbol| symbol.is_definition())
            .map(|symbol| symbol.name().expect("a name"))
            .collect();
        let expected = FUNCTIONS.into_iter().chain(EXTENSIONS);
        assert_eq!(exported, expected.collect());
    });
}

/// For a reference to a versioned symbol the dynamic linker accepts a definition without a version. One with
/// another version it passes over, without a message.
#[test]
fn the_exported_symbols_have_no_version() {
    with_library(|elf| {
        assert!(
            elf.section_by_name(".gnu.version_d").is_none(),
            "versions are defined"
        );
        let versions = elf
            .section_by_name(".gnu.version")
            .expect("libc's symbols have versions");
        let versions = versions.data().expect("the versions can be read");
        let mut looked_at = 0;
        for symbol in elf
            .dynamic_symbols()
            .filter(|symbol| symbol.is_definition())
        {
            let at = 2 * symbol.index().0;
            let version = u16::from_le_bytes([versions[at], versions[at + 1]]);
            assert_eq!(
                version,
                elf::VER_NDX_GLOBAL,
                "{}",
                symbol.name().expect("a name")
            );
            looked_at += 1;
        }
        assert!(looked_at >= FUNCTIONS.len());
    });
}

#[test]
fn the_library_names_itself_and_needs_only_libc() {
    let soname = dynamic_strings(elf::DT_SONAME);
    assert_eq!(soname, BTreeSet::from(["librbshim.so.1".to_string()]));
    let mut needed = dynamic_strings(elf::DT_NEEDED);
    needed.retain(|name| !name.starts_with("ld-linux"));
    assert_eq!(needed, BTreeSet::from(["libc.so.6".to_string()]));
}

/// There may be one constructor, which is not ours and does nothing: `frame_dummy` of the compiler's start-up
/// object.
#[test]
fn no_constructor_does_work() {
    with_library(|elf| {
        let Some(section) = elf.section_by_name(".init_array") else {
            return;
        };
        let range = section.address()..section.address() + section.size();
        let mut constructors = BTreeSet::new();
        for (address, relocation) in elf.dynamic_relocations().expect("relocations") {
            if range.contains(&address) {
                constructors.insert(function_at(elf, relocation.addend() as u64));
            }
        }
        assert_eq!(constructors, BTreeSet::from(["frame_dummy".to_string()]));
        assert_eq!(section.size(), 8);
    });
}

/// Rust's std alone would make it more than 200 KiB: one panic that can be reached brings it in. Overwrite mode takes 6
/// KiB of it; files grow by pages.
#[test]
fn the_library_is_smaller_than_108_kib() {
    let size = std::fs::metadata(&rbshim().shared)
        .expect("the library")
        .len();
    assert!(size < 108 * 1024, "{size} bytes");
}

/// So that it can be linked beside any other archive, and into programs that have no C++ or Rust.
#[test]
fn the_archive_is_one_object_with_the_api_alone_that_needs_only_libc() {
    let bytes = std::fs::read(&rbshim().archive).expect("the archive");
    let archive = ArchiveFile::parse(&*bytes).expect("an archive");
    let members: Vec<_> = archive
        .members()
        .map(|member| member.expect("a member"))
        .collect();
    assert_eq!(members.len(), 1);
    let data = members[0].data(&*bytes).expect("data");
    let object = object::File::parse(data).expect("an object");

    let symbols = |defined: bool| -> BTreeSet<&str> {
        object
            .symbols()
            .filter(|symbol| symbol.is_global() && symbol.is_undefined() != defined)
            .map(|symbol| symbol.name().expect("a name"))
            .filter(|name| !name.is_empty() && *name != "_GLOBAL_OFFSET_TABLE_")
            .collect()
    };
    let api: BTreeSet<&str> = FUNCTIONS.into_iter().chain(EXTENSIONS).collect();
    assert_eq!(symbols(true), api);
    for name in symbols(false) {
        // The first is weak: a program without libbpf has none. The second is in the part of glibc that is always
        // linked statically.
        let known = ["libbpf_set_print", "pthread_atfork"].contains(&name) || libc_defines(name);
        assert!(known, "the archive needs {name}");
    }
    let constructors = object.section_by_name(".init_array");
    assert!(constructors.is_none(), "a constructor");
}

fn libc_defines(name: &str) -> bool {
    // SAFETY: libc, whose initialisation has been done long since.
    let libc = unsafe { libloading::Library::new("libc.so.6") }.expect("libc");
    // SAFETY: the address is not used.
    let found = unsafe { libc.get::<*const ()>(name.as_bytes()) }.is_ok();
    // In libc_nonshared.a, which is part of what `-lc` links.
    found || name == "atexit"
}

/// Whatever `ringbuf.o` of a libbpf.a defines, the archive defines too: else a static link would
/// pull in both.
#[test]
fn the_archive_defines_all_that_libbpfs_ringbuf_object_does() {
    let ours = globals(&rbshim().archive, |_| true);
    for libbpf in Libbpf::ALL {
        let archive = &libbpf.library().archive;
        let theirs = globals(archive, |member| member == "ringbuf.o");
        assert!(
            theirs.contains("ring_buffer__poll"),
            "{}",
            archive.display()
        );
        let missing: Vec<&String> = theirs.difference(&ours).collect();
        assert!(missing.is_empty(), "{missing:?} of {}", archive.display());
    }
    let theirs = globals(&Libbpf::Vendored.library().archive, |member| {
        member == "ringbuf.o"
    });
    assert_eq!(theirs, FUNCTIONS.map(str::to_string).into());
}

#[test]
fn every_file_states_its_license() {
    let mut unlicensed = Vec::new();
    let files = project_files();
    assert!(files.iter().any(|file| file == "src/lib.rs"), "{files:?}");
    for file in files {
        let name = file.rsplit('/').next().expect("a name");
        // Generated, without comments, the licenses themselves, or the bytes of a hostile ring;
        // debian/copyright speaks for its folder.
        if ["Cargo.lock", ".gitignore"].contains(&name)
            || file.starts_with("LICENSES/")
            || file.contains("fuzz/corpus/")
            || file.starts_with("docs/performance/")
            || file.starts_with("debian/")
            || file == "abi/librbshim.abi"
        {
            continue;
        }
        let Ok(text) = std::fs::read(manifest_dir().join(&file)) else {
            continue; // deleted, but not yet in a commit
        };
        let text = String::from_utf8_lossy(&text);
        // After a line that says which program interprets the file, or in which language it is.
        let line = text
            .lines()
            .skip(usize::from(name.ends_with(".litmus")))
            .find(|line| !line.starts_with("#!") && !line.starts_with("#compdef"))
            .unwrap_or_default();
        if !line.contains("SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause") {
            unlicensed.push(file);
        }
    }
    assert!(
        unlicensed.is_empty(),
        "without a license line: {unlicensed:?}"
    );
}

fn project_files() -> Vec<String> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(manifest_dir())
        .output()
        .expect("git can be started");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).expect("names in UTF-8");
    text.lines().map(str::to_string).collect()
}

fn with_library(check: impl FnOnce(&Elf)) {
    let bytes = std::fs::read(&rbshim().shared).expect("the library");
    check(&Elf::parse(&*bytes).expect("an ELF file"));
}

fn function_at(elf: &Elf, address: u64) -> String {
    elf.symbols()
        .find(|symbol| symbol.address() == address && symbol.kind() == object::SymbolKind::Text)
        .and_then(|symbol| symbol.name().ok().map(str::to_string))
        .unwrap_or_else(|| format!("an unnamed function at {address:#x}"))
}

fn dynamic_strings(tag: u32) -> BTreeSet<String> {
    let bytes = std::fs::read(&rbshim().shared).expect("the library");
    let header = elf::FileHeader64::<Endianness>::parse(&*bytes).expect("an ELF file");
    let endian = header.endian().expect("a byte order");
    let sections = header.sections(endian, &*bytes).expect("sections");
    let (entries, link) = sections
        .dynamic(endian, &*bytes)
        .expect("a dynamic section")
        .expect("one at least");
    let strings = sections
        .strings(endian, &*bytes, link)
        .expect("its strings");
    entries
        .iter()
        .filter(|entry| entry.tag32(endian) == Some(tag))
        .map(|entry| entry.string(endian, strings).expect("a string"))
        .map(|string| String::from_utf8_lossy(string).into_owned())
        .collect()
}

fn globals(archive: &Path, wanted: impl Fn(&str) -> bool) -> BTreeSet<String> {
    let bytes = std::fs::read(archive).expect("an archive");
    let parsed = ArchiveFile::parse(&*bytes).expect("an archive");
    let mut names = BTreeSet::new();
    for member in parsed.members() {
        let member = member.expect("a member");
        if !wanted(&String::from_utf8_lossy(member.name())) {
            continue;
        }
        let Ok(file) = object::File::parse(member.data(&*bytes).expect("its bytes")) else {
            continue; // Rust's metadata
        };
        for symbol in file.symbols() {
            if symbol.is_global() && symbol.is_definition() {
                names.insert(symbol.name().expect("a name").to_string());
            }
        }
    }
    names
}
