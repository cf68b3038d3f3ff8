//! Memory, descriptors and threads of a process stay bounded while its state does.

use super::{Finding, Rule};

/// What a process had at a time.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Sample {
    /// Resident memory, KiB.
    pub(crate) memory: u64,
    pub(crate) descriptors: u64,
    pub(crate) threads: u64,
}

/// What it is called, where it is in a sample, and how much more of it is no growth.
type Figure = (&'static str, fn(&Sample) -> u64, u64);

/// Fewer samples, one a second, say nothing.
const ENOUGH: usize = 40;

/// Holds the last quarter of the samples of one process beside the second one: it may have a quarter more, and a little.
pub(crate) fn growth(process: &str, samples: &[Sample]) -> Vec<Finding> {
    if samples.len() < ENOUGH {
        return Vec::new();
    }
    let quarter = samples.len() / 4;
    let (then, now) = (&samples[quarter..2 * quarter], &samples[3 * quarter..]);
    let figures: [Figure; 3] = [
        ("KiB of memory", |sample| sample.memory, 8 * 1024),
        ("descriptors", |sample| sample.descriptors, 16),
        ("threads", |sample| sample.threads, 16),
    ];
    let grown = figures.into_iter().filter_map(|(what, of, slack)| {
        let (then, now) = (median(then, of), median(now, of));
        let how = format!("{process}: {then} {what} became {now}");
        (now > then + then / 4 + slack).then(|| Finding::new(Rule::Grew, how))
    });
    grown.collect()
}

fn median(samples: &[Sample], of: fn(&Sample) -> u64) -> u64 {
    let mut figures: Vec<_> = samples.iter().map(of).collect();
    figures.sort_unstable();
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(memory: u64, descriptors: u64, threads: u64) -> Sample {
        Sample {
            memory,
            descriptors,
            threads,
        }
    }

    #[test]
    fn what_is_flat_after_its_beginning_is_fine() {
        let samples: Vec<_> = (0..100)
            .map(|second| sample(20_000 + 1_000 * second.min(20) + second % 7, 20, 8))
            .collect();
        assert_eq!(growth("a", &samples), []);
    }

    #[test]
    fn each_growth_is_found() {
        let growing: [fn(u64) -> Sample; 3] = [
            |second| sample(20_000 + 1_000 * second, 20, 8),
            |second| sample(20_000, 20 + second, 8),
            |second| sample(20_000, 20, 8 + second),
        ];
        for grows in growing {
            let samples: Vec<_> = (0..100).map(grows).collect();
            assert_eq!(growth("a", &samples).len(), 1, "{:?}", samples[99]);
        }
    }
}
