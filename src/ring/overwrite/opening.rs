// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Where the first call begins to read: `consumer_pos` may be anywhere, if a reader that knows nothing of overwrite
//! mode has had the ring.

use super::super::memory::OverwriteMemory;
use super::super::record::ALIGN;
use super::{Reader, is_before};
use core::sync::atomic::Ordering;

/// The producer may lap the search so many times.
const TRIES: u32 = 4;

/// What a search for a record has found.
enum Found {
    /// A record begins there.
    Record,
    /// None begins there.
    None,
    /// The producer has lapped the search.
    Lapped,
}

impl<M: OverwriteMemory> Reader<'_, M> {
    /// The cursor, if a record begins or may have begun there, or will; else where records begin now.
    ///
    /// Errors: [`pass_lock`](OverwriteMemory::pass_lock)'s.
    pub(super) fn beginning(&self) -> Result<u64, i32> {
        for _ in 0..TRIES {
            let from = self.memory.overwrite_pos(self.cursor);
            // Acquire keeps the load of the producer's position after this one: it is ahead then.
            M::fence(Ordering::Acquire);
            let producer = self.look_at_producer();
            if is_before(self.cursor, from) || producer.wrapping_sub(from) > self.memory.size() {
                // Overwritten, or no kernel's ring: any walk finds it out.
                return Ok(self.cursor);
            }
            if is_before(producer, self.cursor) {
                return Ok(from);
            }
            match self.search(from, producer)? {
                Found::Record => return Ok(self.cursor),
                Found::None => return Ok(from),
                Found::Lapped => {}
            }
        }
        Ok(self.memory.overwrite_pos(self.cursor))
    }

    /// Walks the headers between two positions until one is the cursor, or beyond it.
    fn search(&self, from: u64, producer: u64) -> Result<Found, i32> {
        let mut pos = from;
        while is_before(pos, self.cursor) {
            let ahead = producer.wrapping_sub(pos);
            if pos % ALIGN != 0 || !is_before(pos, producer) {
                return Ok(Found::None);
            }
            let header = Reader {
                cursor: pos,
                ..*self
            }
            .look_at_header();
            // As in `look`: only then it is the header of the record at this position.
            self.memory.pass_lock()?;
            if is_before(pos, self.memory.overwrite_pos(pos)) {
                return Ok(Found::Lapped);
            }
            // A BUSY header has its length, too.
            if header.span() > ahead {
                return Ok(Found::None);
            }
            pos = pos.wrapping_add(header.span());
        }
        Ok(if pos == self.cursor {
            Found::Record
        } else {
            Found::None
        })
    }
}
