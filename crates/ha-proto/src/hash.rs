//! The 256-bit hash that chains entries and names parts: SHA-256.

use core::fmt;

use sha2::{Digest as _, Sha256};

/// A SHA-256 hash.
#[derive(Clone, Copy, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// What the first entry names as its predecessor.
    pub const NONE: Self = Self([0; 32]);

    /// Hashes some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Hashes some pieces, each with its length, so that no two lists of pieces share a hash.
    #[must_use]
    pub fn of_all<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hasher = Sha256::new();
        for piece in pieces {
            hasher.update((piece.len() as u64).to_le_bytes());
            hasher.update(piece);
        }
        Self(hasher.finalize().into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..4].iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

/// Draws write ids from a seed: random to everyone else, and the same again in a replay.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct IdSource {
    seed: [u8; 32],
    drawn: u64,
}

impl IdSource {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self { seed, drawn: 0 }
    }

    pub(crate) fn draw(&mut self) -> [u8; 16] {
        self.drawn += 1;
        let hash = Digest::of_all([&self.seed[..], &self.drawn.to_le_bytes()]);
        let mut id = [0; 16];
        id.copy_from_slice(&hash.0[..16]);
        id
    }
}
