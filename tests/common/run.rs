// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Running a program under a watch-dog.

use std::io::{self, Read};
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Output, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Longer than any of the programs takes that are compared by what they print.
const WATCH_DOG: Duration = Duration::from_secs(120);

/// Runs to the end and collects the output. A program that takes longer than `timeout` is
/// killed, with all that it started, and the test fails with what was printed so far.
pub fn run(command: Command, timeout: Duration) -> Output {
    try_run(command, timeout).unwrap_or_else(|failure| panic!("{failure}"))
}

/// The same, but too long is an error.
pub fn try_run(mut command: Command, timeout: Duration) -> Result<Output, String> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    let stdout = collect(child.stdout.take().expect("stdout is a pipe"));
    let stderr = collect(child.stderr.take().expect("stderr is a pipe"));
    let status = wait(&mut child, timeout);
    // Whoever is left would keep the pipes open.
    kill_group(&child);
    let end = child.wait().expect("the program can be waited for");
    let output = Output {
        status: status.unwrap_or(end),
        stdout: stdout.join().expect("a reading thread"),
        stderr: stderr.join().expect("a reading thread"),
    };
    if status.is_some() {
        return Ok(output);
    }
    Err(format!(
        "{command:?} was killed after {timeout:?}. So far:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    ))
}

/// Runs a program to the end that must succeed, and returns its stdout; or else how it ended and all that it
/// printed.
pub fn printed(command: Command) -> Result<String, String> {
    let output = try_run(command, WATCH_DOG)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(account(&output))
}

/// How a program ended, and all that it printed.
pub fn account(output: &Output) -> String {
    format!(
        "{}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Can this process create a ring buffer?
pub fn try_bpf() -> Result<(), String> {
    // SAFETY: sysconf has no requirements.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as u32;
    create_ring(page)
        .map(drop)
        .map_err(|error| format!("creating a map: {error}"))
}

/// A ring buffer map for `bytes` bytes.
pub fn create_ring(bytes: u32) -> io::Result<OwnedFd> {
    const BPF_MAP_CREATE: libc::c_int = 0;
    const BPF_MAP_TYPE_RINGBUF: u32 = 27;
    // map_type, key_size, value_size, max_entries, and the rest of its part of union bpf_attr
    let mut attributes = [0u32; 18];
    attributes[0] = BPF_MAP_TYPE_RINGBUF;
    attributes[3] = bytes;
    // SAFETY: the kernel reads `size_of_val(&attributes)` bytes at that address.
    let map = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            BPF_MAP_CREATE,
            attributes.as_ptr(),
            size_of_val(&attributes),
        )
    };
    if map < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is new, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(map as libc::c_int) })
}

fn wait(child: &mut Child, timeout: Duration) -> Option<std::process::ExitStatus> {
    let deadline = Instant::now() + timeout;
    loop {
        if let Some(status) = child.try_wait().expect("the program can be waited for") {
            return Some(status);
        }
        if Instant::now() > deadline {
            return None;
        }
        thread::sleep(Duration::from_millis(2));
    }
}

fn kill_group(child: &Child) {
    let group = libc::pid_t::try_from(child.id()).expect("a process id");
    // SAFETY: kill touches no memory; the group was made for this child.
    unsafe { libc::kill(-group, libc::SIGKILL) };
}

fn collect(mut pipe: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).expect("a pipe can be read");
        bytes
    })
}
