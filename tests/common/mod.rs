// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Builds the programs of `c-tests/` against two libbpfs in four ways, and runs them.

// Each integration test is a crate of its own and uses a part of this.
#![allow(dead_code, unused_imports)]

mod artifacts;
mod compare;
mod counters;
mod libbpf;
mod programs;
mod run;

pub use artifacts::{Artifacts, cargo, locked, make, manifest_dir, rbshim, succeed, target_dir};
pub use compare::{Cell, Column, StockRun, apply, compare, first_difference, stated};
pub use counters::{count, counted};
pub use programs::{BuildError, bpf_compiler, bpf_dir, build, clean, command};
pub use run::{account, create_ring, printed, run, try_run};

/// Which libbpf a program is built for and runs with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Libbpf {
    /// The system's libbpf.so.1.
    Distribution,
    /// The one whose source comes with libbpf-sys, built under `target/libbpf-vendored`.
    Vendored,
}

impl Libbpf {
    pub const ALL: [Libbpf; 2] = [Libbpf::Distribution, Libbpf::Vendored];
}

/// How a program gets at the ring buffer API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// libbpf alone.
    Stock,
    /// The binary of `Stock`, with `LD_PRELOAD=librbshim.so`.
    Preloaded,
    /// Linked with `-lrbshim -lbpf`.
    Shared,
    /// Linked with `librbshim.a libbpf.a`; libelf and zlib stay shared.
    Static,
}

impl Way {
    pub const ALL: [Way; 4] = [Way::Stock, Way::Preloaded, Way::Shared, Way::Static];
}

/// True when BPF tests can run. Without root or BPF this panics, so that a run which
/// tested nothing is no success; with `RBSHIM_TESTS=nobpf` it says so and is false.
pub fn require_bpf() -> bool {
    let settings = std::env::var("RBSHIM_TESTS").unwrap_or_default();
    if settings.split(',').any(|setting| setting == "nobpf") {
        println!("skipped: needs BPF, and RBSHIM_TESTS=nobpf is set");
        return false;
    }
    if let Err(reason) = run::try_bpf() {
        panic!(
            "this test needs root and BPF ring buffers: {reason}. \
             RBSHIM_TESTS=nobpf skips the tests that need them."
        );
    }
    true
}
