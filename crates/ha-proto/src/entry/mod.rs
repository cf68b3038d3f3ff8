//! Entries of the journal: what their bytes are, and how bytes that came from a store become one.
//!
//! The header is frozen for ever; only payloads follow the plane's format level. So an old reader can skip an invalid entry by its
//! header, and stops, saying why, at a valid one that it cannot decode.

use alloc::string::{String, ToString};
use alloc::sync::Arc;

use bincode::{Decode, Encode};

use crate::codec;
use crate::hash::Digest;
use crate::names::{Epoch, NodeId, Nonce, Process, Seq, WriteId};

mod frame;
mod payload;

pub use frame::{FRAME_FORMAT, FormatError};
pub(crate) use frame::{frame, unframe};
pub use payload::{Evidence, Payload};

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

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn a_payload_may_be_as_long_as_the_longest_and_no_longer() {
        let header = Header {
            seq: Seq(1),
            epoch: Epoch(1),
            kind: Kind::Release,
            by: Process {
                node: NodeId::new("n1").unwrap(),
                nonce: Nonce([1; 16]),
            },
            write_id: WriteId([2; 16]),
            prev: Digest([0; 32]),
        };
        let (bytes, _) = header.encode(&Payload::Release);
        // Magic, format and header; then a length of nought, and the checksum.
        let head = &bytes[6..bytes.len() - 36];
        let parse = |length: usize| {
            let said = u32::try_from(length).unwrap().to_le_bytes();
            let bytes = frame(ENTRY_MAGIC, &[head, &said, &vec![0; length]]);
            RawEntry::parse("entry", Seq(1), &bytes).map(|e| e.payload.len())
        };
        assert_eq!(parse(LONGEST_PAYLOAD), Ok(LONGEST_PAYLOAD));
        assert!(parse(LONGEST_PAYLOAD + 1).is_err() && parse(LONGEST_PAYLOAD + 2).is_err());
    }
}
