//! A state that is to take the place of another and is larger than an entry: it comes in pieces, and is nothing to anybody until all are there.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::packed::unpack;
use super::{LARGEST_PIECES, State};
use crate::level::Unreadable;

/// The pieces of an import that have come.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Pieces {
    /// Which import; 0: none.
    pub(crate) import: u64,
    pub(crate) all: BTreeMap<u32, Bytes>,
    size: usize,
}

impl Pieces {
    /// Takes the next piece. The first one of an import drops what there was of another. `false`: it is not the next, or too much.
    pub(crate) fn take(&mut self, import: u64, at: u32, piece: &[u8]) -> bool {
        if at == 0 {
            *self = Self {
                import,
                ..Self::default()
            };
        }
        let fits = self.expects(import, at) && self.size + piece.len() <= LARGEST_PIECES;
        if fits {
            self.restore(import, at, piece);
        }
        fits
    }

    /// Takes a piece of a snapshot, whose parts may come in any order.
    pub(crate) fn restore(&mut self, import: u64, at: u32, piece: &[u8]) {
        self.import = import;
        self.size += piece.len();
        self.all.insert(at, Bytes::copy_from_slice(piece));
    }

    /// Whether this would be the next piece; and whether so many of an import are there.
    pub(crate) fn expects(&self, import: u64, at: u32) -> bool {
        self.import == import && import != 0 && self.all.len() == at as usize
    }

    /// The state that they make.
    pub(crate) fn unpack(&self, import: u64, count: u32) -> Result<State, Unreadable> {
        if !self.expects(import, count) {
            return Err(Unreadable::Damaged("the pieces of its state are not there"));
        }
        let packed: Vec<_> = self.all.values().cloned().collect();
        unpack(&packed.concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_in_their_order_and_only_of_one_import() {
        let mut pieces = Pieces::default();
        assert!(!pieces.take(7, 1, b"b"), "not without the first");
        assert!(pieces.take(7, 0, b"a") && pieces.take(7, 1, b"b"));
        assert!(!pieces.take(7, 1, b"b") && !pieces.take(7, 3, b"d") && !pieces.take(8, 2, b"c"));
        assert!(pieces.expects(7, 2) && !pieces.expects(7, 1) && !pieces.expects(8, 2));
        for (import, count) in [(7, 1), (7, 3), (8, 2)] {
            let why = pieces.unpack(import, count).unwrap_err();
            assert_eq!(why, Unreadable::Damaged("the pieces of its state are not there"));
        }
        assert!(pieces.take(8, 0, b"x"), "another begins");
        assert_eq!(pieces.all.values().collect::<Vec<_>>(), ["x"]);
        assert!(!Pieces::default().expects(0, 0), "none is none");
    }

    #[test]
    fn there_are_never_more_than_there_may_be() {
        let mut pieces = Pieces::default();
        let half = vec![0; LARGEST_PIECES / 2];
        assert!(pieces.take(1, 0, &half) && pieces.take(1, 1, &half));
        assert!(!pieces.take(1, 2, b"x"));
    }
}
