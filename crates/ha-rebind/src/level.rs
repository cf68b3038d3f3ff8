//! The format level: what bytes of this crate may be read by whom.

use std::fmt;

/// A format level of what the plane manages. A leader writes at the plane's level, which an entry raises once every node knows the new one.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Level(pub u16);

impl Level {
    /// Where every plane begins.
    pub const FIRST: Self = Self(1);
    /// The newest that this version reads and writes.
    pub const NEWEST: Self = Self(1);

    /// Whether this version reads it.
    pub(crate) fn check(self) -> Result<(), Unreadable> {
        match self {
            Self(0) => Err(Unreadable::Damaged("level 0")),
            level if level > Self::NEWEST => Err(Unreadable::TooNew {
                found: level,
                known: Self::NEWEST,
            }),
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
    #[error("of format level {found}, and this version reads up to {known}: use a newer version")]
    TooNew {
        /// Their level.
        found: Level,
        /// The newest known here.
        known: Level,
    },
}
