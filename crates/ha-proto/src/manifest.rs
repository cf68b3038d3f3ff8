//! A manifest: all that a reader needs to know of the journal up to a slot, and which parts hold the state there.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use bincode::{Decode, Encode};

use crate::codec;
use crate::entry::{FORMAT_LEVEL, FormatError, frame, unframe};
use crate::hash::Digest;
use crate::layout::{copy_sign_key, manifest_key};
use crate::names::{Epoch, NodeId, Nonce, PlaneId, Process, Seq, WriteId};
use crate::view::{FullRecord, Leader, Term, View};

const MAGIC: [u8; 4] = *b"HAPS";

/// A part of a snapshot: its hash and length. Its key follows from the manifest's slot and write id, and its place in the list.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[allow(clippy::exhaustive_structs)]
pub struct Part {
    /// Hash of its bytes.
    pub hash: Digest,
    /// Its length in bytes.
    pub length: u64,
}

/// A snapshot's manifest.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Manifest {
    /// Drawn for this snapshot; names the folder of its parts.
    pub write_id: WriteId,
    /// What a reader knows at its slot.
    pub view: View,
    /// Digest of the state at its slot, as its owner computes it.
    pub state: Digest,
    /// The parts of the state.
    pub parts: Vec<Part>,
    /// Collection is complete up to here; a hint for the next collector.
    pub collected: Seq,
}

#[derive(Encode, Decode)]
struct WireProcess {
    node: String,
    nonce: [u8; 16],
}

#[derive(Encode, Decode)]
struct WireLeader {
    process: WireProcess,
    uri: String,
}

#[derive(Encode, Decode)]
struct WireTerm {
    epoch: u64,
    began: u64,
    write_id: [u8; 16],
    last_valid: u64,
}

#[derive(Encode, Decode)]
struct WireFull {
    epoch: u64,
    holder: WireProcess,
    ttl_ms: u64,
    drift_ppm: u32,
    ended: bool,
}

#[derive(Encode, Decode)]
struct WireWrite {
    write_id: [u8; 16],
    seq: u64,
}

#[derive(Encode, Decode)]
struct WirePart {
    hash: [u8; 32],
    length: u64,
}

#[derive(Encode, Decode)]
struct WireManifest {
    format_level: u32,
    plane: String,
    write_id: [u8; 16],
    seq: u64,
    chain: [u8; 32],
    last_valid: u64,
    epoch: u64,
    leader: Option<WireLeader>,
    released: bool,
    table: Vec<WireTerm>,
    full: Option<WireFull>,
    writes: Vec<WireWrite>,
    writes_since: u64,
    time_ms: u64,
    state: [u8; 32],
    parts: Vec<WirePart>,
    collected: u64,
}

fn wire_process(p: &Process) -> WireProcess {
    WireProcess {
        node: p.node.to_string(),
        nonce: p.nonce.0,
    }
}

fn process(w: WireProcess) -> Option<Process> {
    Some(Process {
        node: NodeId::new(&w.node).ok()?,
        nonce: Nonce(w.nonce),
    })
}

impl Manifest {
    pub(crate) fn new(
        write_id: WriteId,
        view: View,
        state: Digest,
        parts: Vec<Part>,
        collected: Seq,
    ) -> Self {
        Self {
            write_id,
            view,
            state,
            parts,
            collected,
        }
    }

    /// Its slot.
    #[must_use]
    pub fn seq(&self) -> Seq {
        self.view.pos
    }

    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> Arc<[u8]> {
        let v = &self.view;
        let table = v.table.iter().map(|(epoch, t)| WireTerm {
            epoch: epoch.0,
            began: t.began.0,
            write_id: t.write_id.0,
            last_valid: t.last_valid.0,
        });
        let full = v.full.as_ref().map(|f| WireFull {
            epoch: f.epoch.0,
            holder: wire_process(&f.holder),
            ttl_ms: u64::try_from(f.ttl.as_millis()).unwrap_or(u64::MAX),
            drift_ppm: f.drift_ppm,
            ended: f.ended,
        });
        let wire = WireManifest {
            format_level: v.format_level,
            plane: v.plane.as_ref().map(ToString::to_string).unwrap_or_default(),
            write_id: self.write_id.0,
            seq: v.pos.0,
            chain: v.chain.0,
            last_valid: v.last_valid.0,
            epoch: v.epoch.0,
            leader: v.leader.as_ref().map(|l| WireLeader {
                process: wire_process(&l.process),
                uri: l.uri.clone(),
            }),
            released: v.released,
            table: table.collect(),
            full,
            writes: v
                .writes
                .iter()
                .map(|(w, s)| WireWrite {
                    write_id: w.0,
                    seq: s.0,
                })
                .collect(),
            writes_since: v.writes_since.0,
            time_ms: v.time_ms,
            state: self.state.0,
            parts: self
                .parts
                .iter()
                .map(|p| WirePart {
                    hash: p.hash.0,
                    length: p.length,
                })
                .collect(),
            collected: self.collected.0,
        };
        frame(MAGIC, &[&codec::encode(&wire)])
    }

    /// Checks the bytes found as the manifest of a slot.
    ///
    /// # Errors
    /// If they do not verify, are of another slot, or of a version that this one does not know.
    pub fn parse(seq: Seq, bytes: &[u8]) -> Result<Self, FormatError> {
        let object = manifest_key(seq);
        if object == copy_sign_key() {
            return Err(FormatError::HalfCopied { object });
        }
        let (body, _) = unframe(MAGIC, &object, bytes)?;
        let corrupt = |what| FormatError::Corrupt {
            object: object.clone(),
            what,
        };
        let level: Option<(u32, usize)> = codec::decode_front(body);
        let (level, _) = level.ok_or_else(|| corrupt("cut short"))?;
        if level > FORMAT_LEVEL {
            return Err(FormatError::TooNew {
                object,
                found: level,
                known: FORMAT_LEVEL,
            });
        }
        let wire: WireManifest =
            codec::decode(body).ok_or_else(|| corrupt("a manifest that makes no sense"))?;
        if wire.seq != seq.0 {
            return Err(corrupt("a manifest of another slot"));
        }
        Self::of_wire(wire).ok_or_else(|| corrupt("a manifest that names what cannot be"))
    }

    fn of_wire(w: WireManifest) -> Option<Self> {
        let term = |t: WireTerm| {
            let (began, last_valid) = (Seq(t.began), Seq(t.last_valid));
            (
                Epoch(t.epoch),
                Term {
                    began,
                    write_id: WriteId(t.write_id),
                    last_valid,
                },
            )
        };
        let leader = match w.leader {
            Some(l) => Some(Leader {
                process: process(l.process)?,
                uri: l.uri,
            }),
            None => None,
        };
        let full = match w.full {
            Some(f) => Some(FullRecord {
                epoch: Epoch(f.epoch),
                holder: process(f.holder)?,
                ttl: Duration::from_millis(f.ttl_ms),
                drift_ppm: f.drift_ppm,
                ended: f.ended,
            }),
            None => None,
        };
        let (pos, chain) = (Seq(w.seq), Digest(w.chain));
        let writes: VecDeque<_> = w
            .writes
            .iter()
            .map(|x| (WriteId(x.write_id), Seq(x.seq)))
            .collect();
        let view = View {
            pos,
            chain,
            last_valid: Seq(w.last_valid),
            plane: Some(PlaneId(w.plane)),
            format_level: w.format_level,
            epoch: Epoch(w.epoch),
            leader,
            released: w.released,
            table: w.table.into_iter().map(term).collect(),
            full,
            writes,
            writes_since: Seq(w.writes_since),
            time_ms: w.time_ms,
            base: pos,
            hashes: BTreeMap::from([(pos, chain)]),
        };
        let parts = w
            .parts
            .iter()
            .map(|p| Part {
                hash: Digest(p.hash),
                length: p.length,
            })
            .collect();
        Some(Self {
            write_id: WriteId(w.write_id),
            view,
            state: Digest(w.state),
            parts,
            collected: Seq(w.collected),
        })
    }
}
