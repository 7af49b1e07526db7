// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! libbpf with one function that is not quite right.

use super::kernel::set_errno;
use super::libraries::{Api, libbpf, load_libbpf};
use std::ffi::{c_int, c_void};

/// Each with the name of what is wrong.
pub fn libraries() -> Vec<(&'static str, &'static Api)> {
    let spoil = |name, change: fn(&mut Api)| -> (&'static str, &'static Api) {
        let mut api = load_libbpf();
        change(&mut api);
        (name, Box::leak(Box::new(api)))
    };
    vec![
        spoil("headers do not count as available", |api| {
            api.ring__avail_data_size = avail_without_header;
        }),
        spoil("a success touches errno", |api| {
            api.ring_buffer__consume = consume_and_clear_errno
        }),
        spoil("one record too many", |api| {
            api.ring__consume_n = consume_one_more
        }),
        spoil("poll looks at all rings", |api| {
            api.ring_buffer__poll = consume_instead_of_poll
        }),
    ]
}

unsafe extern "C" fn avail_without_header(ring: *const c_void) -> usize {
    // SAFETY: as the caller's.
    let avail = unsafe { (libbpf().ring__avail_data_size)(ring) };
    avail.saturating_sub(8)
}

unsafe extern "C" fn consume_and_clear_errno(manager: *mut c_void) -> c_int {
    // SAFETY: as the caller's.
    let result = unsafe { (libbpf().ring_buffer__consume)(manager) };
    if result >= 0 {
        set_errno(0);
    }
    result
}

unsafe extern "C" fn consume_one_more(ring: *mut c_void, n: usize) -> c_int {
    // SAFETY: as the caller's.
    unsafe { (libbpf().ring__consume_n)(ring, n.saturating_add(1)) }
}

unsafe extern "C" fn consume_instead_of_poll(manager: *mut c_void, _timeout: c_int) -> c_int {
    // SAFETY: as the caller's.
    unsafe { (libbpf().ring_buffer__consume)(manager) }
}
