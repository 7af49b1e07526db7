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
    Options::from_words([word, further])
}

#[cold]
fn read() -> usize {
    let options = Options::from_values(env::secure, say_ignored);
    let [word, further] = options.words();
    let set = |cell: &OnceNonZeroUsize, word| {
        NonZeroUsize::new(word).is_some_and(|word| cell.set(word).is_ok())
    };
    set(&FURTHER, further);
    let first = set(&OPTIONS, word);
    if first && options.verbose {
        say!(
            c"rbshim %s active: %s (RBSHIM_STATS=%u RBSHIM_LINGER_US=%u RBSHIM_COALESCE_US=%u \
              RBSHIM_POLL_MAX_MS=%u RBSHIM_BUSY_POLL=%u)\n",
            VERSION.as_ptr(),
            library().as_ptr(),
            c_uint::from(options.stats),
            options.linger_us,
            options.coalesce_us,
            options.poll_max_ms,
            c_uint::from(options.busy_poll),
        );
    }
    word
}

/// A value that is not understood: the variable's name, the value, the largest number that there may be.
pub type Ignored<'v> = (&'v CStr, &'v CStr, u32);

impl Options {
    /// The options that are written in the values that `value` has for their names. Unset and empty is the default;
    /// so is what is not understood, about which `ignored` says a word.
    pub fn from_values<'v>(
        value: impl Fn(&CStr) -> Option<&'v CStr>,
        ignored: impl Fn(Ignored),
    ) -> Self {
        let number = |name, max| {
            let value = value(name).filter(|value| !value.is_empty())?;
            let number = decimal(value.to_bytes()).filter(|&number| number <= max);
            if number.is_none() {
                ignored((name, value, max));
            }
            number
        };
        let switch = |name| {
            let value = value(name).unwrap_or_default();
            let on = value.to_bytes() == b"1";
            if !on && !matches!(value.to_bytes(), b"" | b"0") {
                ignored((name, value, 1));
            }
            on
        };
        let linger = number(c"RBSHIM_LINGER_US", LINGER_MAX);
        Options {
            linger_us: linger.unwrap_or(LINGER_DEFAULT),
            linger_asked: linger.is_some(),
            coalesce_us: number(c"RBSHIM_COALESCE_US", COALESCE_MAX).unwrap_or(0),
            poll_max_ms: number(c"RBSHIM_POLL_MAX_MS", POLL_MAX).unwrap_or(0),
            verbose: switch(c"RBSHIM_VERBOSE"),
            stats: switch(c"RBSHIM_STATS"),
            busy_poll: switch(c"RBSHIM_BUSY_POLL"),
        }
    }

    /// As they are kept.
    pub fn words(self) -> [usize; 2] {
        let flag = |on, flag| if on { flag } else { 0 };
        let word = READ
            | flag(self.verbose, VERBOSE)
            | flag(self.stats, STATS)
            | LINGER.put(self.linger_us)
            | COALESCE.put(self.coalesce_us);
        let further = READ
            | POLL.put(self.poll_max_ms)
            | flag(self.busy_poll, BUSY)
            | flag(self.linger_asked, LINGER_ASKED);
        [word, further]
    }

    /// Kept as these words.
    pub fn from_words([word, further]: [usize; 2]) -> Self {
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
}

/// The crate's version.
const VERSION: &CStr =
    match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => c"",
    };

fn say_ignored((name, value, max): Ignored) {
    let (name, value) = (name.as_ptr(), value.as_ptr());
    if max == 1 {
        say!(
            c"rbshim: %s='%s' is not understood and ignored: it takes 0 or 1\n",
            name,
            value,
        );
    } else {
        say!(
            c"rbshim: %s='%s' is not understood and ignored: it takes a number from 0 to %u\n",
            name,
            value,
            max,
        );
    }
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
        let none = Options::from_values(|_| None, |ignored| panic!("{ignored:?}"));
        let numbers = [
            (0, 0, POLL_MAX),
            (LINGER_MAX, 0, 1),
            (0, COALESCE_MAX, 0),
            (7, 250, 3),
        ];
        for (linger_us, coalesce_us, poll_max_ms) in numbers {
            for (stats, linger_asked) in [(false, true), (true, false)] {
                let options = Options {
                    stats,
                    linger_us,
                    linger_asked,
                    coalesce_us,
                    poll_max_ms,
                    ..none
                };
                assert_eq!(Options::from_words(options.words()), options);
            }
        }
    }
}
