// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! How many records came, and how many were read, between two looks at a ring.
//!
//! The positions say bytes. But a record's header stays in the ring's memory after the record was read, until the ring has
//! gone round: from a position that was seen, where a record began, one can go on from header to header up to the
//! producer, and count. Where the ring has gone round since, or there are too many, those that can be counted give the
//! mean.

use super::{BUSY, DISCARDED, Kind, Mapping, Sample, span};
use std::io;
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::sync::atomic::fence;
use std::time::{Duration, Instant};

/// No more are counted at a time. Each is a line of memory that the producer has just written.
const MOST: u64 = 16384;
/// Nor is more of the ring mapped.
const WIDEST: u64 = 1 << 20;
/// A reader that keeps up leaves nothing to count; so long is waited for records to come.
const PATIENCE: Duration = Duration::from_micros(200);

/// So many records.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Count {
    /// Each was seen.
    Exact(u64),
    /// By the mean size of those that were seen.
    About(f64),
    /// No record was seen.
    Unknown,
}

impl Count {
    /// So many a second, and whether that is exact.
    pub fn rate(self, time: Duration) -> Option<Rate> {
        let (count, exact) = match self {
            Count::Exact(count) => (count as f64, true),
            Count::About(count) => (count, false),
            Count::Unknown => return None,
        };
        let seconds = time.as_secs_f64();
        (seconds > 0.0).then_some(Rate {
            per_second: count / seconds,
            exact,
        })
    }
}

/// Records a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// So many.
    pub per_second: f64,
    /// Each was counted.
    pub exact: bool,
}

/// Between two looks. Records that their producers discarded do not count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Census {
    /// Records that were reserved; of a user ring, those that its process wrote.
    pub came: Count,
    /// Records that the reader has gone past.
    pub read: Count,
}

/// Bytes of the ring that were walked, and the records in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mean {
    bytes: u64,
    records: u64,
}

impl Mean {
    fn of(self, bytes: u64) -> Count {
        if bytes == 0 {
            Count::Exact(0)
        } else if self.bytes == 0 {
            Count::Unknown
        } else {
            Count::About(bytes as f64 * self.records as f64 / self.bytes as f64)
        }
    }
}

/// Counts what happened to a ring between these two looks, the second of which was just now. `mean` is what is known of
/// its records from before, and is renewed.
pub fn count(
    map: &Mapping,
    kind: Kind,
    size: u64,
    [before, after]: [Sample; 2],
    mean: &mut Mean,
) -> io::Result<Census> {
    let bytes = |from: u64, to: u64| to.checked_sub(from);
    let came = bytes(before.producer, after.producer);
    let read = bytes(before.consumer, after.consumer);
    let (Some(came), Some(read), true) = (came, read, size.is_power_of_two()) else {
        // Somebody has set a position back.
        let (came, read) = (Count::Unknown, Count::Unknown);
        return Ok(Census { came, read });
    };
    let mut marks = [
        before.consumer,
        before.producer,
        after.consumer,
        after.producer,
    ];
    if kind == Kind::Overwrite {
        // What the reader of such a ring stands on may not begin a record any more.
        marks[0] = before.producer;
        marks[2] = after.producer;
    }
    marks.sort_unstable();
    let mut walk = Walk::new(map, size, marks);
    if came > 0 || read > 0 {
        walk.go()?;
        if walk.mean.bytes > 0 {
            *mean = walk.mean;
        }
    }
    let between = |from: u64, to: u64, bytes: u64| match (walk.passed(from), walk.passed(to)) {
        (Some(from), Some(to)) => Count::Exact(to - from),
        _ => mean.of(bytes),
    };
    Ok(Census {
        came: between(before.producer, after.producer, came),
        read: between(before.consumer, after.consumer, read),
    })
}

/// From header to header.
struct Walk<'ring> {
    map: &'ring Mapping,
    size: u64,
    /// Positions at which a record begins, in their order.
    marks: [u64; 4],
    /// The records before each mark, from the first that was reached.
    counts: [Option<u64>; 4],
    mean: Mean,
}

impl<'ring> Walk<'ring> {
    fn new(map: &'ring Mapping, size: u64, marks: [u64; 4]) -> Walk<'ring> {
        Walk {
            map,
            size,
            marks,
            counts: [None; 4],
            mean: Mean::default(),
        }
    }

    /// The records before a mark.
    fn passed(&self, mark: u64) -> Option<u64> {
        let nth = self.marks.iter().position(|known| *known == mark)?;
        self.counts[nth]
    }

    fn go(&mut self) -> io::Result<()> {
        let producer = self.map.producer().load(Acquire);
        let in_ring = |mark: &&u64| producer.wrapping_sub(**mark) < self.size;
        let mut starts: Vec<u64> = self.marks.iter().filter(in_ring).copied().collect();
        starts.dedup();
        for start in starts {
            if start < producer && self.walk(start, producer)? {
                return Ok(());
            }
        }
        // Nothing of what was seen is left, or the reader has kept up: what comes now will do for a mean.
        let deadline = Instant::now() + PATIENCE;
        loop {
            let now = self.map.producer().load(Acquire);
            let come = now.wrapping_sub(producer);
            let late = Instant::now() >= deadline;
            if come >= self.size / 4 || late {
                if 0 < come && come < self.size {
                    self.walk(producer, now)?;
                }
                return Ok(());
            }
            std::hint::spin_loop();
        }
    }

    /// Returns whether what it has found is true.
    fn walk(&mut self, start: u64, producer: u64) -> io::Result<bool> {
        let end = producer.min(start.saturating_add(WIDEST));
        let data = self.map.data(start & (self.size - 1), end - start)?;
        let (mut at, mut records, mut headers) = (start, 0, 0);
        let mut counts = [None; 4];
        let mut note = |at: u64, records: u64| {
            for (count, _) in counts
                .iter_mut()
                .zip(self.marks)
                .filter(|(_, mark)| *mark == at)
            {
                *count = Some(records);
            }
        };
        while at < end && headers < MOST {
            note(at, records);
            // Relaxed: the acquire load of the producer's position orders it after the header's first store. The second
            // one, of a commit or discard, may be seen or not.
            let Some(word) = data.word(at - start) else {
                return Ok(false);
            };
            let header = word.load(Relaxed);
            records += u64::from(header & (BUSY | DISCARDED) != DISCARDED);
            headers += 1;
            at = at.saturating_add(span(header));
        }
        note(at, records);
        // Acquire: a header of the ring's next turn, if one was read, was written after the producer's position had come
        // so far, and the load after this fence sees that. What AArch64 lets a record's bytes overtake is that position;
        // bytes taken for a header do not lead to the walk's true end but by chance, and then a figure on a screen is
        // wrong.
        fence(Acquire);
        let now = self.map.producer().load(Relaxed);
        // The next header is written before the position says so: hence less than the size, not the size itself.
        let kept = now.wrapping_sub(start) < self.size;
        // A walk that did not go from record to record ends anywhere.
        let true_end = at == producer || at < producer && (headers == MOST || end < producer);
        if !kept || !true_end {
            return Ok(false);
        }
        self.counts = counts;
        self.mean = Mean {
            bytes: at - start,
            records,
        };
        Ok(true)
    }
}
