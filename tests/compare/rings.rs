// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The ring maps of one side, and what the kernel does with them.

use super::kernel::{Command, Operation, Producer, RINGBUF, create_map, page_size, shared_page};
use super::operations::{Batch, RINGS};
use super::seen::Seen;
use std::cell::Cell;
use std::ffi::c_int;
use std::os::fd::{AsRawFd, OwnedFd};

pub struct Rings {
    producer: Producer,
    /// The number under which BPF programs know the first map; the others follow.
    first: u32,
    maps: Vec<OwnedFd>,
    positions: Vec<Positions>,
    /// The number of the next record.
    sequence: Cell<u32>,
}

/// A ring's positions, in the pages it shares with the kernel.
#[derive(Clone, Copy)]
struct Positions {
    consumer: *mut u64,
    producer: *const u64,
}

/// Bytes of a ring.
pub fn ring_bytes(map: usize) -> u32 {
    let pages = [1, 2, 1][map];
    (pages * page_size()) as u32
}

impl Rings {
    pub fn new(producer: Producer, first: u32) -> Rings {
        let maps: Vec<OwnedFd> = (0..RINGS)
            .map(|map| create_map(RINGBUF, 0, ring_bytes(map)))
            .collect();
        for (index, map) in (first..).zip(&maps) {
            producer.use_ring(index, map);
        }
        let positions = maps
            .iter()
            .map(|map| Positions {
                consumer: shared_page(map.as_raw_fd(), 0, true).cast(),
                producer: shared_page(map.as_raw_fd(), 1, false).cast(),
            })
            .collect();
        Rings {
            producer,
            first,
            maps,
            positions,
            sequence: Cell::new(0),
        }
    }

    pub fn map(&self, map: usize) -> &OwnedFd {
        &self.maps[map]
    }

    pub fn fd(&self, map: usize) -> c_int {
        self.maps[map].as_raw_fd()
    }

    pub fn map_of_fd(&self, fd: c_int) -> Option<usize> {
        self.maps.iter().position(|map| map.as_raw_fd() == fd)
    }

    /// The number under which BPF programs know a map.
    pub fn index(&self, map: usize) -> u32 {
        self.first + map as u32
    }

    /// Records are numbered from 0 again.
    pub fn restart(&self) {
        self.sequence.set(0);
    }

    pub fn produce(&self, operation: Operation, batch: Batch) -> Seen {
        let Batch {
            map,
            count,
            size,
            flags,
        } = batch;
        let first = self.sequence.get();
        self.sequence.set(first.wrapping_add(count));
        let command = Command {
            ring: self.index(map),
            first,
            count,
            size,
            flags,
            ..Command::default()
        };
        let Command { done, dropped, .. } = self.producer.run(operation, command);
        Seen::Produced { done, dropped }
    }

    pub fn query(&self, map: usize) -> Seen {
        let answer = self.ask(map);
        Seen::Kernel {
            avail: answer.avail,
            size: answer.ring_size,
            consumer_pos: answer.consumer_pos,
            producer_pos: answer.producer_pos,
        }
    }

    /// Where the kernel sees the consumer.
    pub fn consumer_pos(&self, map: usize) -> u64 {
        self.ask(map).consumer_pos
    }

    /// Skips whatever is in a ring, by no library's help, and returns its position.
    pub fn empty(&self, map: usize) -> u64 {
        let Positions { consumer, producer } = self.positions[map];
        // SAFETY: mapped as long as the process lives; no library uses the ring now.
        unsafe {
            consumer.write_volatile(producer.read_volatile());
            consumer.read_volatile()
        }
    }

    /// Discards records in a ring until it is empty at `position`.
    pub fn advance(&self, map: usize, position: u64) {
        loop {
            let missing = position - self.empty(map);
            if missing == 0 {
                break;
            }
            let span = missing.min(u64::from(ring_bytes(map)));
            self.produce(Operation::Discard, Batch::padding(map, span));
        }
    }

    fn ask(&self, map: usize) -> Command {
        let command = Command {
            ring: self.index(map),
            ..Command::default()
        };
        self.producer.run(Operation::Query, command)
    }
}
