//! What is staged upon the durable state: the rows that differ.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use bytes::Bytes;

use crate::level::Level;
use crate::names::{EntityId, LocationId, TaskId};
use crate::state::State;
use crate::state::pieces::Pieces;
use crate::state::slot::{Remembered, Slot, TaskSlot};
use crate::state::tables::{Look, Tables};

/// Rows of one kind that differ from what is below: by whom they were last changed, and what they are; `None`: no more.
#[derive(Clone, Debug)]
pub(crate) struct Layer<K, V>(HashMap<K, (u64, Option<V>)>);

impl<K, V> Default for Layer<K, V> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Layer<K, V> {
    fn over<'a, Q: Eq + Hash + ?Sized>(
        &'a self,
        key: &Q,
        below: impl FnOnce() -> Option<&'a V>,
    ) -> Option<&'a V>
    where
        K: Borrow<Q>,
    {
        self.0.get(key).map_or_else(below, |(_, row)| row.as_ref())
    }

    fn put(&mut self, key: K, by: u64, row: Option<V>) {
        self.0.insert(key, (by, row));
    }

    /// Takes the rows of another; answers which.
    fn take(&mut self, other: Self) -> Vec<K> {
        let keys = other.0.keys().cloned().collect();
        self.0.extend(other.0);
        keys
    }

    /// Drops the rows of these that nobody has changed since.
    fn release(&mut self, keys: &[K], by: u64) {
        for key in keys {
            if self.0.get(key).is_some_and(|(last, _)| *last == by) {
                self.0.remove(key);
            }
        }
    }
}

/// Rows of all kinds that differ.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows {
    /// What is there in place of all below, and by which batch.
    ground: Option<(u64, Arc<State>)>,
    entities: Layer<EntityId, Slot>,
    tasks: Layer<TaskId, TaskSlot>,
    locations: Layer<LocationId, Bytes>,
    keys: Layer<Box<str>, Remembered>,
    level: Option<(u64, Level)>,
    /// By which batch the pieces of an import were last changed. What they will be is not known before they are durable.
    pieces: Option<u64>,
}

/// Which rows a batch changed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Touched {
    entities: Vec<EntityId>,
    tasks: Vec<TaskId>,
    locations: Vec<LocationId>,
    keys: Vec<Box<str>>,
}

impl Rows {
    /// Takes the rows of another, which lay above.
    pub(crate) fn take(&mut self, above: Self) -> Touched {
        if above.ground.is_some() {
            *self = Self {
                ground: above.ground,
                level: self.level,
                ..Self::default()
            };
        }
        self.level = above.level.or(self.level);
        self.pieces = above.pieces.or(self.pieces);
        Touched {
            entities: self.entities.take(above.entities),
            tasks: self.tasks.take(above.tasks),
            locations: self.locations.take(above.locations),
            keys: self.keys.take(above.keys),
        }
    }

    /// The batch of this number is durable: its rows are below now.
    pub(crate) fn release(&mut self, touched: &Touched, by: u64) {
        self.ground.take_if(|(last, _)| *last == by);
        self.entities.release(&touched.entities, by);
        self.tasks.release(&touched.tasks, by);
        self.locations.release(&touched.locations, by);
        self.keys.release(&touched.keys, by);
        self.level = self.level.filter(|(last, _)| *last != by);
        self.pieces.take_if(|last| *last == by);
    }

    fn level(&self, below: &impl Look) -> Level {
        self.level.map_or_else(|| below.level(), |(_, level)| level)
    }

    fn slot<'a>(&'a self, id: &EntityId, below: &'a impl Look) -> Option<&'a Slot> {
        let under = || match &self.ground {
            Some((_, state)) => state.slot(id),
            None => below.slot(id),
        };
        self.entities.over(id, under)
    }

    fn task_slot<'a>(&'a self, id: &TaskId, below: &'a impl Look) -> Option<&'a TaskSlot> {
        let under = || match &self.ground {
            Some((_, state)) => state.task_slot(id),
            None => below.task_slot(id),
        };
        self.tasks.over(id, under)
    }

    fn location_body<'a>(&'a self, id: &LocationId, below: &'a impl Look) -> Option<&'a Bytes> {
        let under = || match &self.ground {
            Some((_, state)) => state.location_body(id),
            None => below.location_body(id),
        };
        self.locations.over(id, under)
    }

    fn remembered<'a>(&'a self, key: &str, below: &'a impl Look) -> Option<&'a Remembered> {
        let under = || match &self.ground {
            Some((_, state)) => Look::remembered(&**state, key),
            None => below.remembered(key),
        };
        self.keys.over(key, under)
    }

    fn pieces<'a>(&self, below: &'a impl Look) -> Option<&'a Pieces> {
        below.pieces().filter(|_| self.pieces.is_none())
    }
}

/// Rows that are read as if they were made already.
#[derive(Debug)]
pub(crate) struct Seen<'a, B> {
    pub(crate) below: &'a B,
    pub(crate) rows: &'a Rows,
}

impl<B: Look> Look for Seen<'_, B> {
    fn level(&self) -> Level {
        self.rows.level(self.below)
    }
    fn slot(&self, id: &EntityId) -> Option<&Slot> {
        self.rows.slot(id, self.below)
    }
    fn task_slot(&self, id: &TaskId) -> Option<&TaskSlot> {
        self.rows.task_slot(id, self.below)
    }
    fn location_body(&self, id: &LocationId) -> Option<&Bytes> {
        self.rows.location_body(id, self.below)
    }
    fn remembered(&self, key: &str) -> Option<&Remembered> {
        self.rows.remembered(key, self.below)
    }
    fn pieces(&self) -> Option<&Pieces> {
        self.rows.pieces(self.below)
    }
}

/// Rows that are being made by the batch of a number.
#[derive(Debug)]
pub(crate) struct Making<'a, B> {
    pub(crate) below: &'a B,
    pub(crate) rows: Rows,
    pub(crate) by: u64,
}

impl<B> Making<'_, B> {
    /// Puts a state in the place of all below.
    pub(crate) fn put_ground(&mut self, state: Arc<State>) {
        self.rows = Rows {
            ground: Some((self.by, state)),
            pieces: Some(self.by),
            ..Rows::default()
        };
    }
}

impl<B: Look> Look for Making<'_, B> {
    fn level(&self) -> Level {
        self.rows.level(self.below)
    }
    fn slot(&self, id: &EntityId) -> Option<&Slot> {
        self.rows.slot(id, self.below)
    }
    fn task_slot(&self, id: &TaskId) -> Option<&TaskSlot> {
        self.rows.task_slot(id, self.below)
    }
    fn location_body(&self, id: &LocationId) -> Option<&Bytes> {
        self.rows.location_body(id, self.below)
    }
    fn remembered(&self, key: &str) -> Option<&Remembered> {
        self.rows.remembered(key, self.below)
    }
    fn pieces(&self) -> Option<&Pieces> {
        self.rows.pieces(self.below)
    }
}

impl<B: Look> Tables for Making<'_, B> {
    fn raise_level(&mut self, level: Level) {
        self.rows.level = Some((self.by, level));
    }
    fn replace(&mut self, with: State) {
        self.put_ground(Arc::new(with));
    }
    fn slot_mut(&mut self, id: &EntityId) -> Option<&mut Slot> {
        if !self.rows.entities.0.contains_key(id) {
            let slot = self.rows.slot(id, self.below)?.clone();
            self.rows.entities.0.insert(id.clone(), (self.by, Some(slot)));
        }
        self.rows.entities.0.get_mut(id)?.1.as_mut()
    }
    fn put_slot(&mut self, id: EntityId, slot: Slot) {
        self.rows.entities.put(id, self.by, Some(slot));
    }
    fn drop_slot(&mut self, id: &EntityId) {
        self.rows.entities.put(id.clone(), self.by, None);
    }
    fn put_task_slot(&mut self, id: TaskId, slot: TaskSlot) {
        self.rows.tasks.put(id, self.by, Some(slot));
    }
    fn drop_task_slot(&mut self, id: &TaskId) {
        self.rows.tasks.put(id.clone(), self.by, None);
    }
    fn put_location_body(&mut self, id: LocationId, body: Bytes) {
        self.rows.locations.put(id, self.by, Some(body));
    }
    fn drop_location_body(&mut self, id: &LocationId) {
        self.rows.locations.put(id.clone(), self.by, None);
    }
    fn put_remembered(&mut self, key: &str, remembered: Remembered) {
        self.rows.keys.put(key.into(), self.by, Some(remembered));
    }
    fn put_piece(&mut self, _: u64, _: u32, _: &[u8]) -> bool {
        // They are looked at when they are durable.
        self.rows.pieces = Some(self.by);
        true
    }
    fn drop_pieces(&mut self) {
        self.rows.pieces = Some(self.by);
    }
}
