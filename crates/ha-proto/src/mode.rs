//! What operators ask for, and what nodes report. Names as in Apache Brooklyn (`HighAvailabilityMode`, `ManagementNodeState`).

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

/// What the operator asked a node to be.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[allow(clippy::exhaustive_enums)]
pub enum Mode {
    /// Works in isolation; at run time: stops taking part, which is reported as [`Role::Failed`].
    Disabled,
    /// Master if there is none, else hot standby.
    Auto,
    /// Lukewarm standby: a candidate that keeps no state.
    Standby,
    /// A candidate that follows the state.
    HotStandby,
    /// Follows the state, and is never master.
    HotBackup,
    /// Master.
    Master,
}

impl Mode {
    /// All modes, in Brooklyn's order.
    pub const ALL: [Self; 6] = [
        Self::Disabled,
        Self::Auto,
        Self::Standby,
        Self::HotStandby,
        Self::HotBackup,
        Self::Master,
    ];

    /// The name on the wire: `HOT_STANDBY`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Disabled => "DISABLED",
            Self::Auto => "AUTO",
            Self::Standby => "STANDBY",
            Self::HotStandby => "HOT_STANDBY",
            Self::HotBackup => "HOT_BACKUP",
            Self::Master => "MASTER",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Text that names no mode.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("no such mode: use one of DISABLED, AUTO, STANDBY, HOT_STANDBY, HOT_BACKUP, MASTER")]
pub struct UnknownMode;

impl FromStr for Mode {
    type Err = UnknownMode;
    /// Reads the wire name; capitals only, as Brooklyn does.
    fn from_str(text: &str) -> Result<Self, UnknownMode> {
        Self::ALL
            .into_iter()
            .find(|m| m.name() == text)
            .ok_or(UnknownMode)
    }
}

/// What a node publishes itself to be; others may rely on it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(clippy::exhaustive_enums)]
pub enum Role {
    /// Starting, or between two roles.
    Initializing,
    /// A candidate without state.
    Standby,
    /// A candidate with state.
    HotStandby,
    /// State, but no candidate.
    HotBackup,
    /// Leads the plane, and its rebind is complete.
    Master,
    /// Cannot take part; says why in its errors.
    Failed,
    /// Has stopped in order.
    Terminated,
}

impl Role {
    /// The name on the wire: `HOT_STANDBY`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Initializing => "INITIALIZING",
            Self::Standby => "STANDBY",
            Self::HotStandby => "HOT_STANDBY",
            Self::HotBackup => "HOT_BACKUP",
            Self::Master => "MASTER",
            Self::Failed => "FAILED",
            Self::Terminated => "TERMINATED",
        }
    }

    /// Whether a node of this role serves the state of the plane.
    #[must_use]
    pub fn is_hot(self) -> bool {
        matches!(self, Self::Master | Self::HotStandby | Self::HotBackup)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
