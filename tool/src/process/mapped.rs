// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Which processes have which rings in their memory.
//!
//! Their descriptors do not tell: many are closed once the ring is mapped. Who reads a ring has mapped its consumer's
//! page writable, and the machine's page behind it is the one that we see through a mapping of our own.

use crate::error::{Failure, Result};
use crate::rings::mapping::{frame, page_size};
use crate::rings::{Kind, Ring};
use memchr::memmem;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;

/// What /proc/PID/maps shows for a map.
const MAP: &[u8] = b"anon_inode:bpf-map";

/// The readers of rings: for user rings, the writers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapped {
    /// By ring, the processes.
    pub processes: BTreeMap<u32, Vec<i32>>,
    /// So many processes could not be looked at.
    pub hidden: usize,
}

/// Looks through the given processes.
pub fn mapped(rings: &[Ring], processes: impl IntoIterator<Item = i32>) -> Result<Mapped> {
    let frames = frames(rings)?;
    let mut mapped = Mapped::default();
    for pid in processes {
        match maps(pid) {
            Ok(regions) => {
                for region in regions {
                    let page = frame(&format!("/proc/{pid}/pagemap"), region.address);
                    let Some(id) = page
                        .ok()
                        .flatten()
                        .and_then(|page| frames.get(&(page, region.page)))
                    else {
                        continue;
                    };
                    let readers = mapped.processes.entry(*id).or_default();
                    if !readers.contains(&pid) {
                        readers.push(pid);
                    }
                }
            }
            Err(error) if matches!(error.raw_os_error(), Some(libc::EACCES | libc::EPERM)) => {
                mapped.hidden += 1;
            }
            // It has ended.
            Err(_) => {}
        }
    }
    Ok(mapped)
}

/// The page that a ring's process writes its position to: the first of the map, or in a user ring the second.
fn own_page(kind: Kind) -> u64 {
    u64::from(kind == Kind::User)
}

/// Which ring is behind a page of the machine, with the place of that page in the ring.
fn frames(rings: &[Ring]) -> Result<HashMap<(u64, u64), u32>> {
    let mut frames = HashMap::new();
    for ring in rings {
        let Some(mapping) = ring.open()? else {
            continue;
        };
        let page = own_page(ring.kind);
        let frame = mapping.frame(page);
        let frame = frame.map_err(|error| Failure::from_io("/proc/self/pagemap", &error))?;
        match frame {
            Some(frame) => frames.insert((frame, page), ring.id),
            None => {
                return Err(crate::privileges::missing(
                    "finding the readers",
                    &["CAP_SYS_ADMIN"],
                ));
            }
        };
    }
    Ok(frames)
}

/// A part of a map that a process may write to.
struct Region {
    address: u64,
    /// Its first page's place in the map.
    page: u64,
}

fn maps(pid: i32) -> io::Result<Vec<Region>> {
    let text = fs::read(format!("/proc/{pid}/maps"))?;
    let mut regions = Vec::new();
    for at in memmem::find_iter(&text, MAP) {
        let start = memchr::memrchr(b'\n', &text[..at]).map_or(0, |end| end + 1);
        regions.extend(region(&String::from_utf8_lossy(&text[start..at])));
    }
    Ok(regions)
}

/// A line like `7f5e96c4e000-7f5e96c4f000 rw-s 00000000 00:0f 1038 anon_inode:bpf-map`.
fn region(line: &str) -> Option<Region> {
    let mut words = line.split_whitespace();
    let (address, _) = words.next()?.split_once('-')?;
    let writable = words.next()?.starts_with("rw-s");
    let offset = u64::from_str_radix(words.next()?, 16).ok()?;
    writable.then_some(Region {
        address: u64::from_str_radix(address, 16).ok()?,
        page: offset / page_size() as u64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_be_written_counts() {
        let line = "7f5e96c4e000-7f5e96c4f000 rw-s 00001000 00:0f 1038   ";
        let region = |line| region(line).map(|region| (region.address, region.page));
        assert_eq!(
            region(line),
            Some((0x7f5e_96c4_e000, 4096 / page_size() as u64))
        );
        assert_eq!(
            region("7f5e96c4e000-7f5e96c4f000 r--s 00001000 00:0f 1038"),
            None
        );
        assert_eq!(region("nonsense"), None);
    }
}
