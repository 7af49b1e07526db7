// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The program that runs whenever anybody enters a system call, and looks at the rings of a reader that is about to
//! sleep.
//!
//! A reader without a full barrier stores `consumer_pos`, looks at `producer_pos`, finds nothing, and waits. The kernel
//! commits a record, looks at `consumer_pos`, and finds that the reader is elsewhere. Both may have seen the old value:
//! nobody is woken. Here is the barrier, and a second look, between the reader's store and its sleep:
//!
//! - the record is not committed yet: then its commit, whose exchange of the header is a full barrier, comes after this
//!   look, and sees the `consumer_pos` that was stored before it. The kernel wakes the reader.
//! - it is committed: an empty record that is discarded at once, with a forced wake-up. The reader's epoll instance has
//!   its event then, whether or not the reader sleeps already.
//!
//! Where the ring is full there is no such record: the tool is told, and wakes the reader from outside.

use super::target::Target;
use crate::bpf::Instruction;
use crate::bpf::assembler::*;
use crate::rings::mapping::page_size;

/// A ring's words in the array that the program shares with the tool.
pub const WORDS: usize = 5;
/// How often a reader was seen that was about to sleep.
pub const SEEN: usize = 0;
/// How often it was woken.
pub const WOKEN: usize = 1;
/// How often there was no room to wake it.
pub const FULL: usize = 2;
/// Where the reader was when it was woken last,
const LAST: usize = 3;
/// and how often it was woken there.
const TRIES: usize = 4;

/// A reader that waits again without having read is woken so often, then no more: it does so on purpose. More than
/// once, because of two epoll instances that watch a ring the kernel notifies one after the other.
const MOST_TRIES: i32 = 8;

const PROBE_READ_USER: i32 = 112;
const PROBE_READ_KERNEL: i32 = 113;
const GET_NS_CURRENT_PID_TGID: i32 = 120;
const OUTPUT: i32 = 130;
const RESERVE: i32 = 131;
const DISCARD: i32 = 133;
const QUERY: i32 = 134;

const QUERY_CONSUMER: i32 = 2;
const QUERY_PRODUCER: i32 = 3;
const NO_WAKEUP: i32 = 1;
const FORCE_WAKEUP: i32 = 2;
/// The bit of a header that is set until the record is committed, as a 32-bit number.
const BUSY: i32 = 1 << 31;
/// A record's header; its second half has the record's page, counted from the start of the kernel's own structure.
const HEADER: i32 = 8;
/// In that structure, the pages before the data: its own, and the two positions.
const PAGES_BEFORE_DATA: i32 = 3;

const IORING_ENTER_GETEVENTS: i32 = 1;

/// The part of `struct pt_regs` with a system call's arguments: where it begins, how long it is, and where in it the
/// first and the fourth argument are.
#[cfg(target_arch = "x86_64")]
const ARGUMENTS: Option<(i32, i32, i16, i16)> = Some((56, 64, 56, 0));
#[cfg(target_arch = "aarch64")]
const ARGUMENTS: Option<(i32, i32, i16, i16)> = Some((0, 32, 0, 24));
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const ARGUMENTS: Option<(i32, i32, i16, i16)> = None;

/// The stack.
const NAMES: i16 = -8;
const ARGUMENT: i16 = -72;
const TIME: i16 = -88;
const POINTER: i16 = -96;
const ADDRESS: i16 = -104;
const SCRATCH: i16 = -112;

/// Whom it guards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The process's id in its own namespace.
    pub pid: i32,
    /// That namespace: device, in the kernel's form, and inode.
    pub namespace: (u64, u64),
}

/// The maps that it uses.
#[derive(Clone, Copy, Debug)]
pub struct Maps<'all> {
    /// Of the targets, in their order.
    pub rings: &'all [i32],
    /// The array: [`WORDS`] for each ring.
    pub words: i32,
    /// A ring of the tool's own, in which it is told that there was no room.
    pub bell: i32,
}

/// The program; `None` if this machine's registers are not known, or it would be too long.
pub fn program(subject: Subject, targets: &[Target], maps: Maps<'_>) -> Option<Vec<Instruction>> {
    let mut code = Code::default();
    let out = code.label();
    entrance(&mut code, subject, out)?;
    for (nth, (target, ring)) in targets.iter().zip(maps.rings).enumerate() {
        let ring = Ring {
            map: *ring,
            size: target.ring.size,
            words: maps.words,
            offset: (8 * WORDS * nth) as u32,
            bell: maps.bell,
        };
        let next = code.label();
        which(&mut code, target, next);
        look(&mut code, ring, next);
        code.place(next);
    }
    code.place(out);
    code.exit();
    code.finish()
}

/// Goes out unless this is a wait of the subject's that may sleep. Then `R9` is the descriptor that is waited for, and
/// `R7` the number of the system call.
fn entrance(code: &mut Code, subject: Subject, out: Label) -> Option<()> {
    let (begin, length, first, fourth) = ARGUMENTS?;
    let (first, fourth) = (ARGUMENT + first, ARGUMENT + fourth);
    // The cheapest question first: this is asked at every system call of the machine.
    let ours = code.label();
    code.read(Width::Double, R9, R1, 0);
    code.read(Width::Double, R7, R1, 8);
    for call in CALLS {
        code.jump_if(R7, When::Equal, call as i32, ours);
    }
    code.exit();
    code.place(ours);
    // Fails in every other namespace.
    code.long(R1, subject.namespace.0);
    code.long(R2, subject.namespace.1);
    code.stack(R3, NAMES);
    code.number(Do::Set, R4, 8);
    code.call(GET_NS_CURRENT_PID_TGID);
    code.jump_if(R0, When::Other, 0, out);
    code.read(Width::Word, R1, STACK, NAMES + 4);
    code.jump_if(R1, When::Other, subject.pid, out);
    code.stack(R1, ARGUMENT);
    code.number(Do::Set, R2, length);
    code.register(Do::Set, R3, R9);
    code.number(Do::Add, R3, begin);
    code.call(PROBE_READ_KERNEL);
    code.jump_if(R0, When::Other, 0, out);
    code.read(Width::Word, R9, STACK, first);

    let (sleeps, with_time, by_uring) = (code.label(), code.label(), code.label());
    code.jump_if(R7, When::Equal, libc::SYS_io_uring_enter as i32, by_uring);
    code.jump_if(R7, When::Equal, libc::SYS_epoll_pwait2 as i32, with_time);
    // A number of milliseconds.
    code.read(Width::Word, R1, STACK, fourth);
    code.jump_if(R1, When::Other, 0, sleeps);
    code.exit();
    code.place(by_uring);
    code.read(Width::Word, R1, STACK, fourth);
    code.jump_if(R1, When::Any, IORING_ENTER_GETEVENTS, sleeps);
    code.exit();
    code.place(with_time);
    // A `struct timespec`, or none: for ever.
    code.read(Width::Double, R3, STACK, fourth);
    code.jump_if(R3, When::Equal, 0, sleeps);
    code.stack(R1, TIME);
    code.number(Do::Set, R2, 16);
    code.call(PROBE_READ_USER);
    code.jump_if(R0, When::Other, 0, sleeps);
    code.read(Width::Double, R1, STACK, TIME);
    code.read(Width::Double, R2, STACK, TIME + 8);
    code.register(Do::Or, R1, R2);
    code.jump_if(R1, When::Equal, 0, out);
    code.place(sleeps);
    Some(())
}

/// The system calls that a reader sleeps in.
#[cfg(target_arch = "x86_64")]
const CALLS: [libc::c_long; 4] = [
    libc::SYS_epoll_wait,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_io_uring_enter,
];
#[cfg(not(target_arch = "x86_64"))]
const CALLS: [libc::c_long; 3] = [
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_io_uring_enter,
];

/// Goes on if this wait is one for the ring.
fn which(code: &mut Code, target: &Target, next: Label) {
    let (by_epoll, found) = (code.label(), code.label());
    let uring = libc::SYS_io_uring_enter as i32;
    code.jump_if(R7, When::Other, uring, by_epoll);
    code.jump(if target.uring { found } else { next });
    code.place(by_epoll);
    for epoll in &target.epolls {
        code.jump_if(R9, When::Equal, *epoll, found);
    }
    code.jump(next);
    code.place(found);
}

#[derive(Clone, Copy)]
struct Ring {
    map: i32,
    size: u64,
    words: i32,
    offset: u32,
    bell: i32,
}

impl Ring {
    fn word(&self, code: &mut Code, to: Register, word: usize) {
        code.value(to, self.words, self.offset + 8 * word as u32);
    }

    /// Adds one to a word. This is a full barrier.
    fn count(&self, code: &mut Code, word: usize) {
        self.word(code, R1, word);
        code.number(Do::Set, R2, 1);
        code.fetch_add(R1, 0, R2);
    }
}

/// The barrier, the look, and the wake-up. Leaves `R7` and `R9` as they are: they tell the next ring what the wait is.
fn look(code: &mut Code, ring: Ring, next: Label) {
    // The count is the barrier: pairs with the exchange of the header in the kernel's bpf_ringbuf_commit(). Without it
    // the positions could be read before the reader's store of its own is seen by others.
    ring.count(code, SEEN);
    for position in [QUERY_CONSUMER, QUERY_PRODUCER] {
        code.map(R1, ring.map);
        code.number(Do::Set, R2, position);
        code.call(QUERY);
        if position == QUERY_CONSUMER {
            code.register(Do::Set, R8, R0);
        }
    }
    code.jump_if_registers(R0, When::Equal, R8, next);

    let (fresh, reserve, full, busy) = (code.label(), code.label(), code.label(), code.label());
    ring.word(code, R1, LAST);
    code.read(Width::Double, R2, R1, 0);
    code.jump_if_registers(R2, When::Other, R8, fresh);
    ring.word(code, R1, TRIES);
    code.read(Width::Double, R2, R1, 0);
    code.jump_if(R2, When::AtLeast, MOST_TRIES, next);
    code.number(Do::Add, R2, 1);
    code.write(R1, 0, R2);
    code.jump(reserve);
    code.place(fresh);
    code.write(R1, 0, R8);
    ring.word(code, R1, TRIES);
    code.number(Do::Set, R2, 1);
    code.write(R1, 0, R2);

    code.place(reserve);
    code.map(R1, ring.map);
    code.number(Do::Set, R2, 0);
    code.number(Do::Set, R3, 0);
    code.call(RESERVE);
    code.jump_if(R0, When::Equal, 0, full);
    code.register(Do::Set, R6, R0);
    head(code, ring.size);
    code.read(Width::Word, R1, STACK, SCRATCH);
    code.jump_if(R1, When::Any, BUSY, busy);
    ring.count(code, WOKEN);
    discard(code, FORCE_WAKEUP);
    code.jump(next);

    // Its commit will wake the reader.
    code.place(busy);
    discard(code, NO_WAKEUP);
    ring.word(code, R1, TRIES);
    code.number(Do::Set, R2, 0);
    code.write(R1, 0, R2);
    code.jump(next);

    code.place(full);
    ring.count(code, FULL);
    code.number(Do::Set, R1, 0);
    code.write(STACK, SCRATCH, R1);
    code.map(R1, ring.bell);
    code.stack(R2, SCRATCH);
    code.number(Do::Set, R3, 8);
    code.number(Do::Set, R4, 0);
    code.call(OUTPUT);
}

fn discard(code: &mut Code, flags: i32) {
    code.register(Do::Set, R1, R6);
    code.number(Do::Set, R2, flags);
    code.call(DISCARD);
}

/// Reads the header of the record at `R8` to the stack. A program cannot map a ring; but it has just got a record in
/// it, in `R6`, whose address and header say where the ring is. What cannot be read becomes 0: a record that is there.
fn head(code: &mut Code, size: u64) {
    let page = page_size() as i32;
    // The address as a number, to calculate with.
    code.write(STACK, POINTER, R6);
    read(code, ADDRESS, |code| code.stack(R3, POINTER));
    let header = |code: &mut Code| {
        code.read(Width::Double, R3, STACK, ADDRESS);
        code.number(Do::Add, R3, -HEADER);
    };
    read(code, SCRATCH, header);
    header(code);
    code.number(Do::And, R3, -page);
    code.read(Width::Word, R1, STACK, SCRATCH + 4);
    code.number(Do::Shift, R1, page.trailing_zeros() as i32);
    code.register(Do::Subtract, R3, R1);
    code.number(Do::Add, R3, PAGES_BEFORE_DATA * page);
    code.register(Do::Set, R1, R8);
    code.number(Do::And, R1, (size - 1) as i32);
    code.register(Do::Add, R3, R1);
    read(code, SCRATCH, |_| {});
}

/// Reads eight bytes of the kernel's memory, from where `R3` is made to point, to the stack.
fn read(code: &mut Code, to: i16, from: impl Fn(&mut Code)) {
    from(code);
    code.stack(R1, to);
    code.number(Do::Set, R2, 8);
    code.call(PROBE_READ_KERNEL);
}
