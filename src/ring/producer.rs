// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Filling a user ring: reserve, then commit.
//!
//! One thread reserves at a time; records may be committed in any order and from any thread.

use super::memory::ProducerMemory;
use super::record::{ALIGN, HEADER_LEN, Header};
use core::sync::atomic::Ordering;

/// Longest payload, in bytes, that the kernel can give to a BPF program, which sees it as a dynptr
/// (`DYNPTR_MAX_SIZE`). A drain fails at a longer one, each time, and never comes past it.
const PAYLOAD_MAX: u32 = (1 << 24) - 1;

/// Why a record could not be reserved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReserveError {
    /// Larger than the ring, or than the kernel can hand on.
    TooBig,
    /// Not enough is free now, or positions are where only another writer can have put them.
    NoSpace,
}

/// Reserves a record of `len` bytes and returns its start: the position of its header.
pub fn reserve<M: ProducerMemory>(memory: M, len: u32) -> Result<u64, ReserveError> {
    if len > PAYLOAD_MAX {
        return Err(ReserveError::TooBig);
    }
    let header = Header::reserved(len);
    // Relaxed: only we store it, and reservations are the caller's to serialise.
    let start = memory.producer_pos(Ordering::Relaxed);
    let consumer = memory.consumer_pos(start);
    // Acquire pairs with the `smp_store_release` of `consumer_pos` in
    // `__bpf_user_ringbuf_sample_release`: the kernel has read what we are about to overwrite.
    M::fence(Ordering::Acquire);

    if header.span() > memory.size() {
        return Err(ReserveError::TooBig);
    }
    let used = start.wrapping_sub(consumer);
    let free = memory.size().checked_sub(used);
    // Whoever has the map can write any position. At one that is not aligned no record can begin.
    if start % ALIGN != 0 || free.is_none_or(|free| free < header.span()) {
        return Err(ReserveError::NoSpace);
    }
    memory.write_header(start, header.word());
    // Release pairs with the `smp_load_acquire` of `producer_pos` in `__bpf_user_ringbuf_peek`: a
    // kernel that sees the record sees its BUSY header.
    memory.set_producer_pos(start.wrapping_add(header.span()), Ordering::Release);
    Ok(start)
}

/// Commits the record that starts at `start`: the kernel may read it, or is to skip it (`discard`).
pub fn commit<M: ProducerMemory>(memory: M, start: u64, discard: bool) {
    let header = Header::from_word(memory.header(start)).committed(discard);
    // Release pairs with the `smp_load_acquire` of the header in `__bpf_user_ringbuf_peek`: the
    // payload is written before BUSY is gone. Acquire keeps what the caller does next after it.
    memory.exchange_header(start, header.word(), Ordering::AcqRel);
}

/// The start of the record whose payload lies at byte `offset` of a data area of `size` bytes, as an
/// offset into it. A record's header may be the last word of the area and its payload the first.
pub fn start_of_payload(offset: u64, size: u64) -> u64 {
    let start = offset.wrapping_sub(HEADER_LEN) & size.wrapping_sub(1);
    start & !(ALIGN - 1)
}

/// The offset into a data area of `size` bytes of the payload of the record that starts at `start`.
pub fn payload_of_start(start: u64, size: u64) -> u64 {
    start.wrapping_add(HEADER_LEN) & size.wrapping_sub(1)
}

#[cfg(test)]
mod tests;
