// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The options, all from the environment and read once, when the first ring is opened.

use crate::log::{library, say};
use crate::sys::env;
use core::ffi::{CStr, c_uint};
use core::num::NonZeroUsize;
use once_cell::race::OnceNonZeroUsize;

/// What the user has asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// `RBSHIM_VERBOSE`: say that we are here.
    pub verbose: bool,
    /// `RBSHIM_STATS`: count, and say what was counted.
    pub stats: bool,
    /// `RBSHIM_LINGER_US`: longest time to spin for more records, us; 0: not at all.
    pub linger_us: u32,
    /// Whether that is the user's word.
    pub linger_asked: bool,
    /// `RBSHIM_COALESCE_US`: longest time to sleep while records come, us; 0: not at all.
    pub coalesce_us: u32,
    /// `RBSHIM_POLL_MAX_MS`: longest time that a poll goes on reading, ms; 0: for as long as records come.
    pub poll_max_ms: u32,
    /// `RBSHIM_BUSY_POLL`: polls spin rather than sleep.
    pub busy_poll: bool,
}

/// Longest `RBSHIM_LINGER_US`: what a call may always linger for.
const LINGER_MAX: u32 = 100;

/// Enough for a reader to be a few microseconds after the producer, so that they do not fight for the
/// cache lines of the records.
const LINGER_DEFAULT: u32 = 5;

/// Longest coalescing window, us.
pub const COALESCE_MAX: u32 = 1_000_000;

/// Longest time that a poll may be limited to, ms.
pub const POLL_MAX: u32 = 60_000;

/// The options in two words: a `race` cell needs no lock and no thread-local, and survives a fork. Whoever finds
/// this one set finds the other one set.
static OPTIONS: OnceNonZeroUsize = OnceNonZeroUsize::new();

/// What a word of 32 bits has no room for.
static FURTHER: OnceNonZeroUsize = OnceNonZeroUsize::new();

const READ: usize = 1;
const VERBOSE: usize = 1 << 1;
const STATS: usize = 1 << 2;
const LINGER: Bits = Bits { at: 3, mask: 0x7f };
const COALESCE: Bits = Bits {
    at: 10,
    mask: 0xf_ffff,
};
const _: () = assert!(LINGER_MAX <= LINGER.mask && COALESCE_MAX <= COALESCE.mask);

// In the second word.
const POLL: Bits = Bits {
    at: 1,
    mask: 0xffff,
};
const BUSY: usize = 1 << 17;
const LINGER_ASKED: usize = 1 << 18;
const _: () = assert!(POLL_MAX <= POLL.mask);

/// Where a number stands in the word.
struct Bits {
    at: u32,
    mask: u32,
}

impl Bits {
    fn put(&self, number: u32) -> usize {
        (number as usize) << self.at
    }

    fn get(&self, word: usize) -> u32 {
        (word >> self.at) as u32 & self.mask
    }
}

/// The options in force. The first call reads them, and announces the library if asked to.
pub fn options() -> Options {
    let word = OPTIONS.get().map_or_else(read, NonZeroUsize::get);
    let further = FURTHER.get().map_or(READ, NonZeroUsize::get);
    Options {
        verbose: word & VERBOSE != 0,
        stats: word & STATS != 0,
        linger_us: LINGER.get(word),
        linger_asked: further & LINGER_ASKED != 0,
        coalesce_us: COALESCE.get(word),
        poll_max_ms: POLL.get(further),
        busy_poll: further & BUSY != 0,
    }
}

#[cold]
fn read() -> usize {
    let flag = |name, flag| if switch(name) { flag } else { 0 };
    let linger = number(c"RBSHIM_LINGER_US", LINGER_MAX);
    let asked = if linger.is_some() { LINGER_ASKED } else { 0 };
    let linger = linger.unwrap_or(LINGER_DEFAULT);
    let coalesce = number(c"RBSHIM_COALESCE_US", COALESCE_MAX).unwrap_or(0);
    let poll_max = number(c"RBSHIM_POLL_MAX_MS", POLL_MAX).unwrap_or(0);
    let word = READ
        | flag(c"RBSHIM_VERBOSE", VERBOSE)
        | flag(c"RBSHIM_STATS", STATS)
        | LINGER.put(linger)
        | COALESCE.put(coalesce);
    let set = |cell: &OnceNonZeroUsize, word| {
        NonZeroUsize::new(word).is_some_and(|word| cell.set(word).is_ok())
    };
    let busy = flag(c"RBSHIM_BUSY_POLL", BUSY);
    set(&FURTHER, READ | POLL.put(poll_max) | busy | asked);
    let first = set(&OPTIONS, word);
    if first && word & VERBOSE != 0 {
        let stats = if word & STATS != 0 { c"1" } else { c"0" };
        say!(
            c"rbshim %s active: %s (RBSHIM_STATS=%s RBSHIM_LINGER_US=%u RBSHIM_COALESCE_US=%u \
              RBSHIM_POLL_MAX_MS=%u RBSHIM_BUSY_POLL=%u)\n",
            VERSION.as_ptr(),
            library().as_ptr(),
            stats.as_ptr(),
            linger,
            coalesce,
            poll_max,
            c_uint::from(busy != 0),
        );
    }
    word
}

/// The crate's version.
const VERSION: &CStr =
    match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => c"",
    };

/// Whether the switch `name` is on: `1`. Unset, empty and `0` are off; so is what we do not
/// understand, with a word about it.
fn switch(name: &CStr) -> bool {
    let Some(value) = env::secure(name) else {
        return false;
    };
    match value.to_bytes() {
        b"1" => true,
        b"" | b"0" => false,
        _ => {
            say!(
                c"rbshim: %s='%s' is not understood and ignored: it takes 0 or 1\n",
                name.as_ptr(),
                value.as_ptr(),
            );
            false
        }
    }
}

/// The decimal number `name`, at most `max`. `None` if it is unset, empty or not understood, with a
/// word about the latter.
fn number(name: &CStr, max: u32) -> Option<u32> {
    let value = env::secure(name)?;
    if value.is_empty() {
        return None;
    }
    let number = decimal(value.to_bytes()).filter(|&number| number <= max);
    if number.is_none() {
        say!(
            c"rbshim: %s='%s' is not understood and ignored: it takes a number from 0 to %u\n",
            name.as_ptr(),
            value.as_ptr(),
            max,
        );
    }
    number
}

/// The number that these digits write; `None` for anything else.
fn decimal(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0u32, |number, digit| {
        let digit = digit.checked_sub(b'0').filter(|&digit| digit < 10)?;
        number.checked_mul(10)?.checked_add(digit.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_digits_and_nothing_else() {
        assert_eq!(decimal(b"0"), Some(0));
        assert_eq!(decimal(b"0100"), Some(100));
        assert_eq!(decimal(b"4294967295"), Some(u32::MAX));
        for text in ["4294967296", "-1", "+1", " 1", "1 ", "1us", "0x10", "1.5"] {
            assert_eq!(decimal(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn numbers_keep_apart_in_the_word() {
        for (linger, coalesce) in [(0, 0), (LINGER_MAX, 0), (0, COALESCE_MAX), (7, 250)] {
            let word = READ | STATS | LINGER.put(linger) | COALESCE.put(coalesce);
            assert_eq!((LINGER.get(word), COALESCE.get(word)), (linger, coalesce));
            assert_eq!(word & (READ | VERBOSE | STATS), READ | STATS);
        }
        for limit in [0, 1, POLL_MAX] {
            let further = READ | BUSY | POLL.put(limit);
            assert_eq!(POLL.get(further), limit);
            assert_eq!(further & !POLL.put(POLL.mask), READ | BUSY);
        }
    }
}
