// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The fields of libbpf's private structs that programs reach into are where libbpf has them.
//!
//! The functions are those of the library that ships, looked up in it: linked into this test, which uses
//! libbpf-sys as well, they could be that libbpf's.

use crate::common::{cargo, create_ring, rbshim, require_bpf, succeed};
use libloading::{Library, Symbol};
use std::collections::HashMap;
use std::ffi::{c_int, c_uint, c_void};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

type OnSample = unsafe extern "C-unwind" fn(*mut c_void, *mut c_void, usize) -> c_int;
type New =
    unsafe extern "C-unwind" fn(c_int, Option<OnSample>, *mut c_void, *const c_void) -> *mut c_void;
type Add = unsafe extern "C-unwind" fn(*mut c_void, c_int, Option<OnSample>, *mut c_void) -> c_int;
type RingOf = unsafe extern "C-unwind" fn(*mut c_void, c_uint) -> *mut c_void;
type Descriptor = unsafe extern "C-unwind" fn(*const c_void) -> c_int;
type Free = unsafe extern "C-unwind" fn(*mut c_void);

/// Reads a live manager as a program does that has copied the structs out of libbpf's source.
#[test]
fn libbpfs_private_fields_are_where_they_are_in_libbpf() {
    if !require_bpf() {
        return;
    }
    const BYTES: u32 = 4 * 4096;
    let rings = [BYTES, 2 * BYTES].map(|bytes| create_ring(bytes).expect("a map"));
    let [first, second] = rings.each_ref().map(|ring| ring.as_raw_fd());
    // SAFETY: loading the library runs no code of its own (`exports.rs`).
    let library = unsafe { Library::new(&rbshim().shared) }.expect("the library");
    let at = private_offsets();
    let mut context = 0u8;
    let context: *mut c_void = (&raw mut context).cast();
    // SAFETY: the types are those of the functions in include/rbshim.h; the manager is live between `new` and
    // `free`; what is read lies in it by libbpf's layout, and in the rings and pages that its fields point to.
    unsafe {
        let new: Symbol<New> = function(&library, "ring_buffer__new");
        let add: Symbol<Add> = function(&library, "ring_buffer__add");
        let ring_of: Symbol<RingOf> = function(&library, "ring_buffer__ring");
        let epoll_fd_of: Symbol<Descriptor> = function(&library, "ring_buffer__epoll_fd");
        let free: Symbol<Free> = function(&library, "ring_buffer__free");
        let map_fd_of: Symbol<Descriptor> = function(&library, "ring__map_fd");
        let manager = new(first, Some(on_sample), context, std::ptr::null());
        assert!(!manager.is_null());
        assert_eq!(add(manager, second, None, std::ptr::null_mut()), 0);
        let base: *const u8 = manager.cast_const().cast();

        let page: usize = read(base, at["ring_buffer.page_size"]);
        assert_eq!(page, libc::sysconf(libc::_SC_PAGESIZE) as usize);
        let epoll_fd: c_int = read(base, at["ring_buffer.epoll_fd"]);
        assert_eq!(epoll_fd, epoll_fd_of(manager));
        assert_eq!(read::<c_int>(base, at["ring_buffer.ring_cnt"]), 2);
        let events: *const libc::epoll_event = read(base, at["ring_buffer.events"]);
        assert!(!events.is_null());
        let rings: *const *const u8 = read(base, at["ring_buffer.rings"]);

        for (index, map_fd, bytes) in [(0, first, BYTES), (1, second, 2 * BYTES)] {
            let ring = *rings.add(index);
            let handle = ring_of(manager, index as u32);
            assert_eq!(ring, handle.cast_const().cast());
            assert_eq!(read::<c_int>(ring, at["ring.map_fd"]), map_fd);
            assert_eq!(map_fd_of(handle), map_fd);
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
        free(manager);
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

/// # Safety
///
/// `T` is the type of the function.
unsafe fn function<'library, T>(library: &'library Library, name: &str) -> Symbol<'library, T> {
    // SAFETY: as required of the caller.
    unsafe { library.get(name.as_bytes()) }.unwrap_or_else(|error| panic!("{name}: {error}"))
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
