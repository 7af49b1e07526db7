// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Many rings.

use super::{
    BOTH_COST, Judge, MEDIAN_LATENCY, NOT_LESS, NOT_MORE, PRODUCERS_COST, TAIL_LATENCY, THROUGHPUT,
};
use crate::case::Peer;
use crate::cases::ONE_RING;
use crate::cases::rings::{Calls, ONE_FILLED, name, offered_name, one_filled_name};
use crate::figures::{BOTH, DROPPED, RATE};
use crate::results::Figure;
use crate::verdict::Bound::{AtLeast, AtMost};
use crate::verdict::{Held, Verdict};

/// Of rings filled by turns, in batches.
struct Saturated {
    rings: u32,
    /// The part of the producer alone that is reached in each round.
    of_alone: f64,
    /// The ratios to libbpf.
    throughput: f64,
    both: f64,
    /// The part of the producer alone that is reached with stamps, if there is a target.
    stamped_of_alone: Option<f64>,
}

/// With stamps, two parts are what windows of 20 us reached in an early experiment, in millions a second.
const SATURATED: [Saturated; 3] = [
    Saturated {
        rings: 4,
        of_alone: 0.65,
        throughput: 50.0,
        both: 0.04,
        stamped_of_alone: None,
    },
    Saturated {
        rings: 16,
        of_alone: 0.65,
        throughput: 100.0,
        both: 0.02,
        stamped_of_alone: Some(11.7 / 17.4),
    },
    Saturated {
        rings: 64,
        of_alone: 0.45,
        throughput: 65.0,
        both: 0.03,
        stamped_of_alone: Some(7.5 / 13.1),
    },
];

pub fn judge(judge: &mut Judge) {
    for targets in &SATURATED {
        saturated(judge, targets);
    }
    for rings in [16, 64] {
        let bounds = [(THROUGHPUT, AtLeast(11.0)), (BOTH_COST, AtMost(0.13))];
        judge.rbshim(&name(rings, Calls::Single, false), &bounds);
    }
    for rings in [4, 16] {
        offered(judge, rings, 200_000);
    }
    for rings in ONE_FILLED {
        one_filled(judge, &one_filled_name(rings));
    }
}

fn saturated(judge: &mut Judge, targets: &Saturated) {
    let case = name(targets.rings, Calls::Batches, false);
    judge.against(&case, Peer::Alone, AtLeast(targets.of_alone), Held::Each);
    let libbpf = [Peer::Libbpf, Peer::LibbpfAgain];
    let to_best = judge
        .results
        .ratio_to_best(&case, Peer::Rbshim, &libbpf, RATE);
    let what = "throughput against libbpf's best";
    judge.push(&case, what, AtLeast(1.0), Held::Each, to_best);
    let bounds = [
        (THROUGHPUT, AtLeast(targets.throughput)),
        (BOTH_COST, AtMost(targets.both)),
    ];
    judge.rbshim(&case, &bounds);

    let case = name(targets.rings, Calls::Batches, true);
    let bounds = [MEDIAN_LATENCY, TAIL_LATENCY].map(|figure| (figure, AtMost(1.0)));
    judge.rbshim(&case, &bounds);
    if let Some(part) = targets.stamped_of_alone {
        judge.against(&case, Peer::Alone, AtLeast(part), Held::Median);
    }
}

fn offered(judge: &mut Judge, rings: u32, rate: u32) {
    let case = offered_name(rings, rate);
    let delivered = judge.results.figure(&case, Peer::Rbshim, RATE);
    let share = delivered.map(|mps| mps.divided_by(f64::from(rate) / 1e6));
    let what = "records delivered to those offered";
    judge.push(&case, what, AtLeast(0.98), Held::Median, share);
    let dropped = judge.results.figure(&case, Peer::Rbshim, DROPPED);
    judge.push(&case, "share dropped", AtMost(0.0), Held::Each, dropped);
    let bounds = [
        (PRODUCERS_COST, AtMost(0.1)),
        (BOTH_COST, AtMost(0.6)),
        (MEDIAN_LATENCY, AtMost(0.6)),
        (TAIL_LATENCY, AtMost(0.6)),
    ];
    judge.rbshim(&case, &bounds);
}

/// As with one ring, but for what libbpf differs from itself.
fn one_filled(judge: &mut Judge, case: &str) {
    let figures: [(&str, Figure, _); 2] = [("throughput", RATE, NOT_LESS), ("CPU", BOTH, NOT_MORE)];
    for (what, figure, bound) in figures {
        let results = judge.results;
        judge.verdicts.push(Verdict {
            case: case.into(),
            what: format!("{what} to one ring"),
            bound,
            held: Held::Median,
            measured: results.ratio_of((case, Peer::Rbshim), (ONE_RING, Peer::Rbshim), figure),
            control: results.ratio(case, Peer::LibbpfAgain, Peer::Libbpf, figure),
        });
    }
    judge.rbshim(case, &[(THROUGHPUT, NOT_LESS), (BOTH_COST, NOT_MORE)]);
}
