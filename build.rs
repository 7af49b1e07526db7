// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Compiles the few lines of C and names the shared library; with the feature `header`, regenerates
//! `include/rbshim.h`.

use std::env;

#[cfg(feature = "header")]
#[path = "build/header.rs"]
mod header;

fn main() {
    let system = env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    if system != "linux" {
        println!("cargo::error=BPF ring buffers are Linux's: cannot build for {system}");
        return;
    }
    let files = ["src/log.c", "src/foreign.c"];
    for file in files {
        println!("cargo::rerun-if-changed={file}");
    }
    cc::Build::new()
        .files(files)
        .std("gnu99")
        .flag("-fvisibility=hidden")
        .warnings(true)
        .compile("rbshim_log");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,librbshim.so.1");
    println!("cargo::rerun-if-changed=cbindgen.toml");
    #[cfg(feature = "header")]
    {
        println!("cargo::rerun-if-changed=src");
        println!("cargo::rerun-if-changed=include/rbshim.h");
        header::generate(env!("CARGO_MANIFEST_DIR")).write_to_file("include/rbshim.h");
    }
}
