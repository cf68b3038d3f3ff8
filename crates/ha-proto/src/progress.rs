//! What an operator is shown of a load of the state.

use crate::names::Seq;

/// How far a load of the state has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[allow(clippy::exhaustive_structs)]
pub struct LoadProgress {
    /// Parts of the snapshot that have come.
    pub parts: usize,
    /// How many it has; 0 while that is not known.
    pub of_parts: usize,
    /// Whether the owner has restored the state of the snapshot.
    pub is_restored: bool,
    /// Up to which slot the journal has been read on from the snapshot; 0 before.
    pub seq: Seq,
    /// How far the journal is known to go.
    pub head: Seq,
}

impl LoadProgress {
    pub(crate) fn of((parts, of_parts): (usize, usize), is_restored: bool, seq: Seq, head: Seq) -> Self {
        Self {
            parts,
            of_parts,
            is_restored,
            seq,
            head,
        }
    }
}
