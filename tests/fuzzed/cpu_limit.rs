// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The files of control groups with any content, compared with a reader of them that is written for nothing but to be
//! plain.

use rbshim::__internals::cpu_limit;
use std::collections::HashSet;
use std::ffi::CStr;

/// Longest path that the library opens, with its NUL.
const PATH_MAX: usize = 512;

/// What it reads of a file with numbers.
const CONTENT_MAX: usize = 64;

/// The bytes are contents of files, with a NUL after each. The first is /proc/self/cgroup; the others are what the
/// files in /sys/fs/cgroup have in them, in an order that depends on their names.
pub fn run(bytes: &[u8]) {
    let mut contents = bytes.split(|&byte| byte == 0);
    let groups = contents.next().unwrap_or_default();
    let contents: Vec<&[u8]> = contents.collect();
    let file = |path: &[u8]| -> Option<&[u8]> {
        assert!(path.starts_with(b"/sys/fs/cgroup"));
        let sum = path.iter().map(|&byte| usize::from(byte)).sum::<usize>();
        // One more, which is not there.
        contents.get(sum % (contents.len() + 1)).copied()
    };

    let limit = cpu_limit::lowest(groups, &|path: &CStr, content: &mut [u8]| {
        let file = file(path.to_bytes())?;
        let length = file.len().min(content.len());
        content[..length].copy_from_slice(&file[..length]);
        Some(length)
    });
    assert_eq!(limit, expected(groups, file));
}

fn expected<'a>(groups: &[u8], file: impl Fn(&[u8]) -> Option<&'a [u8]>) -> Option<u64> {
    let read = |path: Vec<u8>| {
        let content = file(&path).filter(|_| path.len() < PATH_MAX)?;
        let content = &content[..content.len().min(CONTENT_MAX)];
        Some(String::from_utf8_lossy(content).into_owned())
    };
    let mut limits = HashSet::new();
    for line in groups.split(|&byte| byte == b'\n') {
        let fields: Vec<&[u8]> = line.splitn(3, |&byte| byte == b':').collect();
        let [_, controllers, group] = fields[..] else {
            continue;
        };
        let mut roots = Vec::new();
        if controllers.is_empty() {
            roots.extend([
                b"/sys/fs/cgroup".to_vec(),
                b"/sys/fs/cgroup/unified".to_vec(),
            ]);
        } else if controllers
            .split(|&byte| byte == b',')
            .any(|it| it == b"cpu")
        {
            roots.push([b"/sys/fs/cgroup/", controllers].concat());
        }
        for root in roots {
            for above in ancestors(&root, group) {
                let at = |name: &[u8]| read([&above, name].concat());
                let numbers = if controllers.is_empty() {
                    at(b"/cpu.max").map(|text| {
                        let mut fields = text.split(|it: char| it.is_ascii_whitespace());
                        [fields.next(), fields.next()].map(|field| decimal(field.unwrap_or("")))
                    })
                } else {
                    at(b"/cpu.cfs_quota_us").map(|quota| {
                        let period = at(b"/cpu.cfs_period_us").unwrap_or_default();
                        [quota, period].map(|text| decimal(text.trim_ascii_end()))
                    })
                };
                if let Some([Some(quota), Some(period)]) = numbers {
                    limits.extend(quota.saturating_mul(1000).checked_div(period));
                }
            }
        }
    }
    limits.into_iter().min()
}

/// The group and those above it, as far as the root.
fn ancestors(root: &[u8], group: &[u8]) -> Vec<Vec<u8>> {
    let mut path = [root, group].concat();
    let mut all = vec![path.clone()];
    while path.len() > root.len() {
        // No name of a file is so long; the library does not see where its parts begin.
        path.truncate(path.len().min(PATH_MAX.max(root.len())));
        let slash = path.iter().rposition(|&byte| byte == b'/');
        path.truncate(slash.unwrap_or(0).max(root.len()));
        all.push(path.clone());
    }
    all
}

/// As large as it gets.
fn decimal(text: &str) -> Option<u64> {
    let text = text.trim_ascii_end();
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}
