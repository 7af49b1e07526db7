// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What a program gains when it is started, and what this one lacks.

use crate::error::{Failure, Status};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Why the loader of a program ignores its environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raised {
    /// It runs as another user or group.
    SetId,
    /// Its file has capabilities.
    Capabilities,
}

/// What this file gains, started by whoever asks. Started by root, a setuid-root program gains nothing.
pub fn raised(path: &Path) -> Option<Raised> {
    let about = fs::metadata(path).ok()?;
    let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
    let setuid = about.mode() & libc::S_ISUID != 0 && about.uid() != user.as_raw();
    // Setgid without the right to execute for the group means something else.
    let setgid = about.mode() & libc::S_ISGID != 0
        && about.mode() & libc::S_IXGRP != 0
        && about.gid() != group.as_raw();
    if setuid || setgid {
        return Some(Raised::SetId);
    }
    if !user.is_root() && has_capabilities(path) {
        return Some(Raised::Capabilities);
    }
    None
}

/// Whether it gains anything for a user who is not its owner.
pub fn raises_others(path: &Path) -> Option<Raised> {
    let about = fs::metadata(path).ok()?;
    let setgid = libc::S_ISGID | libc::S_IXGRP;
    if about.mode() & libc::S_ISUID != 0 || about.mode() & setgid == setgid {
        return Some(Raised::SetId);
    }
    has_capabilities(path).then_some(Raised::Capabilities)
}

fn has_capabilities(path: &Path) -> bool {
    let mut value = [0_u8; 64];
    rustix::fs::getxattr(path, "security.capability", &mut value).is_ok()
}

/// The capabilities that the tool uses: number, name, what for.
const CAPABILITIES: [(u32, &str); 5] = [
    (21, "CAP_SYS_ADMIN"),
    (19, "CAP_SYS_PTRACE"),
    (2, "CAP_DAC_READ_SEARCH"),
    (39, "CAP_BPF"),
    (38, "CAP_PERFMON"),
];

/// Whether this process has the capability of that name.
pub fn has(name: &str) -> bool {
    let Some((number, _)) = CAPABILITIES.iter().find(|(_, known)| *known == name) else {
        return false;
    };
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|set| u64::from_str_radix(set.trim(), 16).ok())
        .unwrap_or(0);
    effective >> number & 1 != 0
}

/// The failure of `action`, which the kernel has not permitted: names the first of `wanted` that is missing.
pub fn missing(action: &str, wanted: &[&str]) -> Failure {
    let message = match wanted.iter().find(|name| !has(name)) {
        Some(name) => format!("{action}: needs {name}, which this process does not have"),
        None => format!(
            "{action}: not permitted, though {} is there: a container, seccomp, lockdown or an LSM forbids it",
            wanted.join(" and ")
        ),
    };
    Failure::new(Status::Privilege, message)
}
