//! A state in the place of another: what must be so before, and what it takes with it.

use std::collections::HashSet;

use super::State;
use crate::level::{Level, Unreadable};
use crate::names::EntityId;
use crate::propose::Refusal;

/// Why a state cannot take the place of another.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Unfit {
    /// The node that it is of has not read all of its journal.
    #[error(
        "it is of a node that could not read its plane's state, which was {0}: export it from another node"
    )]
    NotAll(Unreadable),
    /// Rows of it make no sense.
    #[error("{0} of its rows make no sense")]
    UnreadRows(usize),
    /// It is of a later level than the plane.
    #[error(
        "it is of format level {found}, and this plane is at {known}: raise the plane's level first, which happens by itself a minute after all its nodes read a newer one"
    )]
    Level {
        /// Its level.
        found: Level,
        /// The plane's.
        known: Level,
    },
    /// An entity is not where its parent and its children say.
    #[error("entity `{0}` is not where its parent and its children say")]
    Misplaced(EntityId),
    /// Its tasks cannot be taken over.
    #[error("its tasks cannot be taken over: {0}")]
    Tasks(Box<Refusal>),
}

impl State {
    /// Whether it can take the place of another in a plane of this level.
    pub(crate) fn check_fit(&self, plane: Level) -> Result<(), Unfit> {
        if self.level > plane {
            return Err(Unfit::Level {
                found: self.level,
                known: plane,
            });
        }
        if let Some(why) = self.unreadable() {
            return Err(Unfit::NotAll(why));
        }
        if self.unread_rows() > 0 {
            return Err(Unfit::UnreadRows(self.unread_rows()));
        }
        self.misplaced()
            .map_or(Ok(()), |id| Err(Unfit::Misplaced(id.clone())))
    }

    /// An entity whose parent is nowhere or does not name it as a child, or that is named twice or in vain.
    fn misplaced(&self) -> Option<&EntityId> {
        let mut reached: HashSet<&EntityId> = self.applications.iter().collect();
        let mut waiting: Vec<&EntityId> = self.applications.iter().collect();
        while let Some(id) = waiting.pop() {
            for child in self.children(id) {
                if self.parent(child) != Some(id) || !reached.insert(child) {
                    return Some(child);
                }
                waiting.push(child);
            }
        }
        self.entities.keys().find(|id| !reached.contains(*id))
    }

    /// The same where it is another time: clients' keys are as old as they were.
    pub(crate) fn moved_to(mut self, time_ms: u64) -> Self {
        self.keys = std::mem::take(&mut self.keys).moved(self.time_ms, time_ms);
        self.time_ms = time_ms;
        self
    }

    /// The number of the last batch that replaced it, as far as this process has seen one.
    pub(crate) fn replaced(&self) -> u64 {
        self.replaced
    }
}
