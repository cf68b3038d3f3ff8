//! Parents and children.

use std::collections::HashSet;

use super::State;
use super::slot::Slot;
use super::tables::Look;
use crate::json::Json;
use crate::names::EntityId;

impl State {
    /// The value of a config key of an entity: its own, or that of its nearest ancestor that has one.
    #[must_use]
    pub fn config(&self, id: &EntityId, key: &str) -> Option<Json> {
        let own = |id| self.entity(id)?.ok()?.config.get(key);
        self.upwards(id).find_map(own)
    }

    /// The parent of an entity.
    #[must_use]
    pub fn parent(&self, id: &EntityId) -> Option<&EntityId> {
        self.entities.get(id)?.parent.as_ref()
    }

    /// The children of an entity, in their order.
    #[must_use]
    pub fn children(&self, id: &EntityId) -> &[EntityId] {
        self.entities.get(id).map_or(&[], Slot::children)
    }

    /// The application that an entity belongs to: itself, if it has no parent. `None` if there is none above it, as where another program has
    /// written parents that are each other's.
    #[must_use]
    pub fn application<'a>(&'a self, id: &'a EntityId) -> Option<&'a EntityId> {
        let (known, _) = self.entities.get_key_value(id)?;
        let top = self.upwards(known).last()?;
        self.parent(top).is_none().then_some(top)
    }

    /// An entity, its parent, and so on. Ends also where parents are each other's.
    fn upwards<'a>(&'a self, id: &'a EntityId) -> impl Iterator<Item = &'a EntityId> {
        std::iter::successors(Some(id), |id| self.parent(id)).take(self.entities.len() + 1)
    }

    /// An entity and all below it, parents first.
    #[must_use]
    pub fn descendants(&self, id: &EntityId) -> Vec<EntityId> {
        descendants(self, id)
    }
}

/// An entity and all below it, parents first.
pub(crate) fn descendants(tables: &impl Look, id: &EntityId) -> Vec<EntityId> {
    let mut all: Vec<EntityId> = tables.slot(id).map(|_| id.clone()).into_iter().collect();
    // What was written by this program is a tree. What was not need not be.
    let mut seen: HashSet<EntityId> = all.iter().cloned().collect();
    let mut at = 0;
    while at < all.len() {
        let children = tables.slot(&all[at]).map_or(&[][..], Slot::children);
        all.extend(
            children
                .iter()
                .filter(|child| seen.insert((*child).clone()))
                .cloned(),
        );
        at += 1;
    }
    all
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::entity::Entity;
    use crate::level::Level;
    use crate::state::tables::Tables;
    use crate::values::Values;

    /// What no program of ours writes: the first is its own grandparent, and names its child twice.
    fn forged() -> (State, [EntityId; 2]) {
        let ids = ["one", "two"].map(|id| EntityId::new(id).expect("a good id"));
        let [one, two] = &ids;
        let body = Bytes::from(Entity::new(one.clone(), "t", "n").body(Level::FIRST));
        let slot = |above: &EntityId, below: &[&EntityId]| {
            let below = below.iter().map(|id| (*id).clone()).collect();
            Slot::new(Some(above.clone()), below, body.clone(), Values::default())
        };
        let mut state = State::default();
        state.put_slot(one.clone(), slot(two, &[two, two]));
        state.put_slot(two.clone(), slot(one, &[one]));
        (state, ids)
    }

    #[test]
    fn a_walk_ends_where_entities_are_each_others_parents() {
        let (state, ids) = forged();
        assert_eq!(state.descendants(&ids[0]), ids);
        assert_eq!(state.application(&ids[0]), None);
        assert_eq!(state.config(&ids[1], "key"), None);
    }
}
