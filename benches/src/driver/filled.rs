// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A ring that is filled first, and the C program that makes calls for what it holds.

use crate::Failure;
use crate::case::{Case, Peer};
use crate::producer::Producer;
use crate::shared::{Command as Batch, run_program};
use std::os::fd::RawFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// The program; `benches/c/instructions.c` says what it takes and prints.
pub const PROGRAM: &str = env!("INSTRUCTIONS_PROGRAM");

/// A ring of the default case, and the BPF program that fills it.
pub struct Filled {
    producer: Producer,
}

impl Filled {
    /// The ring is empty still.
    pub fn new() -> Result<Self, Failure> {
        let producer = Producer::load(&Case::default(), false)?;
        Ok(Filled { producer })
    }

    /// Puts `count` records into it.
    pub fn fill(&self, count: u32) -> Result<(), Failure> {
        let batch = Batch {
            producer: 0,
            batch: count,
        };
        run_program(self.producer.program_fd(), batch)?;
        Ok(())
    }

    /// Completes `command`, which ends with the program's name: it makes `count` calls, or calls for `count` records.
    pub fn calls(
        &self,
        command: &mut Command,
        peer: Peer,
        library: &Path,
        calls: &str,
        count: u32,
    ) -> Result<(), Failure> {
        let program = self.producer.program_fd();
        let ring = *self.producer.ring_fds().first().ok_or("no ring")?;
        command
            .args([calls, &count.to_string()])
            .args([ring.to_string(), program.to_string()]);
        if peer == Peer::Rbshim {
            command.env("LD_PRELOAD", library);
        }
        // SAFETY: Between fork and exec it makes system calls only.
        unsafe { command.pre_exec(move || inherit(&[ring, program])) };
        Ok(())
    }
}

fn inherit(fds: &[RawFd]) -> std::io::Result<()> {
    for &fd in fds {
        // SAFETY: Clears the flags of a descriptor of the new process.
        if unsafe { libc::fcntl(fd, libc::F_SETFD, 0) } != 0 {
            return Err(std::io::Error::last_os_error());
        }
    }
    Ok(())
}
