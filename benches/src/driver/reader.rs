// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Starting a reader program and looking at it from outside.

use crate::Failure;
use crate::case::{Case, Peer};
use crate::cpu;
use crate::limits::condition::{Condition, Priority};
use crate::producer::Producer;
use crate::shared::{Mapped, Shared, map, new_file};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

const START_LIMIT: Duration = Duration::from_secs(5);

/// A peer, and what it is started with.
#[derive(Clone, Debug)]
pub struct Setup {
    pub peer: Peer,
    /// The library to preload, for peers that are rbshim.
    pub library: Option<PathBuf>,
    pub environment: Vec<(String, String)>,
    pub condition: Condition,
}

/// How often a reader has slept, and how often its CPU was taken away.
#[derive(Clone, Copy, Debug, Default)]
pub struct Switches {
    pub sleeps: u64,
    pub preempted: u64,
}

/// A running reader. Dropped, it is killed.
pub struct Reader {
    pub shared: Mapped<Shared>,
    child: Child,
    clock: libc::clockid_t,
}

fn program(peer: Peer) -> Result<PathBuf, Failure> {
    let name = match peer {
        Peer::Aya => "reader-aya",
        Peer::LibbpfRs => "reader-libbpf-rs",
        _ => return Ok(PathBuf::from(env!("READER_PROGRAM"))),
    };
    Ok(std::env::current_exe()?.with_file_name(name))
}

impl Reader {
    pub fn start(case: &Case, setup: &Setup, producer: &Producer) -> Result<Self, Failure> {
        let file = new_file()?;
        let mut shared = map(&file)?;
        let ring_fds = producer.ring_fds();
        let orders = &mut shared.get_mut().orders;
        orders.stamped = case.stamp.into();
        orders.atomic = case.atomic.into();
        orders.callback_ns = case.callback_ns;
        orders.own_batch = if case.b2b { case.batch } else { 0 };
        orders.program_fd = producer.program_fd();
        orders.rings = ring_fds.len() as u32;
        orders.ring_fds[..ring_fds.len()].copy_from_slice(&ring_fds);

        let mut command = Command::new(program(setup.peer)?);
        command.arg(file.as_raw_fd().to_string());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("RBSHIM_") {
                command.env_remove(name);
            }
        }
        command.env_remove("LD_PRELOAD");
        command.env_remove("LD_LIBRARY_PATH");
        if let Some(library) = &setup.library {
            command.env("LD_PRELOAD", fs::canonicalize(library)?);
        }
        command.envs(setup.environment.iter().cloned());
        let mut inherited = ring_fds;
        inherited.push(producer.program_fd());
        let cpu = (!case.unpinned).then_some(setup.condition.cpu());
        let (priority, membership) = (setup.condition.priority, setup.condition.membership());
        // SAFETY: Between fork and exec it makes system calls only.
        unsafe { command.pre_exec(move || prepare(&inherited, cpu, priority, membership)) };

        let child = command.spawn()?;
        let mut clock = 0;
        // SAFETY: The clock is stored into our variable.
        if unsafe { libc::clock_getcpuclockid(child.id() as i32, &mut clock) } != 0 {
            return Err("the reader has no CPU clock".into());
        }
        let mut reader = Reader {
            shared,
            child,
            clock,
        };
        reader.wait_until_ready()?;
        if let Some(library) = &setup.library {
            reader.check_mapped(library)?;
        }
        Ok(reader)
    }

    fn wait_until_ready(&mut self) -> Result<(), Failure> {
        let start = Instant::now();
        while self.shared.ready.load(Acquire) == 0 {
            self.check_alive()?;
            if start.elapsed() > START_LIMIT {
                return Err("the reader does not get ready".into());
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// The dynamic linker only warns when it cannot preload a library: without this, libbpf would be measured.
    fn check_mapped(&self, library: &Path) -> Result<(), Failure> {
        let library = fs::canonicalize(library)?;
        let maps = fs::read_to_string(format!("/proc/{}/maps", self.child.id()))?;
        if maps.contains(&*library.to_string_lossy()) {
            return Ok(());
        }
        Err(format!("{} is not in the reader", library.display()).into())
    }

    pub fn check_alive(&mut self) -> Result<(), Failure> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => Err(format!("the reader is gone: {status}").into()),
        }
    }

    /// Nanoseconds of CPU that it has used.
    pub fn cpu_ns(&self) -> u64 {
        cpu::clock_ns(self.clock)
    }

    pub fn switches(&self) -> Result<Switches, Failure> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let count = |field: &str| -> Result<u64, Failure> {
            let count = status.lines().find_map(|line| line.strip_prefix(field));
            Ok(count
                .ok_or("no count of context switches")?
                .trim()
                .parse()?)
        };
        Ok(Switches {
            sleeps: count("voluntary_ctxt_switches:")?,
            preempted: count("nonvoluntary_ctxt_switches:")?,
        })
    }

    /// Lets it end by itself.
    pub fn stop(mut self, producer: &Producer) -> Result<(), Failure> {
        self.shared.stop.store(1, Relaxed);
        producer.notify()?;
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                if status.success() {
                    return Ok(());
                }
                return Err(format!("the reader failed: {status}").into());
            }
            if start.elapsed() > START_LIMIT {
                return Err("the reader does not end".into());
            }
            thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // Both fail if it has ended and been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn prepare(
    inherited: &[RawFd],
    cpu: Option<usize>,
    priority: Priority,
    membership: Option<RawFd>,
) -> io::Result<()> {
    if let Some(fd) = membership {
        // SAFETY: Writes a byte of a constant.
        if unsafe { libc::write(fd, c"0".as_ptr().cast(), 1) } != 1 {
            return Err(io::Error::last_os_error());
        }
    }
    for &fd in inherited {
        // SAFETY: Clears the flags of a descriptor of the new process.
        if unsafe { libc::fcntl(fd, libc::F_SETFD, 0) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    // SAFETY: Asks for a signal; the second argument is its number.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    priority.take()?;
    match cpu {
        Some(cpu) => cpu::pin(cpu),
        None => Ok(()),
    }
}
