// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Reads a ring with aya, edge-triggered, as an asynchronous runtime waits. aya-reader RING-ID
//!
//! It prints `ready`, and to each line of input how many records it has got. They are numbered by their producer; one that
//! comes out of order, or twice, ends it with status 1.

use aya::maps::{Map, MapData, RingBuf};
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use std::error::Error;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

static DELIVERED: AtomicU64 = AtomicU64::new(0);

fn main() -> Result<(), Box<dyn Error>> {
    let id = std::env::args().nth(1).ok_or("which ring?")?.parse()?;
    let ring: RingBuf<MapData> = Map::RingBuf(MapData::from_id(id)?).try_into()?;
    std::thread::spawn(move || match read(ring) {
        Ok(()) => {}
        Err(error) => {
            eprintln!("aya-reader: {error}");
            std::process::exit(1);
        }
    });
    println!("ready");
    for line in std::io::stdin().lines() {
        line?;
        println!("{}", DELIVERED.load(Relaxed));
    }
    Ok(())
}

fn read(mut ring: RingBuf<MapData>) -> Result<(), Box<dyn Error + Send + Sync>> {
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(
        &epoll,
        &ring,
        EventData::new_u64(0),
        EventFlags::IN | EventFlags::ET,
    )?;
    let mut due = 0;
    let mut events = Vec::with_capacity(1);
    loop {
        events.clear();
        match epoll::wait(&epoll, rustix::buffer::spare_capacity(&mut events), None) {
            Err(rustix::io::Errno::INTR) => continue,
            result => result?,
        };
        while let Some(record) = ring.next() {
            let number = u64::from_ne_bytes(record[..].try_into()?);
            if number < due {
                return Err("a record that was not due".into());
            }
            due = number + 1;
            // Relaxed: a count that is asked for again until it is what it should be.
            DELIVERED.fetch_add(1, Relaxed);
        }
    }
}
