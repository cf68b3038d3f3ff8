//! Changes: what the journal's entries hold. They are results, never commands.

use bincode::{BorrowDecode, Encode};

use crate::names::{EntityId, LocationId, TaskId};

/// One change of the state. A whole entity, task or location is held as it is stored.
#[derive(BorrowDecode, Clone, Debug, Encode, Eq, PartialEq)]
#[non_exhaustive]
pub enum Change<'a> {
    /// An entity was made; it is the last child of its parent.
    Create {
        /// Its id.
        entity: EntityId,
        /// Its parent; `None`: it is an application.
        parent: Option<EntityId>,
        /// What it is and has.
        body: &'a [u8],
        /// Its sensors.
        sensors: &'a [u8],
    },
    /// An entity without children is no more.
    Remove {
        /// Its id.
        entity: EntityId,
    },
    /// An entity has another body: another name, config, tags, locations, relations or adjuncts.
    SetBody {
        /// Its id.
        entity: EntityId,
        /// All of the body.
        body: &'a [u8],
    },
    /// A sensor has a value.
    SetSensor {
        /// The entity's id.
        entity: EntityId,
        /// The sensor's name.
        sensor: &'a str,
        /// The value as JSON text.
        value: &'a str,
    },
    /// A sensor has no value any more.
    RemoveSensor {
        /// The entity's id.
        entity: EntityId,
        /// The sensor's name.
        sensor: &'a str,
    },
    /// A task was accepted, has begun or has ended.
    PutTask {
        /// Its id.
        task: TaskId,
        /// The entity that it works on.
        entity: Option<EntityId>,
        /// All else of it.
        body: &'a [u8],
    },
    /// A task is forgotten.
    RemoveTask {
        /// Its id.
        task: TaskId,
    },
    /// A location is there, or has changed.
    PutLocation {
        /// Its id.
        location: LocationId,
        /// All else of it.
        body: &'a [u8],
    },
    /// A location is no more.
    RemoveLocation {
        /// Its id.
        location: LocationId,
    },
    /// A client's key and the answer that it got with the other changes of this batch.
    Remember {
        /// The key.
        key: &'a str,
        /// Hash of what was asked with it.
        fingerprint: [u8; 32],
        /// The first answer.
        answer: &'a [u8],
    },
    /// The plane's format level is raised.
    RaiseLevel {
        /// The new one.
        level: u16,
    },
    /// All that there was is no more, and this is there in its place. The first change of its batch.
    Replace {
        /// The [parts](crate::State::parts) of a state: deflated, one behind the other, each with its length in front.
        packed: &'a [u8],
    },
    /// A piece of what a state is to be replaced by, if that is larger than an entry. The first drops those of another import. From
    /// [`Level::IMPORTS_IN_PIECES`](crate::Level::IMPORTS_IN_PIECES) on.
    PutPiece {
        /// Drawn for the import; not 0.
        import: u64,
        /// Its place among the pieces, from 0.
        at: u32,
        /// The next bytes of what [`Replace`](Self::Replace) would hold.
        piece: &'a [u8],
    },
    /// The same as [`Replace`](Self::Replace) with all pieces that have come, one behind the other. The first change of its batch.
    ReplaceByPieces {
        /// Of which import.
        import: u64,
        /// How many there are.
        count: u32,
    },
    /// The pieces that have come are dropped.
    DropPieces,
}

/// The changes of one proposal: applied together or not at all.
#[derive(Clone, Debug, Eq, PartialEq)]
#[allow(clippy::exhaustive_structs)]
pub struct Batch<'a> {
    /// The number of the batch that this one was evaluated upon. If another one is the last applied, then this one is void: what it counted on was lost.
    pub after: u64,
    /// Its number: greater than all before.
    pub number: u64,
    /// The changes, in order.
    pub changes: Vec<Change<'a>>,
}
