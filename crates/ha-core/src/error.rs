//! Errors of the embedder's API, one an operation.

use std::time::Duration;

use ha_proto::{ChangeModeError, Epoch, NotApplied, Seq, WriteId};

/// What became of an append.
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use = "a write that was not committed must not be reported as done"]
#[allow(clippy::exhaustive_enums)]
pub enum Append {
    /// Durable, and in every later state; at this slot.
    Committed(Seq),
    /// Certainly not applied, and never will be: this node does not lead, or the store refused it.
    Fenced(Refusal),
    /// It may be applied. [`Plane::resolve`](crate::Plane::resolve) may tell later.
    Unknown(UnknownWrite),
}

impl Append {
    /// The slot, or an error; for those who treat everything else alike.
    ///
    /// # Errors
    /// If the write is not known to be durable.
    pub fn committed(self) -> Result<Seq, AppendError> {
        match self {
            Self::Committed(seq) => Ok(seq),
            Self::Fenced(refusal) => Err(AppendError::Fenced(refusal)),
            Self::Unknown(write) => Err(AppendError::Unknown(write)),
        }
    }
}

/// A write that is not known to be durable.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// Certainly not applied.
    #[error("the write was certainly not applied")]
    Fenced(#[source] Refusal),
    /// It may be applied.
    #[error(
        "it is not known whether the write was applied ({0}): resolve it, or read the state, before it is sent again"
    )]
    Unknown(UnknownWrite),
}

/// Why a write was certainly not applied.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// This node does not lead.
    #[error("this node does not lead: send the write to the master")]
    NotLeader,
    /// Another leader's entry came first.
    #[error("another node has taken over: send the write to the new master")]
    Fenced,
    /// The store refused it.
    #[error("the store refused it: {0}")]
    Store(String),
    /// Too much is waiting.
    #[error("too many writes are waiting: send fewer at a time, or try again later")]
    Overloaded,
    /// It is larger than an entry may be.
    #[error("the change is larger than an entry may be: split it")]
    TooLarge,
    /// The plane has stopped.
    #[error("this node has stopped")]
    Stopped,
}

impl From<NotApplied> for Refusal {
    fn from(why: NotApplied) -> Self {
        match why {
            NotApplied::NotLeader => Self::NotLeader,
            NotApplied::Fenced => Self::Fenced,
            NotApplied::Refused(words) => Self::Store(words),
            NotApplied::Overloaded => Self::Overloaded,
            NotApplied::TooLarge => Self::TooLarge,
            other => Self::Store(format!("{other:?}")),
        }
    }
}

/// Names a write whose outcome is not known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[allow(clippy::exhaustive_structs)]
pub struct UnknownWrite {
    /// The epoch under which it was sent.
    pub epoch: Epoch,
    /// The first slot that was tried.
    pub slot: Seq,
    /// The write id of its entry.
    pub write_id: WriteId,
}

impl std::fmt::Display for UnknownWrite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "epoch {}, slot {}, write id {}",
            self.epoch, self.slot, self.write_id
        )
    }
}

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The plane is not as the mode demands.
    #[error("{0}")]
    Refused(String),
    /// A thread could not be started.
    #[error("no thread for the plane: raise the limit on processes (ulimit -u)")]
    Thread(#[source] std::io::Error),
}

/// Why a mode was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModeError {
    /// The machine refused it.
    #[error(transparent)]
    Refused(#[from] ChangeModeError),
    /// It was not reached.
    #[error("{0}")]
    NotReached(String),
    /// It is still under way.
    #[error("the change of mode is still under way after {0:?}: look at the state again later")]
    Slow(Duration),
    /// The plane has stopped.
    #[error("this node has stopped")]
    Stopped,
}

/// Why a linearizable read cannot be answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The store did not prove in time that nothing is newer.
    #[error(
        "the store has not proven in time that the state is current: try again, or read what is known here"
    )]
    Unavailable,
    /// This node keeps no state.
    #[error("this node keeps no state: ask a hot standby or the master")]
    NotHot,
    /// The plane has stopped.
    #[error("this node has stopped")]
    Stopped,
}
