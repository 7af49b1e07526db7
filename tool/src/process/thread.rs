// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A thread, and what it sleeps in.

use rustix::fd::AsFd;
use std::fs;
use std::io;
use std::time::Duration;

/// A thread at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    /// Its id.
    pub tid: i32,
    /// As in ps(1): `S` sleeps, `R` runs, `T` is stopped.
    pub state: char,
    /// The function of the kernel that it sleeps in.
    pub kernel_function: String,
    /// The system call that it is in.
    pub call: Call,
}

/// A system call that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// `epoll_wait` and its like.
    Epoll {
        /// The epoll instance.
        fd: i32,
        /// `None`: for ever.
        timeout: Option<Duration>,
    },
    /// `poll` or `ppoll`.
    Poll {
        /// Of these descriptors.
        fds: Vec<i32>,
        /// `None`: for ever.
        timeout: Option<Duration>,
    },
    /// `io_uring_enter`.
    Uring,
    /// It runs, or sleeps in something else.
    Other,
}

impl Thread {
    /// Asleep in the wait itself. A frozen thread is in the same call, but sleeps elsewhere in the kernel.
    pub fn asleep(&self) -> bool {
        let within = |names: &[&str]| names.iter().any(|name| self.kernel_function.contains(name));
        self.state == 'S'
            && match self.call {
                Call::Epoll { .. } => within(&["ep_poll", "epoll_wait", "epoll_pwait"]),
                Call::Poll { .. } => within(&["poll_schedule", "do_sys_poll", "do_poll"]),
                Call::Uring => within(&["io_cqring", "io_uring", "io_sq"]),
                Call::Other => false,
            }
    }

    /// Stopped or frozen.
    pub fn paused(&self) -> bool {
        // get_signal: a compiler may have put do_freezer_trap() into it.
        let frozen = ["freezer", "refrigerator", "get_signal"]
            .iter()
            .any(|name| self.kernel_function.contains(name));
        // The first version of the freezer shows a thread in an interruptible wait as D.
        let frozen_there = self.state == 'D' && self.call != Call::Other;
        matches!(self.state, 'T' | 't') || frozen || frozen_there
    }
}

/// The threads of a process.
pub fn all(pid: i32) -> io::Result<Vec<Thread>> {
    let mut threads = Vec::new();
    for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
        let name = entry?.file_name();
        let Some(tid) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        match look(pid, tid) {
            Ok(thread) => threads.push(thread),
            // It has ended.
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ESRCH)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(threads)
}

fn look(pid: i32, tid: i32) -> io::Result<Thread> {
    let folder = format!("/proc/{pid}/task/{tid}");
    // What it does first, then whether it sleeps: a thread that has woken in between shows as running.
    let call = call(pid, &fs::read_to_string(format!("{folder}/syscall"))?);
    let kernel_function = fs::read_to_string(format!("{folder}/wchan"))?;
    let stat = fs::read(format!("{folder}/stat"))?;
    let close = stat.iter().rposition(|byte| *byte == b')');
    let state = close.and_then(|close| stat.get(close + 2));
    Ok(Thread {
        tid,
        state: state.copied().map_or('?', char::from),
        kernel_function,
        call,
    })
}

fn call(pid: i32, line: &str) -> Call {
    let mut words = line.split_whitespace();
    let Some(number) = words
        .next()
        .and_then(|word| word.parse::<libc::c_long>().ok())
    else {
        return Call::Other;
    };
    let arguments: Vec<u64> = words
        .map_while(|word| u64::from_str_radix(word.strip_prefix("0x")?, 16).ok())
        .collect();
    let argument = |nth: usize| arguments.get(nth).copied().unwrap_or(0);
    let milliseconds = |nth| {
        u64::try_from(argument(nth) as i32)
            .ok()
            .map(Duration::from_millis)
    };
    // Calls that the kernel's newer machines have never had. libc uses them wherever they are.
    #[cfg(not(any(
        target_arch = "aarch64",
        target_arch = "loongarch64",
        target_arch = "riscv64"
    )))]
    match number {
        libc::SYS_epoll_wait => {
            return Call::Epoll {
                fd: argument(0) as i32,
                timeout: milliseconds(3),
            };
        }
        libc::SYS_poll => {
            return Call::Poll {
                fds: polled(pid, argument(0), argument(1)),
                timeout: milliseconds(2),
            };
        }
        _ => {}
    }
    match number {
        libc::SYS_epoll_pwait => Call::Epoll {
            fd: argument(0) as i32,
            timeout: milliseconds(3),
        },
        libc::SYS_epoll_pwait2 => Call::Epoll {
            fd: argument(0) as i32,
            timeout: timespec(pid, argument(3)),
        },
        libc::SYS_ppoll => Call::Poll {
            fds: polled(pid, argument(0), argument(1)),
            timeout: timespec(pid, argument(2)),
        },
        libc::SYS_io_uring_enter => Call::Uring,
        _ => Call::Other,
    }
}

fn timespec(pid: i32, address: u64) -> Option<Duration> {
    let mut words = [0; 16];
    memory(pid, address, &mut words)?;
    let (seconds, nanoseconds) = words.split_at(8);
    let word = |bytes: &[u8]| bytes.try_into().ok().map(u64::from_ne_bytes);
    Some(Duration::from_secs(word(seconds)?) + Duration::from_nanos(word(nanoseconds)?))
}

/// The descriptors of an array of `struct pollfd`.
fn polled(pid: i32, address: u64, count: u64) -> Vec<i32> {
    // More than a reader of rings has.
    let mut array = vec![0; 8 * count.min(1024) as usize];
    if memory(pid, address, &mut array).is_none() {
        return Vec::new();
    }
    let fds = array
        .chunks_exact(8)
        .filter_map(|entry| entry[..4].try_into().ok());
    fds.map(i32::from_ne_bytes).collect()
}

/// Reads the memory of a process.
fn memory(pid: i32, address: u64, to: &mut [u8]) -> Option<()> {
    if address == 0 {
        return None;
    }
    let memory = fs::File::open(format!("/proc/{pid}/mem")).ok()?;
    let read = rustix::io::pread(memory.as_fd(), &mut *to, address).ok()?;
    (read == to.len()).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_recognised_with_its_timeout() {
        let arguments = "0x3 0x7fcee0000ba0 0x3ff 0x7d0 0x0 0x7fcee7f4e6e8 0x7fcee72baa30 0x7f\n";
        let line = format!("{} {arguments}", libc::SYS_epoll_pwait);
        let timeout = Some(Duration::from_millis(2000));
        assert_eq!(call(1, &line), Call::Epoll { fd: 3, timeout });
        let arguments = "0x5 0x0 0x1 0xffffffff 0x0 0x8 0x1 0x2";
        let line = format!("{} {arguments}", libc::SYS_epoll_pwait);
        let timeout = None;
        assert_eq!(call(1, &line), Call::Epoll { fd: 5, timeout });
        assert_eq!(call(1, "running\n"), Call::Other);
        assert_eq!(call(1, "-1 0x7f 0x7f"), Call::Other);
    }

    // What libc's epoll_wait() and poll() enter on these machines.
    #[test]
    #[cfg(not(any(
        target_arch = "aarch64",
        target_arch = "loongarch64",
        target_arch = "riscv64"
    )))]
    fn a_wait_is_recognised_in_calls_that_newer_machines_lack() {
        let line = format!("{} 0x4 0x7f 0x8 0xffffffff 0x0 0x0", libc::SYS_epoll_wait);
        let timeout = None;
        assert_eq!(call(1, &line), Call::Epoll { fd: 4, timeout });
        let line = format!("{} 0x0 0x0 0x7d0 0x0 0x0 0x0", libc::SYS_poll);
        let timeout = Some(Duration::from_millis(2000));
        let fds = Vec::new();
        assert_eq!(call(1, &line), Call::Poll { fds, timeout });
    }

    #[test]
    fn a_stopped_or_frozen_thread_is_not_asleep() {
        let thread = |state, kernel_function: &str| Thread {
            tid: 1,
            state,
            kernel_function: kernel_function.into(),
            call: Call::Epoll {
                fd: 3,
                timeout: None,
            },
        };
        assert!(thread('S', "do_epoll_wait").asleep());
        assert!(thread('S', "ep_poll").asleep());
        for (state, function) in [
            ('T', "do_signal_stop"),
            ('S', "do_freezer_trap"),
            ('S', "get_signal"),
            ('D', "do_epoll_wait"),
        ] {
            assert!(!thread(state, function).asleep());
            assert!(thread(state, function).paused());
        }
        assert!(!thread('R', "0").asleep() && !thread('R', "0").paused());
    }
}
