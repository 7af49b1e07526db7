// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! How a command fails: one line on stderr, and an exit status that scripts can tell apart.

use std::fmt;
use std::io;

/// The exit statuses, as the manual lists them. Those of `check` that are no failures are in [`crate::check`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// It was done, and the answer is no: nothing was stuck, or the reader was not revived.
    No = 1,
    /// The command line is wrong. clap's own status too.
    Usage = 2,
    /// A capability is missing.
    Privilege = 3,
    /// No such process, map or file, or it went away while it was looked at.
    Missing = 4,
    /// The kernel lacks what this needs.
    Kernel = 5,
    /// The file is no ELF file, or a broken one.
    Malformed = 6,
    /// Anything else that the system refused.
    System = 7,
    /// `run` itself: it would have no effect. As in env(1) and timeout(1).
    Refused = 125,
    /// `run`: the command is there and cannot be executed.
    NotExecutable = 126,
    /// `run`: no such command.
    NotFound = 127,
}

/// Why a command gives up.
#[derive(Debug)]
pub struct Failure {
    /// What the process exits with.
    pub status: Status,
    /// One line, without the program's name.
    pub message: String,
}

impl Failure {
    /// Of that kind, with these words.
    pub fn new(status: Status, message: impl Into<String>) -> Failure {
        Failure {
            status,
            message: message.into(),
        }
    }

    /// What the system said to `action`.
    pub fn from_io(action: impl fmt::Display, error: &io::Error) -> Failure {
        let status = match error.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => Status::Privilege,
            Some(libc::ENOENT | libc::ESRCH) => Status::Missing,
            Some(libc::ENOSYS) => Status::Kernel,
            _ => Status::System,
        };
        Failure::new(status, format!("{action}: {}", words(error)))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

/// What a command gives.
pub type Result<T> = std::result::Result<T, Failure>;

/// An error in the system's words, without Rust's "(os error 2)".
pub fn words(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_string(),
        None => text,
    }
}
