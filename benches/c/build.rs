// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Compiles the BPF program and the C programs; their paths are given to the crate.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=c");
    println!("cargo:rerun-if-changed=bpf");
    println!("cargo:rerun-if-changed=../c-tests/rings.bpf.h");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));

    let object = out.join("producer.bpf.o");
    let mut clang = Command::new("clang");
    clang.args(["-O2", "-g", "-target", "bpf", "-Wall", "-Wextra", "-Werror"]);
    // Callbacks of bpf_loop() and programs have parameters they do not need.
    clang.args(["-Wno-unused-parameter", "-Ic"]);
    // <asm/types.h> is in the folder of the machine's architecture, for which this is not compiled.
    let machine = succeed(Command::new("cc").arg("-print-multiarch"));
    clang.arg(format!("-idirafter/usr/include/{}", machine.trim_end()));
    clang
        .arg("-o")
        .arg(&object)
        .args(["-c", "bpf/producer.bpf.c"]);
    succeed(&mut clang);
    println!("cargo:rustc-env=PRODUCER_OBJECT={}", object.display());

    let rustc = env::var_os("RUSTC").expect("cargo sets it");
    let version = succeed(Command::new(rustc).arg("--version"));
    println!("cargo:rustc-env=RUSTC_VERSION={}", version.trim());

    let newest = newest_libbpf(&out);
    for program in ["reader", "calls", "instructions"] {
        let binary = out.join(program);
        // The system's libbpf may lack functions whose instructions are counted.
        let folder = (program == "instructions").then_some(newest.as_path());
        compile(program, &binary, folder);
        println!(
            "cargo:rustc-env={}_PROGRAM={}",
            program.to_uppercase(),
            binary.display()
        );
    }
}

/// A folder with a shared libbpf made of libbpf-sys's own, and its headers.
fn newest_libbpf(out: &Path) -> PathBuf {
    println!("cargo:rerun-if-env-changed=DEP_BPF_INCLUDE");
    let include = env::var_os("DEP_BPF_INCLUDE").expect("libbpf-sys says where");
    let built = Path::new(&include).parent().expect("beside the library");
    let folder = out.join("newest");
    std::fs::create_dir_all(&folder).expect("OUT_DIR can be written");
    let mut linker = Command::new(env::var_os("CC").unwrap_or_else(|| "cc".into()));
    linker.args(["-shared", "-Wl,-soname,libbpf.so.1", "-o"]);
    linker.arg(folder.join("libbpf.so.1"));
    linker
        .arg("-Wl,--whole-archive")
        .arg(built.join("libbpf.a"));
    linker.args(["-Wl,--no-whole-archive", "-lelf", "-lz"]);
    succeed(&mut linker);
    folder
}

/// With a shared libbpf: the program that rbshim is preloaded into. With the system's, unless another is in `folder`.
fn compile(program: &str, binary: &Path, folder: Option<&Path>) {
    let mut compiler = Command::new(env::var_os("CC").unwrap_or_else(|| "cc".into()));
    compiler.args([
        "-O2",
        "-g",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-Wno-unused-parameter",
        "-Ic",
        "-o",
    ]);
    compiler.arg(binary).arg(format!("c/{program}.c"));
    match folder {
        None => compiler.arg("-lbpf"),
        Some(folder) => {
            let include = env::var_os("DEP_BPF_INCLUDE").expect("as before");
            let mut search = OsString::from("-Wl,-rpath,");
            search.push(folder);
            compiler.arg("-I").arg(include);
            compiler.arg(folder.join("libbpf.so.1")).arg(search)
        }
    };
    succeed(&mut compiler);
}

fn succeed(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {messages}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
