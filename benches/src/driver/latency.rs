// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Quantiles of the latencies that a reader has counted.

use crate::shared::{LATENCY_BUCKETS, Shared, latency_of};
use std::sync::atomic::Ordering::Relaxed;

/// Counts by bucket; empty if none were taken.
#[derive(Clone, Debug, Default)]
pub struct Latencies(Vec<u64>);

impl Latencies {
    pub fn of(shared: &Shared) -> Self {
        let counts = shared.latencies.iter().map(|count| count.load(Relaxed));
        debug_assert_eq!(counts.len(), LATENCY_BUCKETS);
        Latencies(counts.collect())
    }

    /// Those that were not counted yet in `before`.
    pub fn since(&self, before: &Self) -> Self {
        let counts = self.0.iter().zip(&before.0);
        Latencies(counts.map(|(after, before)| after - before).collect())
    }

    /// Microseconds that the given share of the records did not exceed.
    pub fn quantile_us(&self, share: f64) -> Option<f64> {
        let total: u64 = self.0.iter().sum();
        let wanted = (total as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        self.0.iter().enumerate().find_map(|(bucket, count)| {
            seen += count;
            (seen >= wanted).then(|| latency_of(bucket) / 1e3)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::bucket;

    #[test]
    fn quantiles_are_those_of_the_records_counted_meanwhile() {
        let mut before = vec![0; LATENCY_BUCKETS];
        before[bucket(1)] = 1000;
        let mut after = before.clone();
        for latency in 1..=1000 {
            after[bucket(latency * 1000)] += 1;
        }
        let latencies = Latencies(after).since(&Latencies(before));
        for (share, us) in [(0.5, 500.0), (0.99, 990.0), (1.0, 1000.0)] {
            let quantile = latencies.quantile_us(share).unwrap();
            assert!((quantile / us - 1.0f64).abs() < 0.02, "{share}: {quantile}");
        }
        assert_eq!(Latencies::default().quantile_us(0.5), None);
    }
}
