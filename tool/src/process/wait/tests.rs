// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Which thread waits for which ring, and how.

use super::*;
use std::collections::BTreeMap;

const ET: u32 = 1 << 31;

fn item(target: Target, events: u32) -> Item {
    Item {
        fd: 9,
        events,
        data: 0,
        target,
    }
}

/// With one thread that sleeps in the epoll instance 3.
fn process(epolls: &[(i32, Vec<Item>)], timeout: Option<Duration>) -> Process {
    Process {
        pid: i32::MAX,
        started: 0,
        name: Vec::new(),
        threads: vec![Thread {
            tid: 1,
            state: 'S',
            kernel_function: "ep_poll".into(),
            call: Call::Epoll { fd: 3, timeout },
        }],
        epolls: epolls.iter().cloned().collect::<BTreeMap<_, _>>(),
        uring: false,
    }
}

#[test]
fn edge_triggered_anywhere_on_the_way_is_edge_triggered() {
    let direct = process(&[(3, vec![item(Target::Map(5), ET)])], None);
    assert_eq!(direct.how(5), How::Edge);
    let waiters = direct.waiters(5);
    assert_eq!(waiters[0].ways[0].innermost(), Some(3));
    // What another ring of the process does is not this one's.
    assert_eq!(direct.how(6), How::Unseen);
    assert!(direct.waiters(6).is_empty());

    let nested = process(
        &[
            (3, vec![item(Target::Epoll(4), ET)]),
            (4, vec![item(Target::Map(5), 1)]),
        ],
        None,
    );
    assert_eq!(nested.how(5), How::Edge);
    assert_eq!(nested.waiters(5)[0].ways[0].epolls, [3, 4]);
    assert_eq!(nested.edge_triggered_epolls(5), [3]);
    let level = process(&[(3, vec![item(Target::Map(5), 1)])], None);
    assert_eq!(level.how(5), How::Level);
}

#[test]
fn an_item_whose_descriptor_is_closed_may_be_the_ring() {
    let lost = process(
        &[(3, vec![item(Target::Lost, ET), item(Target::Other, ET)])],
        None,
    );
    assert_eq!(lost.waiters(5)[0].ways.len(), 1);
    // Not where the ring has an item of its own.
    let other = process(
        &[
            (3, vec![item(Target::Lost, ET)]),
            (4, vec![item(Target::Map(5), 1)]),
        ],
        None,
    );
    assert!(other.waiters(5).is_empty());
}

#[test]
fn a_reader_with_a_timeout_or_a_timer_wakes_by_itself() {
    let ring = || item(Target::Map(5), ET);
    let tick = |seconds| Target::Timer {
        left: Duration::from_secs(1),
        interval: Duration::from_secs(seconds),
    };
    let wakes = |items, timeout: Option<u64>| {
        let process = process(&[(3, items)], timeout.map(Duration::from_secs));
        process.waiters(5)[0]
            .wakes_itself
            .map(|time| time.as_secs())
    };
    assert_eq!(wakes(vec![ring()], None), None);
    assert_eq!(wakes(vec![ring()], Some(7)), Some(7));
    assert_eq!(wakes(vec![ring(), item(tick(3), 1)], Some(7)), Some(3));
    assert_eq!(wakes(vec![ring(), item(tick(0), 1)], None), Some(1));
    // Nobody waits an hour for a record.
    assert_eq!(wakes(vec![ring(), item(tick(3600), 1)], None), None);
}

#[test]
fn instances_that_hold_each_other_end() {
    let circle = process(
        &[
            (3, vec![item(Target::Epoll(4), ET)]),
            (4, vec![item(Target::Epoll(3), ET)]),
        ],
        None,
    );
    assert!(circle.waiters(5).is_empty());
}
