// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Where there is no bpf(2), or it is forbidden: one line that says so, and the exit status for it.

mod common;

use common::{told, tool};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The tool, for which bpf(2) fails with this.
fn without_bpf(error: i32) -> Command {
    let statement = |code, k| libc::sock_filter {
        code: code as u16,
        jt: 0,
        jf: 0,
        k,
    };
    let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let equal = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    let answer = libc::BPF_RET | libc::BPF_K;
    // The number of the system call is the first word of `struct seccomp_data`.
    let mut filter = [
        statement(load, 0),
        libc::sock_filter {
            jf: 1,
            ..statement(equal, libc::SYS_bpf as u32)
        },
        statement(answer, libc::SECCOMP_RET_ERRNO | error as u32),
        statement(answer, libc::SECCOMP_RET_ALLOW),
    ];
    let mut tool = tool();
    let restrict = move || {
        let program = libc::sock_fprog {
            len: filter.len() as u16,
            filter: filter.as_mut_ptr(),
        };
        // SAFETY: prctl reads the program, whose instructions outlive the call, and keeps no pointer to it.
        let done = unsafe {
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
                && libc::prctl(
                    libc::PR_SET_SECCOMP,
                    libc::SECCOMP_MODE_FILTER,
                    &raw const program,
                ) == 0
        };
        if done {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    };
    // SAFETY: between fork and exec it only makes two system calls.
    unsafe { tool.pre_exec(restrict) };
    tool
}

fn one_line_and(status: i32, error: i32, words: &str) {
    for command in [
        &["top", "--once"][..],
        &["kick", "--stuck"],
        &["kick", "1"],
        &["watch"],
    ] {
        let (exited, printed, said) = told(without_bpf(error).args(command));
        assert_eq!(exited, status, "{command:?}: {said}");
        assert_eq!(printed, "", "{command:?}");
        assert_eq!(said.lines().count(), 1, "{command:?}: {said}");
        assert!(said.contains(words), "{command:?}: {said}");
    }
}

#[test]
fn a_kernel_without_bpf_is_named() {
    one_line_and(5, libc::ENOSYS, "this kernel has no BPF");
}

#[test]
fn what_forbids_bpf_is_guessed_at() {
    one_line_and(3, libc::EPERM, "not permitted, though CAP_");
}
