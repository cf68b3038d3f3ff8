//! The door to the node: what the REST layer asks of it, and how it may refuse.

use std::fmt;

use async_trait::async_trait;
use ha_core::{Mode, NodeId, Role, Status};

use crate::usage::StoreUsage;

/// A node, as the REST layer sees it. The server implements this for its node; tests implement it for a handful of fields.
///
/// The commands are run on tasks of their own: a client that hangs up, or a request that times out, does not break one off
/// half done. They must therefore end by themselves, with [`ControlError::Unknown`] if it comes to that.
#[async_trait]
pub trait Control: fmt::Debug + Send + Sync + 'static {
    /// The node and its plane at this moment. Called once or twice for each request, so it must come from memory.
    fn status(&self) -> Status;

    /// The wall clock, in milliseconds since 1970. The REST layer reads no clock of its own.
    fn now_ms(&self) -> u64;

    /// Changes the mode, and answers once the change is complete: with the role *before* it, as Brooklyn does.
    ///
    /// # Errors
    /// See [`ControlError`]. A demotion that is already so, or a promotion of the master, is no error.
    async fn change_mode(&self, mode: Mode) -> Result<Role, ControlError>;

    /// Sets the priority in the election, and answers with the one *before*.
    ///
    /// # Errors
    /// See [`ControlError`].
    async fn set_priority(&self, priority: i64) -> Result<i64, ControlError>;

    /// Removes the records of nodes that are not the master: of all of them, or of `only` one. Those that live write theirs
    /// again at their next heartbeat. A node that is not on record, or is the master, is left as it is, which is no error.
    ///
    /// # Errors
    /// See [`ControlError`].
    async fn clear_nodes(&self, only: Option<NodeId>) -> Result<(), ControlError>;

    /// Begins an orderly stop of the process, and returns at once. May be called more than once.
    fn shutdown(&self);

    /// The setting `key`, if it is set and may be shown to whoever reaches this port.
    fn config(&self, key: &str) -> Option<String>;

    /// What this node asks of its store. Default: nothing is shown.
    fn store_usage(&self) -> Option<StoreUsage> {
        None
    }

    /// What this node manages, if it manages entities. Asked once when the router is made, and then for each request: it must always be the
    /// same. Default: nothing, and their resources are not there.
    fn entities(&self) -> Option<ha_rebind::Host> {
        None
    }

    /// What this process is built from.
    fn version(&self) -> VersionInfo;
}

/// Why a command was not carried out, or may not have been. The messages reach the client as they are.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// The command makes no sense here and now, and nothing was done: 400.
    #[error("{0}")]
    Refused(String),
    /// Certainly not applied; may succeed later or elsewhere: 503.
    #[error("{0}")]
    NotApplied(String),
    /// May have been applied, or may be yet: 504 with `X-HA-Outcome: unknown`.
    #[error("{message}")]
    Unknown {
        /// What was being done when the outcome was lost.
        message: String,
        /// The epoch in which it was sent.
        epoch: u64,
        /// The first position of the journal at which it may be.
        slot: u64,
        /// The write id under which it can be found.
        write_id: String,
    },
    /// A fault of this node, not of the request: 500.
    #[error("{0}")]
    Internal(String),
}

/// What a process is built from, for `GET /v1/server/version`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct VersionInfo {
    /// The version: `0.1.0`.
    pub version: String,
    /// The commit it was built from. Default: not known, shown as `null`.
    pub build_sha: Option<String>,
    /// The branch it was built from. Default: not known, shown as `null`.
    pub build_branch: Option<String>,
    /// What it is made of. Default: nothing.
    pub features: Vec<Feature>,
}

impl VersionInfo {
    /// A version of which nothing more is known.
    #[must_use]
    pub fn new(version: impl Into<String>) -> Self {
        Self {
            version: version.into(),
            ..Self::default()
        }
    }
}

/// A part that a process is made of.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Feature {
    /// Its name for people.
    pub name: String,
    /// Its name for machines.
    pub symbolic_name: String,
    /// Its version.
    pub version: String,
    /// When it was last changed, in milliseconds since 1970; Brooklyn sends it as text. Default: not known, shown as `null`.
    pub last_modified_ms: Option<u64>,
}

impl Feature {
    /// A part whose name is the same for people and machines.
    #[must_use]
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        let name = name.into();
        Self {
            symbolic_name: name.clone(),
            name,
            version: version.into(),
            last_modified_ms: None,
        }
    }
}

/// The trait must stay usable as `dyn Control`.
const _: fn(&dyn Control) = |_| {};
