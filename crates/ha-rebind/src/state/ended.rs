//! Tasks that have ended, by age: which of them are to be forgotten.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::State;
use crate::names::{EntityId, TaskId};
use crate::task::Task;

/// The tasks that have ended. Follows from the tasks.
#[derive(Clone, Debug, Default)]
pub(crate) struct EndedTasks {
    by_age: BTreeSet<(u64, TaskId)>,
    of: BTreeMap<EntityId, BTreeSet<(u64, TaskId)>>,
    /// Entities by how many they have.
    by_count: BTreeSet<(usize, EntityId)>,
}

/// How many ended tasks are kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept {
    /// Those that ended before this are not.
    pub(crate) since_ms: u64,
    pub(crate) of_entity: usize,
    pub(crate) in_all: usize,
}

impl EndedTasks {
    pub(crate) fn put(&mut self, task: &Task) {
        let Some(ended) = &task.ended else {
            return;
        };
        let place = (ended.at_ms, task.id.clone());
        if let Some(entity) = &task.entity {
            let of = self.of.entry(entity.clone()).or_default();
            self.by_count.remove(&(of.len(), entity.clone()));
            of.insert(place.clone());
            self.by_count.insert((of.len(), entity.clone()));
        }
        self.by_age.insert(place);
    }

    pub(crate) fn drop(&mut self, task: &Task) {
        let Some(ended) = &task.ended else {
            return;
        };
        let place = (ended.at_ms, task.id.clone());
        self.by_age.remove(&place);
        let Some((entity, of)) = task.entity.as_ref().and_then(|e| Some((e, self.of.get_mut(e)?))) else {
            return;
        };
        self.by_count.remove(&(of.len(), entity.clone()));
        of.remove(&place);
        match of.len() {
            0 => drop(self.of.remove(entity)),
            count => drop(self.by_count.insert((count, entity.clone()))),
        }
    }
}

impl State {
    /// Ended tasks that are to be forgotten, at most so many: those that are too old, those of entities that have too many, and the oldest of
    /// all if there are too many. One that was the parent of a task which has not ended stays. Costs no more than it finds, and the tasks
    /// that have not ended.
    pub(crate) fn to_forget(&self, kept: Kept, most: usize) -> Vec<TaskId> {
        let ended = &self.ended;
        let mut chosen = HashSet::new();
        let mut parents = None;
        let mut choose = |chosen: &mut HashSet<TaskId>, id: &TaskId| {
            let parents = parents.get_or_insert_with(|| self.parents_of_unended());
            let is_free = chosen.len() < most && !parents.contains(id) && !self.has_unended_child(id);
            is_free && chosen.insert(id.clone())
        };
        for (_, id) in ended.by_age.iter().take_while(|(at, _)| *at < kept.since_ms) {
            if chosen.len() >= most {
                break;
            }
            choose(&mut chosen, id);
        }
        let crowded = ended.by_count.iter().rev();
        for (count, entity) in crowded.take_while(|(count, _)| *count > kept.of_entity) {
            if chosen.len() >= most {
                break;
            }
            let oldest = ended.of.get(entity).into_iter().flatten();
            for (_, id) in oldest.take(count - kept.of_entity) {
                choose(&mut chosen, id);
            }
        }
        let mut over = self.tasks.len().saturating_sub(kept.in_all + chosen.len());
        for (_, id) in &ended.by_age {
            if over == 0 || chosen.len() >= most {
                break;
            }
            over -= usize::from(choose(&mut chosen, id));
        }
        let mut all: Vec<_> = chosen.into_iter().collect();
        all.sort_unstable();
        all
    }

    fn parents_of_unended(&self) -> HashSet<TaskId> {
        let unended = self
            .unended
            .iter()
            .filter_map(|id| self.tasks.get(id)?.read(id).ok());
        unended.filter_map(|task| task.submitted_by).collect()
    }

    fn has_unended_child(&self, id: &TaskId) -> bool {
        let task = self.tasks.get(id).and_then(|slot| slot.read(id).ok());
        task.is_some_and(|task| task.children.iter().any(|child| self.unended.contains(child)))
    }
}
