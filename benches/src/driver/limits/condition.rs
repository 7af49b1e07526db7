// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What a reader's CPU time is short by: a limit, a low priority, somebody else on its CPU.

use super::group::Group;
use crate::cpu;
use std::io;
use std::os::fd::RawFd;
use std::sync::Arc;

/// How the scheduler treats the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// SCHED_OTHER with this nice value.
    Nice(i32),
    /// SCHED_IDLE: whoever else wants the CPU gets it.
    Idle,
    /// SCHED_FIFO: nobody else gets it.
    Fifo,
}

/// Whom it has its CPU for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Own,
    /// The producer has it too.
    Producers,
    /// So has a loop that never sleeps.
    Busy,
}

/// What a reader is started with.
#[derive(Clone, Debug)]
pub struct Condition {
    pub priority: Priority,
    pub place: Place,
    pub group: Option<Arc<Group>>,
}

impl Condition {
    /// As `make bench` has it: nobody is in the reader's way, as far as that can be had.
    pub const BEST: Condition = Condition {
        priority: Priority::Nice(cpu::HIGHEST),
        place: Place::Own,
        group: None,
    };

    /// The reader's CPU.
    pub fn cpu(&self) -> usize {
        match self.place {
            Place::Own | Place::Busy => cpu::READER,
            Place::Producers => cpu::of_producer(0),
        }
    }

    /// What a process writes a 0 to that is to be in the group.
    pub fn membership(&self) -> Option<RawFd> {
        self.group.as_ref().map(|group| group.membership())
    }
}

impl Priority {
    /// Of the calling process. Makes a system call and nothing else.
    pub fn take(self) -> io::Result<()> {
        let (policy, priority) = match self {
            Priority::Nice(value) => {
                cpu::be_nice(value);
                return Ok(());
            }
            Priority::Idle => (libc::SCHED_IDLE, 0),
            Priority::Fifo => (libc::SCHED_FIFO, 1),
        };
        let parameter = libc::sched_param {
            sched_priority: priority,
        };
        // SAFETY: The parameter is ours.
        match unsafe { libc::sched_setscheduler(0, policy, &parameter) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}
