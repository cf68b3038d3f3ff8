//! Proposals that put a state in the place of another.

use super::draft::Draft;
use super::refusal::Refusal;
use crate::change::Change;
use crate::codec;
use crate::level::Level;
use crate::replacement::Replacement;
use crate::state::tables::Look;

impl Draft<'_> {
    /// Puts a state in the place of all that there is, what this proposal has made before included.
    pub fn replace(&mut self, replacement: &Replacement) {
        let packed = replacement.packed();
        self.put_in_place(replacement, &Change::Replace { packed });
    }

    fn put_in_place(&mut self, replacement: &Replacement, by: &Change<'_>) {
        self.tables.put_ground(replacement.state());
        self.changes.clear();
        codec::encode_into(&mut self.changes, by);
        self.count = 1;
    }

    /// Puts the next piece of a [`Replacement`] that is larger than an entry; it is nothing to anybody before
    /// [`replace_by_pieces`](Self::replace_by_pieces). The one before must be durable.
    ///
    /// # Errors
    /// If the plane's level is too low, or the piece is not the next of this import.
    pub fn put_piece(&mut self, import: u64, at: u32, piece: &[u8]) -> Result<(), Refusal> {
        let (now, asked) = (self.tables.level(), Level::IMPORTS_IN_PIECES);
        if now < asked {
            return Err(Refusal::LevelTooLow { now, asked });
        }
        if at > 0 && !self.expects(import, at) {
            return Err(Refusal::OtherImport);
        }
        self.make(&Change::PutPiece { import, at, piece });
        Ok(())
    }

    /// The same as [`replace`](Self::replace) when all pieces of it are durable.
    ///
    /// # Errors
    /// If they are not there.
    pub fn replace_by_pieces(
        &mut self,
        replacement: &Replacement,
        import: u64,
        count: u32,
    ) -> Result<(), Refusal> {
        if !self.expects(import, count) {
            return Err(Refusal::OtherImport);
        }
        self.put_in_place(replacement, &Change::ReplaceByPieces { import, count });
        Ok(())
    }

    /// Drops the pieces of an import that was given up.
    pub(crate) fn drop_pieces(&mut self, import: u64) {
        let pieces = self.tables.pieces();
        if pieces.is_some_and(|pieces| pieces.import == import) {
            self.make(&Change::DropPieces);
        }
    }

    /// Whether this would be the next piece, or so many are there, and nothing before this proposal will change that: an entry that replaces a
    /// state by pieces that are not there is one that no node could read.
    fn expects(&self, import: u64, at: u32) -> bool {
        let pieces = self.tables.pieces();
        pieces.is_some_and(|pieces| pieces.expects(import, at))
    }
}
