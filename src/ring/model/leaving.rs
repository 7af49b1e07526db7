// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Callbacks and windows that do not return, while records are held back, and who reads on then.

use super::kernel::Commit::{NoWakeup, Plain};
use super::kernel::Ring;
use super::*;

/// Two records are there, one more comes.
fn check_one_more(reads: impl Fn(&Ring) + Copy + Send + Sync + 'static) {
    check(move || {
        let ring = Ring::big(4);
        assert!(ring.produce(NoWakeup) && ring.produce(NoWakeup));
        let kernel = producer(&ring, &[Plain]);
        let reading = Arc::clone(&ring);
        let reader = thread::spawn(move || reads(&reading));
        kernel.join().unwrap();
        reader.join().unwrap();
    });
}

#[test]
fn a_record_whose_hot_callback_was_left_comes_again_and_the_reader_is_woken() {
    check_threads(Ring::big, |ring| {
        let leaving = Reader {
            leaves_at: Some(1),
            ..Reader::hot(1)
        };
        vec![producer(ring, &[Plain, Plain]), reader(ring, leaving, 2)]
    });
}

#[test]
fn a_record_whose_hot_callback_was_left_comes_again_where_nothing_else_moves() {
    for then_consumes in [false, true] {
        check_one_more(move |ring| {
            let mut reader = Reader {
                leaves_at: Some(1),
                then_consumes,
                ..Reader::hot(0)
            };
            assert_eq!(reader.call(ring), Called::Left);
            assert_eq!(reader.next, 1);
            reader.read(ring, 3);
        });
    }
}

#[test]
fn a_reader_is_woken_after_a_window_that_was_left() {
    check_threads(Ring::big, |ring| {
        let cancelled = Reader {
            leaves_window: true,
            ..Reader::lingering(1)
        };
        vec![producer(ring, &[Plain, Plain]), reader(ring, cancelled, 2)]
    });
}

/// The call in the callback has fenced the very position that the window's repair moves to, but the
/// position was elsewhere in between.
#[test]
fn a_reader_is_woken_after_a_call_in_a_callback_and_a_window_that_was_left() {
    for then_consumes in [false, true] {
        check_one_more(move |ring| {
            let mut reader = Reader {
                calls_at: Some(0),
                leaves_window: true,
                then_consumes,
                ..Reader::lingering(1)
            };
            reader.read(ring, 3);
        });
    }
}

#[test]
fn a_reader_goes_on_after_a_call_in_a_hot_callback() {
    check_one_more(|ring| {
        let mut reader = Reader {
            calls_at: Some(1),
            ..Reader::hot(1)
        };
        reader.read(ring, 3);
    });
}

#[test]
fn a_record_comes_again_after_a_call_in_a_hot_callback_too() {
    check_one_more(|ring| {
        let mut reader = Reader {
            calls_at: Some(0),
            leaves_at: Some(1),
            ..Reader::hot(1)
        };
        reader.read(ring, 3);
    });
}

#[test]
fn a_reader_that_was_left_believes_another_one_that_went_on() {
    check_one_more(|ring| {
        let mut first = Reader {
            leaves_window: true,
            ..Reader::hot(1)
        };
        assert_eq!(first.call(ring), Called::Left);
        // The other one has notes of its own: it finds the record that the first has held back.
        let mut second = Reader {
            next: ring.consumer_pos(Relaxed) / SPAN,
            ..Reader::default()
        };
        assert_eq!(second.call(ring), Called::CaughtUp);
        first.next = second.next;
        first.read(ring, 3);
    });
}

#[test]
fn a_new_reader_goes_on_where_one_that_was_left_has_been_freed() {
    check_one_more(|ring| {
        let mut first = Reader {
            leaves_at: Some(1),
            ..Reader::hot(1)
        };
        assert_eq!(first.call(ring), Called::Left);
        assert!(repair(ring, &first.journal));
        let mut second = Reader {
            next: first.next,
            ..Reader::lingering(1)
        };
        second.read(ring, 3);
    });
}

/// The space of what was held back comes back by the repair.
#[test]
fn space_is_used_again_only_after_its_record_was_delivered_though_its_window_was_left() {
    for then_consumes in [false, true] {
        check_reuse(Ring::big, move || Reader {
            leaves_window: true,
            then_consumes,
            ..Reader::lingering(1)
        });
    }
}
