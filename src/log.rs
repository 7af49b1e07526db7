// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The log: warnings in libbpf's words through libbpf's hook, and what the user has asked us to say.
//!
//! The formats of the warnings are libbpf's to the letter, so that a program whose hook filters them
//! finds what it looks for.

use crate::sys::errno::Errno;
use core::ffi::{CStr, c_char};

/// The functions of `log.c`. They take C formats; each call states the types it passes.
pub mod c {
    use core::ffi::c_char;

    unsafe extern "C-unwind" {
        /// Prints a warning through libbpf's hook, or to stderr where there is no libbpf.
        pub fn rbshim_log_warn(format: *const c_char, ...);
        /// Prints to stderr.
        pub fn rbshim_log_say(format: *const c_char, ...);
        /// The path of this library.
        pub fn rbshim_log_library() -> *const c_char;
    }
}

/// Prints a warning: a C format and arguments of exactly the types it names.
macro_rules! warning {
    ($format:expr $(, $argument:expr)* $(,)?) => {
        // SAFETY: the format is a C string and the arguments at the call are of the types it names.
        unsafe { $crate::log::c::rbshim_log_warn($format.as_ptr() $(, $argument)*) }
    };
}

/// Says something on stderr: a C format and arguments of exactly the types it names.
macro_rules! say {
    ($format:expr $(, $argument:expr)* $(,)?) => {
        // SAFETY: the format is a C string and the arguments at the call are of the types it names.
        unsafe { $crate::log::c::rbshim_log_say($format.as_ptr() $(, $argument)*) }
    };
}

pub(crate) use {say, warning};

/// The path this library was loaded from.
pub fn library() -> &'static CStr {
    // SAFETY: the function returns a C string that lives as long as the library.
    unsafe { CStr::from_ptr(c::rbshim_log_library()) }
}

/// An error as libbpf writes it: its name, or else its number, with a minus sign.
#[derive(Clone, Copy, Debug)]
pub struct ErrorText {
    name: Option<&'static CStr>,
    digits: [u8; 12],
    first: usize,
}

impl ErrorText {
    /// The text for `error`.
    pub fn new(error: Errno) -> Self {
        let mut text = ErrorText {
            name: error.name(),
            digits: [0; 12],
            first: 11,
        };
        // Filled from the end, which stays NUL; 10 digits and the sign fit before it.
        let mut rest = error.0.unsigned_abs();
        loop {
            text.put(b'0' + (rest % 10) as u8);
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        text.put(b'-');
        text
    }

    /// The C string, valid as long as this text.
    pub fn as_ptr(&self) -> *const c_char {
        match self.name {
            Some(name) => name.as_ptr(),
            None => self.digits.as_ptr().wrapping_add(self.first).cast(),
        }
    }

    fn put(&mut self, byte: u8) {
        self.first = self.first.saturating_sub(1);
        if let Some(place) = self.digits.get_mut(self.first) {
            *place = byte;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(error: i32) -> String {
        let text = ErrorText::new(Errno(error));
        // SAFETY: `as_ptr` returns a C string that lives as long as `text`.
        unsafe { CStr::from_ptr(text.as_ptr()) }
            .to_str()
            .unwrap()
            .into()
    }

    #[test]
    fn an_error_is_written_by_name_or_else_by_number() {
        assert_eq!(text(libc::EBADF), "-EBADF");
        assert_eq!(text(libc::ENOMEM), "-ENOMEM");
        assert_eq!(text(524), "-524");
        assert_eq!(text(i32::MAX), "-2147483647");
    }
}
