//! What an entry says, by its kind. Follows the plane's format level.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use bincode::{Decode, Encode};

use super::Kind;
use crate::codec;
use crate::names::{NodeId, Nonce, PlaneId, Process};

/// Why a takeover happened, from strong to weak.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Evidence {
    /// There has been no leader, or the last one released its epoch.
    Vacant,
    /// Its process has exited, and what it had running has ended.
    Exited,
    /// Its process says that it has stopped.
    Stopped,
    /// Its address refuses connections.
    Refused,
    /// Its link was closed.
    LinkClosed,
    /// No sign of life for the heartbeat time-out.
    Silent,
    /// Its lease has ended.
    LeaseEnded,
    /// The same process had it before.
    Own,
    /// Of a later version.
    Other(u8),
}

impl Evidence {
    fn code(self) -> u8 {
        match self {
            Self::Vacant => 1,
            Self::Exited => 2,
            Self::Stopped => 3,
            Self::Refused => 4,
            Self::LinkClosed => 5,
            Self::Silent => 6,
            Self::LeaseEnded => 7,
            Self::Own => 8,
            Self::Other(code) => code,
        }
    }

    fn of(code: u8) -> Self {
        match code {
            1 => Self::Vacant,
            2 => Self::Exited,
            3 => Self::Stopped,
            4 => Self::Refused,
            5 => Self::LinkClosed,
            6 => Self::Silent,
            7 => Self::LeaseEnded,
            8 => Self::Own,
            other => Self::Other(other),
        }
    }
}

/// What an entry says, by its kind.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Payload {
    /// Of a `Genesis`.
    Genesis {
        /// The plane's id.
        plane: PlaneId,
        /// The level of payloads in this journal.
        format_level: u32,
    },
    /// Of a `Takeover`.
    Takeover {
        /// Where the new leader serves REST, or empty.
        uri: String,
        /// Why it took over.
        evidence: Evidence,
    },
    /// Of a `Handover`.
    Handover {
        /// The new leader.
        successor: Process,
        /// Where it serves REST, or empty.
        uri: String,
    },
    /// Of a `Full`.
    Full {
        /// How long one proof by reading lets the holder act.
        ttl: Duration,
        /// The bound on the drift of clocks, parts per million.
        drift_ppm: u32,
        /// Why nobody else acts.
        evidence: Evidence,
    },
    /// Of a `Commit`.
    Commit {
        /// The plane's time, milliseconds: advances by no more than the writers' own elapsed time.
        time_ms: u64,
        /// Whether the state is emptied before the changes are applied.
        replaces: bool,
        /// The changes, opaque here.
        changes: Arc<[Arc<[u8]>]>,
    },
    /// Of a `Release`.
    Release,
}

#[derive(Encode, Decode)]
struct WireGenesis {
    plane: String,
    format_level: u32,
}
#[derive(Encode, Decode)]
struct WireTakeover {
    uri: String,
    evidence: u8,
}
#[derive(Encode, Decode)]
struct WireHandover {
    node: String,
    nonce: [u8; 16],
    uri: String,
}
#[derive(Encode, Decode)]
struct WireFull {
    ttl_ms: u64,
    drift_ppm: u32,
    evidence: u8,
}
#[derive(Encode, Decode)]
struct WireCommit {
    time_ms: u64,
    replaces: bool,
    changes: Vec<Vec<u8>>,
}

impl Payload {
    /// The kind of entry that carries it.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Genesis { .. } => Kind::Genesis,
            Self::Takeover { .. } => Kind::Takeover,
            Self::Handover { .. } => Kind::Handover,
            Self::Full { .. } => Kind::Full,
            Self::Commit { .. } => Kind::Commit,
            Self::Release => Kind::Release,
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Genesis { plane, format_level } => codec::encode(&WireGenesis {
                plane: plane.0.clone(),
                format_level: *format_level,
            }),
            Self::Takeover { uri, evidence } => codec::encode(&WireTakeover {
                uri: uri.clone(),
                evidence: evidence.code(),
            }),
            Self::Handover { successor, uri } => codec::encode(&WireHandover {
                node: successor.node.to_string(),
                nonce: successor.nonce.0,
                uri: uri.clone(),
            }),
            Self::Full {
                ttl,
                drift_ppm,
                evidence,
            } => codec::encode(&WireFull {
                ttl_ms: u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX),
                drift_ppm: *drift_ppm,
                evidence: evidence.code(),
            }),
            Self::Commit {
                time_ms,
                replaces,
                changes,
            } => codec::encode(&WireCommit {
                time_ms: *time_ms,
                replaces: *replaces,
                changes: changes.iter().map(|c| c.to_vec()).collect(),
            }),
            Self::Release => Vec::new(),
        }
    }

    pub(super) fn decode(kind: Kind, bytes: &[u8]) -> Option<Self> {
        Some(match kind {
            Kind::Genesis => {
                let w: WireGenesis = codec::decode(bytes)?;
                Self::Genesis {
                    plane: PlaneId(w.plane),
                    format_level: w.format_level,
                }
            }
            Kind::Takeover => {
                let w: WireTakeover = codec::decode(bytes)?;
                Self::Takeover {
                    uri: w.uri,
                    evidence: Evidence::of(w.evidence),
                }
            }
            Kind::Handover => {
                let w: WireHandover = codec::decode(bytes)?;
                let successor = Process {
                    node: NodeId::new(&w.node).ok()?,
                    nonce: Nonce(w.nonce),
                };
                Self::Handover {
                    successor,
                    uri: w.uri,
                }
            }
            Kind::Full => {
                let w: WireFull = codec::decode(bytes)?;
                let (ttl, evidence) = (Duration::from_millis(w.ttl_ms), Evidence::of(w.evidence));
                Self::Full {
                    ttl,
                    drift_ppm: w.drift_ppm,
                    evidence,
                }
            }
            Kind::Commit => {
                let w: WireCommit = codec::decode(bytes)?;
                let changes = w.changes.into_iter().map(Arc::from).collect();
                Self::Commit {
                    time_ms: w.time_ms,
                    replaces: w.replaces,
                    changes,
                }
            }
            Kind::Release if bytes.is_empty() => Self::Release,
            Kind::Release | Kind::Unknown(_) => return None,
        })
    }
}
