// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! When a producer makes its calls.

use crate::case::Case;
use std::time::Duration;

#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// One call after the other.
    Unpaced,
    /// Evenly.
    Even { gap_ns: f64 },
    /// So many calls with a gap in between, then nothing until the next burst.
    Bursts {
        calls: u64,
        gap: Duration,
        every: Duration,
    },
}

impl Pace {
    /// That of each of the case's producers.
    pub fn of(case: &Case) -> Self {
        if case.burst > 0 {
            return Pace::Bursts {
                calls: case.burst.into(),
                gap: Duration::from_micros(case.burst_gap_us.into()),
                every: Duration::from_millis(case.burst_every_ms.into()),
            };
        }
        if case.rate == 0.0 {
            return Pace::Unpaced;
        }
        Pace::Even {
            gap_ns: 1e9 * f64::from(case.batch) * f64::from(case.threads()) / case.rate,
        }
    }

    /// How long after the start the next call is due when so many have been made. `None`: now.
    pub fn due(self, calls_made: u64) -> Option<Duration> {
        match self {
            Pace::Unpaced => None,
            Pace::Even { gap_ns } => {
                Some(Duration::from_nanos((calls_made as f64 * gap_ns) as u64))
            }
            Pace::Bursts { calls, gap, every } => {
                let start = every.mul_f64((calls_made / calls) as f64);
                Some(start + gap * (calls_made % calls) as u32)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_begins_when_it_is_due_whatever_the_last_one_took() {
        let pace = Pace::of(&Case {
            burst: 3,
            burst_gap_us: 200,
            burst_every_ms: 30,
            ..Case::default()
        });
        let due: Vec<Duration> = (0..5).filter_map(|made| pace.due(made)).collect();
        let expected = [0, 200, 400, 30_000, 30_200].map(Duration::from_micros);
        assert_eq!(due, expected);
    }

    #[test]
    fn producers_share_the_rate() {
        let pace = Pace::of(&Case {
            rate: 1e6,
            batch: 10,
            producers: 2,
            ..Case::default()
        });
        assert_eq!(pace.due(3), Some(Duration::from_micros(60)));
    }
}
