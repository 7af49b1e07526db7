// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! How a process waits for a ring.

use super::epoll::{Item, Target};
use super::thread::{Call, Thread};
use super::{Process, SOON};
use std::time::Duration;

/// epoll instances may be nested this deep.
const DEEPEST: usize = 5;

/// How it waits, whether or not it does so now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// It is not seen to: it looks by itself, or waits in a way that we do not know.
    Unseen,
    /// By `poll`, or in an epoll instance without `EPOLLET`: the kernel looks again before it sleeps.
    Level,
    /// By an io_uring: like edge-triggered, if its poll is multishot.
    Uring,
    /// With `EPOLLET`, on the ring itself or on an epoll instance around it.
    Edge,
}

impl How {
    /// For tables and JSON.
    pub fn name(self) -> &'static str {
        match self {
            How::Unseen => "unseen",
            How::Level => "level",
            How::Uring => "io_uring",
            How::Edge => "edge",
        }
    }

    /// Whether a reader that has no full barrier may sleep on a record for ever.
    pub fn exposed(self) -> bool {
        matches!(self, How::Edge | How::Uring)
    }
}

/// A way from a sleeping thread, or an epoll instance, down to the ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// The epoll instances on the way, the outermost first.
    pub epolls: Vec<i32>,
    /// The ring's item in the innermost one. `None`: by `poll`, on the map's own descriptor.
    pub item: Option<Item>,
    /// `EPOLLET` is somewhere on the way.
    pub edge: bool,
}

impl Way {
    /// The epoll instance that holds the ring's item.
    pub fn innermost(&self) -> Option<i32> {
        self.epolls.last().copied()
    }
}

/// A thread that waits for the ring.
#[derive(Clone, Debug)]
pub struct Waiter<'process> {
    /// The thread.
    pub thread: &'process Thread,
    /// How its wait leads to the ring; several if it is not sure which item is the ring's.
    pub ways: Vec<Way>,
    /// It will wake by itself after this time at the latest: it has a timeout, or a timer.
    pub wakes_itself: Option<Duration>,
}

impl Process {
    /// The threads that wait for the ring with this id, one of those that the process has mapped.
    pub fn waiters(&self, ring: u32) -> Vec<Waiter<'_>> {
        self.threads
            .iter()
            .filter_map(|thread| self.waiter(thread, ring))
            .collect()
    }

    fn waiter<'process>(
        &'process self,
        thread: &'process Thread,
        ring: u32,
    ) -> Option<Waiter<'process>> {
        let (mut ways, mut timer) = (Vec::new(), None);
        let timeout = match &thread.call {
            Call::Epoll { fd, timeout } => {
                ways = self.ways_from(*fd, ring);
                timer = self.timer(*fd, 0);
                *timeout
            }
            Call::Poll { fds, timeout } => {
                for fd in fds {
                    ways.extend(self.ways_from(*fd, ring));
                    if super::epoll::map_of(self.pid, *fd) == Some(ring) {
                        ways.push(Way {
                            epolls: Vec::new(),
                            item: None,
                            edge: false,
                        });
                    }
                }
                *timeout
            }
            Call::Uring | Call::Other => return None,
        };
        let wakes_itself = [timeout, timer].into_iter().flatten().min();
        (!ways.is_empty()).then_some(Waiter {
            thread,
            ways,
            wakes_itself,
        })
    }

    /// How it waits for the ring, wherever its threads are now.
    pub fn how(&self, ring: u32) -> How {
        let mut how = How::Unseen;
        for epoll in self.epolls.keys() {
            for way in self.ways_from(*epoll, ring) {
                how = how.max(if way.edge { How::Edge } else { How::Level });
            }
        }
        let polls = self.threads.iter().any(|thread| {
            matches!(thread.call, Call::Poll { .. }) && self.waiter(thread, ring).is_some()
        });
        if polls {
            how = how.max(How::Level);
        }
        // libbpf's own epoll instance has the ring as level-triggered, also where somebody else polls that.
        let uring = self.threads.iter().any(|thread| thread.call == Call::Uring);
        let waits = !self.waiters(ring).is_empty();
        if how == How::Unseen && self.uring || how == How::Level && uring && !waits {
            how = How::Uring;
        }
        how
    }

    /// The epoll instances from which an edge-triggered way leads to the ring.
    pub fn edge_triggered_epolls(&self, ring: u32) -> Vec<i32> {
        let edge = |epoll: &&i32| self.ways_from(**epoll, ring).iter().any(|way| way.edge);
        self.epolls.keys().filter(edge).copied().collect()
    }

    /// The ways from an epoll instance to the ring.
    fn ways_from(&self, epoll: i32, ring: u32) -> Vec<Way> {
        let mut ways = Vec::new();
        // An item whose descriptor is closed may be any ring that no other item is known to be.
        let known = self
            .epolls
            .values()
            .flatten()
            .any(|item| item.target == Target::Map(ring));
        let wanted = if known {
            Target::Map(ring)
        } else {
            Target::Lost
        };
        self.descend(&mut vec![epoll], false, &wanted, &mut ways);
        ways
    }

    fn descend(&self, path: &mut Vec<i32>, edge: bool, wanted: &Target, ways: &mut Vec<Way>) {
        let Some(items) = path.last().and_then(|epoll| self.epolls.get(epoll)) else {
            return;
        };
        for item in items {
            let edge = edge || item.edge_triggered();
            if item.target == *wanted {
                ways.push(Way {
                    epolls: path.clone(),
                    item: Some(item.clone()),
                    edge,
                });
            }
            match item.target {
                Target::Epoll(inner) if path.len() < DEEPEST => {
                    path.push(inner);
                    self.descend(path, edge, wanted, ways);
                    path.pop();
                }
                _ => {}
            }
        }
    }

    /// How often, at least, a timer among what this epoll instance watches wakes its sleeper.
    fn timer(&self, epoll: i32, depth: usize) -> Option<Duration> {
        let items = self.epolls.get(&epoll)?.iter();
        items
            .filter_map(|item| match item.target {
                Target::Timer { left, interval } if interval.is_zero() => Some(left),
                Target::Timer { interval, .. } => Some(interval),
                Target::Epoll(inner) if depth < DEEPEST => self.timer(inner, depth + 1),
                _ => None,
            })
            .filter(|time| *time <= SOON)
            .min()
    }
}

#[cfg(test)]
mod tests;
