// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The ring's code by itself, on a ring in ordinary memory, for callgrind: WHAT COUNT.
//!
//! "records", "hot" and "discarded" are one call for COUNT records, "empty" and "single" COUNT calls
//! that find nothing or one record.

use rbshim::__internals::{Journal, Pages, Received, Receiver, Record, Round, consume, take_turn};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

const PAGE: usize = 4096;
/// Of a record without payload but for one word.
const SPAN: u64 = 16;
const DISCARDED: u64 = 1 << 30;

#[derive(Default)]
struct Count(u64);

impl Receiver for Count {
    #[inline(always)]
    fn record(&mut self, _: Record) -> Received {
        self.0 += 1;
        Received::Consumed
    }
}

/// The function whose instructions are counted: a call, or, on a ring that is hot, one turn of a call.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn consume_alone(pages: &Pages, journal: &Journal, count: &mut Count, hot: bool) {
    let read = if hot { hot_turn } else { cold_call };
    read(*pages, journal, count);
}

// As in the library, each is one function in the machine code.

#[inline(never)]
fn cold_call(pages: Pages, journal: &Journal, count: &mut Count) {
    let outcome = consume(pages, journal, u64::MAX, count);
    assert!(outcome.is_ok(), "{outcome:?}");
}

#[inline(never)]
fn hot_turn(pages: Pages, journal: &Journal, count: &mut Count) {
    let round = Round {
        hold: false,
        hot: true,
    };
    let outcome = take_turn(pages, journal, round, u64::MAX, count);
    assert!(outcome.is_ok(), "{outcome:?}");
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_default();
    let count: u64 = arguments
        .next()
        .and_then(|count| count.parse().ok())
        .expect("WHAT COUNT");

    let size = (count * SPAN).next_power_of_two().max(PAGE as u64) as usize;
    // Leaked: nothing else lives as long.
    let consumer = Box::leak(vec![0u64; PAGE / 8].into_boxed_slice()).as_mut_ptr();
    let words = Box::leak(vec![0u64; (PAGE + 2 * size) / 8].into_boxed_slice());
    let header = 8 | if what == "discarded" { DISCARDED } else { 0 };
    for record in words[PAGE / 8..].chunks_exact_mut(SPAN as usize / 8) {
        record[0] = header;
    }
    let producer = words.as_mut_ptr();
    // SAFETY: The first word is a position; it is accessed as an atomic only from now on.
    let producer_pos = unsafe { AtomicU64::from_ptr(producer) };
    let data = producer.cast::<u8>().wrapping_add(PAGE).cast();
    // SAFETY: leaked memory of these sizes, the data area twice in a row, all accessed as atomics.
    let pages = unsafe { Pages::new(consumer.cast(), producer.cast(), data, size) };
    let (journal, mut seen, hot) = (Journal::new(), Count::default(), what == "hot");
    match what.as_str() {
        "records" | "hot" | "discarded" => {
            producer_pos.store(count * SPAN, Relaxed);
            consume_alone(&pages, &journal, &mut seen, hot);
        }
        "empty" => {
            for _ in 0..count {
                consume_alone(&pages, &journal, &mut seen, hot);
            }
        }
        "single" => {
            for _ in 0..count {
                producer_pos.fetch_add(SPAN, Relaxed);
                consume_alone(&pages, &journal, &mut seen, hot);
            }
        }
        _ => panic!("{what} is unknown"),
    }
    println!("{}", seen.0);
}
