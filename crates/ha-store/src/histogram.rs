//! How long calls take, in buckets of fixed bounds.

use std::time::Duration;

/// Upper bounds, in microseconds; what is slower goes into one more bucket. Three to a decade, so that a quantile is known to within a half.
const BOUNDS: [u64; 19] = [
    100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000, 50_000, 70_000, 100_000, 150_000, 200_000,
    300_000, 500_000, 1_000_000, 2_000_000, 5_000_000,
];

/// Counts of calls by how long they took.
///
/// ```
/// use std::time::Duration;
///
/// let mut latency = ha_store::Histogram::default();
/// for millis in [40, 45, 60, 900] {
///     latency.count(Duration::from_millis(millis));
/// }
/// assert_eq!(latency.quantile(0.5), Some(Duration::from_millis(50)));
/// assert_eq!(latency.quantile(0.99), Some(Duration::from_secs(1)));
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Histogram {
    counts: [u64; BOUNDS.len() + 1],
}

impl Histogram {
    /// Counts one call.
    pub fn count(&mut self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.counts[BOUNDS.partition_point(|bound| *bound < micros)] += 1;
    }

    /// Each bound with the number of calls that took no longer, as Prometheus counts them; `None` is no bound.
    pub fn buckets(&self) -> impl Iterator<Item = (Option<Duration>, u64)> + '_ {
        let bounds = BOUNDS
            .iter()
            .map(|b| Some(Duration::from_micros(*b)))
            .chain([None]);
        bounds.zip(self.counts).scan(0, |sum, (bound, count)| {
            *sum += count;
            Some((bound, *sum))
        })
    }

    /// The bound below which this part of all calls lies, the slowest bound if it lies beyond; `None` if there were no calls.
    pub fn quantile(&self, part: f64) -> Option<Duration> {
        let all: u64 = self.counts.iter().sum();
        // More than 2^53 calls are not made.
        let wanted = (part.clamp(0.0, 1.0) * all as f64).ceil();
        let found = self
            .buckets()
            .find(|(_, sum)| *sum as f64 >= wanted && *sum > 0)?;
        let slowest = BOUNDS[BOUNDS.len() - 1];
        Some(found.0.unwrap_or_else(|| Duration::from_micros(slowest)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_lies_in_the_bucket_whose_bound_it_does_not_pass() {
        let mut latency = Histogram::default();
        assert_eq!(latency.quantile(0.5), None);
        latency.count(Duration::from_micros(100));
        latency.count(Duration::from_micros(101));
        latency.count(Duration::from_secs(60));
        let buckets: Vec<_> = latency.buckets().map(|(_, sum)| sum).collect();
        assert_eq!((buckets[0], buckets[1]), (1, 2));
        assert_eq!(buckets.last(), Some(&3));
        assert_eq!(latency.quantile(1.0), Some(Duration::from_secs(5)));
        assert_eq!(latency.quantile(0.0), Some(Duration::from_micros(100)));
    }
}
