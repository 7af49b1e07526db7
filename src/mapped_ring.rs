// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! One ring of a manager: the kernel's pages, the program's callback. This is C's `struct ring`.

pub mod overwriting;
pub mod statistics;

mod callback;
mod copies;
mod memory;
mod plain;

use crate::log::warning;
use crate::manager::{ManagerHandle, Part};
use crate::pages::Pages;
use crate::ring::consumer::{self, Stop, Turn, Went};
use crate::ring::fill::Fill;
use crate::ring::journal::Journal;
use crate::ring::memory::{ConsumerMemory, Fence};
use crate::ring::overwrite;
use crate::ring::wait::Round;
use crate::ring_lock::RingLock;
use crate::stats::Stats;
use crate::sys::alloc;
use crate::sys::errno::{Errno, Packed};
use callback::Callback;
use core::ffi::{c_int, c_ulong, c_void};
use core::mem::{MaybeUninit, offset_of};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, Ordering};
use memory::OwnPages;
use overwriting::Overwriting;
pub use plain::PlainRing;

/// Rings smaller than this many bytes publish each record's start, however hot they are.
const HOT_SIZE_MIN: u64 = 64 * 1024;

/// libbpf's `ring_buffer_sample_fn`: context, payload, bytes of payload. Negative ends the call.
/// It may unwind.
pub type SampleFn = unsafe extern "C-unwind" fn(*mut c_void, *mut c_void, usize) -> c_int;

/// C's `struct ring`. It begins with libbpf's own fields, since programs reach into them. We do not
/// change them after [`fill`](EmptyRing::fill), but a program may set another callback.
#[repr(C)]
#[derive(Debug)]
pub struct MappedRing {
    sample_cb: Option<SampleFn>,
    ctx: *mut c_void,
    data: *mut c_void,
    consumer_pos: *mut c_void,
    producer_pos: *mut c_void,
    mask: c_ulong,
    /// Names the map for as long as the program keeps it open; we need it no more.
    map_fd: c_int,
    /// What the reader remembers; only the thread that consumes uses it.
    journal: Journal,
    /// What the ring is to the present call on its manager; only the thread that consumes uses it.
    part: Part,
    /// Whether the program has asked for positions, and so could notice whether starts are published
    /// at every record.
    watched: AtomicBool,
    /// How full the ring has been, where its counters do not say.
    fill: Fill,
    stats: Stats,
    /// Whether it is an ordinary ring whose counters are not kept: its calls go the short way.
    plain: bool,
    /// What a ring in overwrite mode has beside an ordinary one.
    overwriting: Option<NonNull<Overwriting>>,
}

const _: () = {
    let word = size_of::<c_ulong>();
    assert!(offset_of!(MappedRing, sample_cb) == 0);
    assert!(offset_of!(MappedRing, ctx) == word);
    assert!(offset_of!(MappedRing, data) == 2 * word);
    assert!(offset_of!(MappedRing, consumer_pos) == 3 * word);
    assert!(offset_of!(MappedRing, producer_pos) == 4 * word);
    assert!(offset_of!(MappedRing, mask) == 5 * word);
    assert!(offset_of!(MappedRing, map_fd) == 6 * word);
};

/// Memory for a ring that has no pages yet: nothing can be consumed from it.
#[derive(Debug)]
pub struct EmptyRing {
    memory: NonNull<MappedRing>,
    overwriting: Option<NonNull<Overwriting>>,
}

impl EmptyRing {
    /// Errors: `ENOMEM`.
    pub fn allocate() -> Result<Self, Errno> {
        alloc::keep(MaybeUninit::<MappedRing>::uninit())
            .map(|memory| EmptyRing {
                memory: memory.cast(),
                overwriting: None,
            })
            .ok_or(Errno(libc::ENOMEM))
    }

    /// Makes it a ring in overwrite mode, of `size` bytes, whose calls tell `manager` where they return with more to
    /// read. The manager lives as long as the ring. Where the machine asks for it, `lock` is the ring's. Errors:
    /// `ENOMEM`; `mmap(2)`'s.
    pub fn overwrite(
        &mut self,
        size: usize,
        manager: Option<ManagerHandle>,
        lock: Option<RingLock>,
    ) -> Result<(), Errno> {
        self.overwriting = Some(Overwriting::allocate(size, manager, lock)?);
        Ok(())
    }

    /// The ring of `pages`, whose records go to `sample_cb` with `ctx`.
    ///
    /// # Safety
    ///
    /// The pages stay mapped, and `sample_cb` may be called with `ctx`, until the ring is freed.
    pub unsafe fn fill(
        self,
        map_fd: c_int,
        pages: Pages,
        sample_cb: Option<SampleFn>,
        ctx: *mut c_void,
    ) -> RingHandle {
        let stats = Stats::for_ring(map_fd, pages.size());
        let ring = MappedRing {
            sample_cb,
            ctx,
            data: pages.data,
            consumer_pos: pages.consumer,
            producer_pos: pages.producer,
            mask: pages.mask as c_ulong,
            map_fd,
            journal: Journal::new(),
            part: Part::default(),
            watched: AtomicBool::new(false),
            fill: Fill::new(),
            stats,
            plain: self.overwriting.is_none() && !stats.are_kept(),
            overwriting: self.overwriting,
        };
        // SAFETY: allocated for this type, and nobody else knows of it yet.
        unsafe { self.memory.write(ring) };
        RingHandle(self.memory)
    }

    /// Gives the memory back.
    pub fn release(self) {
        // SAFETY: both from `allocate`, and not filled: nobody else knows of them.
        unsafe {
            if let Some(overwriting) = self.overwriting {
                Overwriting::free(overwriting);
            }
            alloc::free_handle(self.memory.as_ptr());
        }
    }
}

/// A ring by its address. A copy of this is what lives across a callback, which may call back into the
/// ring or not return at all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RingHandle(NonNull<MappedRing>);

impl RingHandle {
    /// The ring behind a pointer that is known to be one.
    ///
    /// # Safety
    ///
    /// `ring` is a live ring of a manager, for as long as the handle is used.
    #[inline(always)]
    pub unsafe fn from_live(ring: *mut MappedRing) -> Self {
        // SAFETY: a ring is nowhere at address 0.
        RingHandle(unsafe { NonNull::new_unchecked(ring) })
    }

    /// The ring behind a pointer from C; `None` if it is null.
    ///
    /// # Safety
    ///
    /// `ring` is null or a live ring of a manager, for as long as the handle is used.
    pub unsafe fn from_raw(ring: *mut MappedRing) -> Option<Self> {
        NonNull::new(ring).map(RingHandle)
    }

    /// The pointer for C.
    pub fn as_ptr(self) -> *mut MappedRing {
        self.0.as_ptr()
    }

    /// Unmaps the ring and gives it back.
    ///
    /// # Safety
    ///
    /// Nobody uses the ring any more.
    pub unsafe fn free(self) {
        self.stats().print();
        consumer::repair(self.pages(), self.journal());
        // SAFETY: the pages and the memory are the ring's own, and nobody uses them any more.
        unsafe {
            self.pages().unmap();
            self.release();
        }
    }

    /// Gives the ring's memory back; its pages stay mapped.
    ///
    /// # Safety
    ///
    /// Nobody uses the ring any more.
    pub unsafe fn release(self) {
        // SAFETY: from `EmptyRing::allocate`, and what it has besides is its own; nobody uses it any more.
        unsafe {
            if let Some(overwriting) = (*self.as_ptr()).overwriting {
                Overwriting::free(overwriting);
            }
            alloc::free_handle(self.as_ptr());
        }
    }

    /// Consumes up to `max` records and returns how many were delivered.
    ///
    /// Errors: the callback's own; `EINVAL` for a record without a callback to take it; `EBADMSG`
    /// for a ring that cannot have been written by a kernel; in overwrite mode `ENOBUFS` where callbacks
    /// are nested too deep, `mmap(2)`'s, and those of [`RingLock::pass`].
    #[inline(always)]
    pub fn consume(self, max: u64) -> Result<u64, Errno> {
        if let Some(plain) = self.plain() {
            match plain.go_straight(max) {
                Some(Went::All) => return Ok(max),
                Some(Went::Part(left)) => return plain.go_on(left, max).into(),
                Some(Went::Failed(left, error)) => return plain.fail(left, error, max).into(),
                Some(Went::Refused) | None => {}
            }
        }
        self.consume_from_start(max)
    }

    /// The same without a look for a straight way.
    #[inline(always)]
    pub fn consume_from_start(self, max: u64) -> Result<u64, Errno> {
        if self.is_settled() {
            return Ok(0);
        }
        self.consume_at_length(max).into()
    }

    #[inline(never)]
    fn consume_at_length(self, max: u64) -> Packed {
        self.set_part(self.part().walked());
        let result = match self.overwriting() {
            Some(overwriting) => self.consume_overwriting(overwriting, max),
            None if self.is_plain() => self.consume_of_kind::<false>(max),
            None => self.consume_of_kind::<true>(max),
        };
        self.ended(result, max)
    }

    #[inline(never)]
    fn consume_of_kind<const COUNTED: bool>(self, max: u64) -> Result<u64, Errno> {
        let callback = Callback::<COUNTED>(self);
        consumer::consume(OwnPages(self), self.journal(), max, callback)
            .map_err(|stop| self.error(stop))
    }

    /// The end of a call for up to `max` records.
    #[inline(never)]
    fn ended(self, result: Result<u64, Errno>, max: u64) -> Packed {
        // A callback may have settled the ring, and this call has gone on from where it was itself.
        let part = self.part();
        let caught_up = result.is_ok_and(|delivered| delivered < max);
        self.set_part(if caught_up {
            part.read_up()
        } else {
            part.left()
        });
        result.into()
    }

    /// Gives the ring its turn in `round`, for up to `max` records. Errors: as of [`consume`](Self::consume).
    #[inline]
    pub fn take_turn(self, round: Round, max: u64) -> Result<Turn, Errno> {
        if self.is_settled() {
            return Ok(Turn {
                settled: true,
                ..Turn::default()
            });
        }
        self.consume_in_turn(round, max)
    }

    /// Gives the ring a turn that is not to hold back, where it has been notified about. Errors: as of
    /// [`consume`](Self::consume).
    #[inline(always)]
    pub fn take_first_turn<const COUNTED: bool>(self, max: u64) -> Result<Turn, Errno> {
        self.set_part(self.part().walked());
        if COUNTED {
            if let Some(overwriting) = self.overwriting() {
                return self.turn_overwriting(overwriting, max);
            }
        }
        let mut callback = Callback::<COUNTED>(self);
        let round = Round::default();
        consumer::take_turn(OwnPages(self), self.journal(), round, max, &mut callback)
            .map_err(|stop| self.error(stop))
    }

    #[inline]
    fn consume_in_turn(self, round: Round, max: u64) -> Result<Turn, Errno> {
        // Until the turn is over, and it need not come back.
        self.set_part(self.part().walked());
        let hot = round.hot && self.size() >= HOT_SIZE_MIN && !self.is_watched();
        let turn = match (!self.is_plain(), hot) {
            (false, false) => Self::turn_of_kind::<false, false>,
            (false, true) => Self::turn_of_kind::<false, true>,
            (true, false) => Self::turn_of_kind::<true, false>,
            (true, true) => Self::turn_of_kind::<true, true>,
        };
        turn(self, round.hold, max)
    }

    #[inline(never)]
    fn turn_of_kind<const COUNTED: bool, const HOT: bool>(
        self,
        hold: bool,
        max: u64,
    ) -> Result<Turn, Errno> {
        if COUNTED {
            if let Some(overwriting) = self.overwriting() {
                return self.turn_overwriting(overwriting, max);
            }
        }
        let round = Round { hold, hot: HOT };
        let mut callback = Callback::<COUNTED>(self);
        consumer::take_turn(OwnPages(self), self.journal(), round, max, &mut callback)
            .map_err(|stop| self.error(stop))
    }

    /// Whether a call that does not wait would find nothing.
    #[inline(always)]
    pub fn is_settled(self) -> bool {
        consumer::is_settled(self.pages(), self.journal())
    }

    /// Whether the ring is where its last call has left it.
    #[inline]
    pub fn is_as_left(self) -> bool {
        consumer::is_as_left(self.pages(), self.journal())
    }

    /// Whether a turn would walk a record, or fail.
    pub fn has_records(self) -> bool {
        if let Some(overwriting) = self.overwriting() {
            return self.has_records_overwriting(overwriting);
        }
        consumer::has_records(self.pages(), self.journal())
    }

    /// Whether the ring is held: one record behind, so that the kernel sends no wake-ups for it.
    pub fn is_held(self) -> bool {
        consumer::is_held(self.pages(), self.journal())
    }

    /// Whether no call walks it, was left while it did, or has left it held.
    pub fn has_no_note(self) -> bool {
        self.journal().holds_nothing()
    }

    /// Publishes the end of what is held, fenced.
    pub fn release_held(self) {
        if self.is_held() {
            let mut callback = Callback::<true>(self);
            consumer::release(self.pages(), self.journal(), &mut callback);
            // A turn in a callback may have settled it, and the one around that callback has gone back and was left. It is
            // as that one has left it, from now on, but nobody has looked at what is there.
            let part = self.part().walked();
            self.set_part(if self.is_settled() {
                part.read_up()
            } else {
                part
            });
        }
    }

    /// What a program is told of the reason, which is warned of if the ring is corrupt.
    #[cold]
    #[inline(never)]
    fn error(self, stop: Stop) -> Errno {
        match stop {
            Stop::Failed(error) => Errno(error.wrapping_neg()),
            Stop::Refused => Errno(libc::EINVAL),
            Stop::Corrupt(position) => {
                warning!(
                    c"libbpf: ringbuf: corrupt record at position %lu of map fd=%d\n",
                    position as c_ulong,
                    self.map_fd(),
                );
                Errno(libc::EBADMSG)
            }
        }
    }

    /// What the ring is to the present call.
    #[inline]
    pub fn part(self) -> Part {
        // SAFETY: a live ring, which one thread at a time consumes.
        unsafe { (*self.as_ptr()).part }
    }

    /// Sets what it is.
    #[inline]
    pub fn set_part(self, part: Part) {
        // SAFETY: as in `part`; no reference to the field exists.
        unsafe { (*self.as_ptr()).part = part };
    }

    /// The consumer's position in bytes, as libbpf's would be; any thread may ask.
    pub fn consumer_pos(self) -> u64 {
        // SAFETY: a live ring.
        unsafe { &(*self.as_ptr()).watched }.store(true, Ordering::Relaxed);
        // Acquire pairs with the stores of `consumer_pos` in `ring::consumer`: whoever sees the
        // position sees what the callbacks before it have done.
        let pages = self.pages();
        let position = || pages.consumer_pos(Ordering::Acquire);
        self.journal().shown(pages.size(), position)
    }

    /// The producer's position in bytes; any thread may ask.
    pub fn producer_pos(self) -> u64 {
        let pages = self.pages();
        let pos = pages.producer_pos(pages.consumer_pos(Ordering::Relaxed));
        // Acquire pairs with the `smp_store_release` of `producer_pos` in `__bpf_ringbuf_reserve`.
        Pages::fence(Ordering::Acquire);
        pos
    }

    /// Bytes that there are to read, as libbpf counts them; in overwrite mode as the kernel does. Any thread may ask.
    pub fn avail_data_size(self) -> u64 {
        let consumer = self.consumer_pos();
        if self.overwriting().is_some() {
            return overwrite::available(self.pages(), consumer);
        }
        self.producer_pos().wrapping_sub(consumer)
    }

    /// Whether the ring has been read up to `position`.
    pub fn has_reached(self, position: u64) -> bool {
        let pos = self.pages().consumer_pos(Ordering::Relaxed);
        position.wrapping_sub(pos) as i64 <= 0
    }

    /// Bytes of the data area.
    pub fn size(self) -> u64 {
        self.pages().size()
    }

    /// The fd that the ring was made from.
    pub fn map_fd(self) -> c_int {
        // SAFETY: a live ring; the field never changes.
        unsafe { (*self.as_ptr()).map_fd }
    }

    /// Whether positions have been asked for, by any thread.
    pub fn is_watched(self) -> bool {
        // SAFETY: a live ring.
        unsafe { &(*self.as_ptr()).watched }.load(Ordering::Relaxed)
    }

    /// Whether its calls go the short way.
    #[inline(always)]
    pub fn is_plain(self) -> bool {
        // SAFETY: a live ring; the field does not change once the ring is read.
        unsafe { (*self.as_ptr()).plain }
    }

    /// The ring's counters.
    pub fn stats(self) -> Stats {
        // SAFETY: a live ring; the field never changes.
        unsafe { (*self.as_ptr()).stats }
    }

    #[inline(always)]
    fn journal<'a>(self) -> &'a Journal {
        // SAFETY:
        // 1. A live ring: no callback may free its own manager, so the reference is good in callbacks too.
        // 2. One thread at a time consumes, and no `&mut` to the field exists: it is changed through cells.
        unsafe { &(*self.as_ptr()).journal }
    }

    #[inline(always)]
    fn pages(self) -> Pages {
        let ring = self.as_ptr();
        // SAFETY: a live ring, whose fields never change: the pages that it was filled with.
        unsafe {
            Pages {
                consumer: (*ring).consumer_pos,
                producer: (*ring).producer_pos,
                data: (*ring).data,
                mask: (*ring).mask as usize,
            }
        }
    }
}
