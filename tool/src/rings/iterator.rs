// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! All rings with their positions in one read, by a BPF program that the kernel calls for each map (`iter/bpf_map`).
//!
//! Needs Linux 5.12 with its own types in BTF. Nothing is opened or mapped, so no ring is kept alive.

use super::{Ring, Sample};
use crate::bpf::iterator;
use crate::bpf::types::{KERNEL, Types};
use crate::bpf::{self, Instruction, MapInfo, op};
use rustix::fd::OwnedFd;
use std::io::{self, Read};

const PROBE_READ_KERNEL: i32 = 113;
const SEQ_WRITE: i32 = 127;

/// What the program writes about a ring: id, kind, flags and size, four bytes each; its name, 16; then eight bytes each:
/// consumer's position, producer's position, the header at the former, the former again.
const RECORD: usize = 64;
/// Where those are.
const NAME: usize = 16;
const CONSUMER: usize = 32;
const PRODUCER: usize = 40;
const HEADER: usize = 48;
const AGAIN: usize = 56;

/// The program, loaded.
#[derive(Debug)]
pub struct RingIterator {
    link: OwnedFd,
}

/// Where the kernel has what the program reads.
struct Layout {
    function: u32,
    /// `struct bpf_map`: id, map_type, map_flags, max_entries, name.
    map: [u32; 5],
    /// `struct bpf_ringbuf_map`: rb.
    ring: u32,
    /// `struct bpf_ringbuf`: mask, consumer_pos, producer_pos, data.
    positions: [u32; 4],
}

impl Layout {
    fn of(types: &Types<'_>) -> Option<Layout> {
        let map = ["id", "map_type", "map_flags", "max_entries", "name"];
        let [ring] = types.fields("bpf_ringbuf_map", ["rb"])?;
        let positions = ["mask", "consumer_pos", "producer_pos", "data"];
        Some(Layout {
            function: types.function("bpf_iter_bpf_map")?,
            map: types.fields("bpf_map", map)?,
            ring,
            positions: types.fields("bpf_ringbuf", positions)?,
        })
    }
}

impl RingIterator {
    /// Loads it. Fails where the kernel has no such iterator, does not describe its types, or does not let its memory be
    /// read (lockdown).
    pub fn new() -> io::Result<RingIterator> {
        let types = std::fs::read(KERNEL)?;
        let layout = Types::parse(&types).and_then(|types| Layout::of(&types));
        let layout = layout.ok_or(io::ErrorKind::Unsupported)?;
        let link = iterator::load(&program(&layout), layout.function)?;
        Ok(RingIterator { link })
    }

    /// All rings as they are now, in the order of their ids.
    pub fn look(&self) -> io::Result<Vec<(Ring, Sample)>> {
        let mut bytes = Vec::new();
        iterator::open(&self.link)?.read_to_end(&mut bytes)?;
        let records = bytes.chunks_exact(RECORD);
        Ok(records.filter_map(seen).collect())
    }
}

fn seen(record: &[u8]) -> Option<(Ring, Sample)> {
    let word = |at: usize| Some(u32::from_ne_bytes(record.get(at..at + 4)?.try_into().ok()?));
    let long = |at: usize| Some(u64::from_ne_bytes(record.get(at..at + 8)?.try_into().ok()?));
    let name = record.get(NAME..CONSUMER)?.try_into().ok()?;
    let ring = Ring::new(&MapInfo::new(word(4)?, word(0)?, word(12)?, word(8)?, name))?;
    let again = long(AGAIN)?;
    let header = word(HEADER)?;
    let sample = Sample::judge(long(CONSUMER)?, long(PRODUCER)?, ring.size, |_| {
        Ok((header, again))
    });
    Some((ring, sample.ok()?))
}

// Registers: those of calls, those that calls keep, the frame's end.
const R0: u8 = 0;
const R1: u8 = 1;
const R2: u8 = 2;
const R3: u8 = 3;
const CONTEXT: u8 = 6;
const MAP: u8 = 7;
const RING: u8 = 8;
const HEAD: u8 = 9;
const FRAME: u8 = 10;
/// The record at the end of the frame, below it the ring's address and its mask.
const OUT: i16 = -(RECORD as i16);
const ADDRESS: i16 = OUT - 8;
const MASK: i16 = OUT - 16;

/// Instructions, and those among them that jump to the end.
#[derive(Default)]
struct Program {
    instructions: Vec<Instruction>,
    leaving: Vec<usize>,
}

impl Program {
    fn push(&mut self, code: u8, to: u8, from: u8, offset: i16, immediate: i32) {
        self.instructions
            .push(op(code, to, from, offset, immediate));
    }

    /// To the end if the condition (`code`) holds between the register and the number.
    fn leave_if(&mut self, code: u8, register: u8, number: i32) {
        self.leaving.push(self.instructions.len());
        self.push(code, register, 0, 0, number);
    }

    /// Copies from where `base` points to, `offset` further, into the frame. An address that cannot be read, which no map
    /// has, ends the program.
    fn copy(&mut self, to: i16, size: usize, base: u8, offset: u32) {
        self.push(0xbf, R3, base, 0, 0);
        self.push(0x07, R3, 0, 0, offset as i32);
        self.push(0xbf, R1, FRAME, 0, 0);
        self.push(0x07, R1, 0, 0, i32::from(to));
        self.push(0xb7, R2, 0, 0, size as i32);
        self.push(0x85, 0, 0, 0, PROBE_READ_KERNEL);
        self.leave_if(0x55, R0, 0);
    }

    /// A full barrier, which an atomic addition that returns the old value is in BPF.
    fn barrier(&mut self) {
        self.push(0xb7, R1, 0, 0, 0);
        self.push(0xdb, FRAME, R1, MASK, 1);
    }

    fn end(mut self) -> Vec<Instruction> {
        for from in self.leaving {
            self.instructions[from].offset = (self.instructions.len() - from - 1) as i16;
        }
        self.instructions.push(op(0xb7, R0, 0, 0, 0));
        self.instructions.push(op(0x95, 0, 0, 0, 0));
        self.instructions
    }
}

/// Writes a record if the map is a ring.
fn program(layout: &Layout) -> Vec<Instruction> {
    let [id, kind, flags, entries, name] = layout.map;
    let [mask, consumer, producer, data] = layout.positions;
    let mut program = Program::default();
    // The context: what the kernel knows about this run, and the map, which is null at the end.
    program.push(0xbf, CONTEXT, R1, 0, 0);
    program.push(0x79, MAP, CONTEXT, 8, 0);
    program.leave_if(0x15, MAP, 0);
    program.push(0x61, R1, MAP, kind as i16, 0);
    program.push(0x15, R1, 0, 1, bpf::TYPE_RINGBUF as i32);
    program.leave_if(0x55, R1, bpf::TYPE_USER_RINGBUF as i32);
    for (to, field) in [(0, id), (4, kind), (8, flags), (12, entries)] {
        program.copy(OUT + to, 4, MAP, field);
    }
    program.copy(OUT + NAME as i16, 16, MAP, name);
    program.copy(ADDRESS, 8, MAP, layout.ring);
    program.push(0x79, RING, FRAME, ADDRESS, 0);
    program.copy(MASK, 8, RING, mask);
    // The barriers stand for the acquire loads of `Sample::of`: the header belongs to a record that the producer's
    // position covers, and the consumer has not moved on if it is where it was.
    program.copy(OUT + CONSUMER as i16, 8, RING, consumer);
    program.barrier();
    program.copy(OUT + PRODUCER as i16, 8, RING, producer);
    program.barrier();
    // The consumer's position is written by a process, but the mask keeps it inside the data. Those pages follow
    // themselves once more, so that what begins inside can be read whole.
    program.push(0x79, HEAD, FRAME, OUT + CONSUMER as i16, 0);
    program.push(0x79, R1, FRAME, MASK, 0);
    program.push(0x5f, HEAD, R1, 0, 0);
    program.push(0x0f, HEAD, RING, 0, 0);
    program.copy(OUT + HEADER as i16, 8, HEAD, data);
    program.barrier();
    program.copy(OUT + AGAIN as i16, 8, RING, consumer);
    // To the file: the first word of the context's first word.
    program.push(0x79, R1, CONTEXT, 0, 0);
    program.push(0x79, R1, R1, 0, 0);
    program.push(0xbf, R2, FRAME, 0, 0);
    program.push(0x07, R2, 0, 0, i32::from(OUT));
    program.push(0xb7, R3, 0, 0, RECORD as i32);
    program.push(0x85, 0, 0, 0, SEQ_WRITE);
    program.end()
}
