// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What rbshim is to reach, and whether it does.

mod rings;
mod waits;

use crate::calls;
use crate::case::Peer;
use crate::cases::{Entry, ONE_RING, rate_name};
use crate::figures::{BOTH, P50, P99, PRODUCER, RATE, READER};
use crate::results::{Figure, Results};
use crate::statistics::Spread;
use crate::verdict::{Bound, Held, Verdict};

/// Parity, as far as it can be measured.
const NOT_LESS: Bound = Bound::AtLeast(0.98);
const NOT_MORE: Bound = Bound::AtMost(1.02);

/// What is compared with libbpf.
const THROUGHPUT: (&str, Figure) = ("throughput", RATE);
const PRODUCERS_COST: (&str, Figure) = ("producer's time", PRODUCER);
const READERS_COST: (&str, Figure) = ("reader's CPU", READER);
const BOTH_COST: (&str, Figure) = ("both sides' CPU", BOTH);
const MEDIAN_LATENCY: (&str, Figure) = ("p50 latency", P50);
const TAIL_LATENCY: (&str, Figure) = ("p99 latency", P99);

struct Judge<'a> {
    results: &'a Results,
    verdicts: Vec<Verdict>,
}

impl Judge<'_> {
    /// A target that there is no control for.
    fn push(&mut self, case: &str, what: &str, bound: Bound, held: Held, measured: Option<Spread>) {
        self.verdicts.push(Verdict {
            case: case.into(),
            what: what.into(),
            bound,
            held,
            measured,
            control: None,
        });
    }

    fn ratio(&mut self, case: &str, peer: Peer, (what, figure): (&str, Figure), bound: Bound) {
        let ratio = |peer| self.results.ratio(case, peer, Peer::Libbpf, figure);
        self.verdicts.push(Verdict {
            case: case.into(),
            what: match peer {
                Peer::RbshimCoalesce => format!("{what}, coalesced"),
                Peer::RbshimBusy => format!("{what}, busy polling"),
                _ => what.into(),
            },
            bound,
            held: Held::Median,
            measured: ratio(peer),
            control: ratio(Peer::LibbpfAgain),
        });
    }

    fn rbshim(&mut self, case: &str, figures: &[((&str, Figure), Bound)]) {
        for (figure, bound) in figures {
            self.ratio(case, Peer::Rbshim, *figure, *bound);
        }
    }

    fn against(&mut self, case: &str, base: Peer, bound: Bound, held: Held) {
        let what = format!("throughput against {}", base.name());
        let measured = self.results.ratio(case, Peer::Rbshim, base, RATE);
        self.push(case, &what, bound, held, measured);
    }

    /// Not a ratio.
    fn figure(&mut self, case: &str, peer: Peer, (what, figure): (&str, Figure), bound: Bound) {
        let measured = self.results.figure(case, peer, figure);
        self.push(case, what, bound, Held::Median, measured);
    }

    fn is_judged(&self, case: &str) -> bool {
        self.verdicts.iter().any(|verdict| verdict.case == case)
    }
}

/// All targets. A case that none is named for is held to parity.
pub fn judge(results: &Results, entries: &[Entry]) -> Vec<Verdict> {
    use Bound::{AtLeast, AtMost};
    let mut judge = Judge {
        results,
        verdicts: Vec::new(),
    };
    let (plain, stamped) = (ONE_RING, "batches of 500, stamped");
    judge.rbshim(
        plain,
        &[(THROUGHPUT, AtLeast(2.8)), (PRODUCERS_COST, AtMost(0.4))],
    );
    judge.against(plain, Peer::Aya, AtLeast(2.0), Held::Median);
    judge.against(plain, Peer::Alone, AtLeast(0.8), Held::Median);
    judge.rbshim(stamped, &[(TAIL_LATENCY, AtMost(0.5))]);
    let median = ("p50 latency in us, not a ratio", P50);
    judge.figure(stamped, Peer::Rbshim, median, AtMost(8.0));
    judge.rbshim("sampled notifications", &[(THROUGHPUT, AtLeast(1.3))]);
    judge.rbshim("method of rb-libbpf", &[(THROUGHPUT, AtLeast(2.3))]);
    judge.rbshim(
        &rate_name(1_000_000),
        &[
            (PRODUCERS_COST, AtMost(0.25)),
            (TAIL_LATENCY, AtMost(1.0)),
            (BOTH_COST, AtMost(1.0)),
        ],
    );
    for rate in [100_000, 200_000, 500_000] {
        let (name, peer) = (rate_name(rate), Peer::RbshimCoalesce);
        judge.ratio(&name, peer, PRODUCERS_COST, AtMost(0.1));
        judge.ratio(&name, peer, READERS_COST, AtMost(0.5));
        judge.rbshim(&name, &[(THROUGHPUT, NOT_LESS), (BOTH_COST, NOT_MORE)]);
    }
    for rate in [1_000, 10_000, 50_000] {
        let figures = [PRODUCERS_COST, MEDIAN_LATENCY, TAIL_LATENCY, BOTH_COST];
        judge.rbshim(&rate_name(rate), &figures.map(|figure| (figure, NOT_MORE)));
    }
    rings::judge(&mut judge);
    waits::judge(&mut judge);
    for entry in entries {
        if entry.case.b2b {
            judge.rbshim(&entry.name, &[(THROUGHPUT, NOT_LESS)]);
        } else if !judge.is_judged(&entry.name) {
            judge.rbshim(
                &entry.name,
                &[(THROUGHPUT, NOT_LESS), (BOTH_COST, NOT_MORE)],
            );
        }
    }
    let [one_a_call, two_a_call] = calls::FEW.map(|(what, _)| what);
    for (what, bound) in [
        (calls::POLL, AtMost(1.0)),
        (calls::CONSUME, AtMost(1.0)),
        (calls::START, NOT_MORE),
        (one_a_call, AtMost(1.3)),
        (two_a_call, AtMost(1.1)),
    ] {
        judge.verdicts.push(Verdict {
            case: what.into(),
            what: "time".into(),
            bound,
            held: Held::Median,
            measured: results.time_ratio(what, Peer::Rbshim),
            control: results.time_ratio(what, Peer::LibbpfAgain),
        });
    }
    judge.verdicts
}
