//! Why a proposal is refused. Nothing of it is applied then.

use crate::level::{Level, Unreadable};
use crate::names::{AdjunctId, EntityId, LocationId, TaskId};
use crate::state::slot::Quarantined;

/// Why a proposal is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// There is such an entity already.
    #[error("id already exists: `{0}`")]
    EntityExists(EntityId),
    /// There is no such entity.
    #[error("entity `{0}` not found")]
    UnknownEntity(EntityId),
    /// An entity's parent is nowhere.
    #[error("the parent `{parent}` of entity `{entity}` not found")]
    UnknownParent {
        /// The entity.
        entity: EntityId,
        /// Its parent.
        parent: EntityId,
    },
    /// Entities are each other's ancestors.
    #[error("entity `{0}` is its own ancestor")]
    Cycle(EntityId),
    /// An entity runs at a location that is nowhere.
    #[error("the location `{location}` of entity `{entity}` not found")]
    UnknownLocation {
        /// The entity.
        entity: EntityId,
        /// The location.
        location: LocationId,
    },
    /// An entity is related to one that is nowhere.
    #[error("entity `{entity}` is related to `{target}`, which is not found")]
    UnknownTarget {
        /// The entity.
        entity: EntityId,
        /// The other.
        target: EntityId,
    },
    /// Two adjuncts of an entity have one id.
    #[error("entity `{entity}` has the adjunct `{adjunct}` already")]
    AdjunctExists {
        /// The entity.
        entity: EntityId,
        /// The adjunct.
        adjunct: AdjunctId,
    },
    /// There is such a task already.
    #[error("task `{0}` exists already")]
    TaskExists(TaskId),
    /// There is no such task.
    #[error("cannot find task '{0}' - possibly garbage collected to save memory")]
    UnknownTask(TaskId),
    /// A task cannot begin, or end, as it is.
    #[error("task `{task}` {why}")]
    TaskNotSo {
        /// The task.
        task: TaskId,
        /// What it is.
        why: &'static str,
    },
    /// A stored task or location cannot be read.
    #[error("`{what}` is {why}")]
    Unreadable {
        /// Its id.
        what: String,
        /// What is wrong.
        why: Unreadable,
    },
    /// The entity has no such adjunct.
    #[error("entity `{entity}` has no adjunct `{adjunct}`")]
    UnknownAdjunct {
        /// The entity.
        entity: EntityId,
        /// The adjunct.
        adjunct: AdjunctId,
    },
    /// There is no such location.
    #[error("location `{0}` not found")]
    UnknownLocationId(LocationId),
    /// The entity cannot be read; it can only be expunged.
    #[error(transparent)]
    Quarantined(Box<Quarantined>),
    /// A key came with two different requests.
    #[error("the idempotency key `{0}` was used for another request: take a new one")]
    KeyReused(String),
    /// The plane is at that level, or beyond, or this version does not know it.
    #[error("the plane's format level is {now}: it cannot become {asked}")]
    Level {
        /// As it is.
        now: Level,
        /// As it was asked for.
        asked: Level,
    },
    /// What was asked needs a newer level than the plane's.
    #[error(
        "the plane's format level is {now}, and this needs {asked}: raise the level first, which happens by itself a minute after all its nodes read a newer one"
    )]
    LevelTooLow {
        /// As it is.
        now: Level,
        /// As it must be.
        asked: Level,
    },
    /// The pieces that are there are those of another import, or none.
    #[error("another import has begun, or this one was given up: try again")]
    OtherImport,
    /// This node could not read the journal, so that it must not write.
    #[error("this node cannot read the plane's state, which is {0}")]
    StateUnreadable(Unreadable),
    /// A refusal of the embedder.
    #[error("{0}")]
    Other(String),
}

impl From<Quarantined> for Refusal {
    fn from(bad: Quarantined) -> Self {
        Self::Quarantined(Box::new(bad))
    }
}
