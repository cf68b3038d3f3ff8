//! Types of entities: what an embedder implements, and a plane finds by name.

mod basic;
pub(crate) use basic::BASIC_APPLICATION;
pub use basic::{BasicApplication, BasicEntity, BasicStartable};
mod describe;
mod print;
pub(crate) use describe::check_stored;
pub use describe::{
    AdjunctDescription, ArgumentError, ConfigKey, Effector, Parameter, SensorKey, TypeDescription, ValueType,
};

pub use print::{Printed, StreamReader};

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use ha_core::ActPermit;

use crate::entity::Entity;
use crate::json::Json;
use crate::names::TaskId;
use crate::task::Stream;
use crate::values::Values;

/// A type of entities.
///
/// Its code acts on the world, so that each call needs an [`ActPermit`], which only the plane's leader has: nodes that only read the state
/// run none of it. What it finds out it answers as an [`Effect`], which becomes part of the state together with the end of its task.
#[async_trait]
pub trait EntityType: Send + Sync + 'static {
    /// What it is called, has and can do.
    fn description(&self) -> &TypeDescription;

    /// Whether its entities have code that must be told when they are managed and when they are removed. Of a type that says no, neither
    /// [`on_manage`](Self::on_manage) nor [`on_unmanage`](Self::on_unmanage) is called, and its entities cost a new leader nothing.
    fn is_managed(&self) -> bool {
        false
    }

    /// An entity of it was made, or is managed by this node from now on. Called on each node that begins to lead, again if the leave to act
    /// ended before it did, and for many entities at once, so that it must bear repetition. It must not block its thread.
    ///
    /// # Errors
    /// If the entity cannot be managed: it is on fire then, with this reason.
    async fn on_manage(&self, entity: &Entity, permit: &ActPermit) -> Result<Effect, String> {
        let _ = (entity, permit);
        Ok(Effect::default())
    }

    /// An entity of it is to be removed. This comes before its removal is durable, so that a node which dies in between forgets nothing: the
    /// next one manages the entity again, and the removal can be asked for again. If the removal comes to nothing, as when the code of another
    /// entity refuses, it is managed again. So it must bear repetition as well, and it must not block its thread.
    ///
    /// # Errors
    /// If something of it would stay behind: the entity is not removed then, and is on fire with this reason.
    async fn on_unmanage(&self, entity: &Entity, permit: &ActPermit) -> Result<(), String> {
        let _ = (entity, permit);
        Ok(())
    }

    /// Runs an effector. It is one of the description's, and its arguments are of the right types. It must not block its thread: for what
    /// does there is [`tokio::task::spawn_blocking`].
    ///
    /// # Errors
    /// If it failed, and why.
    async fn invoke(&self, invocation: &Invocation<'_>, permit: &ActPermit) -> Result<Effect, String>;
}

/// One call of an effector.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Invocation<'a> {
    /// Its task: the same at each attempt, so that what is acted upon can tell a second one.
    pub task: &'a TaskId,
    /// The entity, as it was when the task began.
    pub entity: &'a Entity,
    /// The effector's name.
    pub effector: &'a str,
    /// Its arguments, those included that were left to their defaults.
    pub arguments: &'a Values,
    /// The wall clock, milliseconds since 1970.
    pub now_ms: u64,
    printed: Option<&'a Printed>,
}

impl<'a> Invocation<'a> {
    /// A call of an effector of this entity, by this task.
    #[must_use]
    pub fn new(
        task: &'a TaskId,
        entity: &'a Entity,
        effector: &'a str,
        arguments: &'a Values,
        now_ms: u64,
    ) -> Self {
        Self {
            task,
            entity,
            effector,
            arguments,
            now_ms,
            printed: None,
        }
    }

    /// The same, with what it prints noted there.
    #[must_use]
    pub fn noting(self, printed: &'a Printed) -> Self {
        Self {
            printed: Some(printed),
            ..self
        }
    }

    /// Something was printed, and lies somewhere: the task has it from its end on, whether it succeeds or fails. One of the same name takes the
    /// place of the one before.
    pub fn print(&self, stream: Stream) {
        if let Some(printed) = self.printed {
            printed.add(stream);
        }
    }
}

/// What came of a call.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[allow(clippy::exhaustive_structs)]
pub struct Effect {
    /// What it answers; `None`: nothing.
    pub result: Option<Json>,
    /// Sensors that it sets.
    pub sensors: Values,
}

/// The types that a plane knows, by name, and what reads the streams that their code prints.
#[derive(Clone, Default)]
pub struct EntityTypes {
    types: BTreeMap<String, Arc<dyn EntityType>>,
    streams: Option<Arc<dyn StreamReader>>,
}

/// No type has this name.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("unknown type '{name}': known are {known}")]
pub struct UnknownType {
    name: String,
    known: String,
}

/// A type of this name was registered before.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("there is a type '{0}' already: register it under another name")]
pub struct TypeExists(String);

impl TypeExists {
    pub(crate) fn new(name: &str) -> Self {
        Self(name.into())
    }
}

impl EntityTypes {
    /// Those that are built in.
    #[must_use]
    pub fn built_in() -> Self {
        let all: [Arc<dyn EntityType>; 3] = [
            Arc::new(BasicApplication::new()),
            Arc::new(BasicEntity::new()),
            Arc::new(BasicStartable::new()),
        ];
        let types = all.into_iter().map(|t| (t.description().name.clone(), t));
        Self {
            types: types.collect(),
            streams: None,
        }
    }

    /// What tasks printed is read by this; by default by nothing, and clients are told where it lies.
    pub fn read_streams_with(&mut self, reader: impl StreamReader) {
        self.streams = Some(Arc::new(reader));
    }

    /// What reads the streams of tasks, if anything does.
    #[must_use]
    pub fn stream_reader(&self) -> Option<&Arc<dyn StreamReader>> {
        self.streams.as_ref()
    }

    /// Adds a type under its own name.
    ///
    /// # Errors
    /// If there is one of that name.
    pub fn register(&mut self, entity_type: impl EntityType) -> Result<(), TypeExists> {
        let name = entity_type.description().name.clone();
        if self.types.contains_key(&name) {
            return Err(TypeExists(name));
        }
        self.types.insert(name, Arc::new(entity_type));
        Ok(())
    }

    /// The names of those that are told when they are managed.
    pub(crate) fn managed(&self) -> BTreeSet<String> {
        let managed = self.types.iter().filter(|(_, t)| t.is_managed());
        managed.map(|(name, _)| name.clone()).collect()
    }

    /// The type of a name.
    ///
    /// # Errors
    /// If there is none; it names those that are known.
    pub fn find(&self, name: &str) -> Result<&Arc<dyn EntityType>, UnknownType> {
        self.types.get(name).ok_or_else(|| UnknownType {
            name: name.chars().take(200).collect(),
            known: self
                .types
                .keys()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join(", "),
        })
    }
}

impl fmt::Debug for EntityTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.types.keys()).finish()
    }
}
