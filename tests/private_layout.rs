// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The fields of libbpf's private structs that programs reach into are where libbpf has them.
//!
//! A test of its own: in one that uses libbpf-sys, the API might be that of its libbpf.

mod common;

use common::{cargo, require_bpf, succeed};
use rbshim::capi::ring::ring__map_fd;
use rbshim::capi::ring_buffer::{
    ring_buffer__add, ring_buffer__epoll_fd, ring_buffer__free, ring_buffer__new, ring_buffer__ring,
};
use std::collections::HashMap;
use std::ffi::{c_int, c_void};
use std::path::{Path, PathBuf};

/// Reads a live manager as a program does that has copied the structs out of libbpf's source.
#[test]
fn libbpfs_private_fields_are_where_they_are_in_libbpf() {
    if !require_bpf() {
        return;
    }
    const BYTES: u32 = 4 * 4096;
    let [first, second] = [create_ring(BYTES), create_ring(2 * BYTES)];
    let at = private_offsets();
    let mut context = 0u8;
    let context: *mut c_void = (&raw mut context).cast();
    // SAFETY: the manager is live between `new` and `free`; what is read lies in it by libbpf's
    // layout, and in the rings and pages that its fields point to.
    unsafe {
        // Ours, and not a libbpf's: that one would crash.
        assert_eq!(ring_buffer__epoll_fd(std::ptr::null()), -libc::EINVAL);
        let manager = ring_buffer__new(first, Some(on_sample), context, std::ptr::null());
        assert!(!manager.is_null());
        assert_eq!(
            ring_buffer__add(manager, second, None, std::ptr::null_mut()),
            0
        );
        let base: *const u8 = manager.cast_const().cast();

        let page: usize = read(base, at["ring_buffer.page_size"]);
        assert_eq!(page, libc::sysconf(libc::_SC_PAGESIZE) as usize);
        let epoll_fd: c_int = read(base, at["ring_buffer.epoll_fd"]);
        assert_eq!(epoll_fd, ring_buffer__epoll_fd(manager));
        assert_eq!(read::<c_int>(base, at["ring_buffer.ring_cnt"]), 2);
        let events: *const libc::epoll_event = read(base, at["ring_buffer.events"]);
        assert!(!events.is_null());
        let rings: *const *const u8 = read(base, at["ring_buffer.rings"]);

        for (index, map_fd, bytes) in [(0, first, BYTES), (1, second, 2 * BYTES)] {
            let ring = *rings.add(index);
            let handle = ring_buffer__ring(manager, index as u32);
            assert_eq!(ring, handle.cast_const().cast());
            assert_eq!(read::<c_int>(ring, at["ring.map_fd"]), map_fd);
            assert_eq!(ring__map_fd(handle), map_fd);
            assert_eq!(read::<usize>(ring, at["ring.mask"]), bytes as usize - 1);
            let consumer: *const usize = read(ring, at["ring.consumer_pos"]);
            let producer: *const usize = read(ring, at["ring.producer_pos"]);
            assert_eq!([*consumer, *producer], [0, 0]);
            let data: *const u8 = read(ring, at["ring.data"]);
            assert_eq!(data, producer.cast::<u8>().add(page));
            let callback: usize = read(ring, at["ring.sample_cb"]);
            let kept: *mut c_void = read(ring, at["ring.ctx"]);
            let (expected, expected_context) = match index {
                0 => (on_sample as *const () as usize, context),
                _ => (0, std::ptr::null_mut()),
            };
            assert_eq!(callback, expected);
            assert_eq!(kept, expected_context);
        }
        ring_buffer__free(manager);
        libc::close(first);
        libc::close(second);
    }
}

unsafe extern "C-unwind" fn on_sample(_: *mut c_void, _: *mut c_void, _: usize) -> c_int {
    0
}

/// # Safety
///
/// There is a `T` at `offset` from `base`.
unsafe fn read<T>(base: *const u8, offset: usize) -> T {
    // SAFETY: as required of the caller.
    unsafe { base.add(offset).cast::<T>().read() }
}

fn create_ring(bytes: u32) -> c_int {
    // map_type, key_size, value_size, max_entries, and the rest of its part of union bpf_attr
    let mut attributes = [0u32; 18];
    attributes[0] = rbshim::__internals::bpf::MAP_TYPE_RINGBUF;
    attributes[3] = bytes;
    // SAFETY: the kernel reads `size_of_val(&attributes)` bytes at that address.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            0,
            attributes.as_ptr(),
            size_of_val(&attributes),
        )
    };
    assert!(
        fd >= 0,
        "creating a map: {}",
        std::io::Error::last_os_error()
    );
    fd as c_int
}

/// `struct.field` → offset, from libbpf's own source.
fn private_offsets() -> HashMap<String, usize> {
    let source = vendored_libbpf();
    let include = |path: &str| format!("-I{}", source.join(path).display());
    let bindings = bindgen::Builder::default()
        .header(
            source
                .join("src/ringbuf.c")
                .to_str()
                .expect("a path in UTF-8"),
        )
        .clang_args(["-D_GNU_SOURCE", "-D_LARGEFILE64_SOURCE"])
        .clang_args([include("src"), include("include"), include("include/uapi")])
        .allowlist_type("ring|ring_buffer")
        .layout_tests(true)
        .generate()
        .expect("bindgen understands libbpf's ringbuf.c")
        .to_string();
    // ["Offset of field: ring::ctx"][::std::mem::offset_of!(ring, ctx) - 8usize];
    let offsets: HashMap<String, usize> = bindings
        .lines()
        .filter_map(|line| {
            let (_, rest) = line.split_once("offset_of!(")?;
            let (path, rest) = rest.split_once(") - ")?;
            let (offset, _) = rest.split_once("usize")?;
            Some((path.replace(", ", "."), offset.parse().ok()?))
        })
        .filter(|(field, _)| field.starts_with("ring"))
        .collect();
    assert_eq!(
        offsets.len(),
        5 + 7,
        "libbpf's structs have changed: {offsets:?}"
    );
    offsets
}

fn vendored_libbpf() -> PathBuf {
    let metadata = succeed(cargo().args(["metadata", "--format-version=1", "--locked"]));
    let metadata: serde_json::Value = serde_json::from_str(&metadata).expect("cargo prints JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let package = packages
        .iter()
        .find(|package| package["name"] == "libbpf-sys");
    let manifest = package.and_then(|package| package["manifest_path"].as_str());
    Path::new(manifest.expect("libbpf-sys is a dependency")).with_file_name("libbpf")
}
