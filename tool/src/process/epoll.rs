// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What an epoll instance of another process watches.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::time::Duration;

/// What /proc/PID/fd shows for an epoll instance.
pub const EVENTPOLL: &str = "anon_inode:[eventpoll]";
const MAP: &str = "anon_inode:bpf-map";
const TIMER: &str = "anon_inode:[timerfd]";

const EPOLLET: u32 = 1 << 31;

/// One thing that it watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The number that the descriptor had when it was added; it may be another file's by now.
    pub fd: i32,
    /// As given to `epoll_ctl`.
    pub events: u32,
    /// What the program gets back with the event.
    pub data: u64,
    /// The file.
    pub target: Target,
}

impl Item {
    /// Reported once, when it becomes ready, and not again while it stays so.
    pub fn edge_triggered(&self) -> bool {
        self.events & EPOLLET != 0
    }
}

/// The file that an item watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The map with this id.
    Map(u32),
    /// Another epoll instance, by its descriptor.
    Epoll(i32),
    /// A timer that is set, and when it comes: each so often, or once.
    Timer {
        /// Until it expires.
        left: Duration,
        /// Zero: only once.
        interval: Duration,
    },
    /// A file without a place in a file system whose descriptor was closed: perhaps a map.
    Lost,
    /// Something else.
    Other,
}

/// Reads /proc/PID/fdinfo/FD.
pub fn items(pid: i32, epoll: i32) -> io::Result<Vec<Item>> {
    let text = fs::read_to_string(format!("/proc/{pid}/fdinfo/{epoll}"))?;
    // Maps, timers and the epoll instance itself share one inode.
    let anonymous = text.lines().find_map(|line| line.strip_prefix("ino:"));
    let anonymous: Option<u64> = anonymous.and_then(|number| number.trim().parse().ok());
    let mut items = Vec::new();
    // Of each number, how many items had it: the kernel counts so in kcmp(2).
    let mut seen: BTreeMap<i32, u32> = BTreeMap::new();
    for (mut item, inode) in text.lines().filter_map(parse) {
        let nth = seen.entry(item.fd).or_default();
        item.target = target(
            pid,
            epoll,
            item.fd,
            *nth,
            inode.is_some() && inode == anonymous,
        );
        *nth += 1;
        items.push(item);
    }
    Ok(items)
}

/// A line of fdinfo: `tfd: 4 events: 80000019 data: 4 pos:0 ino:a441 sdev:f`.
fn parse(line: &str) -> Option<(Item, Option<u64>)> {
    let rest = line.strip_prefix("tfd:")?;
    let (fd, rest) = rest.split_once("events:")?;
    let (events, rest) = rest.split_once("data:")?;
    let mut rest = rest.split_whitespace();
    let data = rest.next()?;
    let inode = rest.find_map(|word| u64::from_str_radix(word.strip_prefix("ino:")?, 16).ok());
    let item = Item {
        fd: fd.trim().parse().ok()?,
        events: u32::from_str_radix(events.trim(), 16).ok()?,
        data: u64::from_str_radix(data, 16).ok()?,
        target: Target::Other,
    };
    Some((item, inode))
}

fn target(pid: i32, epoll: i32, fd: i32, nth: u32, anonymous: bool) -> Target {
    let lost = if anonymous {
        Target::Lost
    } else {
        Target::Other
    };
    if !anonymous || !same_file(pid, epoll, fd, nth) {
        return lost;
    }
    let Ok(link) = fs::read_link(format!("/proc/{pid}/fd/{fd}")) else {
        return lost;
    };
    let info = fs::read_to_string(format!("/proc/{pid}/fdinfo/{fd}")).unwrap_or_default();
    let field = |name: &str| {
        info.lines()
            .find_map(|line| line.strip_prefix(name))
            .map(str::trim)
    };
    match link.to_str() {
        Some(EVENTPOLL) => Target::Epoll(fd),
        Some(MAP) => map_of(pid, fd).map_or(Target::Other, Target::Map),
        Some(TIMER) => {
            let left = field("it_value:").and_then(time).unwrap_or_default();
            let interval = field("it_interval:").and_then(time).unwrap_or_default();
            if left.is_zero() && interval.is_zero() {
                Target::Other
            } else {
                Target::Timer { left, interval }
            }
        }
        _ => Target::Other,
    }
}

/// The map that a descriptor of a process is.
pub fn map_of(pid: i32, fd: i32) -> Option<u32> {
    let link = fs::read_link(format!("/proc/{pid}/fd/{fd}")).ok()?;
    if link.to_str() != Some(MAP) {
        return None;
    }
    let info = fs::read_to_string(format!("/proc/{pid}/fdinfo/{fd}")).ok()?;
    let id = info.lines().find_map(|line| line.strip_prefix("map_id:"))?;
    id.trim().parse().ok()
}

/// `(3, 999999)`: seconds, nanoseconds.
fn time(text: &str) -> Option<Duration> {
    let (seconds, nanoseconds) = text.trim_matches(['(', ')']).split_once(", ")?;
    Some(Duration::new(
        seconds.parse().ok()?,
        nanoseconds.parse().ok()?,
    ))
}

/// Whether the descriptor is still the file that was added to the epoll instance.
fn same_file(pid: i32, epoll: i32, fd: i32, nth: u32) -> bool {
    #[repr(C)]
    struct Slot {
        epoll: u32,
        fd: u32,
        nth: u32,
    }
    const KCMP_EPOLL_TFD: i32 = 7;
    let slot = Slot {
        epoll: epoll as u32,
        fd: fd as u32,
        nth,
    };
    // SAFETY: the kernel reads the slot, which lives through the call.
    let order = unsafe {
        libc::syscall(
            libc::SYS_kcmp,
            pid,
            pid,
            KCMP_EPOLL_TFD,
            libc::c_long::from(fd),
            std::ptr::from_ref(&slot),
        )
    };
    // A kernel without kcmp: what the descriptor is now must do.
    order == 0 || order < 0 && io::Error::last_os_error().raw_os_error() == Some(libc::ENOSYS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_fdinfo_is_understood() {
        let line = "tfd:        4 events: 80000019 data: ffffffff00000004  pos:0 ino:a441 sdev:f";
        let (item, inode) = parse(line).expect("an item");
        assert_eq!(
            (item.fd, item.data, inode),
            (4, 0xffff_ffff_0000_0004, Some(0xa441))
        );
        assert!(item.edge_triggered());
        assert_eq!(parse("pos:\t0"), None);
        assert_eq!(parse("tfd: x events: 1 data: 2"), None);
    }

    #[test]
    fn the_time_of_a_timer_is_understood() {
        assert_eq!(time("(3, 5)"), Some(Duration::new(3, 5)));
        assert_eq!(time("soon"), None);
    }
}
