// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The limit that control groups set on this process's CPU time: of its group and of those above, as far as it
//! can see them (cgroups(7); version 2's `cpu.max`, version 1's `cpu.cfs_quota_us`).
//!
//! A process whose group has used up its time is stopped until the next period, tens of milliseconds later.

use super::errno::Errno;
use core::ffi::CStr;

/// Longest path of a file.
const PATH_MAX: usize = 512;

/// Bytes that are read of a file. One line of /proc/self/cgroup for each hierarchy: some dozen.
const READ_MAX: usize = 4096;

/// CPUs that this process may use at a time on average, in thousandths. `None`: no limit, or none that can be
/// seen. Leaves `errno` alone.
#[cold]
#[inline(never)]
pub fn thousandths() -> Option<u64> {
    let errno = Errno::last();
    let mut content = [0; READ_MAX];
    let limit = read(c"/proc/self/cgroup", &mut content)
        .and_then(|length| lowest(content.get(..length)?, &read));
    errno.set();
    limit
}

/// How a file is read: its path, room for its content, and how much that is.
pub trait Read: Fn(&CStr, &mut [u8]) -> Option<usize> {}

impl<F: Fn(&CStr, &mut [u8]) -> Option<usize>> Read for F {}

/// The lowest limit of the groups that /proc/self/cgroup names.
pub fn lowest(groups: &[u8], read: &impl Read) -> Option<u64> {
    let mut lowest = None;
    for line in groups.split(|&byte| byte == b'\n') {
        let mut fields = line.splitn(3, |&byte| byte == b':');
        let (_, Some(controllers), Some(group)) = (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let limit = if controllers.is_empty() {
            let quota = |group| quota_of_two(group, read);
            let unified = lowest_of([b"/unified", b""], group, quota);
            at_most(lowest_of([b"", b""], group, quota), unified)
        } else if controllers
            .split(|&byte| byte == b',')
            .any(|it| it == b"cpu")
        {
            let quota = |group| quota_of_one(group, read);
            lowest_of([b"/", controllers], group, quota)
        } else {
            None
        };
        lowest = at_most(lowest, limit);
    }
    lowest
}

/// The lowest limit of `group` and those above it; `mounted` is the rest of the path of where they all are. In a
/// container the root may be all that is there.
fn lowest_of(
    mounted: [&[u8]; 2],
    group: &[u8],
    quota: impl Fn(Path) -> Option<u64>,
) -> Option<u64> {
    let mut path = Path::new(b"/sys/fs/cgroup");
    for part in mounted {
        path.push(part);
    }
    let root = path.length;
    path.push(group);
    let mut lowest = None;
    loop {
        lowest = at_most(lowest, quota(path));
        if path.length <= root {
            return lowest;
        }
        path.cut(root);
    }
}

fn at_most(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// Version 2: quota and period in us, or "max" and period.
fn quota_of_two(mut group: Path, read: &impl Read) -> Option<u64> {
    let mut content = [0; 64];
    group.push(b"/cpu.max");
    let length = read(group.as_c_str()?, &mut content)?;
    let mut fields = content
        .get(..length)?
        .split(|byte| byte.is_ascii_whitespace());
    ratio(number(fields.next()?)?, number(fields.next()?)?)
}

/// Version 1: quota in us, -1 for none, and period in us.
fn quota_of_one(group: Path, read: &impl Read) -> Option<u64> {
    let file = |name| {
        let (mut path, mut content) = (group, [0; 64]);
        path.push(name);
        let length = read(path.as_c_str()?, &mut content)?;
        number(content.get(..length)?)
    };
    ratio(file(b"/cpu.cfs_quota_us")?, file(b"/cpu.cfs_period_us")?)
}

fn ratio(quota: u64, period: u64) -> Option<u64> {
    quota.saturating_mul(1_000).checked_div(period)
}

/// A decimal number with white space after it. `None` for anything else.
fn number(text: &[u8]) -> Option<u64> {
    let mut number = None;
    for &byte in text.trim_ascii_end() {
        let digit = u64::from(byte.wrapping_sub(b'0'));
        if digit > 9 {
            return None;
        }
        let so_far = number.unwrap_or(0_u64);
        number = Some(so_far.saturating_mul(10).saturating_add(digit));
    }
    number
}

/// Fills `content` with what is in the file, as far as there is room, and returns how much that is. `None` if it
/// cannot be read.
fn read(path: &CStr, content: &mut [u8]) -> Option<usize> {
    // As system calls: a thread that is to be cancelled is not, with the file open.
    // SAFETY: `path` ends in a NUL; the kernel writes at most as many bytes as `content` has.
    let length = unsafe {
        let flags = libc::O_RDONLY | libc::O_CLOEXEC;
        let fd = libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), flags);
        if fd < 0 {
            return None;
        }
        let length = libc::syscall(libc::SYS_read, fd, content.as_mut_ptr(), content.len());
        libc::syscall(libc::SYS_close, fd);
        length
    };
    usize::try_from(length).ok()
}

/// A path in a buffer of its own.
#[derive(Clone, Copy)]
struct Path {
    bytes: [u8; PATH_MAX],
    length: usize,
}

impl Path {
    fn new(start: &[u8]) -> Self {
        let mut path = Path {
            bytes: [0; PATH_MAX],
            length: 0,
        };
        path.push(start);
        path
    }

    /// Adds to it. A path that is too long names no file.
    fn push(&mut self, more: &[u8]) {
        for &byte in more {
            if let Some(place) = self.bytes.get_mut(self.length) {
                *place = byte;
            }
            self.length = self.length.saturating_add(1);
        }
    }

    /// Takes the last name away, but leaves `least` bytes.
    fn cut(&mut self, least: usize) {
        let mut slash = false;
        while self.length > least && !slash {
            self.length = self.length.wrapping_sub(1);
            if let Some(place) = self.bytes.get_mut(self.length) {
                slash = *place == b'/';
                *place = 0;
            }
        }
    }

    /// `None` if it was too long.
    fn as_c_str(&self) -> Option<&CStr> {
        let path = self.bytes.get(..=self.length)?;
        let end = path.iter().position(|&byte| byte == 0);
        // SAFETY: the only NUL is the last byte.
        (end == Some(self.length)).then(|| unsafe { CStr::from_bytes_with_nul_unchecked(path) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_digits_with_white_space_after_them() {
        for (text, expected) in [
            ("50000\n", Some(50_000)),
            ("0", Some(0)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("-1\n", None),
            ("max", None),
            ("", None),
            ("\n", None),
            ("1 2", None),
        ] {
            assert_eq!(number(text.as_bytes()), expected, "{text:?}");
        }
    }

    #[test]
    fn a_limit_is_a_ratio_and_the_lowest_counts() {
        assert_eq!(ratio(50_000, 100_000), Some(500));
        assert_eq!(ratio(u64::MAX, 1), Some(u64::MAX));
        assert_eq!(ratio(1, 0), None);
        assert_eq!(at_most(None, Some(3)), Some(3));
        assert_eq!(at_most(Some(2), Some(3)), Some(2));
    }

    #[test]
    fn a_path_loses_one_name_at_a_time() {
        let mut path = Path::new(b"/sys/fs/cgroup");
        let root = path.length;
        path.push(b"/one/two");
        path.cut(root);
        assert_eq!(path.as_c_str(), Some(c"/sys/fs/cgroup/one"));
        path.cut(root);
        path.cut(root);
        assert_eq!(path.as_c_str(), Some(c"/sys/fs/cgroup"));
    }

    #[test]
    fn a_path_that_is_too_long_names_no_file() {
        let mut path = Path::new(b"/proc/self/cgroup");
        path.push(&[b'a'; PATH_MAX]);
        assert!(path.as_c_str().is_none());
        while path.length > 17 {
            path.cut(17);
        }
        assert_eq!(path.as_c_str(), Some(c"/proc/self/cgroup"));
    }

    #[test]
    fn what_is_no_list_of_groups_is_no_limit() {
        for text in [
            "",
            "\n\n",
            "::",
            "cpu",
            "0::",
            "1:cpu",
            "0::/../../../../proc",
        ] {
            assert_eq!(
                lowest(text.as_bytes(), &read),
                lowest(b"0::/", &read),
                "{text:?}"
            );
        }
    }
}
