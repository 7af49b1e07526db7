// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The two ways to look at all rings see the same, and neither keeps a ring alive.

mod common;

use common::made::{ReadRing, UserRing, size};
use common::victim::Victim;
use rbshim_tool::rings::looks::Looks;
use rbshim_tool::rings::{Head, Kind, Ring, Sample};

/// `None`, with a word about it, where the kernel has no iterator.
fn both() -> Option<[Looks; 2]> {
    if !std::path::Path::new(rbshim_tool::bpf::types::KERNEL).exists() {
        println!("left out: this kernel does not describe its types");
        return None;
    }
    let iterator = Looks::by_iterator().expect("the program is taken");
    Some([iterator, Looks::by_descriptors()])
}

fn seen(looks: &mut Looks, id: u32) -> Option<(Ring, Sample)> {
    let seen = looks.look().expect("it looks");
    let found = seen.into_iter().find(|look| look.ring.id == id);
    found.map(|look| (look.ring, look.sample))
}

/// What both see of a ring that rests.
fn alike(looks: &mut [Looks; 2], id: u32) -> (Ring, Sample) {
    let [one, other] = looks.each_mut().map(|looks| seen(looks, id));
    assert_eq!(one, other);
    one.expect("the ring")
}

#[test]
fn both_ways_see_the_same_of_every_state() {
    let Some(mut looks) = both() else { return };
    let mut victim = Victim::start(&["--level", "--close"]);
    victim.sleeps();
    let (ring, sample) = alike(&mut looks, victim.ring);
    assert_eq!(
        (ring.name.as_slice(), ring.kind, ring.size, sample.head),
        (&b"victims_ring"[..], Kind::Ring, 65536, Head::Empty)
    );
    // Past the end of the data, so that the position and the place in the data differ.
    for _ in 0..2 {
        victim.tell("loud 3000");
        victim.settle();
        victim.sleeps();
    }
    victim.tell("quiet 10");
    let (_, sample) = alike(&mut looks, victim.ring);
    assert_eq!(
        (sample.unread(), sample.head),
        (10 * 16, Head::Committed(16))
    );
    victim.tell("fill 8000");
    let (_, sample) = alike(&mut looks, victim.ring);
    assert_eq!((sample.unread(), sample.head), (65528, Head::Committed(16)));
    let ids = |looks: &mut Looks| {
        let seen = looks.look().expect("it looks");
        let victims = seen.into_iter().filter(|look| look.ring.id == victim.ring);
        victims.count()
    };
    assert_eq!(looks.each_mut().map(ids), [1, 1]);
}

#[test]
fn both_ways_see_the_same_of_positions_that_make_no_sense() {
    let Some(mut looks) = both() else { return };
    let read = ReadRing::new();
    let size = size();
    for consumer in [0, 1, 7, 8, size - 8, size, size + 4, u64::MAX, u64::MAX - 7] {
        read.consumer(consumer);
        let (_, sample) = alike(&mut looks, read.id);
        assert_eq!((sample.consumer, sample.producer), (consumer, 0));
    }
    let user = UserRing::new();
    assert_eq!(alike(&mut looks, user.id).0.kind, Kind::User);
    const BUSY: u32 = 1 << 31;
    for (producer, header, head) in [
        (16, 8, Head::Committed(16)),
        (16, 9, Head::Unknown),
        (24, 9, Head::Committed(24)),
        (16, BUSY | 8, Head::Busy),
        (16, BUSY | 0x3fff_fff0, Head::Busy),
        (16, 0x3fff_ffff, Head::Unknown),
        (size, size as u32 - 8, Head::Committed(size)),
        (size + 8, 8, Head::Unknown),
        (u64::MAX, 8, Head::Unknown),
        (4, 8, Head::Unknown),
    ] {
        user.header(0, header);
        user.producer(producer);
        let (_, sample) = alike(&mut looks, user.id);
        assert_eq!((sample.producer, sample.head), (producer, head), "{header}");
    }
}

#[test]
fn a_ring_ends_with_its_owner_however_often_it_was_looked_at() {
    let Some(mut looks) = both() else { return };
    for looks in &mut looks {
        let ring = UserRing::new();
        let id = ring.id;
        assert!(seen(looks, id).is_some());
        drop(ring);
        // The kernel frees it a little later: for ever not, if something of ours kept it.
        while seen(looks, id).is_some() {}
    }
}
