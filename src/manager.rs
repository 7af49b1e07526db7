// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Rings and the epoll that watches them. This is C's `struct ring_buffer`.

mod all_rings;
mod busy;
mod coalesce_call;
mod few_records;
mod first_turn;
mod leaving;
mod linger_call;
mod lingering;
mod overwriting;
mod part;
mod taking_part;

use crate::attach::RING;
use crate::log::{ErrorText, warning};
use crate::mapped_ring::{EmptyRing, MappedRing, PlainRing, RingHandle, SampleFn};
use crate::options::options;
use crate::ring::rounds;
use crate::ring::wait::{NoWait, WaitPolicy};
use crate::sys::alloc;
use crate::sys::epoll::{self, Event};
use crate::sys::errno::{Errno, Packed};
use crate::sys::mmap::page_size;
use all_rings::{AllRings, Stopped};
use core::ffi::{c_int, c_ulong, c_void};
use core::mem::offset_of;
use core::ptr::{self, NonNull};
use leaving::{Leaving, Limited};
use lingering::Lingering;
pub use part::Part;
use taking_part::{Looked, TakingPart};

/// Events that are asked for beyond one for each ring: descriptors that the program has added to the
/// epoll and that are ready all the time are not to hide the rings.
const EVENTS_EXTRA: usize = 16;

/// Records that one call delivers from one ring at most: what its result can say.
pub const CALL_MAX: u64 = c_int::MAX as u64;

/// C's `struct ring_buffer`. It begins with libbpf's own fields, since programs reach into them.
#[repr(C)]
#[derive(Debug)]
pub struct Manager {
    /// Room for [`EVENTS_EXTRA`] events more than there are rings.
    events: *mut Event,
    /// `ring_cnt` rings, in the order in which they were added. After them, in the same block, those that take
    /// part in a poll, with room for all of them, and room for as many again.
    rings: *mut *mut MappedRing,
    page_size: usize,
    /// Watches the maps. An event of ring `i` has the data `i`.
    epoll_fd: c_int,
    ring_cnt: c_int,
    /// How many rings take part in a poll.
    taking_part: u32,
    /// Counts the calls that have ended the part of rings: a poll sees that one has done so in its callback.
    parts_ended: u32,
    /// The ring, if there is one alone and it is plain: few programs have more.
    alone: Option<PlainRing>,
    /// Where the last call for a number of records has stopped.
    stopped: Stopped,
    lingering: Lingering,
    leaving: Leaving,
    /// Whether polls spin rather than sleep.
    busy: bool,
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
            taking_part: 0,
            parts_ended: 0,
            alone: None,
            stopped: Stopped::default(),
            lingering: Lingering::new(options.linger_us),
            leaving: Leaving::NEVER,
            busy: false,
        };
        let Some(manager) = alloc::keep(manager).map(ManagerHandle) else {
            epoll::destroy(epoll_fd);
            return Err(Errno(libc::ENOMEM));
        };
        if let Err(error) = manager.set_coalesce_us(options.coalesce_us) {
            let text = ErrorText::new(error);
            warning!(c"rbshim: no coalescing window: %s\n", text.as_ptr());
        }
        if let Err(error) = manager.set_poll_max_ms(options.poll_max_ms) {
            let text = ErrorText::new(error);
            warning!(c"rbshim: no limit of a poll's time: %s\n", text.as_ptr());
        }
        if options.busy_poll {
            manager.be_busy();
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
            self.destroy_sleep();
            self.destroy_edge();
            epoll::destroy((*manager).epoll_fd);
            alloc::free((*manager).events);
            alloc::free((*manager).rings);
            alloc::free_handle(manager);
        }
    }

    /// Adds the ring behind `map_fd`; the fd may be closed afterwards.
    ///
    /// Errors: `ENOMEM`, and those of [`Kind::check`](crate::attach::Kind::check) and
    /// [`Kind::attach`](crate::attach::Kind::attach); for a ring in overwrite mode those of
    /// [`Kind::lock`](crate::attach::Kind::lock) and [`Edge::new`], too. The manager then stays as it was.
    ///
    /// [`Edge::new`]: crate::sys::edge::Edge::new
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
            let room = capacity.wrapping_mul(3);
            let rings = alloc::resize((*manager).rings, room).ok_or(Errno(libc::ENOMEM))?;
            (*manager).rings = rings.as_ptr();
            let events = capacity.wrapping_add(EVENTS_EXTRA);
            let events = alloc::resize((*manager).events, events).ok_or(Errno(libc::ENOMEM))?;
            (*manager).events = events.as_ptr();
        }
        let mut ring = EmptyRing::allocate()?;
        // A manager that may not be watched by an epoll of its own opens all the same.
        let gives_way = || self.stop_coalescing();
        let attach = |()| RING.attach(map_fd, &info, self.epoll_fd(), index as u64, gives_way);
        let pages = match self
            .expect_overwriting(map_fd, &info, &mut ring)
            .and_then(attach)
        {
            Ok(pages) => pages,
            Err(error) => {
                ring.release();
                return Err(error);
            }
        };
        // SAFETY: pages that stay mapped until the ring is freed; the callback as required of the caller.
        let ring = unsafe { ring.fill(map_fd, pages, sample_cb, ctx) };
        // SAFETY: a live manager; there is room for three times `capacity` rings.
        unsafe {
            let place = (*manager).rings.add(index);
            // Those that take part stand after the rings.
            ptr::copy(place, place.add(1), self.taking_part());
            *place = ring.as_ptr();
            (*manager).ring_cnt = (*manager).ring_cnt.wrapping_add(1);
            (*manager).alone = if index == 0 { ring.plain() } else { None };
        }
        self.note_size(ring.size());
        Ok(())
    }

    /// Waits up to `timeout_ms` (-1: for ever) for notifications about rings and consumes those rings, by
    /// turns. Returns the records delivered.
    ///
    /// Errors: `EINTR` for a signal; those of [`RingHandle::consume`].
    pub fn poll(self, timeout_ms: c_int) -> Packed {
        if !self.is_plain() {
            return self.poll_with_care(timeout_ms);
        }
        match self.wait(timeout_ms) {
            Ok(0) => Ok(0).into(),
            Ok(1) => self.read_alone(timeout_ms),
            Ok(ready) => self.read_ready(ready, timeout_ms, u64::MAX),
            Err(error) => Err(error).into(),
        }
    }

    /// The same, where an option asks for something, or a call has left rings to go on with.
    #[inline(never)]
    fn poll_with_care(self, timeout_ms: c_int) -> Packed {
        self.wait_and_read(timeout_ms).into()
    }

    #[inline]
    fn wait_and_read(self, timeout_ms: c_int) -> Result<u64, Errno> {
        if timeout_ms != 0 && self.is_busy() {
            if let Some(result) = self.poll_busily(timeout_ms) {
                return result;
            }
        }
        if self.holds_rings() {
            // A call has been left by its callback. The kernel need not report a ring that is held.
            let delivered = self.read_at_once()?;
            if delivered > 0 {
                return Ok(delivered);
            }
        }
        let deadline = self.deadline(timeout_ms);
        if self.has_left() {
            if let Some(result) = self.read_left(timeout_ms, deadline) {
                return result;
            }
        }
        let ready = self.wait_past_edge(timeout_ms, deadline)?;
        if ready == 0 {
            return Ok(0);
        }
        self.read_ready(ready, timeout_ms, deadline).into()
    }

    /// Reads the rings that `ready` events of a wait have named.
    #[inline(never)]
    fn read_ready(self, ready: usize, timeout_ms: c_int, deadline: u64) -> Packed {
        let looked = self.begin(ready);
        self.read_begun(ready, looked, timeout_ms, deadline).into()
    }

    /// Reads the rings that take part, which `ready` events have named, in a poll with this timeout.
    #[inline]
    fn read_begun(
        self,
        ready: usize,
        looked: Looked,
        timeout_ms: c_int,
        deadline: u64,
    ) -> Result<u64, Errno> {
        if timeout_ms != 0 {
            return self.read_lingering(ready, looked, deadline);
        }
        self.read_at_once()
    }

    /// Reads the rings that take part until all have settled.
    #[inline]
    fn read(self, policy: &mut (impl WaitPolicy + ?Sized)) -> Result<u64, Errno> {
        let result = rounds::read(
            &mut TakingPart::since(self, self.parts_ended()),
            CALL_MAX,
            policy,
        );
        self.disband();
        result
    }

    /// The same without waiting.
    #[inline(never)]
    fn read_at_once(self) -> Result<u64, Errno> {
        self.read(&mut NoWait as &mut dyn WaitPolicy)
    }

    /// The same for policies that need no code of their own, for as long as polls may.
    #[inline(never)]
    fn read_limited(self, policy: &mut dyn WaitPolicy) -> Result<u64, Errno> {
        let Some(until) = self.limit() else {
            return self.read(policy);
        };
        let mut limited = Limited::new(policy, until);
        let result = self.read(&mut limited as &mut dyn WaitPolicy);
        if limited.left {
            self.leave_rings();
        }
        result
    }

    /// Consumes all records of all rings, by turns, in the order in which the rings were added, and
    /// returns how many. Errors: those of [`RingHandle::consume`].
    pub fn consume(self) -> Result<u64, Errno> {
        self.take_edge();
        if self.is_settled() {
            return Ok(0);
        }
        self.read_all()
    }

    /// Reads all rings, where one at least has not settled.
    #[inline(never)]
    fn read_all(self) -> Result<u64, Errno> {
        let result = rounds::read(&mut AllRings::new(self), CALL_MAX, &mut NoWait);
        self.dismiss();
        result
    }

    /// Whether a call that does not wait would find nothing.
    fn is_settled(self) -> bool {
        (0..self.ring_cnt()).all(|index| self.ring(index).is_none_or(RingHandle::is_settled))
    }

    /// The ring added as number `index`, if there are so many.
    pub fn ring(self, index: usize) -> Option<RingHandle> {
        if index >= self.ring_cnt() {
            return None;
        }
        // SAFETY: a live manager whose array holds `ring_cnt` live rings.
        Some(unsafe { RingHandle::from_live(*(*self.as_ptr()).rings.add(index)) })
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
    #[inline(always)]
    fn wait(self, timeout_ms: c_int) -> Result<usize, Errno> {
        let manager = self.as_ptr();
        // SAFETY: a live manager that no other thread uses; `events` has room for so many.
        unsafe {
            epoll::wait(
                (*manager).epoll_fd,
                (*manager).events,
                (*manager).ring_cnt.wrapping_add(EVENTS_EXTRA as c_int),
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
        usize::try_from(epoll::data_of(self.event(number)))
            .ok()
            .and_then(|index| self.ring(index))
    }
}
