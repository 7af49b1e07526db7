// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Rings and the epoll that watches them. This is C's `struct ring_buffer`.

mod lingering;

use crate::attach::RING;
use crate::log::{ErrorText, warning};
use crate::mapped_ring::{EmptyRing, MappedRing, RingHandle, SampleFn};
use crate::options::options;
use crate::sys::alloc;
use crate::sys::epoll::{self, Event};
use crate::sys::errno::Errno;
use crate::sys::mmap::page_size;
use core::ffi::{c_int, c_ulong, c_void};
use core::mem::offset_of;
use core::ptr::{self, NonNull};
use lingering::Lingering;

/// Records that one call delivers from one ring at most: what its result can say.
pub const CALL_MAX: u64 = c_int::MAX as u64;

/// C's `struct ring_buffer`. It begins with libbpf's own fields, since programs reach into them.
#[repr(C)]
#[derive(Debug)]
pub struct Manager {
    /// Room for `ring_cnt` events.
    events: *mut Event,
    /// `ring_cnt` rings, in the order in which they were added.
    rings: *mut *mut MappedRing,
    page_size: usize,
    /// Watches the maps. An event of ring `i` has the data `i`.
    epoll_fd: c_int,
    ring_cnt: c_int,
    /// Polls begun. A poll that finds it changed after a callback knows that the callback has polled too,
    /// and has overwritten `events`.
    polls: u32,
    lingering: Lingering,
}

const _: () = {
    let word = size_of::<c_ulong>();
    assert!(offset_of!(Manager, events) == 0);
    assert!(offset_of!(Manager, rings) == word);
    assert!(offset_of!(Manager, page_size) == 2 * word);
    assert!(offset_of!(Manager, epoll_fd) == 3 * word);
    assert!(offset_of!(Manager, ring_cnt) == 3 * word + size_of::<c_int>());
};

/// A manager by its address. A copy of this, never a reference, is what lives across a callback,
/// which may add rings, poll, consume, or not return at all: each step reads the fields anew.
#[derive(Clone, Copy, Debug)]
pub struct ManagerHandle(NonNull<Manager>);

impl ManagerHandle {
    /// A manager without rings. Errors: `ENOMEM`; `epoll_create1(2)`'s.
    pub fn new() -> Result<Self, Errno> {
        let errno = Errno::last();
        let options = options();
        let epoll_fd = RING.create_epoll()?;
        let manager = Manager {
            events: ptr::null_mut(),
            rings: ptr::null_mut(),
            page_size: page_size(),
            epoll_fd,
            ring_cnt: 0,
            polls: 0,
            lingering: Lingering::new(options.linger_us),
        };
        let Some(manager) = alloc::keep(manager).map(ManagerHandle) else {
            epoll::destroy(epoll_fd);
            return Err(Errno(libc::ENOMEM));
        };
        if let Err(error) = manager.set_coalesce_us(options.coalesce_us) {
            let text = ErrorText::new(error);
            warning!(c"rbshim: no coalescing window: %s\n", text.as_ptr());
        }
        // The call succeeds, whatever it has asked on the way.
        errno.set();
        Ok(manager)
    }

    /// The manager behind a pointer from C; `None` if it is null.
    ///
    /// # Safety
    ///
    /// `manager` is null or a live manager, for as long as the handle is used, and no other thread
    /// uses it at the same time.
    pub unsafe fn from_raw(manager: *mut Manager) -> Option<Self> {
        NonNull::new(manager).map(ManagerHandle)
    }

    /// The pointer for C.
    pub fn as_ptr(self) -> *mut Manager {
        self.0.as_ptr()
    }

    /// Closes the manager and frees it with all its rings.
    ///
    /// # Safety
    ///
    /// Nobody uses the manager or one of its rings any more.
    pub unsafe fn free(self) {
        for index in 0..self.ring_cnt() {
            if let Some(ring) = self.ring(index) {
                // SAFETY: a ring of this manager, and nobody uses it any more.
                unsafe { ring.free() };
            }
        }
        let manager = self.as_ptr();
        // SAFETY: both arrays and the manager are from `alloc`, and nobody uses them any more.
        unsafe {
            (*manager).lingering.destroy();
            epoll::destroy((*manager).epoll_fd);
            alloc::free((*manager).events);
            alloc::free((*manager).rings);
            alloc::free_handle(manager);
        }
    }

    /// Adds the ring behind `map_fd`; the fd may be closed afterwards.
    ///
    /// Errors: `ENOMEM`, and those of [`Kind::check`](crate::attach::Kind::check) and
    /// [`Kind::attach`](crate::attach::Kind::attach); the manager then stays as it was.
    ///
    /// # Safety
    ///
    /// `sample_cb` may be called with `ctx` until the manager is freed.
    pub unsafe fn add(
        self,
        map_fd: c_int,
        sample_cb: Option<SampleFn>,
        ctx: *mut c_void,
    ) -> Result<(), Errno> {
        let info = RING.check(map_fd)?;
        let index = self.ring_cnt();
        let capacity = index.wrapping_add(1);
        let manager = self.as_ptr();
        // SAFETY:
        // 1. A live manager that no other thread uses: its arrays are null or from `resize`.
        // 2. A poll that this is called from inside reads the fields anew after its callback.
        unsafe {
            let rings = alloc::resize((*manager).rings, capacity).ok_or(Errno(libc::ENOMEM))?;
            (*manager).rings = rings.as_ptr();
            let events = alloc::resize((*manager).events, capacity).ok_or(Errno(libc::ENOMEM))?;
            (*manager).events = events.as_ptr();
        }
        let ring = EmptyRing::allocate()?;
        let pages = match RING.attach(map_fd, &info, self.epoll_fd(), index as u64) {
            Ok(pages) => pages,
            Err(error) => {
                ring.release();
                return Err(error);
            }
        };
        // SAFETY: pages that stay mapped until the ring is freed; the callback as required of the caller.
        let ring = unsafe { ring.fill(map_fd, pages, sample_cb, ctx) };
        // SAFETY: a live manager; there is room for `capacity` rings.
        unsafe {
            *(*manager).rings.add(index) = ring.as_ptr();
            (*manager).ring_cnt = (*manager).ring_cnt.wrapping_add(1);
        }
        Ok(())
    }

    /// Waits up to `timeout_ms` (-1: for ever) for notifications about rings and consumes those rings.
    /// Returns the records delivered.
    ///
    /// Errors: `EINTR` for a signal; those of [`RingHandle::consume`].
    pub fn poll(self, timeout_ms: c_int) -> Result<u64, Errno> {
        let deadline = self.deadline(timeout_ms);
        match self.wait(timeout_ms)? {
            0 => Ok(0),
            ready => self.consume_notified(ready, timeout_ms != 0, deadline),
        }
    }

    /// Consumes the rings that the first `ready` events name; may wait for more until `deadline` if the
    /// program waits at all.
    #[inline(never)]
    fn consume_notified(self, mut ready: usize, waits: bool, deadline: u64) -> Result<u64, Errno> {
        if waits && self.is_alone(ready) {
            let sleep = self.edge_sleep();
            if let Some(sleep) = sleep {
                // Whatever has been notified until here is looked at now.
                sleep.forget();
                ready = self.wait(0)?;
            }
            if let (1, Some(ring)) = (ready, self.ring_of_event(0)) {
                return self.linger(ring, deadline, sleep);
            }
        }
        let mut delivered = 0u64;
        while !self.consume_ready(ready, &mut delivered)? {
            // A poll inside a callback has overwritten the events. The rings it has left over are
            // level-triggered: the kernel reports them again.
            ready = self.wait(0)?;
        }
        Ok(delivered)
    }

    /// Consumes up to `max` records over all rings, in the order in which they were added, and
    /// returns how many. Errors: those of [`RingHandle::consume`].
    pub fn consume(self, max: u64) -> Result<u64, Errno> {
        let mut delivered = 0u64;
        let mut index = 0;
        while delivered < max {
            let Some(ring) = self.ring(index) else { break };
            let wanted = max.wrapping_sub(delivered);
            delivered = delivered.wrapping_add(ring.consume(wanted)?);
            index = index.wrapping_add(1);
        }
        Ok(delivered)
    }

    /// The ring added as number `index`, if there are so many.
    pub fn ring(self, index: usize) -> Option<RingHandle> {
        if index >= self.ring_cnt() {
            return None;
        }
        // SAFETY: a live manager whose array holds `ring_cnt` live rings.
        unsafe { RingHandle::from_raw(*(*self.as_ptr()).rings.add(index)) }
    }

    /// The epoll instance.
    pub fn epoll_fd(self) -> c_int {
        // SAFETY: a live manager.
        unsafe { (*self.as_ptr()).epoll_fd }
    }

    fn ring_cnt(self) -> usize {
        // SAFETY: a live manager. The count is never negative.
        unsafe { (*self.as_ptr()).ring_cnt as usize }
    }

    /// Waits for events and returns how many there are.
    fn wait(self, timeout_ms: c_int) -> Result<usize, Errno> {
        let manager = self.as_ptr();
        // SAFETY: a live manager that no other thread uses; `events` has room for `ring_cnt`.
        unsafe {
            (*manager).polls = (*manager).polls.wrapping_add(1);
            epoll::wait(
                (*manager).epoll_fd,
                (*manager).events,
                (*manager).ring_cnt,
                timeout_ms,
            )
        }
    }

    /// The data of event `number` of the last wait, which has filled more.
    fn event(self, number: usize) -> u64 {
        // SAFETY: a live manager; so many events have been filled, and `add` keeps them.
        unsafe { (*(*self.as_ptr()).events.add(number)).u64 }
    }

    /// The ring that event `number` of the last wait names.
    fn ring_of_event(self, number: usize) -> Option<RingHandle> {
        // The program may have added fds of its own: their data name no ring of ours.
        usize::try_from(self.event(number))
            .ok()
            .and_then(|index| self.ring(index))
    }

    /// Consumes the rings that the first `ready` events name; `false` if a poll inside a callback has
    /// overwritten the events before all were read.
    fn consume_ready(self, ready: usize, delivered: &mut u64) -> Result<bool, Errno> {
        let polls = self.polls();
        for number in 0..ready {
            let Some(ring) = self.ring_of_event(number) else {
                continue;
            };
            ring.stats().count(|counters| counters.wakeups.add(1));
            *delivered = delivered.wrapping_add(ring.consume(CALL_MAX)?);
            if self.polls() != polls {
                return Ok(number.wrapping_add(1) == ready);
            }
        }
        Ok(true)
    }

    fn polls(self) -> u32 {
        // SAFETY: a live manager.
        unsafe { (*self.as_ptr()).polls }
    }
}
