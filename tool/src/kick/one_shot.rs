// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A second descriptor of the map in the reader's epoll instance, reported once.

use super::{PATIENCE, moved};
use crate::process::Process;
use crate::process::epoll::{self, Item};
use crate::process::wait::Way;
use crate::rings::Mapping;
use rustix::event::epoll as ours;
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
use std::io;
use std::sync::atomic::Ordering::Acquire;

/// Tries each epoll instance of the process that somebody sleeps on for the ring. Returns how far the reader got.
pub fn add(
    mapping: &Mapping,
    process: &Process,
    ring: u32,
    before: u64,
) -> io::Result<Option<u64>> {
    let ways = ways(process, ring);
    for way in &ways {
        // As it is now: what was seen before may be another epoll instance since.
        let Ok(now) = Process::look(process.pid) else {
            return Ok(None);
        };
        let still = now.started == process.started && self::ways(&now, ring).contains(way);
        if mapping.consumer().load(Acquire) != before {
            return Ok(moved(mapping, before, PATIENCE));
        }
        let (Some(number), Some(item), true) = (way.innermost(), &way.item, still) else {
            continue;
        };
        let Some(instance) = instance(&now, number, item)? else {
            continue;
        };
        let flags = ours::EventFlags::IN | ours::EventFlags::ET | ours::EventFlags::ONESHOT;
        ours::add(
            &instance,
            mapping.fd(),
            ours::EventData::new_u64(item.data),
            flags,
        )?;
        let read = moved(mapping, before, PATIENCE / ways.len() as u32);
        ours::delete(&instance, mapping.fd())?;
        if read.is_some() {
            return Ok(read);
        }
    }
    Ok(None)
}

/// From the threads that sleep.
fn ways(process: &Process, ring: u32) -> Vec<Way> {
    let waiters = process.waiters(ring).into_iter();
    let asleep = waiters.filter(|waiter| waiter.thread.asleep());
    let mut ways: Vec<Way> = asleep.flat_map(|waiter| waiter.ways).collect();
    // Items of two threads' waits may be the same.
    ways.dedup();
    ways
}

/// The process's epoll instance, if it is still the one that holds the item.
fn instance(process: &Process, number: i32, item: &Item) -> io::Result<Option<OwnedFd>> {
    let Some(pid) = Pid::from_raw(process.pid) else {
        return Ok(None);
    };
    let gone = |error: rustix::io::Errno| match error {
        rustix::io::Errno::SRCH | rustix::io::Errno::BADF => Ok(None),
        error => Err(io::Error::from(error)),
    };
    let process_fd = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(fd) => fd,
        Err(error) => return gone(error),
    };
    // The id may have been given to another process before we opened it, not after.
    if !process.lives() {
        return Ok(None);
    }
    let instance = match pidfd_getfd(&process_fd, number, PidfdGetfdFlags::empty()) {
        Ok(fd) => fd,
        Err(error) => return gone(error),
    };
    let link = std::fs::read_link(format!("/proc/self/fd/{}", instance.as_raw_fd()))?;
    if link.to_str() != Some(epoll::EVENTPOLL) {
        return Ok(None);
    }
    let items = epoll::items(std::process::id() as i32, instance.as_raw_fd())?;
    // Its descriptors are not ours: what they are cannot be compared.
    let same = |held: &Item| (held.fd, held.events, held.data) == (item.fd, item.events, item.data);
    Ok(items.iter().any(same).then_some(instance))
}
