//! Entries of the journal: what their bytes are, and how bytes that came from a store become one.
//!
//! The header is frozen for ever; only payloads follow the plane's format level. So an old reader can skip an invalid entry by its
//! header, and stops, saying why, at a valid one that it cannot decode.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use bincode::{Decode, Encode};

use crate::codec;
use crate::hash::Digest;
use crate::names::{Epoch, NodeId, Nonce, PlaneId, Process, Seq, WriteId};

/// Format of the frame around an entry or a manifest that this version writes, and the newest that it reads.
pub const FRAME_FORMAT: u16 = 1;
/// Format level of payloads that this version writes, and the newest that it reads.
pub const FORMAT_LEVEL: u32 = 1;
/// The longest payload of an entry, in bytes.
pub const LONGEST_PAYLOAD: usize = 16 << 20;

const ENTRY_MAGIC: [u8; 4] = *b"HAPJ";

/// What an entry is.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Kind {
    /// The first entry: the plane's id.
    Genesis,
    /// A new leader, by its own hand.
    Takeover,
    /// A new leader, by the hand of the one before.
    Handover,
    /// The leader may act on the world.
    Full,
    /// Changes of the state.
    Commit,
    /// The leader leads no more, and names no successor.
    Release,
    /// Of a later version; never valid here.
    Unknown(u8),
}

impl Kind {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Genesis => 1,
            Self::Takeover => 2,
            Self::Handover => 3,
            Self::Full => 4,
            Self::Commit => 5,
            Self::Release => 6,
            Self::Unknown(code) => code,
        }
    }

    fn of(code: u8) -> Self {
        match code {
            1 => Self::Genesis,
            2 => Self::Takeover,
            3 => Self::Handover,
            4 => Self::Full,
            5 => Self::Commit,
            6 => Self::Release,
            other => Self::Unknown(other),
        }
    }

    /// Whether entries of this kind are never deleted (rule 1 of collection).
    #[must_use]
    pub fn is_fence(self) -> bool {
        matches!(
            self,
            Self::Genesis | Self::Takeover | Self::Handover | Self::Unknown(_)
        )
    }
}

/// The frozen part of an entry.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Header {
    /// Its slot.
    pub seq: Seq,
    /// The epoch that it belongs to or, for a `Takeover` or `Handover`, begins.
    pub epoch: Epoch,
    /// What it is.
    pub kind: Kind,
    /// Who wrote it.
    pub by: Process,
    /// Drawn for it alone.
    pub write_id: WriteId,
    /// Hash of the last valid entry before it.
    pub prev: Digest,
}

#[derive(Encode, Decode)]
struct WireHeader {
    seq: u64,
    epoch: u64,
    kind: u8,
    node: String,
    nonce: [u8; 16],
    write_id: [u8; 16],
    prev: [u8; 32],
}

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

    fn encode(&self) -> Vec<u8> {
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

    fn decode(kind: Kind, bytes: &[u8]) -> Option<Self> {
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

/// Bytes that are no entry, or not the one asked for, or of a version that this one does not know.
#[derive(Clone, Debug, Eq, Hash, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The bytes do not verify.
    #[error("`{object}` is damaged or foreign ({what}): put back a good copy, or set it aside and restart")]
    Corrupt {
        /// The object's key.
        object: String,
        /// What does not fit.
        what: &'static str,
    },
    /// Written by a later version.
    #[error("`{object}` has format {found}, and this version reads up to {known}: use a newer ha-server")]
    TooNew {
        /// The object's key.
        object: String,
        /// The format found.
        found: u32,
        /// The newest format known here.
        known: u32,
    },
}

/// Wraps a body: magic, frame format, body, SHA-256 of all before it.
pub(crate) fn frame(magic: [u8; 4], body: &[&[u8]]) -> Arc<[u8]> {
    let mut bytes = Vec::with_capacity(38 + body.iter().map(|b| b.len()).sum::<usize>());
    bytes.extend_from_slice(&magic);
    bytes.extend_from_slice(&FRAME_FORMAT.to_le_bytes());
    body.iter().for_each(|b| bytes.extend_from_slice(b));
    let sum = Digest::of(&bytes);
    bytes.extend_from_slice(&sum.0);
    Arc::from(bytes)
}

/// Unwraps a frame; answers its body and its hash.
pub(crate) fn unframe<'a>(
    magic: [u8; 4],
    object: &str,
    bytes: &'a [u8],
) -> Result<(&'a [u8], Digest), FormatError> {
    let corrupt = |what| FormatError::Corrupt {
        object: object.to_string(),
        what,
    };
    if bytes.len() > codec::LARGEST {
        return Err(corrupt("longer than any object may be"));
    }
    let head = bytes.get(..6).ok_or_else(|| corrupt("cut short"))?;
    if head[..4] != magic {
        return Err(corrupt("wrong magic number"));
    }
    let format = u16::from_le_bytes([head[4], head[5]]);
    if format > FRAME_FORMAT {
        return Err(FormatError::TooNew {
            object: object.to_string(),
            found: u32::from(format),
            known: u32::from(FRAME_FORMAT),
        });
    }
    if format == 0 || bytes.len() < 6 + 32 {
        return Err(corrupt("cut short"));
    }
    let (framed, sum) = bytes.split_at(bytes.len() - 32);
    let hash = Digest::of(framed);
    if hash.0 != *sum {
        return Err(corrupt("wrong checksum"));
    }
    Ok((&framed[6..], hash))
}

impl Header {
    fn to_wire(&self) -> WireHeader {
        WireHeader {
            seq: self.seq.0,
            epoch: self.epoch.0,
            kind: self.kind.code(),
            node: self.by.node.to_string(),
            nonce: self.by.nonce.0,
            write_id: self.write_id.0,
            prev: self.prev.0,
        }
    }

    fn of_wire(w: WireHeader) -> Option<Self> {
        Some(Self {
            seq: Seq(w.seq),
            epoch: Epoch(w.epoch),
            kind: Kind::of(w.kind),
            by: Process {
                node: NodeId::new(&w.node).ok()?,
                nonce: Nonce(w.nonce),
            },
            write_id: WriteId(w.write_id),
            prev: Digest(w.prev),
        })
    }

    /// The bytes of an entry with this header, and its hash, which the next entry names.
    ///
    /// The payload must be of the header's kind.
    #[must_use]
    pub fn encode(&self, payload: &Payload) -> (Arc<[u8]>, Digest) {
        assert_eq!(self.kind, payload.kind(), "an entry's payload is of its kind");
        let head = codec::encode(&self.to_wire());
        let body = payload.encode();
        let length = u32::try_from(body.len())
            .expect("a payload is bounded")
            .to_le_bytes();
        let bytes = frame(ENTRY_MAGIC, &[&head, &length, &body]);
        let mut hash = [0; 32];
        hash.copy_from_slice(&bytes[bytes.len() - 32..]);
        (bytes, Digest(hash))
    }
}

/// Bytes from the store that verified as an entry of the slot they were found in; the payload is not decoded yet.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct RawEntry {
    /// Its header.
    pub header: Header,
    /// Its hash.
    pub hash: Digest,
    /// Its payload, as it stands in the store.
    pub payload: Arc<[u8]>,
    /// Its length in the store.
    pub length: usize,
}

impl RawEntry {
    /// Checks the bytes found under a key.
    ///
    /// # Errors
    /// If they do not verify, stand in the wrong slot, or are of a frame format that this version does not know.
    pub fn parse(object: &str, seq: Seq, bytes: &[u8]) -> Result<Self, FormatError> {
        let corrupt = |what| FormatError::Corrupt {
            object: object.to_string(),
            what,
        };
        let (body, hash) = unframe(ENTRY_MAGIC, object, bytes)?;
        let (wire, used) = codec::decode_front::<WireHeader>(body).ok_or_else(|| corrupt("no header"))?;
        let header = Header::of_wire(wire).ok_or_else(|| corrupt("a header that makes no sense"))?;
        if header.seq != seq {
            return Err(corrupt("an entry of another slot"));
        }
        let rest = &body[used..];
        let length = rest.get(..4).ok_or_else(|| corrupt("no payload"))?;
        let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]) as usize;
        if length > LONGEST_PAYLOAD || rest.len() != 4 + length {
            return Err(corrupt("a payload of another length than it says"));
        }
        Ok(Self {
            header,
            hash,
            payload: Arc::from(&rest[4..]),
            length: bytes.len(),
        })
    }

    /// Decodes the payload.
    ///
    /// # Errors
    /// If it is not what its kind should hold.
    pub fn decode(&self, object: &str) -> Result<Payload, FormatError> {
        if let Kind::Unknown(code) = self.header.kind {
            let (object, found) = (object.to_string(), FORMAT_LEVEL + u32::from(code));
            return Err(FormatError::TooNew {
                object,
                found,
                known: FORMAT_LEVEL,
            });
        }
        let payload = Payload::decode(self.header.kind, &self.payload);
        payload.ok_or_else(|| FormatError::Corrupt {
            object: object.to_string(),
            what: "a payload that makes no sense",
        })
    }

    /// The header alone, from the first bytes of an entry: enough to know its kind and epoch, not enough to trust it.
    #[must_use]
    pub fn peek(bytes: &[u8]) -> Option<Header> {
        (bytes.get(..4)? == ENTRY_MAGIC).then_some(())?;
        let (wire, _) = codec::decode_front::<WireHeader>(bytes.get(6..)?)?;
        Header::of_wire(wire)
    }

    /// How many bytes [`peek`](Self::peek) needs at most.
    pub const PEEK: u64 = 6 + 8 + 8 + 1 + 8 + NodeId::LONGEST as u64 + 16 + 16 + 32;
}
