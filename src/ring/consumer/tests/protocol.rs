// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! One call without lingering, step by step.

use super::*;

#[test]
fn each_start_is_published_before_its_callback_and_the_end_is_settled() {
    let ring = Ring::starting_at(0);
    let starts = [ring.reserve(8), ring.reserve(9), ring.reserve(0)];
    let mut taker = Taker::new(&ring);
    assert_eq!(taker.consume(u64::MAX), Ok(3));
    assert_eq!(
        taker.records.iter().map(|r| r.start).collect::<Vec<_>>(),
        starts
    );
    assert_eq!(
        taker.records.iter().map(|r| r.len).collect::<Vec<_>>(),
        [8, 9, 0]
    );
    let acquire = Step::Fence(Ordering::Acquire);
    assert_eq!(
        steps(),
        [
            Step::LoadProducer,
            acquire,
            Step::LoadHeader(0),
            acquire,
            Step::Deliver(0),
            Step::LoadHeader(16),
            acquire,
            Step::Store(16, Ordering::Release),
            Step::Deliver(16),
            Step::LoadHeader(40),
            acquire,
            Step::Store(40, Ordering::Release),
            Step::Deliver(40),
            Step::LoadProducer,
            acquire,
            Step::Store(48, Ordering::SeqCst),
            Step::Fence(Ordering::SeqCst),
            Step::LoadProducer,
            acquire,
        ]
    );
}

#[test]
fn a_call_that_finds_nothing_publishes_and_fences_nothing() {
    let ring = Ring::starting_at(0);
    assert_eq!(Taker::new(&ring).consume(u64::MAX), Ok(0));
    let look = [Step::LoadProducer, Step::Fence(Ordering::Acquire)];
    assert_eq!(steps(), look);
}

#[test]
fn a_position_that_no_call_of_ours_left_is_fenced_before_nothing_is_believed() {
    let ring = Ring::starting_at(0);
    let mut taker = Taker::new(&ring);
    ring.journal.set_fenced(Fenced::NOWHERE);
    assert_eq!(taker.consume(u64::MAX), Ok(0));
    let look = [Step::LoadProducer, Step::Fence(Ordering::Acquire)];
    let fenced = [&look[..], &[Step::Fence(Ordering::SeqCst)], &look].concat();
    assert_eq!(steps(), fenced);
    assert_eq!(taker.consume(u64::MAX), Ok(0));
    assert_eq!(steps(), [&fenced[..], &look].concat(), "once is enough");
}

#[test]
fn a_record_reserved_and_committed_while_we_publish_is_found_by_the_second_look() {
    let ring = Ring::starting_at(0);
    ring.reserve(8);
    ring.at_seqcst_store.set(Some(|ring| {
        ring.reserve(8);
    }));
    let mut taker = Taker::new(&ring);
    assert_eq!(taker.consume(u64::MAX), Ok(2));
    assert_eq!(taker.rescues, 1);
    assert_fenced(32);
}

#[test]
fn a_busy_head_committed_while_we_publish_is_found_by_the_second_look() {
    let ring = Ring::starting_at(0);
    ring.reserve(8);
    ring.reserve(8 | BUSY);
    ring.at_seqcst_store
        .set(Some(|ring| ring.set_header(16, 8)));
    let mut taker = Taker::new(&ring);
    assert_eq!(taker.consume(u64::MAX), Ok(2));
    assert_eq!(taker.rescues, 1);
    assert_fenced(32);
}

#[test]
fn a_busy_head_is_not_delivered_and_what_is_behind_it_waits() {
    let ring = Ring::starting_at(0);
    ring.reserve(8);
    ring.reserve(8 | BUSY);
    ring.reserve(8);
    let mut taker = Taker::new(&ring);
    assert_eq!(taker.consume(u64::MAX), Ok(1));
    assert_fenced(16);
    assert_eq!(taker.consume(u64::MAX), Ok(0));
    ring.set_header(16, 8);
    assert_eq!(taker.consume(u64::MAX), Ok(2));
    assert_eq!(ring.consumer.get(), 48);
}

#[test]
fn a_bounded_call_ends_fenced_or_the_next_one_owes_the_fence() {
    let ring = Ring::starting_at(0);
    ring.reserve(8);
    ring.reserve(8);
    let mut taker = Taker::new(&ring);
    assert_eq!(taker.consume(1), Ok(1));
    assert_fence_owed(&ring, 16);
    assert_eq!(taker.consume(1), Ok(1));
    assert_fenced(32);
    assert_eq!(taker.consume(1), Ok(0));
}

/// The next record may be taken by somebody else before the next call, which then finds nothing.
#[test]
fn a_call_that_owes_a_fence_makes_it_good_though_it_finds_nothing() {
    let ring = Ring::with_records(2);
    let mut taker = Taker::new(&ring);
    assert_eq!(taker.consume(1), Ok(1));
    ring.producer.set(16);
    STEPS.with_borrow_mut(Vec::clear);
    assert_eq!(taker.consume(1), Ok(0));
    assert!(steps().contains(&Step::Fence(Ordering::SeqCst)));
    assert_eq!(ring.journal.fenced(), Fenced(16));
}

/// Its commit looks at the position after it has cleared BUSY.
#[test]
fn a_bounded_call_before_a_busy_record_ends_fenced() {
    let ring = Ring::with_records(1);
    ring.reserve(8 | BUSY);
    assert_eq!(Taker::new(&ring).consume(1), Ok(1));
    assert_fenced(16);
}

#[test]
fn none_asked_for_consumes_nothing() {
    let ring = Ring::starting_at(0);
    ring.reserve(8);
    assert_eq!(Taker::new(&ring).consume(0), Ok(0));
    let looks = |step: &Step| matches!(step, Step::LoadProducer | Step::LoadHeader(_));
    assert!(
        steps()
            .iter()
            .all(|step| looks(step) || *step == Step::Fence(Ordering::Acquire))
    );
}

#[test]
fn a_failing_callback_consumes_its_record() {
    let ring = Ring::starting_at(0);
    for len in [8, 16, 8] {
        ring.reserve(len);
    }
    let mut taker = Taker::answering(&ring, |record| match record.len {
        16 => Received::Failed(-7),
        _ => Received::Consumed,
    });
    assert_eq!(taker.consume(u64::MAX), Err(Stop::Failed(-7)));
    assert_fence_owed(&ring, 40);
    assert_eq!(taker.consume(u64::MAX), Ok(1));
}

#[test]
fn a_refused_record_stays_and_the_call_ends_fenced() {
    let ring = Ring::starting_at(0);
    ring.reserve(8);
    ring.reserve(16);
    let mut taker = Taker::answering(&ring, |record| match record.len {
        16 => Received::Refused,
        _ => Received::Consumed,
    });
    assert_eq!(taker.consume(u64::MAX), Err(Stop::Refused));
    assert_eq!(ring.consumer.get(), 16);
    assert_eq!(steps().last(), Some(&Step::Fence(Ordering::SeqCst)));
}
