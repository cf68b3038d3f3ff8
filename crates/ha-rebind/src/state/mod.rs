//! The state: a pure function of the journal.

mod ended;
mod find;
pub(crate) use ended::Kept;
mod keys;
mod orphans;
pub(crate) mod packed;
pub(crate) mod pieces;
mod replace;
mod rows;
pub(crate) mod slot;
pub(crate) mod snapshot;
pub(crate) mod tables;
mod tree;
pub(crate) use tree::descendants;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hint::black_box;

use bytes::Bytes;
use indexmap::IndexMap;

use crate::batch::BatchBytes;
use crate::change::{Batch, Change};
use crate::entity::Entity;
use crate::json::Json;
use crate::level::{Level, Unreadable};
use crate::location::Location;
use crate::names::{EntityId, LocationId, TaskId};
use crate::task::Task;
use ended::EndedTasks;
use keys::Keys;
pub(crate) use keys::has_expired;
pub use keys::{KEY_LIFE, MOST_KEYS};
pub use orphans::Orphans;
use packed::unpack;
use pieces::Pieces;
pub use replace::Unfit;
use slot::{Quarantined, Remembered, Slot, TaskSlot};
use tables::{Tables, make};

/// All that the plane manages. The same batches in the same order make the same state, on every node.
///
/// Nothing depends on the order of a hash map: what is iterated is sorted.
#[derive(Clone, Debug)]
pub struct State {
    level: Level,
    /// The newest level that is read here.
    reads: Level,
    last: u64,
    time_ms: u64,
    skipped: u64,
    set_aside: SetAside,
    /// In the order in which they came, so that what is read in turn lies in turn.
    entities: IndexMap<EntityId, Slot>,
    applications: BTreeSet<EntityId>,
    tasks: HashMap<TaskId, TaskSlot>,
    tasks_of: BTreeSet<(EntityId, TaskId)>,
    /// Follows from the tasks.
    unended: BTreeSet<TaskId>,
    ended: EndedTasks,
    locations: BTreeMap<LocationId, Bytes>,
    keys: Keys,
    pub(crate) pieces: Pieces,
    /// Rows of a snapshot that cannot be read at all.
    unread: BTreeSet<Bytes>,
    /// The number of the last batch that replaced it, as far as this process has seen one.
    replaced: u64,
}

/// Batches that could not be read: how many, why the first could not, and some of them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct SetAside {
    count: u64,
    why: Option<Unreadable>,
    kept: Vec<Bytes>,
}

/// How many bytes the pieces of one import may have.
pub const LARGEST_PIECES: usize = 64 << 20;

/// How many batches that could not be read are kept.
const KEPT: usize = 16;

/// How many there are of what is stored.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct ItemCounts {
    /// Applications.
    pub applications: usize,
    /// Entities, applications among them.
    pub entities: usize,
    /// Entities, locations and tasks.
    pub all: usize,
}

/// What became of a batch.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Applied {
    /// It was applied; its number is the last.
    Done(u64),
    /// It was evaluated upon a batch that was lost, so that it is void on every node.
    Void,
    /// It cannot be read. From here on this state is not the journal's: the node must not lead.
    SetAside(Unreadable),
}

impl Default for State {
    fn default() -> Self {
        Self {
            level: Level::FIRST,
            reads: Level::NEWEST,
            last: 0,
            time_ms: 0,
            skipped: 0,
            set_aside: SetAside::default(),
            entities: IndexMap::new(),
            applications: BTreeSet::new(),
            tasks: HashMap::new(),
            tasks_of: BTreeSet::new(),
            unended: BTreeSet::new(),
            ended: EndedTasks::default(),
            locations: BTreeMap::new(),
            keys: Keys::default(),
            pieces: Pieces::default(),
            unread: BTreeSet::new(),
            replaced: 0,
        }
    }
}

impl State {
    /// Applies a batch of the journal. Cannot fail: what cannot be read is set aside, and what does not fit is skipped.
    pub fn apply(&mut self, batch: &[u8], time_ms: u64) -> Applied {
        self.try_apply(batch, time_ms).unwrap_or_else(|why| {
            self.set_aside.count += 1;
            self.set_aside.why.get_or_insert_with(|| why.clone());
            if self.set_aside.kept.len() < KEPT {
                self.set_aside.kept.push(Bytes::copy_from_slice(batch));
            }
            Applied::SetAside(why)
        })
    }

    fn try_apply(&mut self, batch: &[u8], time_ms: u64) -> Result<Applied, Unreadable> {
        let bytes = BatchBytes::read_up_to(batch, self.reads)?;
        let batch = bytes.batch()?;
        let replacement = self.replacement(&batch)?;
        Ok(self.apply_batch(&batch, replacement, time_ms))
    }

    /// The state that a batch puts in the place of all that there is, if it does.
    fn replacement(&self, batch: &Batch<'_>) -> Result<Option<Self>, Unreadable> {
        // One that is void unpacks nothing.
        let is_next = batch.after == self.last;
        match batch.changes.first().filter(|_| is_next) {
            Some(Change::Replace { packed }) => unpack(packed).map(Some),
            Some(Change::ReplaceByPieces { import, count }) => self.pieces.unpack(*import, *count).map(Some),
            _ => Ok(None),
        }
    }

    fn apply_batch(&mut self, batch: &Batch<'_>, replacement: Option<Self>, time_ms: u64) -> Applied {
        self.time_ms = self.time_ms.max(time_ms);
        if batch.after != self.last || batch.number <= self.last {
            return Applied::Void;
        }
        self.last = batch.number;
        let rest = usize::from(replacement.is_some());
        if let Some(with) = replacement {
            self.replace(with.moved_to(self.time_ms));
        }
        let changes = &batch.changes[rest..];
        let places = self.fetch(changes);
        for (change, place) in changes.iter().zip(places) {
            let fits = self.set_in_place(place, change) || make(self, change, time_ms);
            self.skipped += u64::from(!fits);
        }
        Applied::Done(batch.number)
    }

    /// Reads from all the entities whose sensors will change, one step after the other for all of them: memory is slow, and can do much at once.
    /// Answers where they are.
    fn fetch(&self, changes: &[Change<'_>]) -> Vec<Option<usize>> {
        let entity = |change: &Change<'_>| match change {
            Change::SetSensor { entity, .. } => self.entities.get_index_of(entity),
            _ => None,
        };
        let places: Vec<_> = changes.iter().map(entity).collect();
        let read = |place: &usize| {
            let (_, slot) = self.entities.get_index(*place).expect("it was found");
            let line = slot.sensors.bytes().iter().step_by(CACHE_LINE);
            line.fold(0, |sum, byte| sum ^ byte)
        };
        black_box(places.iter().flatten().fold(0, |sum, place| sum ^ read(place)));
        places
    }

    /// Sets a sensor of the entity that was found in a place, unless another one is there by now.
    fn set_in_place(&mut self, place: Option<usize>, change: &Change<'_>) -> bool {
        let (
            Some(place),
            Change::SetSensor {
                entity,
                sensor,
                value,
            },
        ) = (place, change)
        else {
            return false;
        };
        match self.entities.get_index_mut(place) {
            Some((id, slot)) if id == entity => {
                slot.sensors.set_text(sensor, value);
                true
            }
            _ => false,
        }
    }

    /// An empty state that reads no level above this, as an older version does.
    #[must_use]
    pub fn reading_up_to(newest: Level) -> Self {
        Self {
            reads: newest.clamp(Level::FIRST, Level::NEWEST),
            ..Self::default()
        }
    }

    /// The newest level that it reads.
    #[must_use]
    pub fn reads(&self) -> Level {
        self.reads
    }

    /// The format level that a leader writes.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }

    /// The number of the last batch applied.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.last
    }

    /// The plane's time of the last batch, milliseconds.
    #[must_use]
    pub fn time_ms(&self) -> u64 {
        self.time_ms
    }

    /// Why this node cannot go on with the plane's state: a batch could not be read, or the plane's level is unknown here. It must not lead.
    #[must_use]
    pub fn unreadable(&self) -> Option<Unreadable> {
        self.set_aside
            .why
            .clone()
            .or_else(|| self.level.check_up_to(self.reads).err())
    }

    /// How many changes did not fit; more than none is a defect.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// How many of all there are.
    #[must_use]
    pub fn counts(&self) -> ItemCounts {
        ItemCounts {
            applications: self.applications.len(),
            entities: self.entities.len(),
            all: self.entities.len() + self.locations.len() + self.tasks.len(),
        }
    }

    /// How many entities there are.
    #[must_use]
    pub fn entity_count(&self) -> usize {
        self.entities.len()
    }

    /// Whether there is an entity of this id.
    #[must_use]
    pub fn contains(&self, id: &EntityId) -> bool {
        self.entities.contains_key(id)
    }

    /// Reads an entity.
    #[must_use]
    pub fn entity(&self, id: &EntityId) -> Option<Result<Entity, Quarantined>> {
        self.entities.get(id).map(|slot| slot.read(id))
    }

    /// All entities.
    pub(crate) fn entity_ids(&self) -> Vec<EntityId> {
        self.entities.keys().cloned().collect()
    }

    /// The entities whose type is one of these. Costs a look at the type of each.
    pub(crate) fn entities_of(&self, types: &BTreeSet<String>) -> Vec<EntityId> {
        let is_of = |slot: &Slot| Entity::type_in(&slot.body).is_some_and(|t| types.contains(t));
        let found = self.entities.iter().filter(|(_, slot)| is_of(slot));
        found.map(|(id, _)| id.clone()).collect()
    }

    /// The entities that have adjuncts, and the applications. Costs a look at each.
    pub(crate) fn owners(&self) -> Vec<EntityId> {
        let found = self.entities.iter().filter(|(_, slot)| slot.is_owner());
        found.map(|(id, _)| id.clone()).collect()
    }

    /// Whether an entity has adjuncts, or is an application.
    pub(crate) fn is_owner(&self, id: &EntityId) -> bool {
        self.entities.get(id).is_some_and(Slot::is_owner)
    }

    /// The value of a sensor, without reading the rest of its entity.
    #[must_use]
    pub fn sensor(&self, id: &EntityId, sensor: &str) -> Option<Json> {
        self.entities.get(id)?.sensors.get(sensor)
    }

    /// All applications, by id.
    pub fn applications(&self) -> impl Iterator<Item = &EntityId> {
        self.applications.iter()
    }

    /// Reads a task.
    #[must_use]
    pub fn task(&self, id: &TaskId) -> Option<Result<Task, Unreadable>> {
        self.tasks.get(id).map(|slot| slot.read(id))
    }

    /// The tasks of an entity, by id.
    pub fn tasks_of<'a>(&'a self, id: &'a EntityId) -> impl Iterator<Item = &'a TaskId> {
        let from = self.tasks_of.range((id.clone(), first_task())..);
        from.take_while(move |(entity, _)| entity == id)
            .map(|(_, task)| task)
    }

    /// The tasks that were accepted and have not ended, by id. One that cannot be read is not among them.
    pub fn unended_tasks(&self) -> impl ExactSizeIterator<Item = &TaskId> {
        self.unended.iter()
    }

    /// Whether a task is one of them.
    pub(crate) fn is_unended(&self, id: &TaskId) -> bool {
        self.unended.contains(id)
    }

    /// All tasks, by id.
    #[must_use]
    pub fn tasks(&self) -> Vec<&TaskId> {
        let mut all: Vec<_> = self.tasks.keys().collect();
        all.sort_unstable();
        all
    }

    /// Reads a location.
    #[must_use]
    pub fn location(&self, id: &LocationId) -> Option<Result<Location, Unreadable>> {
        self.locations
            .get(id)
            .map(|body| Location::read(id.clone(), body))
    }

    /// All locations, by id.
    pub fn locations(&self) -> impl Iterator<Item = &LocationId> {
        self.locations.keys()
    }

    /// The first answer to a client's key, if it is still remembered.
    #[must_use]
    pub fn remembered(&self, key: &str) -> Option<&Remembered> {
        self.keys.get(key)
    }

    /// Reads every entity, and answers those that cannot be read, by id.
    #[must_use]
    pub fn quarantined(&self) -> Vec<Quarantined> {
        let mut bad: Vec<_> = self
            .entities
            .iter()
            .filter_map(|(id, slot)| slot.read(id).err())
            .collect();
        bad.sort_by(|a, b| a.id.cmp(&b.id));
        bad
    }

    /// How many rows of the snapshot could not even be told what they are. They are kept, and written again.
    #[must_use]
    pub fn unread_rows(&self) -> usize {
        self.unread.len()
    }
}

impl PartialEq for State {
    /// Equal if all that is stored is.
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

/// Bytes that memory gives at once.
const CACHE_LINE: usize = 64;

/// Stands before all task ids.
fn first_task() -> TaskId {
    TaskId::new("0").expect("a digit is an id")
}
