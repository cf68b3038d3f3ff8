//! The state as parts of a snapshot, and back.
//!
//! A part is rows, each with its length in front. The same state makes the same parts, whatever way it came about; the journal's layer
//! names each part by its hash.

use std::convert::Infallible;

use bincode::{BorrowDecode, Encode};
use bytes::Bytes;

use super::slot::{Remembered, Slot, TaskSlot};
use super::{SetAside, State, tables::Tables};
use crate::batch::BatchBytes;
use crate::codec::{self, List, put_piece, take_piece};
use crate::level::{Level, Unreadable};
use crate::names::{EntityId, LocationId, TaskId};
use crate::values::Values;

/// A part is closed before it would grow beyond this; only a single row may be longer.
pub const PART_BYTES: usize = 8 << 20;

/// Stands in front of each part, and is frozen for ever with the level behind it.
const MAGIC: [u8; 4] = *b"HARP";

#[derive(BorrowDecode, Encode)]
enum Row<'a> {
    Head {
        level: u16,
        last: u64,
        time_ms: u64,
        skipped: u64,
        set_aside: u64,
        entities: u64,
    },
    SetAside {
        batch: &'a [u8],
    },
    Location {
        id: LocationId,
        body: &'a [u8],
    },
    Key {
        key: &'a str,
        fingerprint: [u8; 32],
        answer: &'a [u8],
        at_ms: u64,
    },
    Task {
        id: TaskId,
        entity: Option<EntityId>,
        body: &'a [u8],
    },
    Entity {
        id: EntityId,
        parent: Option<EntityId>,
        children: List<EntityId>,
        body: &'a [u8],
        sensors: &'a [u8],
    },
    Piece {
        import: u64,
        at: u32,
        piece: &'a [u8],
    },
}

/// A part as it was read: to be given to [`State::take`]. Entities in it are still encoded, and slices of the part.
///
/// Reading one needs no other, so that several may be read at once.
#[derive(Debug)]
pub struct Part {
    entities: Vec<(EntityId, Slot)>,
    others: Vec<Bytes>,
}

/// A part that cannot be read: the whole snapshot cannot.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a part of the snapshot is {0}")]
pub struct PartError(#[source] Unreadable);

impl PartError {
    pub(crate) fn why(&self) -> &Unreadable {
        &self.0
    }
}

impl Part {
    /// Looks at a part.
    ///
    /// # Errors
    /// If it is none, or of a level that this version does not know.
    pub fn read(bytes: Bytes) -> Result<Self, PartError> {
        Self::read_up_to(bytes, Level::NEWEST)
    }

    pub(crate) fn read_up_to(bytes: Bytes, newest: Level) -> Result<Self, PartError> {
        let damaged = |what| PartError(Unreadable::Damaged(what));
        let (magic, rest) = bytes.split_first_chunk().ok_or_else(|| damaged("cut short"))?;
        if *magic != MAGIC {
            return Err(damaged("no part of entities"));
        }
        let (level, rest) = rest.split_first_chunk().ok_or_else(|| damaged("cut short"))?;
        Level(u16::from_le_bytes(*level))
            .check_up_to(newest)
            .map_err(PartError)?;
        let (mut entities, mut others, mut rest) = (Vec::new(), Vec::new(), rest);
        while !rest.is_empty() {
            let (row, left) = take_piece(rest).ok_or_else(|| damaged("cut short in a row"))?;
            match codec::decode(row) {
                Some(Row::Entity {
                    id,
                    parent,
                    children,
                    body,
                    sensors,
                }) => {
                    let sensors = Values::unchecked(bytes.slice_ref(sensors));
                    entities.push((id, Slot::new(parent, children.0, bytes.slice_ref(body), sensors)));
                }
                // Copies: they are few, and a slice would keep the whole part in memory.
                _ => others.push(Bytes::copy_from_slice(row)),
            }
            rest = left;
        }
        Ok(Self { entities, others })
    }
}

impl State {
    /// The state as parts, each of at most [`PART_BYTES`] or one row.
    #[must_use]
    pub fn parts(&self) -> Vec<Vec<u8>> {
        let mut parts = Vec::new();
        let taken: Result<(), Infallible> = self.each_part(|part| {
            parts.push(part);
            Ok(())
        });
        match taken {
            Ok(()) => parts,
        }
    }

    /// The same one after the other, so that no more than one is held.
    pub(crate) fn each_part<E>(&self, take: impl FnMut(Vec<u8>) -> Result<(), E>) -> Result<(), E> {
        let mut writer = Writer {
            level: self.level.clamp(Level::FIRST, Level::NEWEST),
            part: Vec::new(),
            take,
        };
        writer.put(&Row::Head {
            level: self.level.0,
            last: self.last,
            time_ms: self.time_ms,
            skipped: self.skipped,
            set_aside: self.set_aside.count,
            entities: self.entities.len() as u64,
        })?;
        for batch in &self.set_aside.kept {
            writer.put(&Row::SetAside { batch })?;
        }
        for (id, body) in &self.locations {
            writer.put(&Row::Location { id: id.clone(), body })?;
        }
        for (
            key,
            Remembered {
                fingerprint,
                answer,
                at_ms,
            },
        ) in self.keys.iter()
        {
            writer.put(&Row::Key {
                key,
                fingerprint: *fingerprint,
                answer,
                at_ms: *at_ms,
            })?;
        }
        let import = self.pieces.import;
        for (at, piece) in &self.pieces.all {
            writer.put(&Row::Piece {
                import,
                at: *at,
                piece,
            })?;
        }
        for id in self.tasks() {
            let TaskSlot { entity, body } = &self.tasks[id];
            writer.put(&Row::Task {
                id: id.clone(),
                entity: entity.clone(),
                body,
            })?;
        }
        let mut entities: Vec<_> = self.entities.iter().collect();
        entities.sort_unstable_by(|a, b| a.0.cmp(b.0));
        for (id, slot) in entities {
            writer.put(&Row::Entity {
                id: id.clone(),
                parent: slot.parent.clone(),
                children: slot.children().iter().cloned().collect(),
                body: &slot.body,
                sensors: slot.sensors.bytes(),
            })?;
        }
        for row in &self.unread {
            writer.put_bytes(row)?;
        }
        writer.finish()
    }

    /// The state of a snapshot.
    ///
    /// # Errors
    /// If one of its parts cannot be read.
    pub fn from_parts(parts: impl IntoIterator<Item = Bytes>) -> Result<Self, PartError> {
        let mut state = Self::default();
        for bytes in parts {
            state.take(Part::read(bytes)?);
        }
        Ok(state)
    }

    /// A snapshot could not be loaded: where a newer version wrote it, this state is not the plane's, and will not be.
    pub(crate) fn note_part(&mut self, error: &PartError) {
        if matches!(error.why(), Unreadable::TooNew { .. }) {
            self.set_aside.why.get_or_insert_with(|| error.why().clone());
        }
    }

    /// Takes the rows of a part into an empty state, or one that has taken other parts of the same snapshot, in any order.
    pub fn take(&mut self, part: Part) {
        for row in part.others {
            match codec::decode::<Row<'_>>(&row) {
                Some(decoded) => self.take_row(decoded),
                None => _ = self.unread.insert(row),
            }
        }
        for (id, slot) in part.entities {
            self.put_slot(id, slot);
        }
    }

    fn take_row(&mut self, row: Row<'_>) {
        match row {
            Row::Head {
                level,
                last,
                time_ms,
                skipped,
                set_aside,
                entities,
            } => {
                self.level = Level(level);
                (self.last, self.time_ms, self.skipped) = (last, time_ms, skipped);
                self.set_aside.count = set_aside;
                self.set_aside.note();
                // What is claimed is not believed beyond what a plane may have; the rest grows as it comes.
                let room = usize::try_from(entities).unwrap_or_default().min(MOST_ROOM);
                self.entities
                    .reserve_exact(room.saturating_sub(self.entities.len()));
            }
            Row::SetAside { batch } => {
                self.set_aside.kept.push(Bytes::copy_from_slice(batch));
                self.set_aside.note();
            }
            Row::Location { id, body } => self.put_location_body(id, Bytes::copy_from_slice(body)),
            Row::Key {
                key,
                fingerprint,
                answer,
                at_ms,
            } => {
                let answer = Bytes::copy_from_slice(answer);
                self.put_remembered(
                    key,
                    Remembered {
                        fingerprint,
                        answer,
                        at_ms,
                    },
                );
            }
            Row::Task { id, entity, body } => {
                self.put_task_slot(
                    id,
                    TaskSlot {
                        entity,
                        body: Bytes::copy_from_slice(body),
                    },
                );
            }
            Row::Piece { import, at, piece } => self.pieces.restore(import, at, piece),
            Row::Entity { .. } => {
                // `Part::read` has taken these out.
            }
        }
    }
}

/// Room that is made for entities before they have come.
const MOST_ROOM: usize = 1 << 20;

impl SetAside {
    /// Says why again, after a load.
    fn note(&mut self) {
        let error = |batch: &Bytes| {
            BatchBytes::read(batch)
                .and_then(|bytes| bytes.batch().map(drop))
                .err()
        };
        let first = self.kept.first().and_then(error);
        let known = Unreadable::Damaged("a batch that another version could not read");
        self.why = (self.count > 0).then(|| first.unwrap_or(known));
    }
}

/// Gives each part away when it is full.
struct Writer<T> {
    level: Level,
    /// Empty before the first row.
    part: Vec<u8>,
    take: T,
}

impl<E, T: FnMut(Vec<u8>) -> Result<(), E>> Writer<T> {
    fn put(&mut self, row: &Row<'_>) -> Result<(), E> {
        self.put_bytes(&codec::encode(row))
    }

    fn put_bytes(&mut self, row: &[u8]) -> Result<(), E> {
        let is_full = self.part.len() + row.len() + LENGTH > PART_BYTES;
        if is_full && !self.part.is_empty() {
            (self.take)(std::mem::take(&mut self.part))?;
        }
        if self.part.is_empty() {
            self.part = [&MAGIC[..], &self.level.0.to_le_bytes()].concat();
        }
        put_piece(&mut self.part, row);
        Ok(())
    }

    fn finish(mut self) -> Result<(), E> {
        (self.take)(self.part)
    }
}

/// Most bytes of a length in front of a row.
const LENGTH: usize = 5;
