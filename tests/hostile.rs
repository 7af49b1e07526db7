// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A ring whose other side writes whatever it likes: no read outside of the mapping, no record longer
//! than what was published, no endless loop, no panic.

mod simulated;

use proptest::prelude::*;
use rbshim::__internals::{EmptyRing, Errno};
use simulated::{Attack, SimulatedRing, run};
use std::ffi::{c_int, c_void};
use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::{AsRawFd, FromRawFd};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Positions where arithmetic goes wrong if it can: around the ends of words and of the ring.
fn position() -> impl Strategy<Value = u64> {
    let corner = prop_oneof![
        Just(0u64),
        Just(4096),
        Just(1 << 31),
        Just(1 << 32),
        Just(1 << 63),
        Just(u64::MAX),
    ];
    prop_oneof![
        (corner, -40i64..40).prop_map(|(corner, off)| corner.wrapping_add_signed(off * 8)),
        any::<u64>(),
    ]
}

fn attack() -> impl Strategy<Value = Attack> {
    prop_oneof![
        1 => position().prop_map(Attack::Producer),
        2 => any::<i16>().prop_map(Attack::Produce),
        1 => position().prop_map(Attack::Consumer),
        3 => (0u16..5000, any::<u32>()).prop_map(|(at, word)| Attack::Word(at, word)),
        8 => (0u16..4090, 0u8..4).prop_map(|(len, flags)| Attack::Record(len, flags)),
        8 => (0u16..64, 0u8..2).prop_map(|(len, flag)| Attack::Record(len, flag)),
        4 => (0u16..8).prop_map(Attack::Consume),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_sequence_of_writes_leads_the_reader_astray(
        attacks in prop::collection::vec(attack(), 1..60)
    ) {
        run(&attacks);
    }
}

#[test]
fn a_producer_that_writes_while_we_read_leads_us_nowhere() {
    let ring = SimulatedRing::new();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut random = 0x2545_f491_4f6c_dd1du64;
            for _ in 0..3_000_000 {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                let near = ring
                    .consumer_pos()
                    .load(Relaxed)
                    .wrapping_add(random >> 8 & 0xfff);
                match random & 7 {
                    0 => ring.producer_pos().store(random >> 3, Relaxed),
                    1 => ring.producer_pos().store(near & !7, Relaxed),
                    2 => ring.consumer_pos().store(random >> 16 & !7, Relaxed),
                    3 => ring.word(near).store((random >> 32) as u32, Relaxed),
                    4 => drop(ring.word(near).fetch_xor(1 << 31, Relaxed)),
                    _ => ring.word(near).store((random >> 52) as u32 & 0xff, Relaxed),
                };
            }
            done.store(true, Relaxed);
        });
        let mut outcomes = [0u64; 2];
        while !done.load(Relaxed) {
            outcomes[usize::from(ring.consume(1000).is_ok())] += 1;
        }
        assert!(
            outcomes.iter().all(|&count| count > 0),
            "both ends were seen: {outcomes:?}"
        );
    });
}

/// What a program is told: the error each time, and a warning that names position and map.
#[test]
fn a_program_is_warned_of_a_corrupt_ring_at_every_call() {
    unsafe extern "C-unwind" fn count(records: *mut c_void, _: *mut c_void, _: usize) -> c_int {
        // SAFETY: the context given below.
        unsafe { *records.cast::<u32>() += 1 };
        0
    }

    let ring = SimulatedRing::new();
    ring.word(0).store(8, Relaxed);
    ring.word(16).store(4000, Relaxed);
    ring.producer_pos().store(32, Relaxed);
    let mut records = 0u32;
    let context = (&raw mut records).cast();
    // SAFETY: the pages and `records` outlive the handle.
    let handle = unsafe {
        EmptyRing::allocate()
            .unwrap()
            .fill(77, ring.pages, Some(count), context)
    };
    let warnings = stderr_of(|| {
        for _ in 0..3 {
            assert_eq!(handle.consume(100), Err(Errno(libc::EBADMSG)));
        }
    });
    // SAFETY: the pages are the simulated ring's; nobody uses the handle any more.
    unsafe { handle.release() };
    assert_eq!(records, 1);
    assert_eq!(ring.consumer_pos().load(Relaxed), 16);
    let warning = "libbpf: ringbuf: corrupt record at position 16 of map fd=77\n";
    assert_eq!(warnings.matches(warning).count(), 3, "{warnings}");
}

/// What is written to stderr while `work` runs.
fn stderr_of(work: impl FnOnce()) -> String {
    let mut file = tempfile();
    // SAFETY: descriptors that are open; stderr is put back.
    unsafe {
        let saved = libc::dup(2);
        assert!(saved >= 0 && libc::dup2(file.as_raw_fd(), 2) == 2);
        work();
        libc::dup2(saved, 2);
        libc::close(saved);
    }
    let mut text = String::new();
    file.rewind().expect("a file");
    file.read_to_string(&mut text).expect("text");
    text
}

fn tempfile() -> File {
    // SAFETY: a new descriptor, owned by the file.
    unsafe { File::from_raw_fd(libc::memfd_create(c"stderr".as_ptr(), libc::MFD_CLOEXEC)) }
}
