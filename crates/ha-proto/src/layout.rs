//! Where things lie in the store.

use alloc::format;
use alloc::string::String;

use crate::names::{NodeId, Seq, WriteId};

/// Slots in one folder of the journal.
pub const SEGMENT: u64 = 4096;
/// The folder of manifests.
pub const SNAPSHOTS: &str = "snapshot";
/// The folder of node records.
pub const NODES: &str = "nodes";
/// The folder of parts.
pub const PARTS: &str = "parts";

/// The folder in which a slot lies.
#[must_use]
pub fn journal_folder(seq: Seq) -> String {
    format!("journal/{:08}", seq.0 / SEGMENT)
}

/// The key of a slot.
#[must_use]
pub fn entry_key(seq: Seq) -> String {
    format!("{}/{:020}", journal_folder(seq), seq.0)
}

/// The key of a manifest.
#[must_use]
pub fn manifest_key(seq: Seq) -> String {
    format!("{SNAPSHOTS}/{:020}", seq.0)
}

/// The key of the sign that a copy of a plane into this store has not ended. It stands where the newest manifest would, so that no node
/// begins, joins or leads there: whoever lists the snapshots meets it, whatever else has been copied.
#[must_use]
pub fn copy_sign_key() -> String {
    manifest_key(Seq(u64::MAX))
}

/// The folder of a snapshot's parts.
#[must_use]
pub fn parts_folder(seq: Seq, write_id: WriteId) -> String {
    format!("{PARTS}/{:020}-{write_id}", seq.0)
}

/// The key of one part.
#[must_use]
pub fn part_key(seq: Seq, write_id: WriteId, index: usize) -> String {
    format!("{}/{index:08}", parts_folder(seq, write_id))
}

/// The key of a node's record.
#[must_use]
pub fn record_key(node: &NodeId) -> String {
    format!("{NODES}/{node}")
}

/// Reads a slot's or manifest's name; `None` for anything else that lies there.
#[must_use]
pub fn seq_of(name: &str) -> Option<Seq> {
    (name.len() == 20 && name.bytes().all(|b| b.is_ascii_digit())).then(|| name.parse().ok().map(Seq))?
}

/// Reads the name of a folder of parts; `None` for anything else that lies there.
#[must_use]
pub fn parts_of(name: &str) -> Option<(Seq, WriteId)> {
    let (seq, write_id) = name.strip_suffix('/').unwrap_or(name).split_once('-')?;
    Some((seq_of(seq)?, WriteId::parse(write_id)?))
}
