//! The owner of the state: the service, and beside it what shows that its changes are a prefix of the true journal's.

use std::sync::Arc;

use ha_proto::{Applied, SnapshotParts};

use crate::rng::mix;
use crate::service::{EMPTIED, Numbers, Service};

/// How many changes there were, and a hash of them all in their order.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Line {
    /// How many.
    pub len: u64,
    /// Of their numbers, in order.
    pub hash: u64,
    /// The last number.
    pub last: u64,
}

impl Line {
    /// With one change more.
    #[must_use]
    pub fn and(self, number: u64) -> Self {
        Self {
            len: self.len + 1,
            hash: mix(self.hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ mix(number)),
            last: number,
        }
    }
}

/// What owns the state of one node.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Host<S = Numbers> {
    /// The service.
    pub state: S,
    /// Which changes it has taken.
    pub line: Line,
    /// Whether it has begun with a snapshot, or with the initial state.
    pub loaded: bool,
}

impl<S: Service> Host<S> {
    /// Takes a committed entry.
    pub fn apply(&mut self, entry: &Applied) {
        if entry.replaces {
            self.state.clear();
            self.line = self.line.and(EMPTIED);
        }
        for change in entry.changes.iter() {
            let n = number(change);
            self.state.apply(n, &change[8..]);
            self.line = self.line.and(n);
        }
    }

    /// In one to three parts, and sometimes in more than are fetched side by side.
    #[must_use]
    pub fn snapshot(&self) -> SnapshotParts {
        let mut bytes: Vec<u8> = [self.line.len, self.line.hash, self.line.last]
            .iter()
            .flat_map(|n| n.to_le_bytes())
            .collect();
        bytes.extend(self.state.snapshot());
        let len = self.line.len as usize;
        let pieces = if len % 16 == 15 { 12 } else { 1 + len % 3 };
        let size = bytes.len().div_ceil(pieces).max(1);
        SnapshotParts {
            digest: self.state.digest(),
            parts: bytes.chunks(size).map(Arc::from).collect(),
        }
    }

    /// Begins with the state in these parts; none are the initial state.
    ///
    /// # Errors
    /// If they are none of a snapshot.
    pub fn restore(parts: &[Arc<[u8]>]) -> Result<Self, String> {
        let bytes: Vec<u8> = parts.iter().flat_map(|p| p.iter().copied()).collect();
        if bytes.is_empty() {
            return Ok(Self {
                loaded: true,
                ..Self::default()
            });
        }
        let (head, body) = bytes.split_at_checked(24).ok_or("a snapshot without its head")?;
        let (words, _) = head.as_chunks::<8>();
        let [len, hash, last] = [0, 1, 2].map(|i| u64::from_le_bytes(words[i]));
        Ok(Self {
            state: S::restore(body)?,
            line: Line { len, hash, last },
            loaded: true,
        })
    }
}

/// A change as it is proposed: its number, and what the service makes of it.
#[must_use]
pub fn change(number: u64, body: &[u8]) -> Arc<[u8]> {
    let mut bytes = number.to_le_bytes().to_vec();
    bytes.extend_from_slice(body);
    Arc::from(bytes)
}

/// The number of a change.
#[must_use]
pub fn number(change: &[u8]) -> u64 {
    let head = change.first_chunk::<8>();
    u64::from_le_bytes(*head.expect("a change of a simulated world begins with its number"))
}
