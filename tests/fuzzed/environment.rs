// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The options as an environment of any bytes has them, compared with what README's table says of them.

use rbshim::__internals::Options;
use std::cell::Cell;
use std::ffi::{CStr, CString};

/// Name, and largest number.
const VARIABLES: [(&CStr, u32); 6] = [
    (c"RBSHIM_LINGER_US", 100),
    (c"RBSHIM_COALESCE_US", 1_000_000),
    (c"RBSHIM_POLL_MAX_MS", 60_000),
    (c"RBSHIM_VERBOSE", 1),
    (c"RBSHIM_STATS", 1),
    (c"RBSHIM_BUSY_POLL", 1),
];

/// The bytes are the values in this order, each with a NUL after it. Those that are missing are unset.
pub fn run(bytes: &[u8]) {
    let values: Vec<CString> = bytes
        .split(|&byte| byte == 0)
        .map(|value| CString::new(value).expect("no NUL"))
        .collect();
    let set = VARIABLES.iter().zip(&values);
    let ignored = Cell::new(0);
    let options = Options::from_values(
        |name| {
            let mut set = set.clone();
            let found = set.find(|(variable, _)| variable.0 == name);
            found.map(|(_, value)| value.as_c_str())
        },
        |(name, value, max)| {
            let (variable, given) = set.clone().find(|(it, _)| it.0 == name).expect("is set");
            assert_eq!((variable.1, given.as_c_str()), (max, value));
            ignored.set(ignored.get() + 1);
        },
    );

    let mut expected = [None; 6];
    let mut wrong = 0;
    for (((_, max), value), expected) in set.zip(&mut expected) {
        let value = value.to_bytes();
        let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
        let text = std::str::from_utf8(value).ok().filter(|_| is_number);
        *expected = text
            .and_then(|text| text.parse().ok())
            .filter(|number| number <= max)
            // A switch is one character.
            .filter(|_| *max > 1 || value.len() == 1);
        wrong += u32::from(!value.is_empty() && expected.is_none());
    }
    let [linger, coalesce, poll_max, switches @ ..] = expected;
    let [verbose, stats, busy_poll] = switches.map(|switch| switch == Some(1));
    assert_eq!(
        options,
        Options {
            verbose,
            stats,
            linger_us: linger.unwrap_or(5),
            linger_asked: linger.is_some(),
            coalesce_us: coalesce.unwrap_or(0),
            poll_max_ms: poll_max.unwrap_or(0),
            busy_poll,
        }
    );
    assert_eq!(ignored.get(), wrong);
    assert_eq!(Options::from_words(options.words()), options);
}
