//! A node's record: JSON, written only by that node, a hint and a sign of life, never authority.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use core::fmt;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::entry::FormatError;
use crate::layout::record_key;
use crate::mode::Role;
use crate::names::{Epoch, NodeId, Nonce, Seq};

/// No record may be longer than this, in bytes.
pub const LONGEST_RECORD: usize = 16 << 10;

/// What a node says of itself, rewritten at every heartbeat.
#[derive(Clone, Debug, Eq, Hash, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct NodeRecord {
    /// Who.
    pub node_id: NodeId,
    /// Which process of it.
    #[serde(with = "nonce_text")]
    pub nonce: Nonce,
    /// Where it serves REST.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Version of its software.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The newest format level of the state that it reads; 0: it says nothing of levels.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub state_level: u32,
    /// What it is.
    pub status: Role,
    /// Its priority in the election.
    #[serde(default)]
    pub priority: i64,
    /// Its wall clock, milliseconds since 1970; for people.
    #[serde(default)]
    pub local_timestamp: u64,
    /// Counts its heartbeats: a change is a sign of life.
    pub beat: u64,
    /// The epoch that it leads; absent if it leads none, or if its store has not lately taken a write and answered a read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leads: Option<Epoch>,
    /// The last slot that it has read.
    #[serde(default)]
    pub seq: Seq,
    /// It has been told to become master, and asks the leader to hand over.
    #[serde(default)]
    pub wishes_to_lead: bool,
    /// It is loading: nothing at or above this slot may be collected, nor the snapshot there swept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<Seq>,
    /// By which times it lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timings: Option<Timings>,
}

/// The times of a node that others rely on, in milliseconds. They should be the same on all nodes of a plane.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Timings {
    /// Between two heartbeats while it leads.
    pub heartbeat_ms: u64,
    /// After which silence it suspects a leader.
    pub heartbeat_timeout_ms: u64,
    /// For how long a proof lets it act while it leads.
    pub lease_ttl_ms: u64,
}

impl Timings {
    /// Those of these settings.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let millis = |d: Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
        Self {
            heartbeat_ms: millis(config.pace.beat),
            heartbeat_timeout_ms: millis(config.heartbeat_timeout),
            lease_ttl_ms: millis(config.lease_ttl),
        }
    }
}

impl fmt::Display for Timings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            heartbeat_ms,
            heartbeat_timeout_ms,
            lease_ttl_ms,
        } = self;
        write!(
            f,
            "heartbeat {heartbeat_ms} ms, heartbeatTimeout {heartbeat_timeout_ms} ms, leaseTtl {lease_ttl_ms} ms"
        )
    }
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(level: &u32) -> bool {
    *level == 0
}

impl NodeRecord {
    pub(crate) fn encode(&self) -> Arc<[u8]> {
        Arc::from(serde_json::to_vec(self).expect("a record is plain data"))
    }

    /// Checks the bytes found as a node's record.
    ///
    /// # Errors
    /// If they are no record, or another node's.
    pub fn parse(node: &NodeId, bytes: &[u8]) -> Result<Self, FormatError> {
        let corrupt = |what| FormatError::Corrupt {
            object: record_key(node).to_string(),
            what,
        };
        if bytes.len() > LONGEST_RECORD {
            return Err(corrupt("longer than any node record may be"));
        }
        let record: Self = serde_json::from_slice(bytes).map_err(|_| corrupt("no node record"))?;
        if record.node_id == *node {
            Ok(record)
        } else {
            Err(corrupt("the record of another node"))
        }
    }
}

mod nonce_text {
    use alloc::string::{String, ToString};

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::names::Nonce;

    pub(super) fn serialize<S: Serializer>(nonce: &Nonce, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&nonce.to_string())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Nonce, D::Error> {
        let text = String::deserialize(from)?;
        Nonce::parse(&text).ok_or_else(|| D::Error::custom("a nonce has 32 hexadecimal digits"))
    }
}
