// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The environment, as far as a setuid program may trust it.

use core::ffi::{CStr, c_char};

unsafe extern "C" {
    fn secure_getenv(name: *const c_char) -> *mut c_char;
}

/// The value of `name`, or `None` if it is unset or the program runs with raised privileges.
///
/// What is returned is valid until the program changes its environment: use it at once.
pub fn secure(name: &CStr) -> Option<&'static CStr> {
    // SAFETY: `name` is a C string; the result is null or a C string in the environment.
    unsafe {
        let value = secure_getenv(name.as_ptr());
        (!value.is_null()).then(|| CStr::from_ptr(value))
    }
}
