// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The rings of the machine, and where their positions are.
//!
//! A descriptor of a map or a mapping of it keeps it alive after its owner is gone. So none is kept: each ring is opened,
//! looked at and closed again, every time, or looked at without being opened.

pub mod census;
pub mod iterator;
pub mod looks;
pub mod mapping;

use crate::bpf::{self, MapInfo};
use crate::error::{Failure, Result, Status, words};
use crate::privileges::missing;
pub use mapping::Mapping;
use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::Ordering::Acquire;

/// What kind of ring it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `BPF_MAP_TYPE_RINGBUF`: BPF writes, a process reads.
    Ring,
    /// The same, whose oldest records are overwritten when it is full.
    Overwrite,
    /// `BPF_MAP_TYPE_USER_RINGBUF`: a process writes, BPF reads.
    User,
}

impl Kind {
    /// For tables and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Ring => "ring",
            Kind::Overwrite => "overwrite",
            Kind::User => "user",
        }
    }
}

/// What never changes about a ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ring {
    /// The id of its map.
    pub id: u32,
    /// As it was given, and perhaps empty or hostile.
    pub name: Vec<u8>,
    /// Who writes, who reads.
    pub kind: Kind,
    /// Of its data, in bytes.
    pub size: u64,
}

/// The record at `consumer_pos`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// There is none.
    Empty,
    /// It is reserved and not yet committed.
    Busy,
    /// It is there to be read; with its header it takes so many bytes.
    Committed(u64),
    /// The positions make no sense, or moved too fast.
    Unknown,
}

/// A ring at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Everything before it was read.
    pub consumer: u64,
    /// Everything before it was reserved.
    pub producer: u64,
    /// What the reader finds next.
    pub head: Head,
}

impl Sample {
    /// Bytes that are not read yet.
    pub fn unread(&self) -> u64 {
        self.producer.saturating_sub(self.consumer)
    }
}

const BUSY: u32 = 1 << 31;
const DISCARDED: u32 = 1 << 30;
const HEADER: u64 = 8;

impl Ring {
    fn new(info: &MapInfo) -> Option<Ring> {
        let kind = match info.kind {
            bpf::TYPE_RINGBUF if info.flags & bpf::F_RB_OVERWRITE != 0 => Kind::Overwrite,
            bpf::TYPE_RINGBUF => Kind::Ring,
            bpf::TYPE_USER_RINGBUF => Kind::User,
            _ => return None,
        };
        Some(Ring {
            id: info.id,
            name: info.name().to_vec(),
            kind,
            size: u64::from(info.max_entries),
        })
    }

    /// Whether it has one of these names, or none were given.
    pub fn is_meant(&self, names: &[String]) -> bool {
        names.is_empty() || names.iter().any(|name| name.as_bytes() == self.name)
    }

    /// Looks at its positions. `None` if it is gone.
    pub fn sample(&self) -> Result<Option<Sample>> {
        let Some(map) = self.open()? else {
            return Ok(None);
        };
        Sample::of(&map, self.size)
            .map(Some)
            .map_err(|error| Failure::from_io(format!("ring {}", self.id), &error))
    }

    /// A mapping of its positions. `None` if it is gone. It keeps the ring alive: drop it soon.
    pub fn open(&self) -> Result<Option<Mapping>> {
        let opened = match bpf::open_map(self.id) {
            Ok(map) => Mapping::new(map),
            Err(error) => Err(error),
        };
        match opened {
            Ok(mapping) => Ok(Some(mapping)),
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(None),
            Err(error) => Err(Failure::from_io(format!("ring {}", self.id), &error)),
        }
    }
}

impl Sample {
    /// Looks through a mapping.
    pub fn of(map: &Mapping, size: u64) -> io::Result<Sample> {
        // Acquire: pairs with the release stores of reader and kernel, so that the header belongs to a record that this
        // producer position covers.
        let consumer = map.consumer().load(Acquire);
        let producer = map.producer().load(Acquire);
        Sample::judge(consumer, producer, size, |offset| {
            Ok((map.header(offset)?, map.consumer().load(Acquire)))
        })
    }

    /// From the positions. `look` has the header at an offset into the data, and where the consumer was after that.
    fn judge(
        consumer: u64,
        producer: u64,
        size: u64,
        look: impl FnOnce(u64) -> io::Result<(u32, u64)>,
    ) -> io::Result<Sample> {
        let head = match producer.checked_sub(consumer) {
            Some(0) => Head::Empty,
            // The reader overtook us between the two loads, or they are nonsense.
            None => Head::Unknown,
            Some(unread) if unread > size || consumer % HEADER != 0 || !size.is_power_of_two() => {
                Head::Unknown
            }
            Some(unread) => {
                let (header, again) = look(consumer & (size - 1))?;
                let span = span(header);
                if again != consumer || (header & BUSY == 0 && span > unread) {
                    Head::Unknown
                } else if header & BUSY != 0 {
                    Head::Busy
                } else {
                    Head::Committed(span)
                }
            }
        };
        Ok(Sample {
            consumer,
            producer,
            head,
        })
    }
}

/// The bytes that a record with this header takes.
fn span(header: u32) -> u64 {
    let length = u64::from(header & !(BUSY | DISCARDED));
    (length + HEADER).next_multiple_of(HEADER)
}

/// All rings that the kernel has, by id. What is known already is not asked again: an id is never given twice, until
/// two thousand million maps later.
pub fn find(known: &mut BTreeMap<u32, Option<Ring>>) -> Result<Vec<Ring>> {
    let mut found = BTreeMap::new();
    let mut id = 0;
    while let Some(next) = next(id)? {
        id = next;
        let ring = match known.remove(&id) {
            Some(ring) => ring,
            None => match look(id) {
                Ok(ring) => ring,
                // It went away in this moment.
                Err(error) if error.raw_os_error() == Some(libc::ENOENT) => continue,
                Err(error) => return Err(refused(&error)),
            },
        };
        found.insert(id, ring);
    }
    *known = found;
    Ok(known.values().flatten().cloned().collect())
}

/// The ring with that id.
pub fn by_id(id: u32) -> Result<Ring> {
    let none = |what: &str| Failure::new(Status::Missing, format!("{id}: {what}"));
    match look(id) {
        Ok(Some(ring)) => Ok(ring),
        Ok(None) => Err(none("this map is no ring buffer")),
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Err(none("no such map")),
        Err(error) => Err(refused(&error)),
    }
}

fn look(id: u32) -> io::Result<Option<Ring>> {
    let info = bpf::map_info(bpf::open_map(id)?)?;
    Ok(Ring::new(&info))
}

fn next(id: u32) -> Result<Option<u32>> {
    bpf::next_map(id).map_err(|error| refused(&error))
}

fn refused(error: &io::Error) -> Failure {
    match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => missing("listing BPF maps", &["CAP_SYS_ADMIN"]),
        Some(libc::ENOSYS) => Failure::new(Status::Kernel, "this kernel has no BPF"),
        _ => Failure::new(
            Status::System,
            format!("listing BPF maps: {}", words(error)),
        ),
    }
}
