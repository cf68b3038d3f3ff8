//! How the rows of a state are found and changed.

use bytes::Bytes;

use super::State;
use super::pieces::Pieces;
use super::slot::{Remembered, Slot, TaskSlot};
use super::tables::{Look, Tables};
use crate::level::Level;
use crate::names::{EntityId, LocationId, TaskId};

impl Look for State {
    fn level(&self) -> Level {
        self.level
    }
    fn slot(&self, id: &EntityId) -> Option<&Slot> {
        self.entities.get(id)
    }
    fn task_slot(&self, id: &TaskId) -> Option<&TaskSlot> {
        self.tasks.get(id)
    }
    fn location_body(&self, id: &LocationId) -> Option<&Bytes> {
        self.locations.get(id)
    }
    fn remembered(&self, key: &str) -> Option<&Remembered> {
        self.keys.get(key)
    }
    fn pieces(&self) -> Option<&Pieces> {
        Some(&self.pieces)
    }
}

impl Tables for State {
    fn raise_level(&mut self, level: Level) {
        self.level = level;
    }
    fn replace(&mut self, with: Self) {
        *self = Self {
            level: self.level,
            reads: self.reads,
            last: self.last,
            time_ms: self.time_ms,
            skipped: self.skipped,
            set_aside: std::mem::take(&mut self.set_aside),
            replaced: self.last,
            pieces: Pieces::default(),
            ..with
        };
    }
    fn slot_mut(&mut self, id: &EntityId) -> Option<&mut Slot> {
        self.entities.get_mut(id)
    }
    fn put_slot(&mut self, id: EntityId, slot: Slot) {
        if slot.parent.is_none() {
            self.applications.insert(id.clone());
        }
        self.entities.insert(id, slot);
    }
    fn drop_slot(&mut self, id: &EntityId) {
        self.applications.remove(id);
        self.entities.swap_remove(id);
    }
    fn put_task_slot(&mut self, id: TaskId, slot: TaskSlot) {
        self.drop_task_slot(&id);
        if let Some(entity) = &slot.entity {
            self.tasks_of.insert((entity.clone(), id.clone()));
        }
        match slot.read(&id) {
            Ok(task) if task.ended.is_none() => drop(self.unended.insert(id.clone())),
            Ok(task) => self.ended.put(&task),
            // It is kept, and nobody's.
            Err(_) => {}
        }
        self.tasks.insert(id, slot);
    }
    fn drop_task_slot(&mut self, id: &TaskId) {
        let was_unended = self.unended.remove(id);
        if let Some(Ok(task)) = self.tasks.get(id).filter(|_| !was_unended).map(|t| t.read(id)) {
            self.ended.drop(&task);
        }
        if let Some(entity) = self.tasks.remove(id).and_then(|t| t.entity) {
            self.tasks_of.remove(&(entity, id.clone()));
        }
    }
    fn put_location_body(&mut self, id: LocationId, body: Bytes) {
        self.locations.insert(id, body);
    }
    fn drop_location_body(&mut self, id: &LocationId) {
        self.locations.remove(id);
    }
    fn put_remembered(&mut self, key: &str, remembered: Remembered) {
        self.keys.put(key.into(), remembered);
    }
    fn put_piece(&mut self, import: u64, at: u32, piece: &[u8]) -> bool {
        self.pieces.take(import, at, piece)
    }
    fn drop_pieces(&mut self) {
        self.pieces = Pieces::default();
    }
}
