// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Texts that stay in a file when it is stripped, and tell what is in it.

use memchr::memmem;

/// Which of them were found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needles {
    /// A message that only libbpf's ringbuf.c has.
    pub libbpf: bool,
    /// The line with which rbshim says that it is active.
    pub rbshim: bool,
    /// The name of the file that one opens who opens libbpf at run time.
    pub names_libbpf: bool,
    /// The name of the function that one looks up then.
    pub names_new: bool,
    /// What Go's linker writes before its build information.
    pub go: bool,
    /// The name of a function of cilium/ebpf's reader, which Go keeps for its stack traces.
    pub cilium: bool,
    /// The source file that aya's panics name.
    pub aya: bool,
}

// Spelled backwards: this program shall not find them in itself.
const LIBBPF: &str = "d%=df rof ofni pam teg ot deliaf :fubgnir";
const RBSHIM: &str = "=STATS_MIHSBR( s% :evitca s% mihsbr";
const NAMES_LIBBPF: [&str; 3] = ["\0os.fpbbil", "\x000.os.fpbbil", "\x001.os.fpbbil"];
const NAMES_NEW: &str = "\0wen__reffub_gnir";
const GO: &str = ":fnidliub oG ";
const CILIUM: &str = "daeR.)redaeR*(.fubgnir/fpbe/muilic/moc.buhtig";
const AYA: &str = "sr.fub_gnir/spam/crs/";

impl Needles {
    /// Looks through the bytes of a file.
    pub fn of(bytes: &[u8]) -> Needles {
        let has = |backwards: &str| {
            let needle: Vec<u8> = backwards.bytes().rev().collect();
            memmem::find(bytes, &needle).is_some()
        };
        let go = has(GO);
        Needles {
            libbpf: has(LIBBPF),
            rbshim: has(RBSHIM),
            names_libbpf: NAMES_LIBBPF.into_iter().any(has),
            names_new: has(NAMES_NEW),
            go,
            cilium: go && has(CILIUM),
            aya: has(AYA),
        }
    }
}

/// Whether this name is one of those, each of which ends with a NUL.
pub fn is_word(names: &[u8], word: &str) -> bool {
    let needle = [&[0], word.as_bytes(), &[0]].concat();
    memmem::find(names, &needle).is_some()
}
