//! What is held of an entity or a task: as it is stored, until somebody reads it.

use std::sync::Arc;

use bytes::Bytes;

use crate::entity::{Entity, Lifecycle};
use crate::level::Unreadable;
use crate::names::{EntityId, TaskId};
use crate::task::Task;
use crate::values::Values;

/// An entity as it is held: its place in the tree, and the rest encoded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Slot {
    pub(crate) parent: Option<EntityId>,
    /// Most entities have none, and pay one pointer for that. Shared with what is staged, for there may be many.
    children: Option<Arc<Vec<EntityId>>>,
    pub(crate) body: Bytes,
    pub(crate) sensors: Values,
}

impl Slot {
    pub(crate) fn new(
        parent: Option<EntityId>,
        children: Vec<EntityId>,
        body: Bytes,
        sensors: Values,
    ) -> Self {
        let children = (!children.is_empty()).then(|| Arc::new(children));
        Self {
            parent,
            children,
            body,
            sensors,
        }
    }

    pub(crate) fn children(&self) -> &[EntityId] {
        self.children.as_deref().map_or(&[], Vec::as_slice)
    }

    pub(crate) fn adopt(&mut self, child: EntityId) {
        Arc::make_mut(self.children.get_or_insert_default()).push(child);
    }

    pub(crate) fn lose(&mut self, child: &EntityId) {
        let children = self.children.take();
        // From the end: a tree is taken down from its end.
        self.children = children.and_then(|mut all| {
            if let Some(at) = all.iter().rposition(|c| c == child) {
                Arc::make_mut(&mut all).remove(at);
            }
            (!all.is_empty()).then_some(all)
        });
    }

    /// The name that people see, without reading the rest; `None` if it cannot be read.
    pub(crate) fn name(&self) -> Option<&str> {
        Entity::name_in(&self.body)
    }

    /// Whether it has adjuncts, or is an application.
    pub(crate) fn is_owner(&self) -> bool {
        self.parent.is_none() || Entity::has_adjuncts(&self.body)
    }

    pub(crate) fn read(&self, id: &EntityId) -> Result<Entity, Quarantined> {
        let read = Entity::read(id.clone(), &self.body, &self.sensors);
        let placed = |entity| Entity {
            parent: self.parent.clone(),
            children: self.children().to_vec(),
            ..entity
        };
        read.map(placed).map_err(|why| self.quarantined(id, why))
    }

    /// Whether [`read`](Self::read) can read it; much cheaper.
    pub(crate) fn check(&self, id: &EntityId) -> Result<(), Quarantined> {
        Entity::check(&self.body, &self.sensors).map_err(|why| self.quarantined(id, why))
    }

    fn quarantined(&self, id: &EntityId, why: Unreadable) -> Quarantined {
        Quarantined {
            id: id.clone(),
            parent: self.parent.clone(),
            children: self.children().to_vec(),
            why,
            bytes: self.body.clone(),
        }
    }
}

/// A task as it is held.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct TaskSlot {
    pub(crate) entity: Option<EntityId>,
    pub(crate) body: Bytes,
}

impl TaskSlot {
    pub(crate) fn read(&self, id: &TaskId) -> Result<Task, Unreadable> {
        Task::read(id.clone(), self.entity.clone(), &self.body)
    }
}

/// The first answer to a client's key.
#[derive(Clone, Debug, Eq, PartialEq)]
#[allow(clippy::exhaustive_structs)]
pub struct Remembered {
    /// Hash of what was asked with it.
    pub fingerprint: [u8; 32],
    /// The answer.
    pub answer: Bytes,
    /// The plane's time then, milliseconds.
    pub at_ms: u64,
}

/// An entity that cannot be read. It is shown as on fire, its bytes are kept, and all others are as they were.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "entity `{id}` is quarantined: its stored state is {why}; expunge it, or read it with the version that wrote it"
)]
#[non_exhaustive]
pub struct Quarantined {
    /// Its id.
    pub id: EntityId,
    /// Its parent, as far as is known.
    pub parent: Option<EntityId>,
    /// Its children, as far as is known.
    pub children: Vec<EntityId>,
    /// What is wrong with it.
    #[source]
    pub why: Unreadable,
    /// What is stored.
    pub bytes: Bytes,
}

impl Quarantined {
    /// As it is shown.
    #[must_use]
    pub fn lifecycle(&self) -> Lifecycle {
        Lifecycle::OnFire
    }
}
