// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Reads rings with aya, waiting level-triggered.

use aya::maps::{Map, MapData, RingBuf};
use rbshim_bench::{reading, shared::MAX_RINGS};
use std::error::Error;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

fn main() -> Result<(), Box<dyn Error>> {
    let shared = reading::attach()?;
    // SAFETY: Flags only.
    let epoll = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
    if epoll < 0 {
        return Err(io::Error::last_os_error().into());
    }
    let mut rings = Vec::new();
    for &fd in reading::ring_fds(&shared) {
        // SAFETY: The driver left it to us.
        let data = MapData::from_fd(unsafe { OwnedFd::from_raw_fd(fd) })?;
        let ring: RingBuf<MapData> = Map::RingBuf(data).try_into()?;
        let mut event = libc::epoll_event {
            events: libc::EPOLLIN as u32,
            u64: rings.len() as u64,
        };
        // SAFETY: The event lives until the call is over.
        if unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, ring.as_raw_fd(), &mut event) } != 0
        {
            return Err(io::Error::last_os_error().into());
        }
        rings.push(ring);
    }
    let mut events = [libc::epoll_event { events: 0, u64: 0 }; MAX_RINGS];
    reading::run(&shared, || {
        // SAFETY: There is room for so many events.
        let count = unsafe {
            libc::epoll_wait(
                epoll,
                events.as_mut_ptr(),
                MAX_RINGS as i32,
                reading::POLL_MS,
            )
        };
        let Ok(count) = usize::try_from(count) else {
            return Err(io::Error::last_os_error().into());
        };
        for event in &events[..count] {
            while let Some(record) = rings[event.u64 as usize].next() {
                reading::on_record(&shared, &record);
            }
        }
        Ok(())
    })
}
