//! How many calls a probe makes, and how long they take.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::Operation;

/// How long the answered calls of an operation took, those in a race not counted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Latency {
    /// Which.
    pub operation: Operation,
    /// How many calls this is about.
    pub calls: usize,
    /// Half of them took no longer.
    pub p50: Duration,
    /// Of a hundred, 99 took no longer. Of fewer than a hundred this is the longest.
    pub p99: Duration,
    /// The longest.
    pub max: Duration,
}

#[derive(Debug, Default)]
pub(super) struct Meter {
    requests: AtomicU64,
    times: Mutex<Vec<(Operation, Duration)>>,
}

impl Meter {
    /// Counts a call that is about to be made.
    pub(super) fn count(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes how long an answered call took.
    pub(super) fn took(&self, operation: Operation, took: Duration) {
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        times.push((operation, took));
    }

    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    pub(super) fn latencies(&self) -> Vec<Latency> {
        let times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |operation| {
            let of_it = times.iter().filter(|(which, _)| *which == operation);
            let mut sorted: Vec<Duration> = of_it.map(|(_, took)| *took).collect();
            sorted.sort_unstable();
            let max = *sorted.last()?;
            // The least time that at least so many of a hundred calls did not exceed.
            let percentile = |hundredths: usize| sorted[(sorted.len() * hundredths).div_ceil(100) - 1];
            Some(Latency {
                operation,
                calls: sorted.len(),
                p50: percentile(50),
                p99: percentile(99),
                max,
            })
        };
        Operation::ALL.into_iter().filter_map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_calls_took() {
        let meter = Meter::default();
        for ms in (1..=200).rev() {
            meter.took(Operation::Get, Duration::from_millis(ms));
        }
        meter.took(Operation::List, Duration::from_millis(7));
        let [get, list] = meter.latencies()[..] else {
            panic!("{:?}", meter.latencies())
        };
        let ms = |l: Latency| [l.p50, l.p99, l.max].map(|d| d.as_millis());
        assert_eq!(
            (get.operation, get.calls, ms(get)),
            (Operation::Get, 200, [100, 198, 200])
        );
        assert_eq!(
            (list.operation, list.calls, ms(list)),
            (Operation::List, 1, [7, 7, 7])
        );
    }
}
