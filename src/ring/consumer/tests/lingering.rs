// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Windows: what is published before, in and after them.

use super::*;

const ACQUIRE: Step = Step::Fence(Ordering::Acquire);
const FENCE: Step = Step::Fence(Ordering::SeqCst);

fn held(published: u64, reached: u64) -> Held {
    Held { published, reached }
}

#[test]
fn holding_back_publishes_the_last_start_and_fences_nothing() {
    // Hot, so that there is a start to publish.
    let ring = Ring::with_records(3);
    let mut taker = Taker::new(&ring);
    let mut before = Vec::new();
    let mut windows = Windows::none().hot().then(|| {
        before = steps();
        assert_eq!(ring.consumer.get(), 32);
        assert_eq!(ring.held(), held(32, 48));
    });
    assert_eq!(taker.linger(&mut windows), Ok(3));
    drop(windows);
    let tail = [Step::Store(32, Ordering::Release), Step::Wait];
    assert_eq!(before[before.len() - 2..], tail);
    assert!(!before.contains(&FENCE));
    assert_fenced(48);
}

#[test]
fn the_start_of_a_single_record_is_there_already() {
    let ring = Ring::with_records(1);
    let mut taker = Taker::new(&ring);
    let mut windows = Windows::none().then(|| {
        assert!(!steps().iter().any(|step| matches!(step, Step::Store(..))));
        assert_eq!(ring.held(), held(0, 16));
    });
    assert_eq!(taker.linger(&mut windows), Ok(1));
}

#[test]
fn an_end_is_never_published_before_a_window() {
    for (records, hot) in [1, 2, 3, 40].into_iter().zip([true, false, true, false]) {
        let ring = Ring::with_records(records);
        let mut taker = Taker::new(&ring);
        let committed = |position| ring.headers.borrow().contains_key(&position);
        let mut windows = Windows::none();
        windows.hot = hot;
        for _ in 0..3 {
            windows = windows.then(|| {
                assert!(committed(ring.consumer.get()));
                ring.reserve(8);
            });
        }
        let delivered = records as u64 + 3;
        assert_eq!(taker.linger(&mut windows), Ok(delivered));
        drop(windows);
        assert_fenced(delivered * 16);
    }
}

#[test]
fn the_next_drain_publishes_the_end_of_what_was_held_before_its_callback() {
    let ring = Ring::with_records(2);
    let mut taker = Taker::new(&ring);
    let mut windows = Windows::none().then(|| {
        ring.reserve(8);
    });
    assert_eq!(taker.linger(&mut windows), Ok(3));
    let after = [
        Step::LoadProducer,
        ACQUIRE,
        Step::LoadHeader(32),
        ACQUIRE,
        Step::Store(32, Ordering::Release),
        Step::Deliver(32),
    ];
    assert_eq!(steps_since(Step::Wait)[..6], after);
}

#[test]
fn a_window_that_found_nothing_settles() {
    let ring = Ring::with_records(2);
    let mut taker = Taker::new(&ring);
    assert_eq!(taker.linger(&mut Windows::none().then(|| {})), Ok(2));
    let settled = [
        Step::LoadProducer,
        ACQUIRE,
        Step::Store(32, Ordering::SeqCst),
        FENCE,
        Step::LoadProducer,
        ACQUIRE,
    ];
    assert_eq!(steps_since(Step::Wait), settled);
    assert_eq!(ring.held(), Held::NOTHING);
}

#[test]
fn what_a_window_missed_is_found_by_the_second_look() {
    let ring = Ring::with_records(2);
    ring.at_seqcst_store.set(Some(|ring| {
        ring.reserve(8);
    }));
    let mut taker = Taker::new(&ring);
    assert_eq!(taker.linger(&mut Windows::none().then(|| {})), Ok(3));
    assert_eq!(taker.rescues, 1);
    assert_fenced(48);
}

#[test]
fn windows_that_find_nothing_may_follow_each_other() {
    let ring = Ring::with_records(2);
    let mut taker = Taker::new(&ring);
    let found = |_| ring.held() == held(16, 32) && ring.consumer.get() == 16;
    let mut windows = Windows::none();
    for number in 0..3 {
        windows = windows.then(move || assert!(found(number)));
    }
    assert_eq!(taker.linger(&mut windows), Ok(2));
    assert_fenced(32);
}

#[test]
fn a_busy_head_is_lingered_for_and_settled() {
    let ring = Ring::with_records(1);
    let busy = ring.reserve(8 | BUSY);
    let mut taker = Taker::new(&ring);
    let mut windows = Windows::none()
        .then(|| {})
        .then(|| ring.set_header(busy, 8));
    assert_eq!(taker.linger(&mut windows), Ok(2));
    assert_fenced(32);
}

#[test]
fn a_discarded_record_is_held_back_like_any_other() {
    let ring = Ring::with_records(1);
    ring.reserve(8 | DISCARD);
    let mut taker = Taker::new(&ring);
    let mut windows = Windows::none().then(|| assert_eq!(ring.held(), held(16, 32)));
    assert_eq!(taker.linger(&mut windows), Ok(1));
    assert_fenced(32);
}

#[test]
fn a_call_that_has_walked_nothing_does_not_wait() {
    let ring = Ring::with_records(0);
    let mut taker = Taker::new(&ring);
    let mut windows = Windows::none().then(|| unreachable!("nothing is held back"));
    assert_eq!(taker.linger(&mut windows), Ok(0));
    assert_eq!(steps(), [Step::LoadProducer, ACQUIRE]);
}

#[test]
fn a_record_of_more_than_its_part_of_the_ring_is_not_held_back() {
    let part = (SIZE / hold::HELD_PART) as u32;
    for (len, waits) in [(part - 8, true), (part, false)] {
        for hot in [false, true] {
            let ring = Ring::with_records(1);
            ring.reserve(len);
            let mut taker = Taker::new(&ring);
            let mut windows = Windows::none().then(|| {});
            windows.hot = hot;
            assert_eq!(taker.linger(&mut windows), Ok(2));
            assert_eq!(windows.events.is_empty(), waits, "{len} {hot}");
            assert_fenced(ring.producer.get());
        }
    }
}

#[test]
fn a_window_that_does_not_end_is_made_good_by_the_next_call() {
    for hot in [false, true] {
        let ring = Ring::with_records(3);
        let mut taker = Taker::new(&ring);
        let mut windows = Windows::none().then(|| resume_unwind(Box::new("cancelled")));
        windows.hot = hot;
        taker.leave(&mut windows);
        assert_eq!(ring.consumer.get(), 32);
        assert_eq!(taker.consume(u64::MAX), Ok(0));
        let look = [Step::LoadProducer, ACQUIRE];
        let replaced = [Step::Replace(32, 48, Ordering::AcqRel)];
        // The position may be the end of the ring: nothing is believed before a fence.
        let expected = [&replaced[..], &look, &[FENCE], &look].concat();
        assert_eq!(steps_since(Step::Wait), expected);
        assert_eq!(taker.starts(), [0, 16, 32]);
    }
}

#[test]
fn a_window_that_does_not_end_is_made_good_when_the_ring_is_freed() {
    let ring = Ring::with_records(2);
    let mut taker = Taker::new(&ring);
    let mut windows = Windows::none().then(|| resume_unwind(Box::new("cancelled")));
    taker.leave(&mut windows);
    assert!(repair(&ring, &ring.journal));
    assert_eq!(ring.consumer.get(), 32);
    assert!(!repair(&ring, &ring.journal), "once");
}

#[test]
fn whoever_has_moved_the_position_since_is_believed() {
    for moved in [16, 48, 64] {
        let ring = Ring::with_records(4);
        ring.set_header(48, 8 | BUSY);
        let mut taker = Taker::new(&ring);
        let mut windows = Windows::none().then(|| resume_unwind(Box::new("cancelled")));
        taker.leave(&mut windows);
        ring.set_header(48, 8);
        ring.consumer.set(moved);
        taker.records.clear();
        assert_eq!(taker.consume(u64::MAX), Ok((64 - moved) / 16));
        let expected: Vec<u64> = (moved..64).step_by(16).collect();
        assert_eq!(taker.starts(), expected);
        assert_eq!(ring.consumer.get(), 64);
        assert!(steps().contains(&FENCE), "{moved} is fenced by nobody yet");
    }
}

/// A signal handler may jump out of any instruction, so also out of the middle of a note.
#[test]
fn a_note_that_was_half_written_moves_nothing() {
    let nowhere = Held::NOTHING.reached;
    for half in [held(16, nowhere), held(nowhere, 32)] {
        for by_turns in [false, true] {
            let ring = Ring::with_records(2);
            ring.consumer.set(16);
            ring.journal.begin(half.published, half.reached);
            let mut taker = Taker::new(&ring);
            let result = if by_turns {
                taker.linger(&mut Windows::none())
            } else {
                taker.consume(u64::MAX)
            };
            assert_eq!(result, Ok(1));
            assert_eq!(taker.starts(), [16], "{half:?}");
        }
    }
}
