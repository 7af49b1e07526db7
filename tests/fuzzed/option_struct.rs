// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! libbpf's option structs with any bytes in them: the size that they begin with, and what it promises to be there.

use rbshim::capi::ring_buffer::ring_buffer__new;
use rbshim::capi::user_ring_buffer::user_ring_buffer__new;
use std::io::Error;
use std::ptr;

pub fn run(bytes: &[u8]) {
    // At an address that is not aligned, with nothing behind it that may be read.
    let memory: Vec<u8> = [&[0], bytes].concat();
    let (_, given) = memory.split_at(1);
    let Some((size, rest)) = given.split_first_chunk() else {
        return;
    };
    let size = usize::from_ne_bytes(*size);
    if size > given.len() {
        return;
    }
    let head = size_of::<usize>();
    let valid = size >= head && rest[..size - head].iter().all(|&byte| byte == 0);
    let opts = given.as_ptr();
    // SAFETY: readable for as many bytes as it begins with; -1 is no map.
    unsafe {
        assert!(ring_buffer__new(-1, None, ptr::null_mut(), opts.cast()).is_null());
        assert_ne!(is_invalid(), valid);
        assert!(user_ring_buffer__new(-1, opts.cast()).is_null());
        assert_ne!(is_invalid(), valid);
    }
}

/// EBADF, for the map, comes after it.
fn is_invalid() -> bool {
    Error::last_os_error().raw_os_error() == Some(libc::EINVAL)
}
