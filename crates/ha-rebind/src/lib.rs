//! What a plane manages: applications of entities, with their config, sensors, adjuncts, locations and tasks, as a pure function of the journal.
//!
//! [`State`] applies one [`Batch`] of [`Change`]s after the other: the same code on a leader, on a hot standby and in a rebind. An entity
//! stays as it is stored until somebody reads it, and one that cannot be read is [`Quarantined`] and takes nothing else with it.
//!
//! Applications are described by blueprints: see [`blueprint`].

mod codec;
mod names;
pub use names::{AdjunctId, EntityId, IdError, LONGEST_ID, LocationId, TaskId};
mod json;
pub use json::{Json, JsonError};
mod values;
pub use values::Values;
mod level;
pub use level::{Level, Unreadable};
mod entity;
pub use entity::{
    Adjunct, AdjunctKind, Entity, Lifecycle, Relation, SERVICE_IS_UP, SERVICE_PROBLEMS, SERVICE_STATE,
    SERVICE_STATE_EXPECTED,
};
mod task;
pub use task::{Call, Ended, Outcome, Started, Stream, Task};
mod location;
pub use location::Location;
mod change;
pub use change::{Batch, Change};
mod batch;
pub use batch::{BatchBytes, LARGEST_PACKED_BATCH};
mod state;
pub use state::packed::LARGEST_REPLACEMENT;
pub use state::slot::{Quarantined, Remembered};
pub use state::snapshot::{PART_BYTES, Part, PartError};
pub use state::{Applied, ItemCounts, KEY_LIFE, LARGEST_PIECES, MOST_KEYS, Orphans, State, Unfit};
mod propose;
pub use propose::{ClientKey, Draft, Evaluated, Refusal, Staging};
mod replacement;
pub use replacement::Replacement;
mod archive;
pub use archive::{About, ArchiveError, read as read_archive, write as write_archive};
mod fates;
mod managed;
pub use managed::Managed;
mod proposer;
pub use proposer::{ProposeError, Proposer};
mod host;
pub use host::{
    BadFailureMode, EffectorCall, Export, ExportError, FailureMode, FailureModes, Host, HostError,
    HostSettings, ImportError, Levels, Quorum, RaiseError, TaskLimits,
};
mod adjuncts;
pub use adjuncts::{
    AdjunctTypes, Aggregator, Decision, Derived, Enricher, Feed, Fetch, Fetched, HttpFeed, PlainHttp, Policy,
    Propagator, SensorThreshold, Sight,
};
mod types;
pub use types::{
    AdjunctDescription, ArgumentError, BasicApplication, BasicEntity, BasicStartable, ConfigKey, Effect,
    Effector, EntityType, EntityTypes, Invocation, Parameter, Printed, SensorKey, StreamReader,
    TypeDescription, TypeExists, UnknownType, ValueType,
};
pub mod blueprint;
