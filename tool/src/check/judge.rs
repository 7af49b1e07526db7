// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The verdict, from what was found in a program and its libraries.

use super::{Finding, Reach};
use crate::elf::Facts;
use crate::loader::Found;
use crate::privileges::Raised;
use crate::text::plain;
use std::os::unix::ffi::OsStrExt;

/// About a program; the first file is the program itself.
pub fn program(subject: String, files: &[Found], raised: Option<Raised>) -> Finding {
    judge(subject, files, raised, false)
}

/// About a process, from the files that it has mapped.
pub fn process(subject: String, files: &[Found], raised: Option<Raised>) -> Finding {
    judge(subject, files, raised, true)
}

fn judge(subject: String, files: &[Found], raised: Option<Raised>, runs: bool) -> Finding {
    let (mut reasons, mut ways) = (Vec::new(), Vec::new());
    let fixed = files
        .first()
        .is_some_and(|program| program.facts.is_static());
    for file in files {
        let (shown, facts) = (plain(file.path.as_os_str().as_bytes()), &file.facts);
        if facts.contains_rbshim {
            reasons.push(format!("{shown} is or contains rbshim"));
            ways.push(Reach::Active);
            continue;
        }
        if facts.is_libbpf() {
            continue;
        }
        if !facts.imports.is_empty() {
            reasons.push(format!(
                "{shown} takes {} from a shared libbpf",
                functions(facts)
            ));
            ways.push(reachable(Reach::Preload, raised, &mut reasons));
        }
        if facts.contains_libbpf {
            reasons.push(format!(
                "{shown} contains libbpf's ring buffer code, whether or not it calls it"
            ));
            ways.push(Reach::Contains);
        }
        if facts.opens_libbpf {
            reasons.push(format!(
                "{shown} names libbpf.so and ring_buffer__new: it opens libbpf at run time"
            ));
            ways.push(reachable(Reach::Front, raised, &mut reasons));
        }
        if facts.cilium {
            reasons.push(format!(
                "{shown} contains the ring buffer reader of cilium/ebpf (Go)"
            ));
            ways.push(Reach::Watch);
        }
        if facts.aya {
            reasons.push(format!(
                "{shown} contains the ring buffer reader of aya (Rust)"
            ));
            ways.push(Reach::Watch);
        }
    }
    let opened = runs && ways.is_empty() && files.iter().any(|file| file.facts.is_libbpf());
    // Python's ctypes has no name in any file.
    if opened && !linked_with_libbpf(files) {
        reasons.push("it has opened libbpf at run time".into());
        ways.push(reachable(Reach::Front, raised, &mut reasons));
    }
    if fixed {
        // No loader reads the environment before it, and `rbshim run` refuses.
        for way in &mut ways {
            if matches!(way, Reach::Preload | Reach::Front) {
                *way = Reach::Watch;
            }
        }
        reasons.push("it is linked statically".into());
    }
    Finding {
        subject,
        pid: None,
        // Of several ways into one program, the one that asks least.
        reach: ways.into_iter().min().unwrap_or(Reach::Nothing),
        reasons,
        rings: Vec::new(),
        exposed: None,
    }
}

fn linked_with_libbpf(files: &[Found]) -> bool {
    let mut needed = files.iter().flat_map(|file| &file.facts.needed);
    needed.any(|name| name.starts_with("libbpf.so"))
}

/// Where the loader ignores its environment, neither library comes in.
fn reachable(reach: Reach, raised: Option<Raised>, reasons: &mut Vec<String>) -> Reach {
    let why = match raised {
        None => return reach,
        Some(Raised::SetId) => "it is setuid or setgid, where the loader ignores LD_PRELOAD",
        Some(Raised::Capabilities) => {
            "it has file capabilities, where the loader ignores LD_PRELOAD"
        }
    };
    if !reasons.iter().any(|reason| reason == why) {
        reasons.push(why.into());
    }
    Reach::Watch
}

fn functions(facts: &Facts) -> String {
    let names: Vec<&str> = facts.imports.iter().copied().collect();
    match names[..] {
        [first, second, third, _, ..] => {
            format!("{first}, {second}, {third} and {} more", names.len() - 3)
        }
        _ => names.join(", "),
    }
}
