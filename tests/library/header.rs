// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! `include/rbshim.h`: up to date, usable from C and C++, and the same interface as libbpf's header.

use crate::common::{Libbpf, manifest_dir};
use crate::functions::{EXTENSIONS, FUNCTIONS};
use crate::generate;
use crate::interface::signatures;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

#[test]
fn the_committed_header_is_what_cbindgen_makes_of_the_source() {
    let mut generated = Vec::new();
    generate::generate(env!("CARGO_MANIFEST_DIR")).write(&mut generated);
    let committed = std::fs::read(header()).expect("the committed header");
    assert!(
        generated == committed,
        "include/rbshim.h has drifted: run `make header`. cbindgen makes:\n{}",
        String::from_utf8_lossy(&generated)
    );
}

#[test]
fn the_header_compiles_alone_as_c99_and_cpp17() {
    for compiler in COMPILERS {
        compile(compiler, None, &format!("#include <rbshim.h>\n{ALONE}"));
    }
}

#[test]
fn the_header_compiles_before_and_after_libbpfs() {
    for libbpf in Libbpf::ALL {
        for compiler in COMPILERS {
            for [first, second] in [["bpf/libbpf.h", "rbshim.h"], ["rbshim.h", "bpf/libbpf.h"]] {
                let both = format!("#include <{first}>\n#include <{second}>\n{BOTH}{ALONE}");
                compile(compiler, Some(libbpf), &both);
            }
        }
    }
}

/// Two declarations of one function must agree, or the compiler says so: a conflict is seen.
#[test]
fn a_signature_unlike_libbpfs_would_not_compile() {
    let conflict = "#include <rbshim.h>\nint ring_buffer__poll(struct ring_buffer *rb, long ms);\n";
    let c = Compiler {
        program: "cc",
        language: "c",
        standard: "c99",
    };
    assert!(compiles(&c, None, conflict).is_err());
}

#[test]
fn the_header_declares_the_21_functions_and_rbshims_own_and_nothing_else() {
    let ours = signatures(&header(), None, ".*");
    let names: BTreeSet<&str> = ours.keys().map(String::as_str).collect();
    assert_eq!(names, FUNCTIONS.into_iter().chain(EXTENSIONS).collect());
    assert_eq!(
        ours["rbshim_ring_buffer__set_coalesce_us"],
        "( * mut ring_buffer , u32 ) -> c_int"
    );
    assert_eq!(
        ours["rbshim_ring__statistics"],
        "( * const ring , * mut rbshim_ring_statistics ) -> c_int"
    );
    assert_eq!(
        ours["rbshim_ring_buffer__set_busy_poll"],
        "( * mut ring_buffer , c_int ) -> c_int"
    );
    assert_eq!(
        ours["rbshim_ring_buffer__set_poll_max_ms"],
        "( * mut ring_buffer , u32 ) -> c_int"
    );
}

#[test]
fn libbpfs_header_has_no_ring_buffer_function_that_we_lack() {
    let theirs = signatures(
        &libbpf_header(Libbpf::Vendored),
        include(Libbpf::Vendored),
        API,
    );
    let names: BTreeSet<&str> = theirs.keys().map(String::as_str).collect();
    assert_eq!(names, BTreeSet::from(FUNCTIONS));
}

#[test]
fn every_signature_is_libbpfs() {
    let ours = signatures(&header(), None, API);
    for libbpf in Libbpf::ALL {
        let theirs = signatures(&libbpf_header(libbpf), include(libbpf), API);
        assert!(
            theirs.len() >= 12,
            "{libbpf:?} has only {:?}",
            theirs.keys()
        );
        for (name, signature) in theirs {
            assert_eq!(ours.get(&name), Some(&signature), "{name} in {libbpf:?}");
        }
    }
    // And what is compared is the whole of a signature.
    assert_eq!(
        ours["ring_buffer__add"],
        "( * mut ring_buffer , c_int , Option < unsafe extern \" C \" fn \
         ( * mut c_void , * mut c_void , usize ) -> c_int > , * mut c_void ) -> c_int"
    );
}

const API: &str = "ring_buffer__.*|ring__.*|user_ring_buffer__.*";

/// Uses each kind of declaration, as C and as C++.
const ALONE: &str = "
static int on_sample(void *ctx, void *data, size_t size)
{
    (void)ctx; (void)data;
    return (int)size;
}
int use(void);
int use(void)
{
    struct ring_buffer *rb = ring_buffer__new(-1, on_sample, NULL, NULL);
    struct ring *r = ring_buffer__ring(rb, 0);
    struct user_ring_buffer *user = user_ring_buffer__new(-1, NULL);
    user_ring_buffer__submit(user, user_ring_buffer__reserve_blocking(user, 8, -1));
    rbshim_ring_buffer__set_coalesce_us(rb, 0);
    static struct rbshim_ring_statistics statistics;
    statistics.sz = sizeof(statistics);
    if (rbshim_ring__statistics(r, &statistics) == 0 && statistics.nearly_full)
        return (int)(statistics.size - statistics.high_water);
    return ring_buffer__poll(rb, 0) + ring__consume(r) + (int)ring__size(r);
}
";

/// What only libbpf's header defines, passed to what both declare.
const BOTH: &str = "
struct ring_buffer *with_options(ring_buffer_sample_fn on_sample);
struct ring_buffer *with_options(ring_buffer_sample_fn on_sample)
{
    struct ring_buffer_opts opts = { sizeof(struct ring_buffer_opts) };
    return ring_buffer__new(-1, on_sample, NULL, &opts);
}
";

struct Compiler {
    program: &'static str,
    language: &'static str,
    standard: &'static str,
}

const COMPILERS: [&Compiler; 4] = [
    &Compiler {
        program: "gcc",
        language: "c",
        standard: "c99",
    },
    &Compiler {
        program: "g++",
        language: "c++",
        standard: "c++17",
    },
    &Compiler {
        program: "clang",
        language: "c",
        standard: "c99",
    },
    &Compiler {
        program: "clang++",
        language: "c++",
        standard: "c++17",
    },
];

fn compile(compiler: &Compiler, libbpf: Option<Libbpf>, source: &str) {
    if let Err(messages) = compiles(compiler, libbpf, source) {
        panic!(
            "{} -std={} with {libbpf:?}:\n{messages}{source}",
            compiler.program, compiler.standard
        );
    }
}

fn compiles(compiler: &Compiler, libbpf: Option<Libbpf>, source: &str) -> Result<(), String> {
    let mut command = Command::new(compiler.program);
    command
        .arg(format!("-std={}", compiler.standard))
        .args(["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"])
        .arg("-I")
        .arg(manifest_dir().join("include"));
    if let Some(include) = libbpf.and_then(include) {
        // As a system header, which is what an installed one is.
        command.arg("-isystem").arg(include);
    }
    let mut child = command
        .args(["-x", compiler.language, "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{} is needed: {error}", compiler.program));
    let mut stdin = child.stdin.take().expect("stdin is a pipe");
    stdin
        .write_all(source.as_bytes())
        .expect("the compiler reads");
    drop(stdin);
    let output = child.wait_with_output().expect("the compiler ends");
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

fn header() -> PathBuf {
    manifest_dir().join("include/rbshim.h")
}

fn include(libbpf: Libbpf) -> Option<PathBuf> {
    libbpf.library().include.clone()
}

fn libbpf_header(libbpf: Libbpf) -> PathBuf {
    include(libbpf)
        .unwrap_or_else(|| PathBuf::from("/usr/include"))
        .join("bpf/libbpf.h")
}
