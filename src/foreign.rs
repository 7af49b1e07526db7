// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Handles that libbpf has made itself.
//!
//! libbpf calls some of its functions by their exported names: `ring_buffer__new` calls
//! `ring_buffer__add`. Where a program has got at libbpf's `ring_buffer__new` by `dlsym`, but ours come
//! first in the process's scope, as when we are preloaded, that second call is to us. It is passed on.

use crate::sys::alloc;
use core::ffi::{CStr, c_char, c_void};

mod c {
    use super::*;

    unsafe extern "C" {
        pub fn rbshim_foreign_function(name: *const c_char, ours: *mut c_void) -> *mut c_void;
    }
}

/// Whether a handle that C has passed is not one of ours, which all are [`alloc::keep`]'s.
pub fn is_foreign<T>(handle: *const T) -> bool {
    !handle.is_null() && !alloc::is_handle(handle)
}

/// libbpf's function `name`; `None` without libbpf.
///
/// # Safety
///
/// `_ours`, at `address`, is our function of that name, and of libbpf's type.
pub unsafe fn function<F: Copy>(name: &CStr, address: *const c_void, _ours: F) -> Option<F> {
    const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
    // SAFETY: a C string, and an address that is only compared.
    let theirs = unsafe { c::rbshim_foreign_function(name.as_ptr(), address.cast_mut()) };
    if theirs.is_null() {
        return None;
    }
    // SAFETY: a function of the type `F`, a pointer, as required of the caller.
    Some(unsafe { core::mem::transmute_copy(&theirs) })
}
