// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A user ring, filled by the library and emptied as the kernel does it, which is followed by a model. From the first
//! write to what is not ours to write on, all that is asked is that the library stays inside of the ring.

use super::Input;
use crate::simulated::SimulatedRing;
use rbshim::__internals::UserRingHandle;
use rbshim::capi::user_ring_buffer::{
    user_ring_buffer, user_ring_buffer__discard, user_ring_buffer__reserve,
    user_ring_buffer__submit,
};
use std::collections::VecDeque;
use std::ffi::c_void;
use std::sync::atomic::Ordering::Relaxed;

const BUSY: u32 = 1 << 31;
const DISCARD: u32 = 1 << 30;

/// A record that was reserved.
struct Reserved {
    payload: *mut c_void,
    len: u32,
    /// What its payload is filled with.
    tag: u8,
    /// How it was committed: its flags.
    committed: Option<u32>,
}

struct UserRing<'a> {
    ring: &'a SimulatedRing,
    handle: UserRingHandle,
    /// Not drained yet, oldest first.
    records: VecDeque<Reserved>,
    producer: u64,
    consumer: u64,
    /// Nobody has written to what is not theirs.
    honest: bool,
    reserved: u8,
}

pub fn run(bytes: &[u8]) {
    // Made once: that takes longer than most inputs.
    thread_local!(static RING: SimulatedRing = SimulatedRing::to_fill());
    RING.with(|ring| run_on(ring, bytes));
}

fn run_on(ring: &SimulatedRing, bytes: &[u8]) {
    let mut input = Input(bytes);
    ring.clear();
    let start = input.number::<8>() & !7;
    ring.consumer_pos().store(start, Relaxed);
    ring.producer_pos().store(start, Relaxed);
    let mut user = UserRing {
        // SAFETY: the ring, whose pages these are, outlives the handle.
        handle: unsafe { UserRingHandle::over(ring.pages) }.expect("memory"),
        ring,
        records: VecDeque::new(),
        producer: start,
        consumer: start,
        honest: true,
        reserved: 0,
    };
    while !input.is_empty() {
        let operation = input.number::<1>();
        match operation % 8 {
            0 | 1 => user.reserve(input.number::<2>() as u32 % 4200),
            2 => user.reserve(input.number::<4>() as u32),
            3 => user.commit(input.number::<1>() as usize, operation & 0x80 != 0),
            4 => user.drain(),
            5 => user.spoil(|ring| ring.consumer_pos().store(input.number::<8>(), Relaxed)),
            6 => user.spoil(|ring| ring.producer_pos().store(input.number::<8>(), Relaxed)),
            _ => user.spoil(|ring| {
                let word = ring.word(input.number::<2>());
                word.store(input.number::<4>() as u32, Relaxed);
            }),
        }
    }
    while user.records.iter().any(|record| record.committed.is_none()) {
        user.commit(0, false);
    }
    user.drain();
    assert!(!user.honest || user.records.is_empty(), "all was drained");
    // SAFETY: used no more.
    unsafe { user.handle.release() };
}

impl UserRing<'_> {
    fn as_ptr(&self) -> *mut user_ring_buffer {
        self.handle.as_ptr().cast()
    }

    fn reserve(&mut self, len: u32) {
        // SAFETY: a live ring, which nobody else uses.
        let payload = unsafe { user_ring_buffer__reserve(self.as_ptr(), len) };
        let error = std::io::Error::last_os_error().raw_os_error();
        let span = (u64::from(len) + 8).next_multiple_of(8);
        let size = self.ring.size() as u64;
        if self.honest {
            let free = size - self.producer.wrapping_sub(self.consumer);
            let expected = match (span > size, span > free) {
                (true, _) => Some(libc::E2BIG),
                (_, true) => Some(libc::ENOSPC),
                _ => None,
            };
            assert_eq!(payload.is_null(), expected.is_some(), "{len} bytes");
            assert!(expected.is_none() || error == expected);
        }
        if payload.is_null() {
            return;
        }
        assert!(span <= size);
        let offset = (payload as u64).wrapping_sub(self.ring.pages.payload(0) as u64 - 8);
        assert!(offset < size && offset % 8 == 0, "{offset}");
        assert!(!self.honest || offset == self.producer.wrapping_add(8) % size);
        self.producer = self.producer.wrapping_add(span);
        self.reserved = self.reserved.wrapping_add(1);
        // SAFETY: what is being tested: the record is inside of the mapping. If not, the guard page ends the test.
        unsafe {
            payload
                .cast::<u8>()
                .write_bytes(self.reserved, len as usize)
        };
        self.records.push_back(Reserved {
            payload,
            len,
            tag: self.reserved,
            committed: None,
        });
        self.check_positions();
    }

    /// Commits one of those that are not.
    fn commit(&mut self, which: usize, discard: bool) {
        let ring = self.as_ptr();
        let open = |record: &&mut Reserved| record.committed.is_none();
        let count = self.records.iter_mut().filter(open).count();
        let Some(record) = self
            .records
            .iter_mut()
            .filter(open)
            .nth(which % count.max(1))
        else {
            return;
        };
        record.committed = Some(if discard { DISCARD } else { 0 });
        // SAFETY: a live ring and a record of it that has not been committed.
        unsafe {
            match discard {
                true => user_ring_buffer__discard(ring, record.payload),
                false => user_ring_buffer__submit(ring, record.payload),
            }
        }
        self.check_positions();
    }

    /// The kernel's side (`bpf_user_ringbuf_drain`): takes what is committed, in order.
    fn drain(&mut self) {
        while self.honest && self.consumer != self.producer {
            let word = self.ring.word(self.consumer).load(Relaxed);
            let record = self.records.front().expect("as many as headers");
            assert_eq!(word, record.len | record.committed.unwrap_or(BUSY));
            if record.committed.is_none() {
                return;
            }
            // SAFETY: the record's own bytes, which nobody writes any more.
            let bytes =
                unsafe { std::slice::from_raw_parts(record.payload.cast(), record.len as usize) };
            assert!(bytes.iter().all(|&byte: &u8| byte == record.tag), "whole");
            self.consumer = self
                .consumer
                .wrapping_add((u64::from(record.len) + 8).next_multiple_of(8));
            self.ring.consumer_pos().store(self.consumer, Relaxed);
            self.records.pop_front();
        }
    }

    fn spoil(&mut self, write: impl FnOnce(&SimulatedRing)) {
        self.honest = false;
        write(self.ring);
    }

    fn check_positions(&self) {
        if self.honest {
            assert_eq!(self.ring.producer_pos().load(Relaxed), self.producer);
            assert_eq!(self.ring.consumer_pos().load(Relaxed), self.consumer);
        }
    }
}
