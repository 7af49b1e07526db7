// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Names that others chose, made fit for a terminal.

use std::borrow::Cow;

/// A name as it may be printed: no control sequence, no line break, nothing that turns the direction of writing.
///
/// Whatever is not shown as it is becomes `\x1b` or `\u{202e}`, so that two names never look the same for that.
pub fn plain(name: &[u8]) -> String {
    let mut shown = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        for letter in chunk.valid().chars() {
            push(&mut shown, letter);
        }
        for byte in chunk.invalid() {
            shown.push_str(&format!("\\x{byte:02x}"));
        }
    }
    shown
}

/// The same of what is text already.
pub fn plain_str(name: &str) -> Cow<'_, str> {
    if name.chars().all(|letter| !is_hostile(letter)) {
        Cow::Borrowed(name)
    } else {
        Cow::Owned(plain(name.as_bytes()))
    }
}

fn push(shown: &mut String, letter: char) {
    if !is_hostile(letter) {
        shown.push(letter);
    } else if u32::from(letter) < 0x80 {
        shown.push_str(&format!("\\x{:02x}", u32::from(letter)));
    } else {
        shown.extend(letter.escape_unicode());
    }
}

fn is_hostile(letter: char) -> bool {
    // The backslash, because it begins what stands for the others.
    letter.is_control()
        || letter == '\\'
        || matches!(letter,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// At most `width` letters; what is cut off leaves a mark.
pub fn cut(name: &str, width: usize) -> Cow<'_, str> {
    if name.chars().count() <= width {
        return Cow::Borrowed(name);
    }
    let mut short: String = name.chars().take(width.saturating_sub(1)).collect();
    short.push('~');
    Cow::Owned(short)
}

/// Bytes as people read them: `512K`, `1.5M`.
pub fn bytes(count: u64) -> String {
    scaled(count as f64, 1024.0, &["", "K", "M", "G", "T"])
}

/// A count as people read it, in powers of 1000.
pub fn count(count: f64) -> String {
    scaled(count, 1000.0, &["", "k", "M", "G", "T"])
}

fn scaled(mut count: f64, step: f64, units: &[&str]) -> String {
    let mut unit = 0;
    while count >= step && unit + 1 < units.len() {
        count /= step;
        unit += 1;
    }
    let digits = usize::from(unit > 0 && count < 10.0 && count.fract() > 0.05);
    format!("{count:.digits$}{}", units[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_control_sequence_reaches_the_terminal() {
        assert_eq!(plain(b"a\x1b[2Jb"), "a\\x1b[2Jb");
        assert_eq!(plain(b"two\nlines\t"), "two\\x0alines\\x09");
        assert_eq!(plain(b"\xff\xfeok"), "\\xff\\xfeok");
        assert_eq!(plain("\u{9b}2J\u{202e}".as_bytes()), "\\u{9b}2J\\u{202e}");
        assert_eq!(plain("größe".as_bytes()), "größe");
        assert_eq!(plain(b"\\x1b"), "\\x5cx1b");
    }

    proptest::proptest! {
        #[test]
        fn whatever_the_bytes_nothing_hostile_is_left(name: Vec<u8>) {
            let shown = plain(&name);
            proptest::prop_assert!(shown.chars().all(|letter| letter == '\\' || !is_hostile(letter)));
        }
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(bytes(512 * 1024), "512K");
        assert_eq!(bytes(1536), "1.5K");
        assert_eq!(bytes(100), "100");
        assert_eq!(count(2_340_000.0), "2.3M");
        assert_eq!(cut("abcdef", 4), "abc~");
    }
}
