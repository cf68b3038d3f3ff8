//! What a process takes, and what lies in a store, stays bounded while the state does.

use std::collections::BTreeMap;

use super::{Finding, Rule};

/// What there was of something at a time.
pub(crate) type Sample = BTreeMap<Resource, u64>;

/// Something that is to stay bounded.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[allow(clippy::exhaustive_enums)]
pub enum Resource {
    /// Resident memory of a process, KiB.
    MemoryKib,
    /// Open descriptors of a process.
    Descriptors,
    /// Threads of a process.
    Threads,
    /// Tasks of a process.
    Tasks,
    /// Objects in a store, but for entries that are behind the older snapshot.
    Objects,
    /// Entries behind the older snapshot, a hundred epochs: fences, and what lies about a failover.
    FencesPerHundredEpochs,
}

impl Resource {
    /// What it is counted under.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MemoryKib => "memory_kib",
            Self::Descriptors => "descriptors",
            Self::Threads => "threads",
            Self::Tasks => "tasks",
            Self::Objects => "objects",
            Self::FencesPerHundredEpochs => "fences_per_100_epochs",
        }
    }

    /// So much more of it is no growth.
    fn slack(self) -> u64 {
        match self {
            Self::MemoryKib => 8 * 1024,
            Self::Descriptors | Self::Threads => 16,
            Self::Tasks => 32,
            Self::Objects => 100,
            Self::FencesPerHundredEpochs => 50,
        }
    }
}

/// Fewer samples say nothing.
const ENOUGH: usize = 40;

/// The middle of what there was in the second quarter and in the last one. The first is for what comes to be at a start.
pub(crate) fn quarters(samples: &[Sample]) -> BTreeMap<Resource, (u64, u64)> {
    if samples.len() < ENOUGH {
        return BTreeMap::new();
    }
    let quarter = samples.len() / 4;
    let (then, now) = (&samples[quarter..2 * quarter], &samples[3 * quarter..]);
    let resources = samples.iter().flat_map(BTreeMap::keys).copied();
    let both = |resource| Some((resource, (median(then, resource)?, median(now, resource)?)));
    resources.filter_map(both).collect()
}

/// There may be a quarter more, and a little.
pub(crate) fn growth(of: &str, samples: &[Sample]) -> Vec<Finding> {
    let grown = quarters(samples)
        .into_iter()
        .filter_map(|(resource, (then, now))| {
            let how = format!("{of}: {then} {} became {now}", resource.name());
            (now > then + then / 4 + resource.slack()).then(|| Finding::new(Rule::Grew, how))
        });
    grown.collect()
}

fn median(samples: &[Sample], of: Resource) -> Option<u64> {
    let mut figures: Vec<_> = samples.iter().filter_map(|sample| sample.get(&of)).collect();
    figures.sort_unstable();
    figures.get(figures.len() / 2).map(|figure| **figure)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Resource; 6] = [
        Resource::MemoryKib,
        Resource::Descriptors,
        Resource::Threads,
        Resource::Tasks,
        Resource::Objects,
        Resource::FencesPerHundredEpochs,
    ];

    #[test]
    fn what_is_flat_after_its_beginning_is_fine() {
        let samples: Vec<Sample> = (0..100)
            .map(|second: u64| [(Resource::MemoryKib, 20_000 + 1_000 * second.min(20) + second % 7)].into())
            .collect();
        assert_eq!(growth("a", &samples), []);
        assert_eq!(quarters(&samples).len(), 1);
    }

    #[test]
    fn growth_of_each_is_found() {
        for grows in ALL {
            let sample = |second: u64| {
                ALL.map(|resource| (resource, 100 + u64::from(resource == grows) * second * 1_000))
                    .into()
            };
            let samples: Vec<Sample> = (0..100).map(sample).collect();
            assert_eq!(growth("a", &samples).len(), 1, "{grows:?}");
        }
    }
}
