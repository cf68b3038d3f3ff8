//! Writing, for who leads: a proposal is evaluated, joins the journal, and is answered when it is durable.

use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use ha_core::{Append, Epoch, Leadership, Plane, Resolution, Seq, UnknownWrite};
use tokio::runtime::Handle;

use crate::fates::{Fate, Told};
use crate::managed::Managed;
use crate::propose::{ClientKey, Draft, Evaluated, Refusal};

/// Writes what a plane manages, in one epoch. Clones write in turn.
#[derive(Clone, Debug)]
pub struct Proposer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    plane: Plane,
    leadership: Leadership,
    managed: Managed,
    /// Where the node's own tasks run.
    runtime: Handle,
}

/// Why a proposal is not durable.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProposeError {
    /// It does not fit the state, which is durable.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It was certainly not applied.
    #[error("the proposal was certainly not applied")]
    NotApplied(#[source] ha_core::Refusal),
    /// It may be applied. Who sends it again uses the same key.
    #[error(
        "it is not known whether the proposal was applied: send it again with the same key, or read the state"
    )]
    Unknown(Option<UnknownWrite>),
}

impl ProposeError {
    /// With its causes, for the log: nobody can ask that for them.
    pub(crate) fn whole(&self) -> String {
        let mut words = self.to_string();
        let mut cause = self.source();
        while let Some(because) = cause {
            words = format!("{words}: {because}");
            cause = because.source();
        }
        words
    }
}

impl Proposer {
    /// Begins to write under a leadership: waits until all of the epochs before has been applied here.
    ///
    /// # Errors
    /// If the node stops.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn begin(
        plane: &Plane,
        leadership: Leadership,
        managed: &Managed,
    ) -> Result<Self, ha_core::Refusal> {
        plane.applied(Seq(0)).await.ok_or(ha_core::Refusal::Stopped)?;
        managed.lead(leadership.epoch());
        Ok(Self(Arc::new(Inner {
            plane: plane.clone(),
            leadership,
            managed: managed.clone(),
            runtime: Handle::current(),
        })))
    }

    /// The leadership under which it writes.
    #[must_use]
    pub fn leadership(&self) -> &Leadership {
        &self.0.leadership
    }

    /// Evaluates a proposal upon all that is durable and under way, and answers when it is durable and in the state here. It goes on if nobody
    /// waits for it.
    ///
    /// # Errors
    /// If it is refused, was not applied, or may be.
    pub async fn propose(
        &self,
        key: Option<ClientKey<'_>>,
        evaluate: impl FnOnce(&mut Draft<'_>) -> Result<Bytes, Refusal>,
    ) -> Result<Bytes, ProposeError> {
        self.settle_unknown().await;
        let proposed = self.0.managed.with_leading(self.epoch(), |leading, state| {
            match leading.staging.evaluate(state, key, evaluate) {
                Evaluated::Staged {
                    number,
                    batch,
                    answer,
                } => {
                    let told = leading.fates.expect(number);
                    let this = self.clone();
                    // Sent while nobody else can evaluate: the journal has them in this order.
                    let then = move |append| this.appended(number, append);
                    self.0.leadership.append_then(&batch, then);
                    (Ok(answer), Some(told))
                }
                Evaluated::Read { saw, answer } => (answer, saw.and_then(|number| leading.fates.of(number))),
            }
        });
        let (answer, told) = proposed.ok_or(ProposeError::NotApplied(ha_core::Refusal::Fenced))?;
        if let Some(told) = told {
            decided(told).await?;
        }
        Ok(answer?)
    }

    fn epoch(&self) -> Epoch {
        self.0.leadership.epoch()
    }

    /// What became of an append. Who waits for one that is durable is told when it is in the state.
    fn appended(self, number: u64, append: Append) {
        if matches!(append, Append::Committed(_)) {
            return;
        }
        // Who tells of it waits for nothing, and what is evaluated meanwhile is held.
        let runtime = self.0.runtime.clone();
        runtime.spawn(async move {
            match append {
                Append::Committed(_) => {}
                Append::Fenced(why) => self.lost(number, &why),
                Append::Unknown(write) => self.unknown(number, write),
            }
        });
    }

    // If the epoch is over, they have been told by its end.
    fn unknown(&self, number: u64, write: UnknownWrite) {
        let _ = self
            .0
            .managed
            .with_leading(self.epoch(), |leading, _| leading.fates.unknown(number, write));
    }

    /// Does nothing if the batch is done.
    fn lost(&self, number: u64, why: &ha_core::Refusal) {
        let _ = self.0.managed.with_leading(self.epoch(), |leading, state| {
            leading.lost(state, number, why);
        });
    }

    /// Asks what became of the writes of which that is not known, so that nothing is evaluated upon what will never be.
    async fn settle_unknown(&self) {
        let unknown = self.0.managed.all_unknown(self.epoch());
        for (number, write) in unknown {
            if self.0.plane.resolve(write).await == Resolution::NotApplied {
                let why = "it was not answered in time, and was not applied";
                // And with it all that was evaluated upon it.
                return self.lost(number, &ha_core::Refusal::Store(why.into()));
            }
        }
    }
}

async fn decided(told: Told) -> Result<(), ProposeError> {
    match told.await {
        Ok(Fate::Done) => Ok(()),
        Ok(Fate::Lost(why)) => Err(ProposeError::NotApplied(why)),
        Ok(Fate::Unknown(write)) => Err(ProposeError::Unknown(Some(write))),
        // The epoch is over, or the state was loaded again.
        Err(_) => Err(ProposeError::Unknown(None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_told_why_something_was_not_applied() {
        let why = ProposeError::NotApplied(ha_core::Refusal::Store("no space left".into())).whole();
        assert!(
            why.starts_with("the proposal was certainly not applied: "),
            "{why}"
        );
        assert!(why.contains("no space left"), "{why}");
    }
}
