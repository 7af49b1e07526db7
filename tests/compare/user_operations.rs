// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What is drawn for user rings.

use proptest::prelude::*;
use std::ffi::c_int;

#[derive(Clone, Debug)]
pub struct Sequence {
    /// Where in the ring the first sample begins, in words.
    pub start: u16,
    pub operations: Vec<Op>,
}

#[derive(Clone, Copy, Debug)]
pub enum Op {
    Reserve {
        size: u32,
    },
    ReserveBlocking {
        size: u32,
        timeout: c_int,
    },
    /// One of the reserved samples, counted modulo their number.
    Submit {
        sample: usize,
    },
    Discard {
        sample: usize,
    },
    Drain {
        flags: u64,
    },
    State,
    Recreate,
}

pub fn sequence() -> impl Strategy<Value = Sequence> {
    (0..512u16, prop::collection::vec(operation(), 1..80))
        .prop_map(|(start, operations)| Sequence { start, operations })
}

fn operation() -> impl Strategy<Value = Op> {
    let timeout = prop_oneof![30 => Just(0), 1 => Just(1), 4 => Just(-2), 8 => Just(-1)];
    let drain_flags = prop_oneof![4 => Just(0), 1 => Just(1), 1 => Just(2)];
    prop_oneof![
        16 => size().prop_map(|size| Op::Reserve { size }),
        4 => (size(), timeout).prop_map(|(size, timeout)| Op::ReserveBlocking { size, timeout }),
        12 => any::<usize>().prop_map(|sample| Op::Submit { sample }),
        5 => any::<usize>().prop_map(|sample| Op::Discard { sample }),
        6 => drain_flags.prop_map(|flags| Op::Drain { flags }),
        5 => Just(Op::State),
        1 => Just(Op::Recreate),
    ]
}

fn size() -> impl Strategy<Value = u32> {
    prop_oneof![
        16 => 0..64u32,
        6 => 64..700u32,
        1 => 700..4100u32,
        1 => prop_oneof![
            Just(4088u32), Just(4089), Just((1 << 30) - 1), Just(1 << 30), Just(1 << 31), Just(u32::MAX)
        ],
    ]
}
