// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What we ask `bpf(2)` has the kernel's layout and constants.

use rbshim::__internals::bpf;
use std::mem::offset_of;

#[test]
fn the_beginning_of_the_map_info_is_the_kernels() {
    type Theirs = libbpf_sys::bpf_map_info;
    type Ours = bpf::MapInfo;
    assert_eq!(offset_of!(Ours, map_type), offset_of!(Theirs, type_));
    assert_eq!(offset_of!(Ours, id), offset_of!(Theirs, id));
    assert_eq!(offset_of!(Ours, key_size), offset_of!(Theirs, key_size));
    assert_eq!(offset_of!(Ours, value_size), offset_of!(Theirs, value_size));
    assert_eq!(
        offset_of!(Ours, max_entries),
        offset_of!(Theirs, max_entries)
    );
    assert_eq!(offset_of!(Ours, map_flags), offset_of!(Theirs, map_flags));
    assert_eq!(size_of::<Ours>(), offset_of!(Theirs, name));
}

#[test]
fn the_attribute_is_the_kernels() {
    type Theirs = libbpf_sys::bpf_attr;
    type Ours = bpf::InfoAttr;
    assert_eq!(offset_of!(Ours, bpf_fd), offset_of!(Theirs, info.bpf_fd));
    assert_eq!(
        offset_of!(Ours, info_len),
        offset_of!(Theirs, info.info_len)
    );
    assert_eq!(offset_of!(Ours, info), offset_of!(Theirs, info.info));
    assert_eq!(
        size_of::<Ours>(),
        offset_of!(Theirs, info.info) + size_of::<u64>()
    );
}

#[test]
fn the_constants_are_the_kernels() {
    assert_eq!(bpf::MAP_TYPE_RINGBUF, libbpf_sys::BPF_MAP_TYPE_RINGBUF);
    assert_eq!(
        bpf::MAP_TYPE_USER_RINGBUF,
        libbpf_sys::BPF_MAP_TYPE_USER_RINGBUF
    );
    assert_eq!(
        bpf::OBJ_GET_INFO_BY_FD as u32,
        libbpf_sys::BPF_OBJ_GET_INFO_BY_FD
    );
}
