//! What can be told of an entity without reading all of it.

use std::collections::VecDeque;

use super::State;
use crate::entity::Entity;
use crate::names::EntityId;

impl State {
    /// The type of an entity, without reading the rest of it. One that is quarantined may have none.
    #[must_use]
    pub fn entity_type(&self, id: &EntityId) -> Option<&str> {
        Entity::type_in(&self.entities.get(id)?.body)
    }

    /// The name of an entity, without reading the rest; `None` if there is none, or it cannot be read.
    #[must_use]
    pub fn name(&self, id: &EntityId) -> Option<&str> {
        self.entities.get(id)?.name()
    }

    /// The first of an entity and all below it, parents first, that people know by this name. Reads nothing but names, one after the other.
    #[must_use]
    pub fn find_named(&self, below: &EntityId, name: &str) -> Option<&EntityId> {
        let (first, _) = self.entities.get_key_value(below)?;
        let mut waiting = VecDeque::from([first]);
        while let Some(id) = waiting.pop_front() {
            let slot = self.entities.get(id)?;
            if slot.name() == Some(name) {
                return Some(id);
            }
            waiting.extend(slot.children());
        }
        None
    }
}
