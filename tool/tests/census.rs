// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Records between two looks: counted where the ring still has their headers, else estimated, and said so.

mod common;

use common::made::{UserRing, size};
use common::victim::Victim;
use common::{alone, tool};
use rbshim_tool::rings::census::{Count, Mean, count};
use rbshim_tool::rings::{Ring, Sample, by_id};

fn look(ring: &Ring) -> Sample {
    ring.sample().expect("it looks").expect("the ring")
}

/// What came and what was read between two looks.
fn between(ring: &Ring, looks: [Sample; 2], mean: &mut Mean) -> (Count, Count) {
    let map = ring.open().expect("it opens").expect("the ring");
    let census = count(&map, ring.kind, ring.size, looks, mean).expect("it counts");
    (census.came, census.read)
}

#[test]
fn records_are_counted_while_the_ring_has_their_headers() {
    let _alone = alone();
    let mut victim = Victim::start(&["--level"]);
    victim.sleeps();
    let ring = by_id(victim.ring).expect("the ring");
    let mut mean = Mean::default();
    let mut last = look(&ring);
    let mut after = |last: &mut Sample| {
        let looks = [*last, look(&ring)];
        *last = looks[1];
        between(&ring, looks, &mut mean)
    };
    assert_eq!(after(&mut last), (Count::Exact(0), Count::Exact(0)));
    // Past the end of the data in the third turn.
    for records in [37, 1000, 4000] {
        victim.tell(&format!("loud {records}"));
        victim.settle();
        victim.sleeps();
        assert_eq!(
            after(&mut last),
            (Count::Exact(records), Count::Exact(records))
        );
    }
    victim.tell("quiet 10");
    assert_eq!(after(&mut last), (Count::Exact(10), Count::Exact(0)));
    // An empty record that is discarded at once wakes the reader, and is none that it gets.
    let kicked = tool().args(["kick", &victim.ring.to_string()]).output();
    assert!(kicked.expect("it starts").status.success());
    victim.settle();
    victim.sleeps();
    assert_eq!(after(&mut last), (Count::Exact(0), Count::Exact(10)));
    victim.tell("loud 100");
    victim.settle();
    victim.sleeps();
    assert_eq!(after(&mut last), (Count::Exact(100), Count::Exact(100)));
    // The ring has gone round: by their mean size, which is that of each.
    for _ in 0..2 {
        // All of them find room, however late they are read.
        victim.tell("loud 3000");
        victim.settle();
        victim.sleeps();
    }
    assert_eq!(
        after(&mut last),
        (Count::About(6000.0), Count::About(6000.0))
    );
}

/// All have 16 bytes, so the bytes tell whether a count is right.
#[test]
fn what_is_called_exact_is_exact_while_records_come_as_fast_as_they_can() {
    let _alone = alone();
    let mut victim = Victim::start(&["--wait=poll"]);
    let ring = by_id(victim.ring).expect("the ring");
    let done = std::sync::atomic::AtomicBool::new(false);
    let (mut exact, mut mean) = (0, Mean::default());
    std::thread::scope(|scope| {
        let producer = scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                victim.tell("loud 20000");
            }
        });
        let mut last = look(&ring);
        while exact < 500 {
            let now = look(&ring);
            let (came, read) = between(&ring, [last, now], &mut mean);
            let bytes = [now.producer - last.producer, now.consumer - last.consumer];
            for (count, bytes) in [came, read].into_iter().zip(bytes) {
                match count {
                    Count::Exact(records) => assert_eq!(16 * records, bytes),
                    Count::About(records) => assert_eq!((16.0 * records).round(), bytes as f64),
                    Count::Unknown => {}
                }
            }
            exact += u32::from(matches!(came, Count::Exact(1..)));
            last = now;
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        producer.join().expect("it has produced");
    });
}

/// Records of many sizes are written over those that are being counted, and what is in them looks like headers.
#[test]
fn what_is_overwritten_while_it_is_counted_is_not_called_exact() {
    const RECORDS: u64 = 300_000;
    const BUSY: u32 = 1 << 31;
    let payload = |nth: u64| 8 + 8 * ((nth * 0x9e37_79b9) >> 7) % 64;
    let mut begins = vec![0];
    for nth in 0..RECORDS {
        let end: u64 = begins[nth as usize] + 8 + payload(nth);
        begins.push(end);
    }
    let made = UserRing::new();
    let ring = by_id(made.id).expect("the ring");
    let (mut exact, mut other, mut mean) = (0, 0, Mean::default());
    std::thread::scope(|scope| {
        let producer = scope.spawn(|| {
            for nth in 0..RECORDS {
                let at = begins[nth as usize];
                made.header(at, BUSY | payload(nth) as u32);
                made.producer(begins[nth as usize + 1]);
                for word in (0..payload(nth)).step_by(8) {
                    made.header(at + 8 + word, 0);
                }
                made.header(at, payload(nth) as u32);
                // Now so fast that the ring goes round between two looks, now so slow that it does not.
                for _ in 0..nth / 1024 % 256 {
                    std::hint::spin_loop();
                }
            }
        });
        let map = ring.open().expect("it opens").expect("the ring");
        let look = || Sample::of(&map, ring.size).expect("it looks");
        let mut last = look();
        while !producer.is_finished() {
            let now = look();
            let nth = |position| begins.binary_search(&position).expect("a record's end") as u64;
            let records = nth(now.producer) - nth(last.producer);
            let census = count(&map, ring.kind, ring.size, [last, now], &mut mean);
            match census.expect("it counts").came {
                Count::Exact(0) => {}
                Count::Exact(came) => {
                    assert_eq!(came, records, "{last:?} {now:?}");
                    exact += 1;
                }
                _ => other += 1,
            }
            last = now;
        }
    });
    println!("exact: {exact}, not: {other}");
}

#[test]
fn headers_that_make_no_sense_are_no_records() {
    let made = UserRing::new();
    let ring = by_id(made.id).expect("the ring");
    let before = look(&ring);
    let write = |headers: &[u32]| {
        let mut at = 0;
        for header in headers {
            made.header(at, *header);
            at += (u64::from(header & 0x3fff_ffff) + 8).next_multiple_of(8);
        }
        made.producer(at);
        look(&ring)
    };
    const BUSY: u32 = 1 << 31;
    const DISCARDED: u32 = 1 << 30;
    let after = write(&[0, 1, 8, 9, 100, BUSY | 8, DISCARDED | 24]);
    let count = |looks| between(&ring, looks, &mut Mean::default());
    assert_eq!(count([before, after]), (Count::Exact(6), Count::Exact(0)));
    // One that goes past the end, one that is longer than the ring, and positions that are none.
    for header in [32, size() as u32, u32::MAX] {
        made.header(after.producer - 32, header);
        assert_eq!(count([before, after]), (Count::Unknown, Count::Exact(0)));
    }
    made.producer(u64::MAX);
    let looks = [before, look(&ring)];
    assert_eq!(count(looks), (Count::Unknown, Count::Exact(0)));
    assert_eq!(count([looks[1], before]), (Count::Unknown, Count::Unknown));
}
