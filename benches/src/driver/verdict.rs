// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Whether a target is reached.

use crate::statistics::Spread;

#[derive(Clone, Copy, Debug)]
pub enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

/// Where a bound holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// In the median of the rounds.
    Median,
    /// In each of them: where runs are of two kinds, a median shows only one.
    Each,
}

/// A target, and what was measured.
#[derive(Clone, Debug)]
pub struct Verdict {
    pub case: String,
    /// What is compared, and with whom.
    pub what: String,
    pub bound: Bound,
    pub held: Held,
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
    /// What was not measured is not met.
    pub fn outcome(&self) -> Outcome {
        let Some(spread) = self.measured else {
            return Outcome::NotMet;
        };
        let measured = match (self.held, self.bound) {
            (Held::Median, _) => spread.median,
            (Held::Each, Bound::AtLeast(_)) => spread.least,
            (Held::Each, Bound::AtMost(_)) => spread.most,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(bound: Bound, held: Held, measured: [f64; 3], control: [f64; 3]) -> Outcome {
        let spread = |[least, median, most]: [f64; 3]| {
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
            held,
            measured: spread(measured),
            control: spread(control),
        };
        verdict.outcome()
    }

    fn outcome(bound: Bound, median: f64, (least, most): (f64, f64)) -> Outcome {
        verdict(bound, Held::Median, [median; 3], [least, 1.0, most])
    }

    #[test]
    fn the_worst_round_decides_what_is_to_hold_in_each() {
        let outcome = |bound, held| verdict(bound, held, [0.4, 0.7, 1.3], [1.0; 3]);
        for (held, expected) in [(Held::Median, Outcome::Met), (Held::Each, Outcome::NotMet)] {
            assert_eq!(outcome(Bound::AtLeast(0.5), held), expected);
            assert_eq!(outcome(Bound::AtMost(1.2), held), expected);
        }
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
