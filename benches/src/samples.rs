//! Figures from samples.

use std::fmt;
use std::time::Duration;

/// Durations of one thing done many times.
#[derive(Clone, Debug, Default)]
pub struct Samples(Vec<Duration>);

impl Samples {
    /// Adds one.
    pub fn push(&mut self, sample: Duration) {
        self.0.push(sample);
    }

    /// Adds all of another.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The one below which this part of all lies, of 0 to 100; zero if there is none.
    #[must_use]
    pub fn percentile(&self, percent: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let at = (sorted.len().saturating_sub(1)) * percent.min(100) / 100;
        sorted.get(at).copied().unwrap_or_default()
    }

    /// The average; zero if there is none.
    #[must_use]
    pub fn mean(&self) -> Duration {
        let all: Duration = self.0.iter().sum();
        u32::try_from(self.0.len()).map_or(Duration::ZERO, |n| all.checked_div(n).unwrap_or_default())
    }

    /// The middle one.
    #[must_use]
    pub fn p50(&self) -> Duration {
        self.percentile(50)
    }
}

impl fmt::Display for Samples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (p50, p99) = (self.p50(), self.percentile(99));
        write!(f, "p50 {p50:.2?}, p99 {p99:.2?} ({} samples)", self.len())
    }
}
