// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Calls that are left between any two of their steps: a signal handler jumps, or a thread is cancelled.

use super::*;

/// Makes a call that is left before its step number `step`; whether it has got so far.
fn leaves_at(step: usize, call: impl FnOnce()) -> bool {
    STEPS.with_borrow_mut(Vec::clear);
    LEAVE_AT.set(Some(step));
    let left = catch_unwind(AssertUnwindSafe(call)).is_err();
    LEAVE_AT.set(None);
    left
}

/// Leaves `call` before each of its steps in turn, on a ring of some records. The record whose callback is left comes
/// again, no other one does, and none is lost.
fn each_record_comes_once(call: impl Fn(&mut Taker)) {
    for step in 0.. {
        let ring = Ring::with_records(5);
        ring.reserve(8 | DISCARD);
        for _ in 0..20 {
            ring.reserve(8);
        }
        let records = (0..26u64).filter(|&record| record != 5);
        let expected: Vec<u64> = records.map(|record| record * 16).collect();
        let mut taker = Taker::new(&ring);
        let left = leaves_at(step, || call(&mut taker));
        let before = steps();
        taker.answer = Box::new(|_| Received::Consumed);
        assert_eq!(taker.consume(u64::MAX).map(|_| ()), Ok(()));
        assert_eq!(taker.starts(), expected, "left after {before:?}");
        assert_eq!(ring.consumer.get(), 26 * 16);
        assert_eq!(ring.held(), Held::NOTHING);
        if !left && before.len() <= step {
            assert!(step > 50, "the call has {step} steps");
            return;
        }
    }
}

#[test]
fn out_of_a_call_that_does_not_wait() {
    each_record_comes_once(|taker| _ = taker.consume(u64::MAX));
}

#[test]
fn out_of_calls_for_a_few_records() {
    each_record_comes_once(|taker| while taker.consume(2).is_ok_and(|delivered| delivered > 0) {});
}

#[test]
fn out_of_a_call_whose_callbacks_fail() {
    each_record_comes_once(|taker| {
        let mut answers = [Received::Consumed, Received::Failed(-7)]
            .into_iter()
            .cycle();
        taker.answer = Box::new(move |_| answers.next().expect("a cycle"));
        while taker.consume(u64::MAX).is_err() {}
    });
}

#[test]
fn out_of_a_call_that_waits() {
    for hot in [false, true] {
        each_record_comes_once(|taker| {
            let mut windows = Windows::none().then(|| {}).then(|| {});
            windows.hot = hot;
            _ = taker.linger(&mut windows);
        });
    }
}

#[test]
fn out_of_a_hot_call_whose_callbacks_call() {
    each_record_comes_once(|taker| {
        let ring = taker.ring;
        taker.answer = Box::new(move |_| {
            // In the callback itself the record is in hand.
            let later = LEAVE_AT.take();
            let moved = repair(ring, &ring.journal);
            LEAVE_AT.set(later);
            assert!(!moved || ring.held() == Held::NOTHING);
            Received::Consumed
        });
        _ = taker.linger(&mut Windows::none().hot());
    });
}
