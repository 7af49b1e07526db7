// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Where the first call begins to read: `consumer_pos` may be anywhere, if a reader that knows nothing of overwrite
//! mode has had the ring.

use super::super::memory::OverwriteMemory;
use super::super::record::ALIGN;
use super::{Reader, is_before};
use core::sync::atomic::Ordering;

/// The producer may lap the search so many times.
const TRIES: u32 = 4;

/// Headers that a search walks before it looks whether they are overwritten, for which it may take a system call: longer
/// than the producer takes for a record, and far less than it takes for so many.
const BATCH: usize = 64;

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
            if is_before(self.cursor, from) {
                // Overwritten: any walk finds it out.
                return Ok(self.cursor);
            }
            if producer.wrapping_sub(from) > self.memory.size() {
                // With the producer's position we have seen the `overwrite_pos` that has made room for it.
                if self.memory.overwrite_pos(self.cursor) != from {
                    // Lapped between the two loads.
                    continue;
                }
                // No kernel's ring: any walk finds it out.
                return Ok(self.cursor);
            }
            if is_before(producer, self.cursor) {
                return Ok(from);
            }
            if producer == self.cursor {
                // The next record begins here: nothing to search, which in a large ring takes long.
                return Ok(producer);
            }
            match self.search(from, producer)? {
                Found::Record => return Ok(self.cursor),
                Found::None => return Ok(from),
                Found::Lapped => {}
            }
        }
        let from = self.memory.overwrite_pos(self.cursor);
        // Overwritten meanwhile: a walk counts that.
        let overwritten = is_before(self.cursor, from);
        Ok(if overwritten { self.cursor } else { from })
    }

    /// Walks the headers between two positions until one is the cursor, or beyond it.
    ///
    /// Errors: [`pass_lock`](OverwriteMemory::pass_lock)'s.
    fn search(&self, from: u64, producer: u64) -> Result<Found, i32> {
        let mut begun = from;
        while is_before(begun, self.cursor) {
            let mut starts = [begun; BATCH];
            let mut next = Some(begun);
            for start in &mut starts {
                let Some(pos) = next.filter(|&pos| is_before(pos, self.cursor)) else {
                    break;
                };
                *start = pos;
                next = self.after(pos, producer);
            }
            // As in `look`: only then they are the headers of the records at these positions.
            self.memory.pass_lock()?;
            let overwritten = self.memory.overwrite_pos(self.cursor);
            // A record begins where they are overwritten to. If the walk came by there, it was right from there on,
            // whatever it has read before.
            let came_by = starts.contains(&overwritten);
            if is_before(begun, overwritten) && !came_by {
                return Ok(Found::Lapped);
            }
            match next {
                Some(pos) => begun = pos,
                None => return Ok(Found::None),
            }
        }
        Ok(if begun == self.cursor {
            Found::Record
        } else {
            Found::None
        })
    }

    /// Where the record after the one at `pos` begins; `None` if no record can be at `pos` that ends at `producer` or
    /// before.
    fn after(&self, pos: u64, producer: u64) -> Option<u64> {
        if pos % ALIGN != 0 {
            return None;
        }
        let at = Reader {
            cursor: pos,
            ..*self
        };
        // A BUSY header has its length, too.
        let span = at.look_at_header().span();
        (span <= producer.wrapping_sub(pos)).then(|| pos.wrapping_add(span))
    }
}
