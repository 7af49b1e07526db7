// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Whoever confines a program to the system calls that it makes on libbpf can preload rbshim. Each program of
//! `c-tests/` is run on libbpf as it is, and then with rbshim under a filter made of what it has called.

mod common;
mod filtered;

use common::{Libbpf, Way, account, command, manifest_dir, rbshim, require_bpf};
use filtered::{Call, HAS_ARGUMENT, Run, run};
use std::collections::{BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt;
use std::sync::Mutex;
use std::thread;

/// Programs, or folders of them, that there is nothing to compare with on libbpf, and why.
const LEFT_OUT: [(&str, &str); 15] = [
    ("busy_poll_api", "calls a function of rbshim's own"),
    ("coalesce_api", "calls a function of rbshim's own"),
    ("poll_max_api", "calls a function of rbshim's own"),
    ("statistics_api", "calls a function of rbshim's own"),
    ("statistics_thread_api", "calls a function of rbshim's own"),
    ("edge_triggered", "hangs on libbpf"),
    ("soak", "hangs on libbpf"),
    ("overwrite_ring", "reads what libbpf does not know"),
    ("overwrite_soak", "reads what libbpf does not know"),
    ("foreign_event_in_poll", "undefined on libbpf"),
    ("own_descriptor", "undefined on libbpf"),
    (
        "faults/injection",
        "its calls are made to fail, by their number",
    ),
    ("faults/interposer", "a library"),
    ("faults/overwriting", "a library"),
    ("dlopen/lookups", "reads no ring"),
];

/// Calls so frequent that asking about each would make another program of it. Every reader makes them, or the C
/// library where threads meet.
const FREQUENT: [libc::c_long; 8] = [
    libc::SYS_bpf,
    libc::SYS_clock_nanosleep,
    libc::SYS_epoll_pwait,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_epoll_wait,
    libc::SYS_futex,
    libc::SYS_restart_syscall,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_yield,
];

/// Programs that signals come to by the thousand. Such a signal may interrupt a call that waits to be asked about,
/// also one that nothing else would interrupt.
const SIGNALLED: [&str; 4] = [
    "faults/signal_storm",
    "hot_signals",
    "signals",
    "user_ring_blocking",
];

/// What these, and the C library for their threads, call meanwhile: it passes.
const MEANWHILE: [libc::c_long; 16] = [
    libc::SYS_brk,
    libc::SYS_clone3,
    libc::SYS_close,
    libc::SYS_exit,
    libc::SYS_gettid,
    libc::SYS_madvise,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_munmap,
    libc::SYS_rseq,
    libc::SYS_rt_sigprocmask,
    libc::SYS_set_robust_list,
    libc::SYS_setitimer,
    libc::SYS_timer_create,
    libc::SYS_timer_delete,
    libc::SYS_timer_settime,
];

/// The files that say how many CPUs and how much of their time a process may use.
const LIMITS: [&str; 3] = [
    "/proc/self/cgroup",
    "/sys/fs/cgroup/",
    "/sys/devices/system/cpu/online",
];

#[test]
fn a_filter_made_of_what_libbpf_calls_lets_rbshim_through() {
    if !require_bpf() {
        return;
    }
    // Built first: compilers are not to disturb what runs beside them.
    let programs = programs();
    let (queue, report) = (Mutex::new(VecDeque::from(programs)), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while let Some(program) = { queue.lock().expect("no panic").pop_front() } {
                    let said = check(&program);
                    report.lock().expect("no panic").push((program, said));
                }
            });
        }
    });
    let mut report = report.into_inner().expect("no panic");
    report.sort();
    let mut text = String::new();
    for (name, why) in LEFT_OUT {
        let _ = writeln!(text, "{name}: left out: {why}");
    }
    let mut failed = false;
    for (program, said) in report {
        failed |= said.is_err();
        let said = said.unwrap_or_else(|failure| format!("FAILED: {failure}"));
        let _ = writeln!(text, "{program}: {said}");
    }
    // Not captured by the test harness, unlike println!.
    let mut stderr = std::io::stderr();
    stderr.write_all(text.as_bytes()).expect("a report");
    assert!(!failed, "{text}");
}

#[test]
fn a_program_is_killed_for_a_call_that_is_not_in_the_filter() {
    if !require_bpf() {
        return;
    }
    let manager = command("manager", Libbpf::Vendored, Way::Stock);
    let run = run(manager, &[], |call| call.number != libc::SYS_epoll_create1);
    let refused: Vec<_> = run.refused.iter().map(|call| call.number).collect();
    assert_eq!(refused, [libc::SYS_epoll_create1]);
    let status = run.output.expect("an end").status;
    assert_eq!(status.signal(), Some(libc::SIGKILL), "{status}");
}

/// All programs of `c-tests` but those that are left out.
fn programs() -> Vec<String> {
    let mut programs = Vec::new();
    for folder in ["", "faults/", "dlopen/"] {
        for entry in fs::read_dir(manifest_dir().join("c-tests").join(folder)).expect("a folder") {
            let file = entry.expect("an entry").file_name();
            let file = file.to_string_lossy();
            let stem = file.strip_suffix(".c").or(file.strip_suffix(".cpp"));
            let stem = stem.filter(|stem| !stem.ends_with(".bpf"));
            programs.extend(stem.map(|stem| format!("{folder}{stem}")));
        }
    }
    for (name, _) in LEFT_OUT {
        let before = programs.len();
        programs.retain(|program| program != name);
        assert!(programs.len() < before, "no program {name}");
    }
    programs
}

/// Runs the program on libbpf, and twice with rbshim. Says what it has called, or what it may not call.
fn check(program: &str) -> Result<String, String> {
    let mut pass = FREQUENT.to_vec();
    if SIGNALLED.contains(&program) {
        pass.extend(MEANWHILE);
    }
    let start = |way| command(program, Libbpf::Vendored, way);
    let libbpf = run(start(Way::Stock), &pass, |_| true);
    succeeded(&libbpf).map_err(|failure| format!("libbpf: {failure}"))?;
    let calls: BTreeSet<_> = libbpf.asked.iter().map(|call| call.number).collect();
    let is_libbpfs = |call: &Call| match call.number {
        libc::SYS_openat => is_opened(&libbpf.asked, &call.what),
        libc::SYS_clock_gettime => libbpf.asked.contains(call),
        number => calls.contains(&number),
    };
    // What libbpf has called is not asked about again, unless an argument counts.
    pass.extend(calls.iter().filter(|number| !HAS_ARGUMENT.contains(number)));
    let mut said = format!("{} calls of libbpf's", calls.len());
    for option in [Some(("RBSHIM_LINGER_US", "0")), None] {
        let mut command = start(Way::Preloaded);
        command.envs(option);
        let allows = |call: &Call| is_libbpfs(call) || option.is_none() && is_documented(call);
        let mut with = run(command, &pass, allows);
        let result = if with.refused.is_empty() {
            succeeded(&with)
        } else {
            Err(format!("killed for {}", names(&with.refused)))
        };
        result.map_err(|failure| format!("rbshim, {option:?}: {failure}"))?;
        with.asked.retain(|call| !is_libbpfs(call));
        if !with.asked.is_empty() {
            let _ = write!(said, ", lingering: {}", names(&with.asked));
        }
    }
    Ok(said)
}

fn names(calls: &BTreeSet<Call>) -> String {
    let name = |call: &Call| match call.number {
        libc::SYS_sched_getaffinity => "sched_getaffinity".into(),
        libc::SYS_clock_gettime => format!("clock_gettime({})", call.what),
        libc::SYS_openat => {
            let mut limits = LIMITS.iter();
            let limit = limits.find(|path| call.what.starts_with(**path));
            format!("openat({})", limit.copied().unwrap_or(&call.what))
        }
        number => format!("system call {number}"),
    };
    let names: BTreeSet<_> = calls.iter().map(name).collect();
    Vec::from_iter(names).join(", ")
}

fn succeeded(run: &Run) -> Result<(), String> {
    match &run.output {
        Err(failure) => Err(failure.clone()),
        Ok(output) if !output.status.success() => Err(account(output)),
        Ok(_) => Ok(()),
    }
}

/// What README and rbshim(7) say that a reader calls once lingering has something to gain.
fn is_documented(call: &Call) -> bool {
    match call.number {
        libc::SYS_sched_getaffinity => true,
        libc::SYS_openat => LIMITS.iter().any(|path| call.what.starts_with(path)),
        libc::SYS_clock_gettime => call.what == libc::CLOCK_THREAD_CPUTIME_ID.to_string(),
        _ => false,
    }
}

/// Whether the path is one of those in `calls`, but for the numbers of processes, or the library's own.
fn is_opened(calls: &BTreeSet<Call>, path: &str) -> bool {
    let kind = |path: &str| path.replace(|c: char| c.is_ascii_digit(), "");
    let mut paths = calls.iter().filter(|call| call.number == libc::SYS_openat);
    path == rbshim().shared.to_string_lossy() || paths.any(|call| kind(&call.what) == kind(path))
}
