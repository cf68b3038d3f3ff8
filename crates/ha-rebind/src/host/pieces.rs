//! An import of more than an entry holds: pieces that are nothing to anybody, and one entry that puts them in place.

use bytes::Bytes;

use super::{Host, lock};
use crate::propose::{ClientKey, Draft, Refusal};
use crate::proposer::{ProposeError, Proposer};
use crate::replacement::Replacement;

impl Host {
    /// One piece in an entry, and when all are durable one entry that puts them in place.
    pub(super) async fn import_in_pieces(
        &self,
        proposer: &Proposer,
        key: Option<ClientKey<'_>>,
        replacement: &Replacement,
        size: usize,
    ) -> Result<(), ProposeError> {
        let import = lock(&self.0.ids).import();
        let pieces = replacement.pieces(size);
        let count = u32::try_from(pieces.len()).expect("pieces of nothing are none");
        let put = async {
            for (at, piece) in (0..).zip(pieces) {
                tracing::info!("import: piece {} of {count}", at + 1);
                self.put_piece(proposer, import, at, piece).await?;
            }
            let replace = |draft: &mut Draft<'_>| {
                let replaced = draft.replace_by_pieces(replacement, import, count);
                replaced.map(|()| Bytes::new())
            };
            proposer.propose(key, replace).await
        };
        let outcome = put.await.map(drop);
        // Whatever is left of it. If that cannot be written, it is done by whoever leads, a while later.
        let _ = proposer.propose(None, dropped(import)).await;
        outcome
    }

    async fn put_piece(
        &self,
        proposer: &Proposer,
        import: u64,
        at: u32,
        piece: &[u8],
    ) -> Result<(), ProposeError> {
        let put = |draft: &mut Draft<'_>| draft.put_piece(import, at, piece).map(|()| Bytes::new());
        let mut tries = 0;
        loop {
            tries += 1;
            let why = match proposer.propose(None, put).await {
                Ok(_) => return Ok(()),
                Err(why @ ProposeError::Refused(_)) => return Err(why),
                Err(why) => why,
            };
            tracing::warn!("import: piece {} is not durable yet: {}", at + 1, why.whole());
            let pause = self.0.settings.longest_import_pause;
            let is_settled = tokio::time::timeout(pause, self.settled(proposer)).await.is_ok();
            if self.read(|state| state.pieces.expects(import, at + 1)) {
                return Ok(());
            }
            if !is_settled || tries == TRIES || !proposer.leadership().is_held() {
                // Whatever became of the piece: nothing has been replaced.
                return Err(ProposeError::NotApplied(match why {
                    ProposeError::NotApplied(why) => why,
                    _ => ha_core::Refusal::Store("a piece of the import was not written in time".into()),
                }));
            }
        }
    }

    /// Drops the pieces of an import that nobody goes on with, for as long as this node leads.
    pub(super) async fn drop_pieces(&self, proposer: &Proposer) {
        let mut before = (0, 0);
        loop {
            tokio::time::sleep(self.0.settings.longest_import_pause).await;
            let now = self.read(|state| (state.pieces.import, state.pieces.all.len()));
            if now.0 != 0 && now == before {
                tracing::warn!("an import that came to nothing is forgotten");
                // If it cannot be written, it is tried again.
                let _ = proposer.propose(None, dropped(now.0)).await;
            }
            before = now;
        }
    }
}

/// What stands around a piece of a state in an entry, at most.
pub(super) const AROUND: usize = 1 << 10;

/// How often a piece is written before the import is given up.
const TRIES: usize = 3;

fn dropped(import: u64) -> impl Fn(&mut Draft<'_>) -> Result<Bytes, Refusal> {
    move |draft| {
        draft.drop_pieces(import);
        Ok(Bytes::new())
    }
}
