// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Reads rings with libbpf-rs and the libbpf that comes with it, linked statically.

use libbpf_rs::{MapHandle, RingBufferBuilder};
use rbshim_bench::reading;
use std::error::Error;
use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

fn id_of(fd: RawFd) -> Result<u32, io::Error> {
    let mut info = libbpf_sys::bpf_map_info::default();
    let mut size = size_of_val(&info) as u32;
    // SAFETY: the size that is passed is the structure's.
    let error =
        unsafe { libbpf_sys::bpf_obj_get_info_by_fd(fd, (&raw mut info).cast(), &mut size) };
    match error {
        0 => Ok(info.id),
        _ => Err(io::Error::last_os_error()),
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let shared = reading::attach()?;
    let mut maps = Vec::new();
    for &fd in reading::ring_fds(&shared) {
        maps.push(MapHandle::from_map_id(id_of(fd)?)?);
    }
    let mut builder = RingBufferBuilder::new();
    for map in &maps {
        builder.add(map, |record| {
            reading::on_record(&shared, record);
            0
        })?;
    }
    let reader = builder.build()?;
    reading::run(&shared, || {
        Ok(reader.poll(Duration::from_millis(reading::POLL_MS as u64))?)
    })
}
