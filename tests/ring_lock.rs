// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The lock of a ring's producers, taken on the kernel: what it leaves as it was, and how it fails.
//!
//! The reader takes it on AArch64 alone, in rings in overwrite mode. The lock is the same in each ring on each machine.

mod common;
mod locked;

use common::require_bpf;
use locked::{Held, Map, RECORD, open_fds};
use rbshim::__internals::bpf::{self, Instruction};
use rbshim::__internals::{EmptyRing, Errno, RingHandle, RingLock};
use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::sync::Mutex;

/// The tests look at all fds of the process: one at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// A ring of one page, its lock, and the fd of the lock's program.
fn with_lock_and_fd(work: impl FnOnce(&Map, &RingLock, c_int)) {
    if !require_bpf() {
        return;
    }
    let _alone = ALONE.lock();
    let map = Map::of(locked::page_size());
    let before = open_fds();
    let lock = RingLock::load(map.fd(), &map.info()).expect("a program");
    let mut after = open_fds();
    after.retain(|fd| !before.contains(fd));
    assert_eq!(after.len(), 1, "{after:?}");
    work(&map, &lock, after[0]);
    lock.unload();
    assert_eq!(open_fds(), before);
}

fn with_lock(work: impl FnOnce(&Map, &RingLock)) {
    with_lock_and_fd(|map, lock, _| work(map, lock));
}

/// Takes the lock some times: of what anybody can see nothing changes.
fn pass(map: &Map, lock: &RingLock) {
    let before = map.snapshot();
    for _ in 0..100 {
        assert_eq!(lock.pass(), Ok(()));
    }
    assert!(map.snapshot() == before, "the ring has changed");
}

#[test]
fn the_lock_of_an_empty_ring_is_taken_without_a_trace() {
    with_lock(|map, lock| {
        pass(map, lock);
        assert_eq!(map.positions(), [0, 0]);
    });
}

/// Its pages are filled as far as the kernel fills them.
#[test]
fn the_lock_of_a_full_ring_is_taken_without_a_trace() {
    with_lock(|map, lock| {
        while map.produce() {
            pass(map, lock);
        }
        let most = map.size() as u64 - RECORD;
        assert_eq!(map.positions(), [0, most]);
        pass(map, lock);
        // There is room again, as ever.
        map.consume(RECORD);
        pass(map, lock);
        assert!(map.produce() && !map.produce());
    });
}

/// All has been read, at any place of the ring.
#[test]
fn the_lock_of_a_ring_that_was_read_is_taken_without_a_trace() {
    with_lock(|map, lock| {
        for number in 1..=2 * map.size() as u64 / RECORD {
            assert!(map.produce());
            pass(map, lock);
            map.consume(number * RECORD);
            pass(map, lock);
            assert_eq!(map.positions(), [number * RECORD; 2]);
        }
    });
}

/// A producer has its record reserved all the time.
#[test]
fn the_lock_is_taken_while_a_record_is_busy() {
    with_lock(|map, lock| {
        for filled in [false, true] {
            let start = map.positions()[1];
            let held = Held::reserve(map);
            assert!(map.is_busy(start));
            if filled {
                while map.produce() {}
            }
            pass(map, lock);
            assert!(map.is_busy(start));
            held.commit();
            assert!(!map.is_busy(start));
            pass(map, lock);
            map.clear();
        }
    });
}

/// A child of a program that it starts has no use for it.
#[test]
fn the_program_is_closed_on_exec() {
    with_lock_and_fd(|_, _, fd| {
        // SAFETY: no memory is passed.
        let flags = unsafe { libc::fcntl(fd, libc::F_GETFD) };
        assert_eq!(flags, libc::FD_CLOEXEC);
    });
}

/// Puts `other` in the place of `fd` while `work` runs.
fn in_place_of(fd: c_int, other: c_int, work: impl FnOnce()) {
    // SAFETY: fds of this process, which nobody else uses.
    unsafe {
        let kept = libc::dup(fd);
        assert_eq!(libc::dup2(other, fd), fd);
        work();
        libc::dup3(kept, fd, libc::O_CLOEXEC);
        libc::close(kept);
    }
}

/// As by a program that closes what it does not know: the number may go to whatever it opens next.
#[test]
fn a_program_that_is_closed_is_an_error_whatever_is_in_its_place() {
    with_lock_and_fd(|map, lock, fd| {
        let returns_all_ones = [
            Instruction::new(0xb7, 0, 0, 0, -1),
            Instruction::new(0x95, 0, 0, 0, 0),
        ];
        let stranger = bpf::load_program(&returns_all_ones, [0; 16], c"BSD").expect("a program");
        in_place_of(fd, stranger, || {
            assert_eq!(lock.pass(), Err(Errno(libc::EBADF)));
        });
        in_place_of(fd, map.fd(), || {
            assert_eq!(lock.pass(), Err(Errno(libc::EINVAL)));
        });
        assert_eq!(lock.pass(), Ok(()));
        let before = open_fds();
        let other = Map::of(map.size());
        let others = open_fds();
        let lock_of_other = RingLock::load(other.fd(), &other.info()).expect("a program");
        let fd_of_other = open_fds().into_iter().find(|fd| !others.contains(fd));
        in_place_of(fd, fd_of_other.expect("an fd"), || {
            assert_eq!(lock.pass(), Err(Errno(libc::EBADF)));
        });
        lock_of_other.unload();
        drop(other);
        assert_eq!(open_fds(), before);
        // SAFETY: as above.
        let kept = unsafe { libc::dup(fd) };
        // SAFETY: as above.
        unsafe { libc::close(fd) };
        assert_eq!(lock.pass(), Err(Errno(libc::EBADF)));
        // SAFETY: as above.
        unsafe {
            libc::dup3(kept, fd, libc::O_CLOEXEC);
            libc::close(kept);
            libc::close(stranger);
        }
        assert_eq!(lock.pass(), Ok(()));
    });
}

unsafe extern "C-unwind" fn count(ctx: *mut c_void, _: *mut c_void, len: usize) -> c_int {
    assert_eq!(len as u64, RECORD - 8);
    // SAFETY: the context that the ring was made with.
    let records = unsafe { &*ctx.cast::<Cell<u64>>() };
    records.set(records.get() + 1);
    0
}

/// A reader of the ring that takes its lock, and the fd of the lock's program.
fn with_reader(work: impl FnOnce(&Map, RingHandle, c_int)) {
    if !require_bpf() {
        return;
    }
    let _alone = ALONE.lock();
    let map = Map::of(locked::page_size());
    let records = Cell::new(0u64);
    let before = open_fds();
    let lock = RingLock::load(map.fd(), &map.info()).expect("a program");
    let fd = open_fds().into_iter().find(|fd| !before.contains(fd));
    let mut empty = EmptyRing::allocate().expect("memory");
    empty
        .overwrite(map.size(), None, Some(lock))
        .expect("memory");
    let ctx = (&raw const records).cast_mut().cast();
    // SAFETY: the pages and the context outlive the handle.
    let reader = unsafe { empty.fill(map.fd(), map.pages(), Some(count), ctx) };
    work(&map, reader, fd.expect("an fd"));
    // SAFETY: nobody uses the handle any more.
    unsafe { reader.release() };
    assert_eq!(open_fds(), before, "the lock is given back with the ring");
    assert_eq!(records.get(), map.positions()[1] / RECORD);
}

#[test]
fn a_reader_that_takes_the_lock_gets_each_record_and_settles() {
    with_reader(|map, reader, _| {
        for round in 1..10 {
            for _ in 0..round {
                assert!(map.produce());
            }
            assert_eq!(reader.consume(u64::MAX), Ok(round));
            assert_eq!(reader.consume(u64::MAX), Ok(0));
        }
        let held = Held::reserve(map);
        assert_eq!(reader.consume(u64::MAX), Ok(0));
        assert!(!reader.has_records());
        held.commit();
        assert!(reader.has_records());
        assert_eq!(reader.consume(u64::MAX), Ok(1));
    });
}

/// Nor is it taken for one that is not committed yet: a reader must not sleep for it.
#[test]
fn without_the_lock_no_record_is_delivered_and_none_is_lost() {
    with_reader(|map, reader, fd| {
        for _ in 0..5 {
            assert!(map.produce());
        }
        assert_eq!(reader.consume(2), Ok(2));
        // SAFETY: no memory is passed.
        let stranger = unsafe { libc::eventfd(0, 0) };
        in_place_of(fd, stranger, || {
            for _ in 0..3 {
                assert_eq!(reader.consume(u64::MAX), Err(Errno(libc::EINVAL)));
                assert_eq!(map.positions(), [2 * RECORD, 5 * RECORD]);
                assert!(reader.has_records());
            }
        });
        assert_eq!(reader.consume(u64::MAX), Ok(3));
        let held = Held::reserve(map);
        in_place_of(fd, stranger, || {
            assert_eq!(reader.consume(u64::MAX), Err(Errno(libc::EINVAL)));
            assert_eq!(map.positions(), [5 * RECORD, 6 * RECORD]);
        });
        held.commit();
        assert_eq!(reader.consume(u64::MAX), Ok(1));
        // SAFETY: its own.
        unsafe { libc::close(stranger) };
    });
}

#[test]
fn what_has_no_such_lock_is_refused_and_leaves_nothing_open() {
    with_lock(|map, _| {
        let before = open_fds();
        let mut info = map.info();
        info.max_entries = 1 << 31;
        let refused = RingLock::load(map.fd(), &info).err();
        assert_eq!(refused, Some(Errno(libc::E2BIG)));
        let refused = RingLock::load(-1, &map.info()).err();
        assert_eq!(refused, Some(Errno(libc::EBADF)));
        assert_eq!(open_fds(), before);
    });
}
