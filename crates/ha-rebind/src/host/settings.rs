//! How a host works.

use std::time::Duration;

use crate::adjuncts::AdjunctTypes;

/// How a [`Host`](super::Host) works. Make it from its default.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HostSettings {
    /// The types of adjuncts that entities can have here.
    pub adjuncts: AdjunctTypes,
    /// Adjuncts write at most once in this time: one second by default. What happens within it is one entry, with the last values.
    pub persist_period: Duration,
}

impl Default for HostSettings {
    fn default() -> Self {
        Self {
            adjuncts: AdjunctTypes::built_in(),
            persist_period: Duration::from_secs(1),
        }
    }
}
