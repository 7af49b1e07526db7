// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Compiles the BPF program and the C programs; their paths are given to the crate.

use std::env;
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

    for program in ["reader", "calls", "instructions"] {
        let binary = out.join(program);
        compile(program, &binary);
        println!(
            "cargo:rustc-env={}_PROGRAM={}",
            program.to_uppercase(),
            binary.display()
        );
    }
}

/// With the system's libbpf, shared: the program that rbshim is preloaded into.
fn compile(program: &str, binary: &Path) {
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
    compiler.arg("-lbpf");
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
