// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What was measured on, and with which versions.

use crate::Failure;
use crate::cpu;
use std::ffi::CStr;
use std::fs;
use std::process::Command;

/// Since `before`, of [`stolen`].
pub fn describe(before: (u64, u64)) -> Result<Vec<(String, String)>, Failure> {
    let cpus = fs::read_to_string("/proc/cpuinfo")?;
    let of_cpu = |field: &str| {
        let value = cpus.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            (name.trim() == field).then(|| value.trim().to_string())
        });
        value.unwrap_or_else(|| "unknown".into())
    };
    let virtual_machine = of_cpu("flags").contains("hypervisor");
    // SAFETY: It returns a string that lives as long as the program.
    let own_libbpf = unsafe { CStr::from_ptr(libbpf_sys::libbpf_version_string()) };
    let after = stolen()?;
    let share = (after.0 - before.0) as f64 / (after.1 - before.1).max(1) as f64 * 100.0;
    let lines = [
        (
            "processor",
            format!(
                "{}, {} CPUs{}",
                of_cpu("model name"),
                cpu::online(),
                if virtual_machine {
                    ", virtual machine"
                } else {
                    ""
                }
            ),
        ),
        ("kernel", said("uname", &["-srm"])?),
        (
            "libbpf",
            format!(
                "{}, the system's",
                said(env!("CALLS_PROGRAM"), &["version"])?
            ),
        ),
        (
            "libbpf-rs",
            format!(
                "{} with libbpf {}, static",
                locked("libbpf-rs"),
                own_libbpf.to_string_lossy()
            ),
        ),
        ("aya", locked("aya").into()),
        ("rustc", env!("RUSTC_VERSION").into()),
        (
            "stolen by the hypervisor meanwhile",
            format!("{share:.1}% of the CPU time"),
        ),
        ("date", said("date", &["-u", "+%F"])?),
    ];
    Ok(lines.map(|(name, value)| (name.into(), value)).into())
}

/// CPU time so far: what the hypervisor gave to others, and all of it. In ticks.
pub fn stolen() -> Result<(u64, u64), Failure> {
    let text = fs::read_to_string("/proc/stat")?;
    let line = text.lines().next().ok_or("/proc/stat is empty")?;
    let ticks = line.split_whitespace().skip(1).map(str::parse);
    // Guests' time, the last two, is in the first two already.
    let ticks: Vec<u64> = ticks.take(8).collect::<Result<_, _>>()?;
    let stolen = ticks.get(7).copied().unwrap_or(0);
    Ok((stolen, ticks.iter().sum()))
}

fn said(program: &str, arguments: &[&str]) -> Result<String, Failure> {
    let output = Command::new(program).args(arguments).output()?;
    if !output.status.success() {
        return Err(format!("{program}: {}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().into())
}

/// The version of a dependency.
fn locked(package: &str) -> &'static str {
    let name = format!("name = \"{package}\"");
    let mut lines = include_str!("../../Cargo.lock").lines();
    lines.find(|line| *line == name);
    let version = lines.next().and_then(|line| line.split('"').nth(1));
    version.unwrap_or("unknown")
}
