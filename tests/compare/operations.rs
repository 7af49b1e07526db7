// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What is drawn: sequences of operations on the rings of one manager.

use super::hold::HOLDERS;
use proptest::prelude::*;

/// Maps that a manager may read.
pub const RINGS: usize = 3;

/// One sequence.
#[derive(Clone, Debug)]
pub struct Sequence {
    /// Where in its map each ring begins, in words: so that every record meets the wrap-around.
    pub starts: [u16; RINGS],
    /// Rings in the manager at the beginning.
    pub rings: usize,
    pub operations: Vec<Op>,
}

/// Records that are produced together.
#[derive(Clone, Copy, Debug)]
pub struct Batch {
    pub map: usize,
    pub count: u32,
    pub size: u32,
    pub flags: u64,
}

impl Batch {
    /// One record that takes up `span` bytes.
    pub fn padding(map: usize, span: u64) -> Batch {
        let size = span as u32 - 8;
        Batch {
            map,
            count: 1,
            size,
            flags: 0,
        }
    }
}

/// Numbers of rings: `map` counts the maps, `ring` the rings of the manager, which need not exist.
#[derive(Clone, Copy, Debug)]
pub enum Op {
    Emit(Batch),
    Discard(Batch),
    Hold {
        holder: usize,
        map: usize,
        size: u32,
        flags: u64,
        discard: bool,
    },
    Release {
        holder: usize,
    },
    /// The timeout in milliseconds.
    Poll(i32),
    Consume,
    ConsumeN(usize),
    RingConsume {
        ring: u32,
    },
    RingConsumeN {
        ring: u32,
        n: usize,
    },
    Add {
        map: usize,
    },
    AddNoMap,
    AddNoRing,
    Accessors {
        ring: u32,
    },
    Query {
        map: usize,
    },
    Readiness,
    Edge,
    /// What the callback of the record after the next `after` ones does.
    Script {
        after: u32,
        action: Action,
    },
    Recreate {
        rings: usize,
    },
}

/// Done once, in a callback.
#[derive(Clone, Copy, Debug)]
pub enum Action {
    Return(i32),
    Accessors { ring: u32 },
    Query { map: usize },
    Emit(Batch),
    Discard(Batch),
    Consume,
    RingConsume { ring: u32 },
    RingConsumeN { ring: u32, n: usize },
    Add { map: usize },
    Readiness,
}

pub fn sequence() -> impl Strategy<Value = Sequence> {
    let start = || 0..1024u16;
    (
        [start(), start(), start()],
        1..=RINGS,
        prop::collection::vec(operation(), 1..80),
    )
        .prop_map(|(starts, rings, operations)| Sequence {
            starts,
            rings,
            operations,
        })
}

/// One ring that is read by polls that wait, if there is nothing. A second one would join a poll that goes on.
pub fn polls() -> impl Strategy<Value = Sequence> {
    let batch = || (1..40u32, 8..100u32, flags());
    let emit = batch().prop_map(|(count, size, flags)| {
        Op::Emit(Batch {
            map: 0,
            count,
            size,
            flags,
        })
    });
    let discard = batch().prop_map(|(count, size, flags)| {
        Op::Discard(Batch {
            map: 0,
            count,
            size,
            flags,
        })
    });
    let operation = prop_oneof![
        12 => emit,
        1 => discard,
        12 => Just(Op::Poll(1)),
        1 => Just(Op::Poll(0)),
        1 => Just(Op::Consume),
        1 => limit().prop_map(Op::ConsumeN),
        1 => Just(Op::Accessors { ring: 0 }),
        2 => Just(Op::Query { map: 0 }),
        2 => Just(Op::Readiness),
        2 => Just(Op::Edge),
        2 => (0..30u32, action()).prop_filter_map("one ring", |(after, action)| {
            let adds = matches!(action, Action::Add { .. });
            (!adds).then_some(Op::Script { after, action })
        }),
    ];
    (0..1024u16, prop::collection::vec(operation, 80..160)).prop_map(|(start, operations)| {
        Sequence {
            starts: [start, 0, 0],
            rings: 1,
            operations,
        }
    })
}

fn operation() -> impl Strategy<Value = Op> {
    let hold = (0..HOLDERS, map(), size(), flags(), any::<bool>());
    prop_oneof![
        22 => batch().prop_map(Op::Emit),
        5 => batch().prop_map(Op::Discard),
        4 => hold.prop_map(|(holder, map, size, flags, discard)| {
            Op::Hold { holder, map, size, flags, discard }
        }),
        4 => (0..HOLDERS).prop_map(|holder| Op::Release { holder }),
        8 => Just(Op::Poll(0)),
        1 => Just(Op::Poll(1)),
        5 => Just(Op::Consume),
        6 => limit().prop_map(Op::ConsumeN),
        5 => ring().prop_map(|ring| Op::RingConsume { ring }),
        6 => (ring(), limit()).prop_map(|(ring, n)| Op::RingConsumeN { ring, n }),
        2 => map().prop_map(|map| Op::Add { map }),
        1 => prop_oneof![Just(Op::AddNoMap), Just(Op::AddNoRing)],
        5 => ring().prop_map(|ring| Op::Accessors { ring }),
        4 => map().prop_map(|map| Op::Query { map }),
        6 => Just(Op::Readiness),
        5 => Just(Op::Edge),
        8 => (prop_oneof![3 => 0..3u32, 1 => 3..30u32], action())
            .prop_map(|(after, action)| Op::Script { after, action }),
        1 => (1..=RINGS).prop_map(|rings| Op::Recreate { rings }),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    let errors = [
        -1,
        -libc::EINTR,
        -libc::EINVAL,
        -libc::EBADMSG,
        -4242,
        -i32::MAX,
    ];
    prop_oneof![
        6 => prop::sample::select(errors.to_vec()).prop_map(Action::Return),
        1 => prop_oneof![Just(1), Just(i32::MAX)].prop_map(Action::Return),
        2 => ring().prop_map(|ring| Action::Accessors { ring }),
        2 => map().prop_map(|map| Action::Query { map }),
        4 => batch().prop_map(Action::Emit),
        1 => batch().prop_map(Action::Discard),
        1 => Just(Action::Consume),
        2 => ring().prop_map(|ring| Action::RingConsume { ring }),
        1 => (ring(), 1..5usize).prop_map(|(ring, n)| Action::RingConsumeN { ring, n }),
        2 => map().prop_map(|map| Action::Add { map }),
        1 => Just(Action::Readiness),
    ]
}

fn batch() -> impl Strategy<Value = Batch> {
    let counts = prop_oneof![8 => 1..5u32, 1 => 5..80u32];
    (map(), counts, size(), flags()).prop_map(|(map, count, size, flags)| Batch {
        map,
        count,
        size,
        flags,
    })
}

fn map() -> impl Strategy<Value = usize> {
    0..RINGS
}

fn ring() -> impl Strategy<Value = u32> {
    prop_oneof![20 => 0..RINGS as u32, 1 => Just(RINGS as u32), 1 => Just(u32::MAX)]
}

fn size() -> impl Strategy<Value = u32> {
    prop_oneof![8 => 0..64u32, 3 => 64..600u32, 1 => 600..4100u32]
}

fn flags() -> impl Strategy<Value = u64> {
    const NO_WAKEUP: u64 = 1;
    const FORCE_WAKEUP: u64 = 2;
    prop_oneof![4 => Just(0), 1 => Just(NO_WAKEUP), 1 => Just(FORCE_WAKEUP)]
}

fn limit() -> impl Strategy<Value = usize> {
    prop_oneof![
        1 => Just(0usize),
        12 => 1..8usize,
        2 => 8..100usize,
        1 => Just(i32::MAX as usize),
        1 => Just(usize::MAX),
    ]
}
