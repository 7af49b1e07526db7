// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! What rbshim is to reach, and whether it does.

use crate::calls;
use crate::case::Peer;
use crate::cases::{Entry, rate_name};
use crate::figures::{BOTH, P50, P99, PRODUCER, RATE, READER};
use crate::results::{Figure, Results};
use crate::statistics::Spread;

#[derive(Clone, Copy, Debug)]
pub enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

/// A target, and what was measured.
#[derive(Clone, Debug)]
pub struct Verdict {
    pub case: String,
    /// What is compared, and with whom.
    pub what: String,
    pub bound: Bound,
    pub measured: Option<Spread>,
    /// The same figure of libbpf against itself.
    pub control: Option<Spread>,
}

/// What a verdict comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Met,
    /// Parity is missed, by no more than libbpf differs from itself.
    Noise,
    NotMet,
}

impl Verdict {
    /// The median decides. What was not measured is not met.
    pub fn outcome(&self) -> Outcome {
        let Some(measured) = self.measured.map(|measured| measured.median) else {
            return Outcome::NotMet;
        };
        let (met, bound) = match self.bound {
            Bound::AtLeast(bound) => (measured >= bound, bound),
            Bound::AtMost(bound) => (measured <= bound, bound),
        };
        let parity = (0.98..=1.02).contains(&bound);
        match self.control {
            _ if met => Outcome::Met,
            Some(own) if parity && (own.least..=own.most).contains(&measured) => Outcome::Noise,
            _ => Outcome::NotMet,
        }
    }
}

/// Parity, as far as it can be measured.
const NOT_LESS: Bound = Bound::AtLeast(0.98);
const NOT_MORE: Bound = Bound::AtMost(1.02);

/// What is compared with libbpf.
const THROUGHPUT: (&str, Figure) = ("throughput", RATE);
const PRODUCERS_COST: (&str, Figure) = ("producer's time per record", PRODUCER);
const READERS_COST: (&str, Figure) = ("reader's CPU per record", READER);
const BOTH_COST: (&str, Figure) = ("CPU of both sides per record", BOTH);
const MEDIAN_LATENCY: (&str, Figure) = ("p50 latency", P50);
const TAIL_LATENCY: (&str, Figure) = ("p99 latency", P99);

struct Judge<'a> {
    results: &'a Results,
    verdicts: Vec<Verdict>,
}

impl Judge<'_> {
    fn ratio(&mut self, case: &str, peer: Peer, figure: (&str, Figure), bound: Bound) {
        let (what, figure) = figure;
        let ratio = |peer| self.results.ratio(case, peer, Peer::Libbpf, figure);
        self.verdicts.push(Verdict {
            case: case.into(),
            what: match peer {
                Peer::RbshimCoalesce => format!("{what}, coalesced"),
                _ => what.into(),
            },
            bound,
            measured: ratio(peer),
            control: ratio(Peer::LibbpfAgain),
        });
    }

    fn rbshim(&mut self, case: &str, figures: &[((&str, Figure), Bound)]) {
        for (figure, bound) in figures {
            self.ratio(case, Peer::Rbshim, *figure, *bound);
        }
    }

    fn against(&mut self, case: &str, base: Peer, bound: Bound) {
        self.verdicts.push(Verdict {
            case: case.into(),
            what: format!("throughput against {}", base.name()),
            bound,
            measured: self.results.ratio(case, Peer::Rbshim, base, RATE),
            control: None,
        });
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
    let (plain, stamped) = ("batches of 500", "batches of 500, stamped");
    judge.rbshim(
        plain,
        &[(THROUGHPUT, AtLeast(2.8)), (PRODUCERS_COST, AtMost(0.4))],
    );
    judge.against(plain, Peer::Aya, AtLeast(2.0));
    judge.against(plain, Peer::Alone, AtLeast(0.8));
    judge.rbshim(stamped, &[(TAIL_LATENCY, AtMost(0.5))]);
    judge.verdicts.push(Verdict {
        case: stamped.into(),
        what: "p50 latency in us, not a ratio".into(),
        bound: AtMost(8.0),
        measured: results.figure(stamped, Peer::Rbshim, P50),
        control: None,
    });
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
    for (what, bound) in [
        (calls::POLL, AtMost(1.0)),
        (calls::CONSUME, AtMost(1.0)),
        (calls::START, NOT_MORE),
    ] {
        judge.verdicts.push(Verdict {
            case: what.into(),
            what: "time".into(),
            bound,
            measured: results.time_ratio(what, Peer::Rbshim),
            control: results.time_ratio(what, Peer::LibbpfAgain),
        });
    }
    judge.verdicts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(bound: Bound, median: f64, (least, most): (f64, f64)) -> Outcome {
        let spread = |least, median, most| {
            Some(Spread {
                least,
                median,
                most,
            })
        };
        let verdict = Verdict {
            case: String::new(),
            what: String::new(),
            bound,
            measured: spread(median, median, median),
            control: spread(least, 1.0, most),
        };
        verdict.outcome()
    }

    #[test]
    fn noise_excuses_parity_only() {
        let at_least = Bound::AtLeast;
        assert_eq!(outcome(at_least(0.98), 0.98, (0.99, 1.01)), Outcome::Met);
        assert_eq!(outcome(at_least(0.98), 0.95, (0.9, 1.1)), Outcome::Noise);
        assert_eq!(outcome(at_least(0.98), 0.95, (0.96, 1.1)), Outcome::NotMet);
        assert_eq!(outcome(at_least(2.8), 2.7, (0.1, 9.0)), Outcome::NotMet);
        assert_eq!(
            outcome(Bound::AtMost(0.5), 0.6, (0.1, 9.0)),
            Outcome::NotMet
        );
    }
}
