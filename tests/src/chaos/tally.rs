//! The figures of a campaign.

use std::collections::BTreeMap;
use std::time::Duration;

use super::check::Resource;
use super::fault::Fault;

/// From the death or sleep of a master to the next acknowledged write.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct TookOver {
    /// How long that was.
    pub time: Duration,
    /// Whether another node was awake when it began. If not, the plane could only wait for one to wake or to be started.
    pub was_another_awake: bool,
}

/// What was done and seen, in one plane or in many.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Tally {
    /// Planes that came to be.
    pub planes: u64,
    /// What was done, by kind.
    pub faults: BTreeMap<Fault, u64>,
    /// Requests to a bucket that had a fault by the connection.
    pub connection_faults: u64,
    /// How often writes went on in another epoch.
    pub takeovers: u64,
    /// What was seen of masters that were killed or stopped.
    pub took_over: Vec<TookOver>,
    /// Writes that were acknowledged.
    pub acknowledged: u64,
    /// Writes that were refused.
    pub refused: u64,
    /// Calls of which nobody knows what became.
    pub unknown: u64,
    /// Linearizable reads.
    pub reads: u64,
    /// Strokes on the world.
    pub acts: u64,
    /// Strokes that were late, as their epochs told the world.
    pub acts_late: u64,
    /// Epochs in which somebody acted.
    pub epochs_that_acted: u64,
    /// Nodes that slept until what they were to read next had been collected.
    pub slept_past_collection: u64,
    /// How often a node was set to a state from a snapshot.
    pub restored: u64,
    /// Writes of unknown outcome of which a node told what became of them.
    pub resolved: u64,
    /// Nodes that were started again because they had failed.
    pub restarted: u64,
    /// Of all processes that lived long enough, and of their stores: what there was in the second quarter and in the last.
    pub quarters: BTreeMap<Resource, (u64, u64)>,
    /// What was done on entities over REST, and what came of it.
    pub rest: BTreeMap<&'static str, u64>,
    /// The longest that it took from the end of all faults until all nodes were well.
    pub slowest_recovery: Duration,
}

impl Tally {
    /// Adds another.
    pub fn add(&mut self, other: Self) {
        self.planes += other.planes;
        for (kind, count) in other.faults {
            *self.faults.entry(kind).or_default() += count;
        }
        self.connection_faults += other.connection_faults;
        self.takeovers += other.takeovers;
        self.took_over.extend(other.took_over);
        self.acknowledged += other.acknowledged;
        self.refused += other.refused;
        self.unknown += other.unknown;
        self.reads += other.reads;
        self.acts += other.acts;
        self.acts_late += other.acts_late;
        self.epochs_that_acted += other.epochs_that_acted;
        self.slept_past_collection += other.slept_past_collection;
        self.restored += other.restored;
        self.resolved += other.resolved;
        self.restarted += other.restarted;
        for (resource, of) in other.quarters {
            self.add_quarters(resource, of);
        }
        for (what, count) in other.rest {
            *self.rest.entry(what).or_default() += count;
        }
        self.slowest_recovery = self.slowest_recovery.max(other.slowest_recovery);
    }

    /// Adds what there was of something in two quarters.
    pub(crate) fn add_quarters(&mut self, resource: Resource, (then, now): (u64, u64)) {
        let sum = self.quarters.entry(resource).or_default();
        *sum = (sum.0 + then, sum.1 + now);
    }

    /// All faults but those of the connection.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.faults.values().sum()
    }

    /// How many takeovers began with another node awake, or with none.
    #[must_use]
    pub fn took_over_count(&self, was_another_awake: bool) -> usize {
        let all = self.took_over.iter();
        all.filter(|one| one.was_another_awake == was_another_awake)
            .count()
    }

    /// So many of a hundred takeovers that began with another node awake, or with none, were no longer.
    #[must_use]
    pub fn took_over_percentile(&self, percent: usize, was_another_awake: bool) -> Duration {
        let such = self
            .took_over
            .iter()
            .filter(|one| one.was_another_awake == was_another_awake);
        let mut times: Vec<_> = such.map(|one| one.time).collect();
        times.sort_unstable();
        let at = (times.len() * percent / 100).min(times.len().saturating_sub(1));
        times.get(at).copied().unwrap_or_default()
    }
}
