// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The options, all from the environment and read once, when the first ring is opened.

use crate::log::{library, say};
use crate::sys::env;
use core::ffi::CStr;
use core::num::NonZeroUsize;
use once_cell::race::OnceNonZeroUsize;

/// What the user has asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// `RBSHIM_VERBOSE`: say that we are here.
    pub verbose: bool,
    /// `RBSHIM_STATS`: count, and say what was counted.
    pub stats: bool,
}

/// The options in one word: a `race` cell needs no lock and no thread-local, and survives a fork.
static OPTIONS: OnceNonZeroUsize = OnceNonZeroUsize::new();

const READ: usize = 1;
const VERBOSE: usize = 1 << 1;
const STATS: usize = 1 << 2;

/// The options in force. The first call reads them, and announces the library if asked to.
pub fn options() -> Options {
    let word = OPTIONS.get().map_or_else(read, NonZeroUsize::get);
    Options {
        verbose: word & VERBOSE != 0,
        stats: word & STATS != 0,
    }
}

#[cold]
fn read() -> usize {
    let word =
        READ | if switch(c"RBSHIM_VERBOSE") {
            VERBOSE
        } else {
            0
        } | if switch(c"RBSHIM_STATS") { STATS } else { 0 };
    let first = NonZeroUsize::new(word).is_some_and(|word| OPTIONS.set(word).is_ok());
    if first && word & VERBOSE != 0 {
        let stats = if word & STATS != 0 { c"1" } else { c"0" };
        say!(
            c"rbshim %s active: %s (RBSHIM_STATS=%s)\n",
            VERSION.as_ptr(),
            library().as_ptr(),
            stats.as_ptr(),
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
