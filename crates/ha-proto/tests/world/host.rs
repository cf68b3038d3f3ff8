//! The owner of the state: a list of changes, each a number that is proposed once in a world.

use std::sync::Arc;

use ha_proto::{Applied, Digest, SnapshotParts};

/// What an entry that empties the state leaves in the list.
pub const EMPTIED: u64 = u64::MAX;

#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Host {
    pub state: Vec<u64>,
    pub loaded: bool,
}

impl Host {
    pub fn apply(&mut self, entry: &Applied) {
        if entry.replaces {
            self.state.push(EMPTIED);
        }
        self.state.extend(entry.changes.iter().map(|c| number(c)));
    }

    /// In one to three parts.
    pub fn snapshot(&self) -> SnapshotParts {
        let bytes: Vec<u8> = self.state.iter().flat_map(|n| n.to_le_bytes()).collect();
        let pieces = 1 + self.state.len() % 3;
        let size = bytes.len().div_ceil(pieces).max(1);
        let mut parts: Vec<Arc<[u8]>> = bytes.chunks(size).map(Arc::from).collect();
        if parts.is_empty() {
            parts.push(Arc::from(Vec::new()));
        }
        SnapshotParts {
            digest: Digest::of(&bytes),
            parts,
        }
    }

    pub fn restore(&mut self, parts: &[Arc<[u8]>]) {
        self.state = decode(parts);
        self.loaded = true;
    }
}

pub fn decode(parts: &[Arc<[u8]>]) -> Vec<u64> {
    let bytes: Vec<u8> = parts.iter().flat_map(|p| p.iter().copied()).collect();
    bytes.chunks(8).map(number).collect()
}

pub fn number(change: &[u8]) -> u64 {
    u64::from_le_bytes(
        change
            .try_into()
            .expect("a change of the test world has eight bytes"),
    )
}
