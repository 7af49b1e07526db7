// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The command line. The manual page and the completions are made from it.

use clap::{Args, Parser, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;

/// See every BPF ring buffer of the machine, find the stuck reader, wake it.
///
/// A program that reads a BPF ring buffer through libbpf can miss a wake-up and then sleep on data for good. The library
/// rbshim(7) mends that where it can be preloaded or linked. This program starts others with the library (run), says
/// which ones it reaches (check), and helps those that no library reaches, be they linked statically or not written for
/// libbpf: it shows their rings (top) and wakes them (kick, watch).
#[derive(Debug, Parser)]
#[command(name = "rbshim", version, max_term_width = 100, after_long_help = STATUSES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What a script may rely on.
pub const STATUSES: &str = "\
Examples:
    rbshim check mytool            does it read rings, and does a preload help?
    rbshim run -- mytool           run it with the library
    rbshim top                     all rings, their readers, and what is stuck
    rbshim kick --stuck            wake every reader that sleeps on a full ring
    rbshim watch --kick            go on doing that; packages have it as a systemd unit
    rbshim guard 1234              keep process 1234 from sleeping on data at all

Capabilities: top and check need CAP_SYS_ADMIN and CAP_SYS_PTRACE, kick, watch and guard CAP_DAC_READ_SEARCH
too; run needs none. Ring buffers came with Linux 5.8.

Exit status:
    0    done
    1    done, and the answer is no: nothing was stuck, or the reader was not revived
    2    the command line is wrong
    3    a capability is missing; the message names it
    4    no such process, map or file, or it went away while it was looked at
    5    the kernel lacks what this needs
    6    not an ELF file, or a malformed one
    7    the system refused something else
    10   check: preloading the library reaches it
    11   check: the front reaches it
    12   check: no library reaches it, `rbshim watch` does
    125  run: it would have no effect; the message says why
    126  run: the command cannot be executed
    127  run: no such command";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a program with the library, so that it loses no wake-up
    Run(Run),
    /// Say whether a program or process reads ring buffers, and what of rbshim reaches it
    Check(Check),
    /// Show every ring buffer: how full, who reads, stuck or not
    Top(Top),
    /// Wake a reader that sleeps on data
    Kick(Kick),
    /// Watch all rings, and wake the readers that are stuck
    Watch(Watch),
    /// Keep one process from ever sleeping on data
    Guard(Guard),
}

/// Finds the installed library, and the front for programs that open libbpf at run time, sets the
/// environment, and executes the command. Refuses where that would have no effect: a static program, a
/// setuid or setgid one, one with file capabilities.
#[derive(Debug, Args)]
pub struct Run {
    /// Count, and print the counters of each ring on stderr
    #[arg(long)]
    pub stats: bool,
    /// Print one line on stderr when the first ring is opened
    #[arg(long)]
    pub verbose: bool,
    /// Longest time that a poll spins for one ring at a time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=100))]
    pub linger_us: Option<u32>,
    /// Longest time that a poll sleeps while records come
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub coalesce_us: Option<u32>,
    /// Longest time that a poll goes on while records come
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=60_000))]
    pub poll_max_ms: Option<u32>,
    /// Polls with a timeout spin and never sleep
    #[arg(long)]
    pub busy_poll: bool,
    /// The library, if it is not where packages put it
    #[arg(long, value_name = "FILE")]
    pub library: Option<PathBuf>,
    /// The front, if it is not where packages put it
    #[arg(long, value_name = "FILE")]
    pub front: Option<PathBuf>,
    /// Run the command even where the library cannot reach it, for the sake of what it starts
    #[arg(long)]
    pub force: bool,
    /// The command, with its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// Reads the files of a program, or of a process what it has in memory and which rings it reads, and says what of
/// rbshim reaches it: the verdict first, then the reasons. Exit status 0: it reads no rings, or rbshim is in it; 10:
/// preloading reaches it, 11: the front does, 12: `rbshim watch` alone; of several, the highest. Of a program that has
/// libbpf linked in it cannot be seen whether it reads rings: 12 too, and its process tells.
#[derive(Debug, Args)]
pub struct Check {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Programs, by path or name, or processes, by number
    #[arg(required = true, value_name = "PROGRAM|PID")]
    pub subjects: Vec<OsString>,
}

/// Every ring buffer of the machine: id, name, kind, size, fill, high-water mark, bytes a second in and out, records a
/// second in, state, and who reads it. It only reads, and keeps no map alive.
#[derive(Debug, Args)]
#[command(after_long_help = STATES)]
pub struct Top {
    /// Print a table once, and end
    #[arg(long)]
    pub once: bool,
    /// Print JSON once, and end
    #[arg(long, conflicts_with = "prometheus")]
    pub json: bool,
    /// Print Prometheus's text format once, and end
    #[arg(long)]
    pub prometheus: bool,
    /// Time between two looks; what has not moved for so long may be stuck
    #[arg(long, value_name = "MS", default_value_t = 500, value_parser = clap::value_parser!(u64).range(10..=60_000))]
    pub interval: u64,
}

/// What the states mean.
pub const STATES: &str = "\
States:
    idle        nothing to read
    flowing     records come and are read
    backing up  half full, or not read since the last look
    stuck       full, and the reader sleeps on it: it was not woken, and nothing that BPF does will wake it
    suspected   the reader sleeps on a committed record, but a producer that batches with BPF_RB_NO_WAKEUP looks
                the same
    paused      the reader is stopped or frozen
    no reader   there are records, and no process has mapped the ring

Records a second are counted where the ring still has the headers of all that came since the last look. With ~ they
are estimated by the size of those that it has; - means that none was seen yet.";

/// Wakes the reader of a ring, without touching its data: by an empty record where the ring has room, by a one-shot
/// event in the reader's epoll instance where it is full. Does nothing to a reader that is not asleep in a wait for the
/// ring.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("which").required(true))]
pub struct Kick {
    /// The ring, by the id of its map
    #[arg(group = "which")]
    pub id: Option<u32>,
    /// All rings whose readers are stuck
    #[arg(long, group = "which")]
    pub stuck: bool,
    /// With --stuck: also those that are only suspected
    #[arg(long, requires = "stuck")]
    pub suspected: bool,
    /// With --stuck: only rings whose maps have this name; may be given several times
    #[arg(long, value_name = "NAME", requires = "stuck")]
    pub name: Vec<String>,
    /// With --stuck: what has not moved for so long
    #[arg(long, value_name = "MS", default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    pub stuck_after: u64,
}

/// Looks at all rings again and again, until SIGTERM or SIGINT. Says once when a reader is stuck; with --kick wakes it
/// instead, and counts. SIGUSR1 prints the counters. Never kicks a reader that is busy, stopped or frozen, or that will
/// wake by itself.
#[derive(Debug, Args)]
pub struct Watch {
    /// Wake the readers that are stuck
    #[arg(long)]
    pub kick: bool,
    /// With --kick: also where the ring is not full, so that a producer may only be batching with BPF_RB_NO_WAKEUP
    #[arg(long, requires = "kick")]
    pub suspected: bool,
    /// Only rings whose maps have this name; may be given several times
    #[arg(long, value_name = "NAME")]
    pub name: Vec<String>,
    /// Time between two looks
    #[arg(long, value_name = "MS", default_value_t = 250, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    pub interval: u64,
    /// A reader is stuck when it has slept on the same record for so long
    #[arg(long, value_name = "MS", default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..=600_000))]
    pub stuck_after: u64,
}

/// Attaches a BPF program to the system calls in which the process waits for its rings. When a thread of it is about to
/// sleep, the program looks at the ring after a full barrier, and wakes the thread if a record is there: the wake-up
/// that a reader without that barrier loses is sent again, before it is missed. Where the ring is full at that moment,
/// this command wakes it, as kick does. Ends with the process, or by SIGTERM or SIGINT; SIGUSR1 prints the counters.
/// When it has ended, by SIGKILL too, nothing is left in the process or the kernel.
#[derive(Debug, Args)]
#[command(after_long_help = GUARDED)]
pub struct Guard {
    /// The process
    #[arg(value_parser = clap::value_parser!(i32).range(1..))]
    pub pid: i32,
    /// Time between two looks at how the process waits, and for new rings
    #[arg(long, value_name = "MS", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(10..=60_000))]
    pub interval: u64,
}

/// What it guards.
pub const GUARDED: &str = "\
Guarded are the rings that the process waits for with EPOLLET, or by io_uring. If it has none, or has the library
rbshim(7) in it, there is nothing to guard: exit status 1. While a guard runs, each system call of every process
takes some 30 ns longer.

Needs CAP_SYS_ADMIN, CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, an x86-64 or AArch64 machine, and Linux 5.12 with
CONFIG_BPF_EVENTS.";
