//! Writing, for who leads: a proposal is evaluated, joins the journal, and is answered when it is durable.

use bytes::Bytes;
use ha_core::{Append, Leadership, Plane, Resolution, Seq, UnknownWrite};
use tokio::sync::watch;

use crate::managed::{Fate, Managed};
use crate::propose::{ClientKey, Draft, Evaluated, Refusal};

/// Writes what a plane manages, in one epoch. Clones write in turn.
#[derive(Clone, Debug)]
pub struct Proposer {
    plane: Plane,
    leadership: Leadership,
    managed: Managed,
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

impl Proposer {
    /// Begins to write under a leadership: waits until all of the epochs before has been applied here.
    ///
    /// # Errors
    /// If the node stops.
    pub async fn begin(
        plane: &Plane,
        leadership: Leadership,
        managed: &Managed,
    ) -> Result<Self, ha_core::Refusal> {
        plane.applied(Seq(0)).await.ok_or(ha_core::Refusal::Stopped)?;
        managed.lead(leadership.epoch());
        Ok(Self {
            plane: plane.clone(),
            leadership,
            managed: managed.clone(),
        })
    }

    /// The leadership under which it writes.
    #[must_use]
    pub fn leadership(&self) -> &Leadership {
        &self.leadership
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
        let epoch = self.leadership.epoch();
        let proposed = self.managed.with_leading(epoch, |leading, state| {
            match leading.staging.evaluate(state, key, evaluate) {
                Evaluated::Staged {
                    number,
                    batch,
                    answer,
                } => {
                    let fate = leading.expect(number);
                    // Sent while nobody else can evaluate: the journal has them in this order.
                    let append = self.leadership.begin_append(&batch);
                    tokio::spawn(self.clone().settle(number, append));
                    (Ok(answer), Some(fate))
                }
                Evaluated::Read { saw, answer } => (answer, saw.and_then(|number| leading.fate_of(number))),
            }
        });
        let (answer, fate) = proposed.ok_or(ProposeError::NotApplied(ha_core::Refusal::Fenced))?;
        if let Some(fate) = fate {
            decided(fate).await?;
        }
        Ok(answer?)
    }

    /// Waits for the end of an append, and tells those who wait for it.
    async fn settle(self, number: u64, append: impl Future<Output = Append>) {
        let why = match append.await {
            Append::Unknown(write) => return self.unknown(number, write),
            Append::Fenced(why) => why,
            Append::Committed(seq) => {
                // When it is in the state it is done. If it is not among the done then, it was void.
                self.plane.applied(seq).await;
                ha_core::Refusal::Store("a write before it was lost".into())
            }
        };
        self.lost(number, &why);
    }

    fn unknown(&self, number: u64, write: UnknownWrite) {
        // If the epoch is over, they have been told by its end.
        let _ = self.managed.with_leading(self.leadership.epoch(), |leading, _| {
            leading.unknown(number, write)
        });
    }

    /// Does nothing if the batch is done.
    fn lost(&self, number: u64, why: &ha_core::Refusal) {
        let epoch = self.leadership.epoch();
        let _ = self.managed.with_leading(epoch, |leading, state| {
            if leading.fate_of(number).is_some() {
                leading.lost(state, number, why);
            }
        });
    }

    /// Asks what became of the writes of which that is not known, so that nothing is evaluated upon what will never be.
    async fn settle_unknown(&self) {
        let epoch = self.leadership.epoch();
        let unknown = self
            .managed
            .with_leading(epoch, |leading, _| leading.all_unknown());
        for (number, write) in unknown.unwrap_or_default() {
            if self.plane.resolve(write).await == Resolution::NotApplied {
                self.lost(
                    number,
                    &ha_core::Refusal::Store("it was not answered in time, and was not applied".into()),
                );
            }
        }
    }
}

async fn decided(mut fate: watch::Receiver<Fate>) -> Result<(), ProposeError> {
    let decided = fate
        .wait_for(|fate| !matches!(fate, Fate::Pending))
        .await
        .map(|fate| fate.clone());
    match decided {
        Ok(Fate::Done) => Ok(()),
        Ok(Fate::Lost(why)) => Err(ProposeError::NotApplied(why)),
        Ok(Fate::Unknown(write)) => Err(ProposeError::Unknown(Some(write))),
        // The epoch is over, or the state was loaded again.
        Ok(Fate::Pending) | Err(_) => Err(ProposeError::Unknown(None)),
    }
}
