// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Reads a ring buffer through libbpf-rs and counts: every record, in order.
//!
//! The argument is the path of `edge_triggered.bpf.o`.

// First, so that the order in which a program names its crates is seen not to matter.
#[cfg(feature = "rbshim")]
use rbshim as _;

use libbpf_rs::{MapCore, ObjectBuilder, ProgramInput, RingBufferBuilder};
use std::cell::Cell;
use std::error::Error;
use std::time::Duration;

const BURSTS: u64 = 20;
const BATCH: u64 = 500;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args()
        .nth(1)
        .ok_or("the path of the object is missing")?;
    let object = ObjectBuilder::default().open_file(path)?.load()?;
    let ring = object
        .maps()
        .find(|map| map.name() == "ring")
        .ok_or("there is no ring")?;
    let mut programs = object.progs_mut();
    let produce = programs
        .find(|program| program.name() == "produce")
        .ok_or("no producer")?;

    let received = Cell::new(0);
    let out_of_order = Cell::new(0);
    let on_record = |record: &[u8]| {
        // struct record: producer, zero, and a number that counts.
        let number = record.get(8..16).and_then(|bytes| bytes.try_into().ok());
        if number.map(u64::from_ne_bytes) != Some(received.get()) {
            out_of_order.set(out_of_order.get() + 1);
        }
        received.set(received.get() + 1);
        0
    };
    let mut builder = RingBufferBuilder::new();
    builder.add(&ring, on_record)?;
    let reader = builder.build()?;

    for burst in 0..BURSTS {
        // struct burst: producer, batch, the first number; the number of drops comes back.
        let mut context = [0u8; 24];
        context[4..8].copy_from_slice(&(BATCH as u32).to_ne_bytes());
        context[8..16].copy_from_slice(&(burst * BATCH).to_ne_bytes());
        produce.test_run(ProgramInput {
            context_in: Some(&mut context),
            ..ProgramInput::default()
        })?;
        if context[16..24] != [0; 8] {
            return Err("the ring was full".into());
        }
        // By turns the ways in which such programs read.
        match burst % 2 {
            0 => reader.poll(Duration::from_secs(10))?,
            _ => reader.consume()?,
        }
    }
    println!(
        "{} records, {} out of order",
        received.get(),
        out_of_order.get()
    );
    if received.get() != BURSTS * BATCH || out_of_order.get() != 0 {
        return Err("records are missing".into());
    }
    Ok(())
}
