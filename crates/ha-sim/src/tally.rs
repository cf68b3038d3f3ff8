//! What happened, in numbers: a run in which nothing did proves nothing.

use std::collections::BTreeMap;

/// Counts of one world or of many.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Tally {
    /// Events of the world.
    pub events: u64,
    /// Requests to the store.
    pub requests: u64,
    /// Masterships: valid takeovers and handovers.
    pub takeovers: u64,
    /// Of them, handovers.
    pub handovers: u64,
    /// Changes that a client was told are durable.
    pub acknowledged: u64,
    /// Changes that a client was told are not applied.
    pub refused: u64,
    /// Changes of which nobody knows.
    pub unknown: u64,
    /// Linearizable reads answered.
    pub reads: u64,
    /// Acts on the world.
    pub acts: u64,
    /// Snapshots written.
    pub snapshots: u64,
    /// Entries collected.
    pub collected: u64,
    /// States loaded.
    pub loads: u64,
    /// Entries that are not valid.
    pub junk: u64,
    /// Processes that crashed.
    pub crashes: u64,
    /// Processes that were paused.
    pub pauses: u64,
    /// Partitions between a node and the store.
    pub cuts: u64,
    /// Everything that went wrong: requests, crashes, pauses, partitions.
    pub faults: u64,
    /// Creates that landed again in slots that had been collected.
    pub haunted: u64,
    /// Simulated time, milliseconds.
    pub simulated_ms: u64,
    /// The most objects that the store held, fences apart.
    pub most_objects: u64,
}

impl Tally {
    /// What clients and applications have asked for, and were answered: changes, reads and acts.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.acknowledged + self.refused + self.unknown + self.reads + self.acts
    }

    /// The counts with their names.
    #[must_use]
    pub fn pairs(&self) -> [(&'static str, u64); 21] {
        [
            ("operations", self.operations()),
            ("events", self.events),
            ("requests", self.requests),
            ("takeovers", self.takeovers),
            ("handovers", self.handovers),
            ("acknowledged", self.acknowledged),
            ("refused", self.refused),
            ("unknown", self.unknown),
            ("reads", self.reads),
            ("acts", self.acts),
            ("snapshots", self.snapshots),
            ("collected", self.collected),
            ("loads", self.loads),
            ("junk", self.junk),
            ("crashes", self.crashes),
            ("pauses", self.pauses),
            ("cuts", self.cuts),
            ("faults", self.faults),
            ("haunted", self.haunted),
            ("simulated_ms", self.simulated_ms),
            ("most_objects", self.most_objects),
        ]
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, o: Self) {
        self.events += o.events;
        self.requests += o.requests;
        self.takeovers += o.takeovers;
        self.handovers += o.handovers;
        self.acknowledged += o.acknowledged;
        self.refused += o.refused;
        self.unknown += o.unknown;
        self.reads += o.reads;
        self.acts += o.acts;
        self.snapshots += o.snapshots;
        self.collected += o.collected;
        self.loads += o.loads;
        self.junk += o.junk;
        self.crashes += o.crashes;
        self.pauses += o.pauses;
        self.cuts += o.cuts;
        self.faults += o.faults;
        self.haunted += o.haunted;
        self.simulated_ms += o.simulated_ms;
        self.most_objects = self.most_objects.max(o.most_objects);
    }
}

/// Things that must happen sometimes, or a run has not looked where it should: each with a count.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Marks(BTreeMap<&'static str, u64>);

/// All that worlds of [`crate::Plan`] should come to.
pub const MARKS: [&str; 28] = [
    "a create was ambiguous and won",
    "a claim was void",
    "a leader met a stranger",
    "a standby reloaded from a snapshot",
    "a handover",
    "a release",
    "full by lease end",
    "a first commit went beside the validation",
    "a create landed again in a collected slot",
    "a read was answered by a standby",
    "a pause of more than an hour",
    "a one-way partition",
    "a sleeper's next slot was collected",
    "all processes ended at once",
    "a record was torn",
    "a record was read as it had been",
    "one of two processes with one id stopped",
    "a clean start emptied the state",
    "records were removed",
    "a live leader was suspected",
    "a damaged object was named",
    "a wall clock was set",
    "a leader went on behind an entry that is not valid",
    "a node of low priority was passed over",
    "the best of those alive was named",
    "the best of those alive took over",
    "a leader knew of a write that it was refused",
    "the owner of a state lagged",
];

impl Default for Marks {
    fn default() -> Self {
        Self(MARKS.iter().map(|mark| (*mark, 0)).collect())
    }
}

impl Marks {
    /// It has happened.
    pub fn hit(&mut self, mark: &'static str) {
        *self.0.entry(mark).or_default() += 1;
    }

    /// Marks and counts.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.0.iter().map(|(mark, count)| (*mark, *count))
    }

    /// Those that were never hit.
    #[must_use]
    pub fn missed(&self) -> Vec<&'static str> {
        self.iter()
            .filter(|(_, count)| *count == 0)
            .map(|(mark, _)| mark)
            .collect()
    }
}

impl std::ops::AddAssign<&Self> for Marks {
    fn add_assign(&mut self, o: &Self) {
        for (mark, count) in o.iter() {
            *self.0.entry(mark).or_default() += count;
        }
    }
}
