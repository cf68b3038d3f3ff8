//! How a host works.

use std::time::Duration;

use super::failure::FailureModes;
use crate::adjuncts::AdjunctTypes;

/// How a [`Host`](super::Host) works. Make it from its default.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HostSettings {
    /// The types of adjuncts that entities can have here.
    pub adjuncts: AdjunctTypes,
    /// Adjuncts write at most once in this time: one second by default. What happens within it is one entry, with the last values.
    pub persist_period: Duration,
    /// How long the code of one entity may take to be told that it is to be removed: a minute by default. One that takes longer is not removed,
    /// and is on fire.
    pub longest_unmanage: Duration,
    /// What a new leader does about what is wrong with the state.
    pub failure_modes: FailureModes,
    /// Which tasks are forgotten after they have ended.
    pub tasks: TaskLimits,
    /// How long one piece of an import may take; pieces that are as they were for this long are dropped. A minute by default.
    pub longest_import_pause: Duration,
    /// How often a leader looks whether all nodes on record read a newer format level, and raises the plane's: each minute by default, so that
    /// nodes of two versions that start together find each other first. A raise cannot be taken back.
    pub raise_period: Duration,
}

/// Which tasks are forgotten after they have ended, oldest first. One that has not ended never is, nor one that asked for such a task.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[allow(clippy::exhaustive_structs)]
pub struct TaskLimits {
    /// Those that ended longer ago, by the wall clock (`brooklyn.gc.maxTaskAge`): 30 days by default.
    pub max_age: Duration,
    /// Those of an entity that has more (`brooklyn.gc.maxTasksPerEntity`): 1,000 by default.
    pub max_of_entity: usize,
    /// Those beyond so many in all (`brooklyn.gc.maxTasksGlobal`): 100,000 by default.
    pub max_in_all: usize,
    /// How often the leader looks (`brooklyn.gc.period`): each minute by default.
    pub period: Duration,
}

impl Default for TaskLimits {
    fn default() -> Self {
        Self {
            max_age: Duration::from_secs(30 * 24 * 60 * 60),
            max_of_entity: 1_000,
            max_in_all: 100_000,
            period: Duration::from_secs(60),
        }
    }
}

impl Default for HostSettings {
    fn default() -> Self {
        Self {
            adjuncts: AdjunctTypes::built_in(),
            persist_period: Duration::from_secs(1),
            longest_unmanage: Duration::from_secs(60),
            failure_modes: FailureModes::default(),
            tasks: TaskLimits::default(),
            longest_import_pause: Duration::from_secs(60),
            raise_period: Duration::from_secs(60),
        }
    }
}
