//! A proposal in the making: it reads what is durable and staged, and writes changes that fit.

use std::collections::{HashMap, HashSet};

use super::layers::{Making, Rows, Seen};
use super::refusal::Refusal;
use crate::change::Change;
use crate::codec;
use crate::entity::{Adjunct, Entity};
use crate::json::Json;
use crate::level::Level;
use crate::location::Location;
use crate::names::{AdjunctId, EntityId, LocationId, TaskId};
use crate::state::State;
use crate::state::descendants;
use crate::state::slot::Slot;
use crate::state::tables::{Look, make};
use crate::task::{Ended, Started, Stream, Task};

/// A proposal in the making. What it makes is seen by what follows in it; a refusal drops all of it.
#[derive(Debug)]
pub struct Draft<'a> {
    pub(super) tables: Making<'a, Seen<'a, State>>,
    /// The changes as they will be written, one encoded after the other.
    pub(super) changes: Vec<u8>,
    pub(super) count: u64,
    time_ms: u64,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(seen: &'a Seen<'a, State>, by: u64) -> Self {
        let tables = Making {
            below: seen,
            rows: Rows::default(),
            by,
        };
        Self {
            tables,
            changes: Vec::new(),
            count: 0,
            time_ms: seen.below.time_ms(),
        }
    }

    /// Reads an entity, as it will be.
    ///
    /// # Errors
    /// If there is none, or it is quarantined.
    pub fn entity(&self, id: &EntityId) -> Result<Entity, Refusal> {
        Ok(self.slot(id)?.read(id)?)
    }

    /// Whether there will be an entity of this id.
    #[must_use]
    pub fn contains(&self, id: &EntityId) -> bool {
        self.tables.slot(id).is_some()
    }

    /// An entity and all below it that there will be, parents first; none if there is no such entity.
    #[must_use]
    pub fn descendants(&self, id: &EntityId) -> Vec<EntityId> {
        descendants(&self.tables, id)
    }

    /// The type of an entity, as [`State::entity_type`] tells it.
    #[must_use]
    pub fn entity_type(&self, id: &EntityId) -> Option<&str> {
        Entity::type_in(&self.tables.slot(id)?.body)
    }

    /// Reads a task, as it will be.
    ///
    /// # Errors
    /// If there is none, or it cannot be read.
    pub fn task(&self, id: &TaskId) -> Result<Task, Refusal> {
        let slot = self
            .tables
            .task_slot(id)
            .ok_or_else(|| Refusal::UnknownTask(id.clone()))?;
        slot.read(id).map_err(|why| Refusal::Unreadable {
            what: id.to_string(),
            why,
        })
    }

    /// Makes entities: an application, or children of what is there. Each becomes the last child of its parent, in the order given; parents may
    /// come behind their children. Their `children` follow from that and are not looked at.
    ///
    /// # Errors
    /// If an id is taken, a parent, location or related entity is nowhere, or entities are their own ancestors.
    pub fn create(&mut self, entities: &[Entity]) -> Result<(), Refusal> {
        for at in parents_first(entities)? {
            let entity = &entities[at];
            if self.contains(&entity.id) {
                return Err(Refusal::EntityExists(entity.id.clone()));
            }
            if let Some(parent) = entity.parent.as_ref().filter(|p| !self.contains(p)) {
                return Err(Refusal::UnknownParent {
                    entity: entity.id.clone(),
                    parent: parent.clone(),
                });
            }
            let body = entity.body(self.tables.level());
            self.make(&Change::Create {
                entity: entity.id.clone(),
                parent: entity.parent.clone(),
                body: &body,
                sensors: entity.sensors.bytes(),
            });
        }
        entities
            .iter()
            .try_for_each(|entity| self.check_references(entity))
    }

    /// Changes an entity. Its place in the tree and its sensors stay as they are.
    ///
    /// # Errors
    /// If there is none, it is quarantined, or it would refer to what is nowhere.
    pub fn edit(&mut self, id: &EntityId, edit: impl FnOnce(&mut Entity)) -> Result<(), Refusal> {
        let level = self.tables.level();
        let mut entity = self.entity(id)?;
        let before = entity.body(level);
        edit(&mut entity);
        self.check_references(&entity)?;
        let body = entity.body(level);
        if body != before {
            self.make(&Change::SetBody {
                entity: id.clone(),
                body: &body,
            });
        }
        Ok(())
    }

    /// Attaches an adjunct to an entity, behind those that it has.
    ///
    /// # Errors
    /// If there is no such entity, it is quarantined, or it has an adjunct of that id.
    pub fn attach(&mut self, id: &EntityId, adjunct: Adjunct) -> Result<(), Refusal> {
        self.edit(id, |entity| entity.adjuncts.push(adjunct))
    }

    /// Suspends an adjunct, or lets it go on.
    ///
    /// # Errors
    /// If there is none, or its entity is quarantined.
    pub fn set_running(&mut self, id: &EntityId, which: &AdjunctId, is_running: bool) -> Result<(), Refusal> {
        self.check_adjunct(id, which)?;
        self.edit(id, |entity| {
            let which = entity.adjuncts.iter_mut().filter(|a| a.id == *which);
            which.for_each(|a| a.is_running = is_running);
        })
    }

    /// Takes an adjunct away.
    ///
    /// # Errors
    /// If there is none, or its entity is quarantined.
    pub fn detach(&mut self, id: &EntityId, which: &AdjunctId) -> Result<(), Refusal> {
        self.check_adjunct(id, which)?;
        self.edit(id, |entity| entity.adjuncts.retain(|a| a.id != *which))
    }

    /// Gives a sensor a value.
    ///
    /// # Errors
    /// If there is no such entity, or it is quarantined.
    pub fn set_sensor(&mut self, id: &EntityId, sensor: &str, value: &Json) -> Result<(), Refusal> {
        if self.sensor(id, sensor)? != Some(value.as_str()) {
            let value = value.as_str();
            self.make(&Change::SetSensor {
                entity: id.clone(),
                sensor,
                value,
            });
        }
        Ok(())
    }

    /// Takes a sensor's value away.
    ///
    /// # Errors
    /// If there is no such entity, or it is quarantined.
    pub fn remove_sensor(&mut self, id: &EntityId, sensor: &str) -> Result<(), Refusal> {
        if self.sensor(id, sensor)?.is_some() {
            self.make(&Change::RemoveSensor {
                entity: id.clone(),
                sensor,
            });
        }
        Ok(())
    }

    /// Removes an entity and all below it, quarantined ones as well. Its tasks stay until they are pruned.
    ///
    /// # Errors
    /// If there is none.
    pub fn expunge(&mut self, id: &EntityId) -> Result<(), Refusal> {
        if !self.contains(id) {
            return Err(Refusal::UnknownEntity(id.clone()));
        }
        for entity in descendants(&self.tables, id).into_iter().rev() {
            self.make(&Change::Remove { entity });
        }
        Ok(())
    }

    /// Puts a location there, or changes it.
    ///
    /// # Errors
    /// If it is part of one that is nowhere.
    pub fn put_location(&mut self, location: &Location) -> Result<(), Refusal> {
        if let Some(parent) = location
            .parent
            .as_ref()
            .filter(|p| self.tables.location_body(p).is_none())
        {
            return Err(Refusal::UnknownLocationId(parent.clone()));
        }
        let body = location.body(self.tables.level());
        self.make(&Change::PutLocation {
            location: location.id.clone(),
            body: &body,
        });
        Ok(())
    }

    /// Removes a location. Who still names it does so in vain.
    ///
    /// # Errors
    /// If there is none.
    pub fn remove_location(&mut self, id: &LocationId) -> Result<(), Refusal> {
        if self.tables.location_body(id).is_none() {
            return Err(Refusal::UnknownLocationId(id.clone()));
        }
        self.make(&Change::RemoveLocation { location: id.clone() });
        Ok(())
    }

    /// Accepts a task.
    ///
    /// # Errors
    /// If there is one of its id, or its entity is nowhere.
    pub fn accept_task(&mut self, task: &Task) -> Result<(), Refusal> {
        if self.tables.task_slot(&task.id).is_some() {
            return Err(Refusal::TaskExists(task.id.clone()));
        }
        if let Some(entity) = task.entity.as_ref().filter(|e| !self.contains(e)) {
            return Err(Refusal::UnknownEntity(entity.clone()));
        }
        self.put_task(task);
        Ok(())
    }

    /// Begins a task, or begins it again after its node has died.
    ///
    /// # Errors
    /// If there is none, it has ended, or it was begun in this epoch already.
    pub fn start_task(&mut self, id: &TaskId, started: Started) -> Result<(), Refusal> {
        let task = self.unended(id)?;
        if task.started.is_some_and(|s| s.epoch >= started.epoch) {
            return Err(Refusal::TaskNotSo {
                task: id.clone(),
                why: "was begun in this epoch already",
            });
        }
        self.begin_task(task, started);
        Ok(())
    }

    /// Begins an idempotent call again in the epoch in which it was begun, after its leader lost its leave to act and leads on.
    ///
    /// # Errors
    /// If there is none, it has ended, it was not begun in this epoch, or it must not be done twice.
    pub fn start_task_again(&mut self, id: &TaskId, started: Started) -> Result<(), Refusal> {
        let task = self.unended(id)?;
        let not_so = |why| {
            Err(Refusal::TaskNotSo {
                task: id.clone(),
                why,
            })
        };
        if task.started.is_none_or(|s| s.epoch != started.epoch) {
            return not_so("was not begun in this epoch");
        }
        if !task.call.as_ref().is_some_and(|call| call.is_idempotent) {
            return not_so("must not be done twice");
        }
        self.begin_task(task, started);
        Ok(())
    }

    /// What a task printed lies there; streams of the same names take the place of those before.
    ///
    /// # Errors
    /// If there is no such task, or it has ended already.
    pub fn add_streams(&mut self, id: &TaskId, printed: &[Stream]) -> Result<(), Refusal> {
        if printed.is_empty() {
            return Ok(());
        }
        let mut task = self.unended(id)?;
        task.streams
            .retain(|known| printed.iter().all(|new| new.name != known.name));
        task.streams.extend_from_slice(printed);
        self.put_task(&task);
        Ok(())
    }

    /// Ends a task.
    ///
    /// # Errors
    /// If there is none, or it has ended already.
    pub fn end_task(&mut self, id: &TaskId, ended: Ended) -> Result<(), Refusal> {
        let mut task = self.unended(id)?;
        task.ended = Some(ended);
        self.put_task(&task);
        Ok(())
    }

    /// Forgets a task that has ended.
    ///
    /// # Errors
    /// If there is none, or it has not ended.
    pub fn remove_task(&mut self, id: &TaskId) -> Result<(), Refusal> {
        if self.task(id)?.ended.is_none() {
            return Err(Refusal::TaskNotSo {
                task: id.clone(),
                why: "has not ended",
            });
        }
        self.make(&Change::RemoveTask { task: id.clone() });
        Ok(())
    }

    /// Raises the plane's format level.
    ///
    /// # Errors
    /// If it is not higher than it was, or unknown to this version.
    pub fn raise_level(&mut self, asked: Level) -> Result<(), Refusal> {
        let now = self.tables.level();
        if asked <= now || asked > Level::NEWEST {
            return Err(Refusal::Level { now, asked });
        }
        self.make(&Change::RaiseLevel { level: asked.0 });
        Ok(())
    }

    pub(crate) fn remember(&mut self, key: &str, fingerprint: [u8; 32], answer: &[u8]) {
        self.make(&Change::Remember {
            key,
            fingerprint,
            answer,
        });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The batch of all that was made, and what it makes of the rows.
    pub(crate) fn finish(self, after: u64, level: Level) -> (Vec<u8>, Rows) {
        let mut batch = codec::encode(&(after, self.tables.by, self.count));
        batch.extend(self.changes);
        (crate::batch::frame(level, &batch), self.tables.rows)
    }

    pub(super) fn make(&mut self, change: &Change<'_>) {
        let fits = make(&mut self.tables, change, self.time_ms);
        debug_assert!(fits, "a draft makes only what fits: {change:?}");
        codec::encode_into(&mut self.changes, change);
        self.count += 1;
    }

    /// Writes a task as it is now.
    pub(crate) fn put_task(&mut self, task: &Task) {
        let body = task.body(self.tables.level());
        self.make(&Change::PutTask {
            task: task.id.clone(),
            entity: task.entity.clone(),
            body: &body,
        });
    }

    fn begin_task(&mut self, mut task: Task, started: Started) {
        task.started = Some(started);
        task.attempt = task.attempt.saturating_add(1);
        task.waits_for = None;
        self.put_task(&task);
    }

    fn unended(&self, id: &TaskId) -> Result<Task, Refusal> {
        let task = self.task(id)?;
        match task.ended {
            None => Ok(task),
            Some(_) => Err(Refusal::TaskNotSo {
                task: id.clone(),
                why: "has ended already",
            }),
        }
    }

    fn slot(&self, id: &EntityId) -> Result<&Slot, Refusal> {
        let slot = self.tables.slot(id);
        slot.ok_or_else(|| Refusal::UnknownEntity(id.clone()))
    }

    /// The value of a sensor of an entity that can be read.
    fn sensor(&self, id: &EntityId, sensor: &str) -> Result<Option<&str>, Refusal> {
        let slot = self.slot(id)?;
        slot.check(id)?;
        Ok(slot.sensors.text(sensor))
    }

    fn check_adjunct(&self, id: &EntityId, which: &AdjunctId) -> Result<(), Refusal> {
        let unknown = || Refusal::UnknownAdjunct {
            entity: id.clone(),
            adjunct: which.clone(),
        };
        self.entity(id)?.adjunct(which).map(|_| ()).ok_or_else(unknown)
    }

    fn check_references(&self, entity: &Entity) -> Result<(), Refusal> {
        let is_nowhere = |l: &&LocationId| self.tables.location_body(l).is_none();
        if let Some(location) = entity.locations.iter().find(is_nowhere) {
            return Err(Refusal::UnknownLocation {
                entity: entity.id.clone(),
                location: location.clone(),
            });
        }
        if let Some(relation) = entity.relations.iter().find(|r| !self.contains(&r.target)) {
            return Err(Refusal::UnknownTarget {
                entity: entity.id.clone(),
                target: relation.target.clone(),
            });
        }
        let mut ids = HashSet::new();
        match entity.adjuncts.iter().find(|a| !ids.insert(&a.id)) {
            Some(twice) => Err(Refusal::AdjunctExists {
                entity: entity.id.clone(),
                adjunct: twice.id.clone(),
            }),
            None => Ok(()),
        }
    }
}

/// In which order entities can be made; otherwise as they came.
fn parents_first(entities: &[Entity]) -> Result<Vec<usize>, Refusal> {
    let mut place = HashMap::new();
    for (at, entity) in entities.iter().enumerate() {
        if place.insert(&entity.id, at).is_some() {
            return Err(Refusal::EntityExists(entity.id.clone()));
        }
    }
    let mut depths = vec![None; entities.len()];
    for at in 0..entities.len() {
        // Up to an ancestor whose depth is known, or that is not among these.
        let (mut way, mut here) = (Vec::new(), Some(at));
        while let Some(next) = here.filter(|h| depths[*h].is_none()) {
            if way.len() > entities.len() {
                return Err(Refusal::Cycle(entities[at].id.clone()));
            }
            way.push(next);
            here = entities[next].parent.as_ref().and_then(|p| place.get(p)).copied();
        }
        let top = here.and_then(|h| depths[h]).map_or(0, |d: usize| d + 1);
        for (depth, step) in (top..).zip(way.into_iter().rev()) {
            depths[step] = Some(depth);
        }
    }
    let mut order: Vec<usize> = (0..entities.len()).collect();
    order.sort_by_key(|at| depths[*at]);
    Ok(order)
}
