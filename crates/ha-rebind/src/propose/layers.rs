//! What is staged upon the durable state: the rows that differ.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

use bytes::Bytes;

use crate::level::Level;
use crate::names::{EntityId, LocationId, TaskId};
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
    entities: Layer<EntityId, Slot>,
    tasks: Layer<TaskId, TaskSlot>,
    locations: Layer<LocationId, Bytes>,
    keys: Layer<Box<str>, Remembered>,
    level: Option<(u64, Level)>,
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
        self.level = above.level.or(self.level);
        Touched {
            entities: self.entities.take(above.entities),
            tasks: self.tasks.take(above.tasks),
            locations: self.locations.take(above.locations),
            keys: self.keys.take(above.keys),
        }
    }

    /// The batch of this number is durable: its rows are below now.
    pub(crate) fn release(&mut self, touched: &Touched, by: u64) {
        self.entities.release(&touched.entities, by);
        self.tasks.release(&touched.tasks, by);
        self.locations.release(&touched.locations, by);
        self.keys.release(&touched.keys, by);
        self.level = self.level.filter(|(last, _)| *last != by);
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
        self.rows
            .level
            .map_or_else(|| self.below.level(), |(_, level)| level)
    }
    fn slot(&self, id: &EntityId) -> Option<&Slot> {
        self.rows.entities.over(id, || self.below.slot(id))
    }
    fn task_slot(&self, id: &TaskId) -> Option<&TaskSlot> {
        self.rows.tasks.over(id, || self.below.task_slot(id))
    }
    fn location_body(&self, id: &LocationId) -> Option<&Bytes> {
        self.rows.locations.over(id, || self.below.location_body(id))
    }
    fn remembered(&self, key: &str) -> Option<&Remembered> {
        self.rows.keys.over(key, || self.below.remembered(key))
    }
}

/// Rows that are being made by the batch of a number.
#[derive(Debug)]
pub(crate) struct Making<'a, B> {
    pub(crate) below: &'a B,
    pub(crate) rows: Rows,
    pub(crate) by: u64,
}

impl<B: Look> Making<'_, B> {
    fn seen(&self) -> Seen<'_, B> {
        Seen {
            below: self.below,
            rows: &self.rows,
        }
    }
}

impl<B: Look> Look for Making<'_, B> {
    fn level(&self) -> Level {
        self.seen().level()
    }
    fn slot(&self, id: &EntityId) -> Option<&Slot> {
        self.rows.entities.over(id, || self.below.slot(id))
    }
    fn task_slot(&self, id: &TaskId) -> Option<&TaskSlot> {
        self.rows.tasks.over(id, || self.below.task_slot(id))
    }
    fn location_body(&self, id: &LocationId) -> Option<&Bytes> {
        self.rows.locations.over(id, || self.below.location_body(id))
    }
    fn remembered(&self, key: &str) -> Option<&Remembered> {
        self.rows.keys.over(key, || self.below.remembered(key))
    }
}

impl<B: Look> Tables for Making<'_, B> {
    fn raise_level(&mut self, level: Level) {
        self.rows.level = Some((self.by, level));
    }
    fn slot_mut(&mut self, id: &EntityId) -> Option<&mut Slot> {
        let below = || self.below.slot(id).map(|slot| (self.by, Some(slot.clone())));
        if !self.rows.entities.0.contains_key(id) {
            let row = below()?;
            self.rows.entities.0.insert(id.clone(), row);
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
}
