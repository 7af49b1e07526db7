// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Looking at an epoll without waiting.

use std::ffi::c_int;
use std::io::Error;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// An epoll that reports every notification of `inner` once.
pub fn edges_of(inner: c_int) -> OwnedFd {
    let events = (libc::EPOLLIN | libc::EPOLLET) as u32;
    let mut event = libc::epoll_event { events, u64: 0 };
    // SAFETY: the descriptor is new and ours; one event.
    unsafe {
        let fd = libc::epoll_create1(libc::EPOLL_CLOEXEC);
        assert!(fd >= 0, "epoll_create1: {}", Error::last_os_error());
        let added = libc::epoll_ctl(fd, libc::EPOLL_CTL_ADD, inner, &raw mut event);
        assert_eq!(added, 0, "epoll_ctl: {}", Error::last_os_error());
        OwnedFd::from_raw_fd(fd)
    }
}

/// The events that are there, with their data.
pub fn events(epoll: &impl AsRawFd) -> Vec<(u32, u64)> {
    const ROOM: usize = 8;
    let mut events = [libc::epoll_event { events: 0, u64: 0 }; ROOM];
    // SAFETY: there is room for as many events.
    let count =
        unsafe { libc::epoll_wait(epoll.as_raw_fd(), events.as_mut_ptr(), ROOM as c_int, 0) };
    let count = usize::try_from(count).unwrap_or_else(|_| panic!("{}", Error::last_os_error()));
    events[..count]
        .iter()
        .map(|event| (event.events, event.u64))
        .collect()
}

/// What poll(2) says of these events. Changes nothing.
pub fn poll(fd: c_int, events: i16) -> i16 {
    let mut poll = libc::pollfd {
        fd,
        events,
        revents: 0,
    };
    // SAFETY: one pollfd.
    unsafe { libc::poll(&raw mut poll, 1, 0) };
    poll.revents
}
