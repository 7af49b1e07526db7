// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Hot rings: starts published every few records, and callbacks that leave, enter again or fail.

use super::*;

fn stores() -> Vec<(u64, Ordering)> {
    let store = |step| match step {
        Step::Store(position, order) => Some((position, order)),
        _ => None,
    };
    steps().into_iter().filter_map(store).collect()
}

#[test]
fn starts_are_published_in_time_and_only_the_end_is_fenced() {
    let ring = Ring::starting_at(0);
    let mut starts = Vec::new();
    for len in (0..120).chain([200, 248, 256, 700, 8, 8]) {
        // The producer is a ring ahead at most.
        ring.consumer.set(0);
        if ring.producer.get() + 8 + u64::from(len) > SIZE {
            break;
        }
        starts.push(ring.reserve(len));
    }
    let mut taker = Taker::new(&ring);
    assert_eq!(
        taker.linger(&mut Windows::none().hot()),
        Ok(starts.len() as u64)
    );
    let end = ring.producer.get();
    let mut published = 0;
    for &(position, order) in &stores() {
        if position == end {
            assert_eq!(order, Ordering::SeqCst);
        } else {
            assert_eq!(order, Ordering::Release);
            assert!(starts.contains(&position), "only a start goes unfenced");
            assert!(position - published >= UNPUBLISHED_MAX);
        }
        published = position;
    }
    assert_fenced(end);
}

#[test]
fn a_record_bigger_than_what_may_be_unpublished_is_published_each_time() {
    let ring = Ring::starting_at(0);
    for _ in 0..5 {
        ring.reserve(UNPUBLISHED_MAX as u32);
    }
    assert_eq!(Taker::new(&ring).linger(&mut Windows::none().hot()), Ok(5));
    let starts: Vec<u64> = stores().into_iter().map(|(position, _)| position).collect();
    let span = UNPUBLISHED_MAX + 8;
    assert_eq!(starts, (1..=5).map(|n| n * span).collect::<Vec<_>>());
}

#[test]
fn small_records_share_a_publication() {
    let ring = Ring::with_records(100);
    let mut taker = Taker::new(&ring);
    assert_eq!(taker.linger(&mut Windows::none().hot()), Ok(100));
    let every = UNPUBLISHED_MAX / 16;
    assert_eq!(stores().len() as u64, 100 / every + 1);
}

#[test]
fn what_is_held_and_what_comes_after_it_is_published_together() {
    let ring = Ring::with_records(2);
    let mut taker = Taker::new(&ring);
    let mut windows = Windows::none().hot().then(|| {
        ring.reserve(8);
        ring.reserve(8);
    });
    assert_eq!(taker.linger(&mut windows), Ok(4));
    let expected = [(16, Ordering::Release), (64, Ordering::SeqCst)];
    assert_eq!(stores(), expected);
}

#[test]
fn a_ring_may_cool_down_in_a_window() {
    let ring = Ring::with_records(20);
    let cold = Cell::new(false);
    /// Hot until its only window.
    struct Cooling<'a>(&'a Ring, &'a Cell<bool>);
    impl WaitPolicy for Cooling<'_> {
        fn round(&mut self) -> Round {
            let hot = !self.1.get();
            Round { hold: hot, hot }
        }
        fn waits(&mut self, _: Walked) -> bool {
            !self.1.replace(true)
        }
        fn wait(&mut self) {
            self.0.reserve(8);
            self.0.reserve(8);
        }
    }
    let seen = RefCell::new(Vec::new());
    let mut taker = Taker::answering(&ring, |record| {
        seen.borrow_mut().push((record.start, ring.consumer.get()));
        Received::Consumed
    });
    taker.hot = true;
    struct Through<'a, 'b>(&'a mut Taker<'b>, &'a Cell<bool>);
    impl Receiver for Through<'_, '_> {
        fn record(&mut self, record: Record) -> Received {
            self.0.hot = !self.1.get();
            self.0.record(record)
        }
    }
    let mut through = Through(&mut taker, &cold);
    let mut cooling = Cooling(&ring, &cold);
    let result = read_one(&ring, &ring.journal, u64::MAX, &mut through, &mut cooling);
    assert_eq!(result, Ok(22));
    assert_eq!(seen.borrow()[20..], [(320, 320), (336, 336)]);
}

#[test]
fn a_record_whose_callback_was_left_comes_again_and_none_before_it() {
    for hot in [false, true] {
        for at in [0, 16, 80, 256, 304] {
            let ring = Ring::with_records(20);
            let mut taker = Taker::leaving_at(&ring, at);
            let mut windows = Windows::none();
            windows.hot = hot;
            taker.leave(&mut windows);
            assert_eq!(ring.repaired(), at);
            let seen = taker.starts();
            taker.records.clear();
            assert_eq!(taker.consume(u64::MAX), Ok(20 - at / 16));
            assert_eq!(seen.last(), Some(&at));
            assert_eq!(taker.starts().first(), Some(&at));
            assert_fenced(320);
        }
    }
}

#[test]
fn a_callback_left_again_and_again_loses_nothing() {
    let ring = Ring::with_records(20);
    let mut all = Vec::new();
    let mut at = 0;
    while at < 320 {
        let mut taker = Taker::leaving_at(&ring, at);
        taker.leave(&mut Windows::none().hot());
        let seen = taker.starts();
        assert_eq!(seen.last(), Some(&at));
        all.extend_from_slice(&seen[..seen.len() - 1]);
        at += 48;
    }
    assert_eq!(
        all,
        (0..all.len() as u64).map(|n| n * 16).collect::<Vec<_>>()
    );
}

#[test]
fn a_callback_left_is_made_good_when_the_ring_is_freed() {
    let ring = Ring::with_records(10);
    Taker::leaving_at(&ring, 80).leave(&mut Windows::none().hot());
    assert_eq!(ring.consumer.get(), 0);
    assert!(repair(&ring, &ring.journal));
    assert_eq!(ring.consumer.get(), 80);
}

/// A child that was forked in a callback frees the manager, and so makes good what was held back then. The parent
/// has gone on, with more held back.
#[test]
fn what_a_fork_has_made_good_is_not_taken_for_somebody_elses() {
    let ring = Ring::with_records(20);
    let mut taker = Taker::answering(&ring, |record| match record.start {
        112 => {
            ring.consumer.set(80);
            resume_unwind(Box::new("left"));
        }
        _ => Received::Consumed,
    });
    taker.leave(&mut Windows::none().hot());
    assert_eq!((ring.consumer.get(), ring.repaired()), (80, 112));
    let shown = ring.journal.shown(SIZE, || ring.consumer.get());
    assert_eq!(shown, 112);
    assert_eq!(Taker::new(&ring).consume(1), Ok(1));
    assert_eq!(ring.consumer.get(), 128);
}

#[test]
fn nothing_is_made_good_where_nothing_is_held() {
    let ring = Ring::with_records(10);
    Taker::leaving_at(&ring, 0).leave(&mut Windows::none().hot());
    assert!(repair(&ring, &ring.journal), "a call was left");
    assert!(!repair(&ring, &ring.journal));
    assert_eq!(ring.consumer.get(), 0);
    assert!(!steps().iter().any(|step| matches!(step, Step::Replace(..))));
}

#[test]
fn a_call_in_the_callback_sees_that_record_and_the_outer_one_goes_on() {
    for (asked, left) in [(1, 96), (3, 128), (u64::MAX, 160)] {
        let ring = Ring::with_records(10);
        let inner = RefCell::new(Vec::new());
        let mut taker = Taker::answering(&ring, |record| {
            if record.start == 80 {
                let mut nested = Taker::new(&ring);
                let delivered = nested.consume(asked).expect("delivered");
                assert_eq!(delivered, asked.min(5));
                inner.borrow_mut().extend(nested.starts());
                assert_eq!(ring.consumer.get(), left);
            }
            Received::Consumed
        });
        // The outer call finds its ring where libbpf's would: it moves the position back.
        let result = taker.linger(&mut Windows::none().hot());
        assert_eq!(result, Ok(10), "{asked}");
        let expected: Vec<u64> = (80..left).step_by(16).collect();
        assert_eq!(*inner.borrow(), expected);
        assert_eq!(taker.starts(), (0..10).map(|n| n * 16).collect::<Vec<_>>());
        assert_eq!(ring.consumer.get(), 160);
    }
}

#[test]
fn a_call_in_the_callback_may_be_left_and_the_outer_one_goes_on() {
    for hot in [false, true] {
        let ring = Ring::with_records(10);
        let mut taker = Taker::answering(&ring, |record| {
            if record.start == 80 {
                let mut windows = Windows::none();
                windows.hot = hot;
                Taker::leaving_at(&ring, 112).leave(&mut windows);
                assert_eq!(ring.repaired(), 112);
            }
            Received::Consumed
        });
        assert_eq!(taker.linger(&mut Windows::none().hot()), Ok(10));
        assert_eq!(taker.starts(), (0..10).map(|n| n * 16).collect::<Vec<_>>());
    }
}

/// The outer call has published what is its end already, by the nested one's hand.
#[test]
fn a_call_left_in_the_callback_leaves_no_note_behind_a_failed_outer_one() {
    let ring = Ring::starting_at(0);
    ring.reserve(UNPUBLISHED_MAX as u32);
    let second = ring.reserve(8);
    let third = ring.reserve(8);
    let mut taker = Taker::answering(&ring, |record| {
        if record.start == 0 {
            Taker::leaving_at(&ring, third).leave(&mut Windows::none().hot());
            return Received::Failed(-1);
        }
        Received::Consumed
    });
    let failed = taker.linger(&mut Windows::none().hot());
    assert_eq!(failed, Err(Stop::Failed(-1)));
    assert_eq!(taker.consume(u64::MAX), Ok(2));
    assert_eq!(taker.starts(), [0, second, third]);
}

#[test]
fn a_failing_callback_leaves_the_end_of_its_record() {
    let ring = Ring::with_records(10);
    let mut taker = Taker::answering(&ring, |record| match record.start {
        80 => Received::Failed(-7),
        _ => Received::Consumed,
    });
    let result = taker.linger(&mut Windows::none().hot());
    assert_eq!(result, Err(Stop::Failed(-7)));
    assert_fence_owed(&ring, 96);
    assert_eq!(ring.held(), Held::NOTHING);
}

#[test]
fn a_refused_record_stays_the_next() {
    let ring = Ring::with_records(10);
    let mut taker = Taker::answering(&ring, |record| match record.start {
        80 => Received::Refused,
        _ => Received::Consumed,
    });
    let result = taker.linger(&mut Windows::none().hot());
    assert_eq!(result, Err(Stop::Refused));
    assert_fenced(80);
    assert_eq!(ring.repaired(), 80);
}

#[test]
fn a_limit_leaves_the_end_of_the_last_record() {
    let ring = Ring::with_records(10);
    let mut taker = Taker::new(&ring);
    taker.hot = true;
    let mut windows = Windows::none().hot();
    let result = read_one(&ring, &ring.journal, 6, &mut taker, &mut windows);
    assert_eq!(result, Ok(6));
    assert_fence_owed(&ring, 96);
    assert_eq!(ring.held(), Held::NOTHING);
}

#[test]
fn a_corrupt_record_leaves_its_start() {
    let ring = Ring::with_records(6);
    ring.set_header(80, 100);
    let mut taker = Taker::new(&ring);
    let result = taker.linger(&mut Windows::none().hot());
    assert_eq!(result, Err(Stop::Corrupt(80)));
    assert_fenced(80);
}
