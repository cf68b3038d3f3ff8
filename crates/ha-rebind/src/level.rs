//! The format level: what bytes of this crate may be read by whom.

use std::fmt;

/// A format level of what the plane manages. A leader writes at the plane's level, which an entry raises once every node knows the new one.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Level(pub u16);

impl Level {
    /// Where every plane begins.
    pub const FIRST: Self = Self(1);
    /// From here on a large batch is packed.
    pub const PACKED_BATCHES: Self = Self(2);
    /// From here on a state that is imported may come in pieces.
    pub const IMPORTS_IN_PIECES: Self = Self(2);
    /// The newest that this version reads and writes.
    pub const NEWEST: Self = Self::PACKED_BATCHES;

    /// Whether this version reads it.
    pub(crate) fn check(self) -> Result<(), Unreadable> {
        self.check_up_to(Self::NEWEST)
    }

    /// Whether it is read by who reads up to another.
    pub(crate) fn check_up_to(self, known: Self) -> Result<(), Unreadable> {
        match self {
            Self(0) => Err(Unreadable::Damaged("level 0")),
            found if found > known => Err(Unreadable::TooNew { found, known }),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why bytes cannot be read.
#[derive(Clone, Debug, Eq, Hash, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Unreadable {
    /// They make no sense.
    #[error("damaged or foreign ({0})")]
    Damaged(&'static str),
    /// A later version wrote them.
    #[error("of format level {found}, and this node reads up to {known}: use a newer version")]
    TooNew {
        /// Their level.
        found: Level,
        /// The newest that is read here.
        known: Level,
    },
}
