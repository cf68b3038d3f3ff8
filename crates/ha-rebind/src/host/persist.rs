//! The state as an archive, and an archive as the state.

use std::io::{self, Write};

use bytes::Bytes;
use ha_core::ReadError;

use super::Host;
use super::judge::Judgement;
use super::pieces::AROUND;
use crate::archive::{self, About, ArchiveError};
use crate::names::TaskId;
use crate::propose::{ClientKey, Draft, Refusal};
use crate::proposer::ProposeError;
use crate::replacement::Replacement;
use crate::state::{LARGEST_PIECES, State, Unfit};

/// The state after some prefix of the journal, to be written as an archive.
#[derive(Debug)]
pub struct Export {
    state: State,
    about: About,
}

/// Why there is nothing to export.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// This node does not have the state.
    #[error("this node does not have the state: ask a hot standby or the master")]
    NotHot,
    /// It could not read all of the journal.
    #[error("this node cannot read the plane's state, which is {0}: ask another node")]
    Unreadable(crate::Unreadable),
    /// That the state is current was not proven.
    #[error(transparent)]
    Read(ReadError),
}

/// Why an archive was not imported.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// It cannot be used.
    #[error("the archive cannot be imported: {0}")]
    Archive(#[from] ArchiveError),
    /// What it holds cannot be this plane's state.
    #[error("the state of the archive cannot be imported: {0}")]
    Unfit(#[from] Unfit),
    /// It is larger than an import may be.
    #[error(
        "the state of the archive takes {bytes} bytes when it is packed, and an import may take {most}: copy the plane with `ha-server copy-state` instead"
    )]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// What it may be.
        most: usize,
    },
    /// It was not applied, or may be.
    #[error(transparent)]
    Proposal(#[from] ProposeError),
}

impl Host {
    /// The state here; if it has to be `current`, then it holds all that was acknowledged, by any node, before this was asked.
    ///
    /// # Errors
    /// If this node does not have the state, or that it is current is not proven in time.
    pub async fn export(&self, current: bool) -> Result<Export, ExportError> {
        if current {
            self.0.plane.read().await.map_err(|why| match why {
                ReadError::NotHot => ExportError::NotHot,
                why => ExportError::Read(why),
            })?;
        }
        let status = self.0.plane.status();
        if !status.role.is_hot() || !status.startup_complete || status.awaiting_rebind {
            return Err(ExportError::NotHot);
        }
        let about = About {
            plane: status.plane_id.map(|plane| plane.0),
            node: status.own_id.into(),
            exported_ms: self.now_ms(),
        };
        // What is stored is shared and not copied.
        let state = self.read(State::clone);
        match state.unreadable() {
            Some(why) => Err(ExportError::Unreadable(why)),
            None => Ok(Export { state, about }),
        }
    }

    /// Puts the state of an archive in the place of all that this plane has, by one entry of the journal: every node has all of it or nothing. One
    /// that is larger than an entry comes in pieces before that, if the plane's level allows it.
    /// What was acknowledged before is no more. Tasks that had not ended are begun again if they are idempotent; of the others nobody knows
    /// what they have done since the export, so that they end as interrupted and their entities are on fire.
    ///
    /// # Errors
    /// If the archive cannot be used, is too large, or it was not applied, or may be.
    pub async fn import(&self, key: Option<ClientKey<'_>>, archive: Bytes) -> Result<(), ImportError> {
        let proposer = self.proposer().await?;
        let (level, at_ms) = (self.read(State::level), self.now_ms());
        let prepared = tokio::task::spawn_blocking(move || {
            let (about, state) = archive::read(&archive)?;
            let unended: Vec<_> = state.unended_tasks().cloned().collect();
            let take_over =
                |draft: &mut Draft<'_>| unended.iter().try_for_each(|task| take_over(draft, task, at_ms));
            let replacement = Replacement::with(state, level, take_over)?;
            Ok::<_, ImportError>((about, replacement))
        });
        let (about, replacement) = prepared.await.expect("reading an archive does not panic")?;
        let bytes = replacement.size();
        if bytes > LARGEST_PIECES {
            return Err(ImportError::TooLarge {
                bytes,
                most: LARGEST_PIECES,
            });
        }
        // Room for what stands around it, and the key.
        let piece = self.0.plane.largest_change().saturating_sub(AROUND).max(AROUND);
        if bytes <= piece {
            let replace = |draft: &mut Draft<'_>| {
                draft.replace(&replacement);
                Ok(Bytes::new())
            };
            proposer.propose(key, replace).await?;
        } else {
            self.import_in_pieces(&proposer, key, &replacement, piece).await?;
        }
        let (entities, from) = (replacement.state().entity_count(), &about.node);
        tracing::warn!(entities, bytes, node = %from, exported_ms = about.exported_ms, "the state was replaced by an archive");
        Ok(())
    }
}

/// What becomes of a task that had not ended when its state was exported.
fn take_over(draft: &mut Draft<'_>, id: &TaskId, at_ms: u64) -> Result<(), Refusal> {
    let mut task = draft.task(id)?;
    if task.call.as_ref().is_some_and(|call| call.is_idempotent) {
        // By whom it was begun says nothing in this plane, whose epochs are others.
        task.started = None;
        draft.put_task(&task);
        return Ok(());
    }
    let entity = task.entity.filter(|e| draft.entity(e).is_ok());
    Judgement::imported(entity).write(draft, id, at_ms).map(drop)
}

impl Export {
    /// The name of its file.
    #[must_use]
    pub fn file_name(&self) -> String {
        self.about.file_name()
    }

    /// Writes it, one part after the other. Takes a while, and blocks if `out` does.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, out: impl Write) -> io::Result<()> {
        archive::write(&self.state, &self.about, out)
    }
}
