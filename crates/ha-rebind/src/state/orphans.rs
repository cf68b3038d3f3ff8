//! What nothing in a state refers to.

use std::collections::BTreeSet;

use super::State;
use crate::names::{LocationId, TaskId};

/// What nothing refers to. Enrichers, policies and feeds are part of their entity, and are never among it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Orphans {
    /// Locations at which no entity is, nor a part of a location at which one is.
    pub locations: Vec<LocationId>,
    /// Tasks that have ended, of entities that are no more.
    pub tasks: Vec<TaskId>,
}

impl State {
    /// Looks for what nothing refers to. Reads every entity.
    #[must_use]
    pub fn orphans(&self) -> Orphans {
        Orphans {
            locations: self.orphaned_locations(),
            tasks: self.orphaned_tasks(),
        }
    }

    fn orphaned_locations(&self) -> Vec<LocationId> {
        let mut kept = BTreeSet::new();
        for (id, slot) in &self.entities {
            match slot.read(id) {
                Ok(entity) => kept.extend(entity.locations),
                Err(bad) => kept.extend(self.locations_in(&bad.bytes)),
            }
        }
        // What a location is part of is kept with it.
        let mut waiting: Vec<LocationId> = kept.iter().cloned().collect();
        while let Some(id) = waiting.pop() {
            let above = match self.location(&id) {
                Some(Ok(location)) => location.parent.into_iter().collect(),
                Some(Err(_)) => self.locations_in(&self.locations[&id]),
                None => Vec::new(),
            };
            waiting.extend(above.into_iter().filter(|above| kept.insert(above.clone())));
        }
        let orphans = self.locations.keys().filter(|id| !kept.contains(*id));
        orphans.cloned().collect()
    }

    /// What bytes refer to that cannot be read is not known: whatever stands in them may be.
    fn locations_in(&self, bytes: &[u8]) -> Vec<LocationId> {
        let is_there = |id: &&LocationId| {
            let id = id.as_str().as_bytes();
            bytes.windows(id.len()).any(|window| window == id)
        };
        self.locations.keys().filter(is_there).cloned().collect()
    }

    fn orphaned_tasks(&self) -> Vec<TaskId> {
        let is_orphan = |id: &&TaskId| {
            let task = self.task(id).and_then(Result::ok);
            task.is_some_and(|task| task.ended.is_some() && task.entity.is_some_and(|e| !self.contains(&e)))
        };
        self.tasks().into_iter().filter(is_orphan).cloned().collect()
    }
}
