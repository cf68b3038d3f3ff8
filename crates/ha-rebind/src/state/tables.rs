//! How one change is made, in the state itself or in what is staged upon it.

use bytes::Bytes;

use super::State;
use super::packed::unpack;
use super::pieces::Pieces;
use super::slot::{Remembered, Slot, TaskSlot};
use crate::change::Change;
use crate::level::{Level, Unreadable};
use crate::names::{EntityId, LocationId, TaskId};
use crate::values::Values;

/// All that a change can look at.
pub(crate) trait Look {
    fn level(&self) -> Level;
    fn slot(&self, id: &EntityId) -> Option<&Slot>;
    fn task_slot(&self, id: &TaskId) -> Option<&TaskSlot>;
    fn location_body(&self, id: &LocationId) -> Option<&Bytes>;
    fn remembered(&self, key: &str) -> Option<&Remembered>;
    /// The pieces of an import that are durable; `None`: something under way will change them.
    fn pieces(&self) -> Option<&Pieces>;
}

/// All that a change can touch.
pub(crate) trait Tables: Look {
    fn raise_level(&mut self, level: Level);
    /// Takes a whole state in place of all that there is.
    fn replace(&mut self, with: State);
    fn slot_mut(&mut self, id: &EntityId) -> Option<&mut Slot>;
    fn put_slot(&mut self, id: EntityId, slot: Slot);
    fn drop_slot(&mut self, id: &EntityId);
    fn put_task_slot(&mut self, id: TaskId, slot: TaskSlot);
    fn drop_task_slot(&mut self, id: &TaskId);
    fn put_location_body(&mut self, id: LocationId, body: Bytes);
    fn drop_location_body(&mut self, id: &LocationId);
    fn put_remembered(&mut self, key: &str, remembered: Remembered);
    fn put_piece(&mut self, import: u64, at: u32, piece: &[u8]) -> bool;
    fn drop_pieces(&mut self);
}

/// Makes one change. `false`: it does not fit the state, and nothing was done; the evaluation makes none such.
pub(crate) fn make(tables: &mut impl Tables, change: &Change<'_>, time_ms: u64) -> bool {
    match change {
        Change::Create {
            entity,
            parent,
            body,
            sensors,
        } => {
            let fits =
                tables.slot(entity).is_none() && parent.as_ref().is_none_or(|p| tables.slot(p).is_some());
            if fits {
                if let Some(parent) = parent.as_ref().and_then(|p| tables.slot_mut(p)) {
                    parent.adopt(entity.clone());
                }
                let sensors = Values::unchecked(own(sensors));
                tables.put_slot(
                    entity.clone(),
                    Slot::new(parent.clone(), Vec::new(), own(body), sensors),
                );
            }
            fits
        }
        Change::Remove { entity } => {
            let Some(slot) = tables.slot(entity).filter(|s| s.children().is_empty()) else {
                return false;
            };
            let parent = slot.parent.clone();
            if let Some(parent) = parent.and_then(|p| tables.slot_mut(&p)) {
                parent.lose(entity);
            }
            tables.drop_slot(entity);
            true
        }
        Change::SetBody { entity, body } => tables.slot_mut(entity).map(|s| s.body = own(body)).is_some(),
        Change::SetSensor {
            entity,
            sensor,
            value,
        } => tables
            .slot_mut(entity)
            .map(|s| s.sensors.set_text(sensor, value))
            .is_some(),
        Change::RemoveSensor { entity, sensor } => tables
            .slot_mut(entity)
            .map(|s| s.sensors.remove(sensor))
            .is_some(),
        Change::PutTask { task, entity, body } => {
            tables.put_task_slot(
                task.clone(),
                TaskSlot {
                    entity: entity.clone(),
                    body: own(body),
                },
            );
            true
        }
        Change::RemoveTask { task } => {
            let is_there = tables.task_slot(task).is_some();
            tables.drop_task_slot(task);
            is_there
        }
        Change::PutLocation { location, body } => {
            tables.put_location_body(location.clone(), own(body));
            true
        }
        Change::RemoveLocation { location } => {
            let is_there = tables.location_body(location).is_some();
            tables.drop_location_body(location);
            is_there
        }
        Change::Remember {
            key,
            fingerprint,
            answer,
        } => {
            let remembered = Remembered {
                fingerprint: *fingerprint,
                answer: own(answer),
                at_ms: time_ms,
            };
            tables.put_remembered(key, remembered);
            true
        }
        Change::RaiseLevel { level } => {
            let level = Level(*level);
            let fits = level > tables.level();
            if fits {
                tables.raise_level(level);
            }
            fits
        }
        Change::Replace { packed } => replace(tables, unpack(packed), time_ms),
        Change::PutPiece { import, at, piece } => tables.put_piece(*import, *at, piece),
        Change::ReplaceByPieces { import, count } => {
            let with = tables.pieces().map(|pieces| pieces.unpack(*import, *count));
            with.is_some_and(|with| replace(tables, with, time_ms))
        }
        Change::DropPieces => {
            tables.drop_pieces();
            true
        }
    }
}

fn replace(tables: &mut impl Tables, with: Result<State, Unreadable>, time_ms: u64) -> bool {
    let fits = with.is_ok();
    with.into_iter()
        .for_each(|state| tables.replace(state.moved_to(time_ms)));
    fits
}

/// A copy: a slice would keep the whole batch in memory for as long as it lives.
fn own(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(bytes)
}
