//! Latencies in constant memory: 128 buckets for each power of two, so within 1 %.

use serde::{Deserialize, Serialize};
use std::time::Duration;

const STEPS: usize = 128;
const BITS: u32 = STEPS.ilog2();

/// How many latencies fell into each bucket.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(from = "Vec<(u32, u64)>", into = "Vec<(u32, u64)>")]
pub struct Histogram {
    buckets: Box<[u64; STEPS * 64]>,
    count: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram { buckets: Box::new([0; STEPS * 64]), count: 0 }
    }
}

impl Histogram {
    /// What one allocates.
    pub const BYTES: usize = size_of::<[u64; STEPS * 64]>();

    /// Counts one.
    pub fn record(&mut self, latency: Duration) {
        let nanos = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.buckets[bucket(nanos)] += 1;
        self.count += 1;
    }

    /// Adds another's counts.
    pub fn add(&mut self, other: &Histogram) {
        for (mine, theirs) in self.buckets.iter_mut().zip(other.buckets.iter()) {
            *mine += theirs;
        }
        self.count += other.count;
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The latency that a share of `quantile` does not exceed; zero if there is none.
    pub fn quantile(&self, quantile: f64) -> Duration {
        let rank = (self.count as f64 * quantile).ceil() as u64;
        let mut seen = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= rank.max(1) {
                return Duration::from_nanos(highest(index));
            }
        }
        Duration::ZERO
    }
}

// Written as the buckets that are not empty.
impl From<Histogram> for Vec<(u32, u64)> {
    fn from(histogram: Histogram) -> Self {
        let buckets = (0..).zip(histogram.buckets.iter().copied());
        buckets.filter(|&(_, count)| count > 0).collect()
    }
}

impl From<Vec<(u32, u64)>> for Histogram {
    fn from(written: Vec<(u32, u64)>) -> Self {
        let mut histogram = Histogram::default();
        for (index, count) in written {
            // An index that no histogram writes is left out.
            if let Some(bucket) = histogram.buckets.get_mut(index as usize) {
                *bucket += count;
                histogram.count += count;
            }
        }
        histogram
    }
}

/// The bucket of a value: its highest bit and the seven below.
fn bucket(value: u64) -> usize {
    let shift = value.max(1).ilog2().saturating_sub(BITS);
    shift as usize * STEPS + (value >> shift) as usize
}

/// The highest value in a bucket.
fn highest(index: usize) -> u64 {
    // From the second row on, a row's values start at `STEPS`, so that `bucket` never fills the
    // lower half of what it could.
    let shift = (index / STEPS).saturating_sub(1) as u32;
    let lead = (index - shift as usize * STEPS) as u64;
    (lead << shift) | ((1 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_its_value_within_one_percent() {
        for value in (0..300).chain((1..57).map(|bit| (1 << bit) - 1)).chain([12_345, 987_654_321])
        {
            let top = highest(bucket(value));
            assert!(top >= value && top - value <= value / 100, "{value} became {top}");
        }
    }

    #[test]
    fn quantiles_are_within_one_percent() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), Duration::ZERO);
        let mut half = Histogram::default();
        for micros in 1..=1000 {
            let side = if micros % 2 == 0 { &mut half } else { &mut histogram };
            side.record(Duration::from_micros(micros));
        }
        histogram.add(&half);
        let written = serde_json::to_string(&histogram).unwrap();
        let histogram: Histogram = serde_json::from_str(&written).unwrap();
        assert_eq!(histogram.count(), 1000);
        for (quantile, micros) in [(0.001, 1.0), (0.5, 500.0), (0.99, 990.0), (1.0, 1000.0)] {
            let found = histogram.quantile(quantile).as_secs_f64() * 1e6;
            assert!((micros..=micros * 1.01).contains(&found), "{quantile}: {found} for {micros}");
        }
    }
}
