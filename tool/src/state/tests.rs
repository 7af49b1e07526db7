// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The verdicts, by what was seen.

use super::*;

const SIZE: u64 = 4096;
const AFTER: Duration = Duration::from_millis(100);
const ASLEEP: Reader = Reader::Asleep { wakes_itself: None };

fn sample(consumer: u64, producer: u64) -> Sample {
    let head = if consumer == producer {
        Head::Empty
    } else {
        Head::Committed(24)
    };
    Sample {
        consumer,
        producer,
        head,
    }
}

/// After looks at these samples, 60 ms apart.
fn track(samples: &[Sample]) -> Track {
    let start = Instant::now();
    let mut track = Track::new(samples[0], start);
    for (nth, sample) in samples.iter().enumerate().skip(1) {
        track.see(*sample, start + Duration::from_millis(60 * nth as u64));
    }
    track
}

fn state(samples: &[Sample], reader: Reader) -> State {
    track(samples).state(Kind::Ring, SIZE, reader, AFTER)
}

#[test]
fn a_sleeper_on_a_full_ring_is_stuck_and_on_another_one_suspected() {
    let full = [sample(0, SIZE - 8); 3];
    assert_eq!(state(&full, ASLEEP), State::Stuck);
    let room = [sample(0, SIZE / 4); 3];
    assert_eq!(state(&room, ASLEEP), State::Suspected);
    // What has waited for 60 ms only is neither.
    assert_eq!(state(&full[..2], ASLEEP), State::BackingUp);
}

#[test]
fn a_reader_that_is_busy_paused_or_about_to_wake_is_not_stuck() {
    let full = [sample(0, SIZE - 8); 3];
    assert_eq!(state(&full, Reader::Busy), State::BackingUp);
    assert_eq!(state(&full, Reader::Paused), State::Paused);
    assert_eq!(state(&full, Reader::None), State::NoReader);
    let wakes_itself = Some(Duration::from_millis(50));
    assert_eq!(
        state(&full, Reader::Asleep { wakes_itself }),
        State::BackingUp
    );
    let later = [sample(0, SIZE - 8); 4];
    assert_eq!(state(&later, Reader::Asleep { wakes_itself }), State::Stuck);
}

#[test]
fn a_position_that_moves_begins_the_time_anew() {
    let looks = [sample(0, 4000), sample(0, 4000), sample(24, 4080)];
    assert_eq!(state(&looks, ASLEEP), State::BackingUp);
    assert_eq!(track(&looks).waiting(), Some(Duration::ZERO));
    // And so does a record that is not committed.
    let busy = Sample {
        head: Head::Busy,
        ..sample(0, 4080)
    };
    let looks = [sample(0, 4080), busy, sample(0, 4080), sample(0, 4080)];
    assert_eq!(state(&looks, ASLEEP), State::BackingUp);
}

#[test]
fn an_empty_ring_is_idle_or_flowing() {
    assert_eq!(state(&[sample(8, 8); 3], ASLEEP), State::Idle);
    assert_eq!(
        state(&[sample(8, 8), sample(80, 80)], ASLEEP),
        State::Flowing
    );
    assert_eq!(state(&[sample(8, 8); 2], Reader::None), State::Idle);
}

#[test]
fn overwriting_rings_and_user_rings_are_never_stuck() {
    let looks = track(&[sample(0, SIZE - 8); 3]);
    assert_eq!(
        looks.state(Kind::Overwrite, SIZE, ASLEEP, AFTER),
        State::Suspected
    );
    assert_eq!(
        looks.state(Kind::User, SIZE, ASLEEP, AFTER),
        State::BackingUp
    );
}

#[test]
fn rates_are_those_of_the_last_two_looks() {
    let looks = track(&[sample(0, 0), sample(60, 120)]);
    let (incoming, outgoing) = looks.rates();
    assert_eq!((incoming.round(), outgoing.round()), (2000.0, 1000.0));
    assert_eq!(looks.high_water, 60);
}
