// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Positions that a call leaves behind, after a call in one of its callbacks has fenced the end.

use super::*;

/// Reads three records. The callback of the first reads them all; then the call around it goes back and goes on, until
/// `leave` leaves it.
fn read_all_in_the_first(ring: &Ring, leave: impl Fn(Record)) {
    let mut first = true;
    let mut taker = Taker::answering(ring, |record| {
        if record.start == 0 && first {
            first = false;
            let later = LEAVE_AT.take();
            assert_eq!(Taker::new(ring).consume(u64::MAX), Ok(3));
            assert_eq!(ring.journal.fenced(), Fenced(48));
            LEAVE_AT.set(later);
        }
        leave(record);
        Received::Consumed
    });
    let _ = catch_unwind(AssertUnwindSafe(|| taker.consume(u64::MAX)));
}

#[test]
fn where_somebody_else_moves_the_position_it_is_fenced_by_nobody() {
    let ring = Ring::with_records(3);
    read_all_in_the_first(&ring, |record| {
        if record.start == 16 {
            resume_unwind(Box::new("left"));
        }
    });
    assert_eq!(ring.consumer.get(), 16);
    ring.consumer.set(48);
    assert!(!is_settled(&ring, &ring.journal));
    assert_eq!(Taker::new(&ring).consume(u64::MAX), Ok(0));
    assert!(is_settled(&ring, &ring.journal) && is_as_left(&ring, &ring.journal));
}

#[test]
fn out_of_a_call_the_end_is_believed_only_where_it_was_fenced() {
    let mut before_the_fence = false;
    for step in 0..60 {
        let ring = Ring::with_records(3);
        LEAVE_AT.set(Some(step));
        read_all_in_the_first(&ring, |_| {});
        LEAVE_AT.set(None);
        let steps = steps();
        let store = Step::Store(48, Ordering::SeqCst);
        let stored = steps.iter().rposition(|&it| it == store);
        let fenced = steps
            .iter()
            .rposition(|&it| it == Step::Fence(Ordering::SeqCst));
        before_the_fence |= stored > fenced;
        if is_settled(&ring, &ring.journal) {
            assert!(fenced > stored, "{steps:?}");
            assert!(is_as_left(&ring, &ring.journal), "{steps:?}");
        }
    }
    assert!(before_the_fence);
}

#[test]
fn a_ring_whose_position_somebody_else_has_moved_is_not_as_left() {
    let ring = Ring::with_records(3);
    assert_eq!(Taker::new(&ring).consume(u64::MAX), Ok(3));
    assert!(is_as_left(&ring, &ring.journal));
    ring.consumer.set(16);
    assert!(!is_as_left(&ring, &ring.journal));
}

/// Leaves the callback of the record at `start`, to which somebody has moved the position back.
fn left_after_a_move_back(ring: &Ring, start: u64) {
    assert_eq!(Taker::new(ring).consume(u64::MAX), Ok(3));
    assert!(is_settled(ring, &ring.journal));
    ring.consumer.set(start);
    let left = catch_unwind(AssertUnwindSafe(|| {
        Taker::leaving_at(ring, start).consume(1)
    }));
    assert!(left.is_err());
}

#[test]
fn a_note_that_a_call_has_left_is_seen_to_though_the_ring_is_where_it_was_fenced_once() {
    let ring = Ring::with_records(3);
    left_after_a_move_back(&ring, 32);
    // Somebody else goes on, and stores the end without a fence.
    ring.consumer.set(48);
    assert!(!is_settled(&ring, &ring.journal));
    assert_eq!(Taker::new(&ring).consume(u64::MAX), Ok(0));
    assert_eq!(steps_since(Step::Fence(Ordering::SeqCst)).len(), 2);
    assert!(is_settled(&ring, &ring.journal) && is_as_left(&ring, &ring.journal));
}
