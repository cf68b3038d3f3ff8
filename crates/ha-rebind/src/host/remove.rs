//! Removal: the code of each entity is told, children first, and then all of them go in one entry.

use std::any::Any;
use std::collections::HashSet;
use std::panic::AssertUnwindSafe;

use futures::FutureExt;

use super::{Host, HostError, lock, words};
use crate::names::{EntityId, TaskId};
use crate::propose::{ClientKey, Refusal};
use crate::proposer::{ProposeError, Proposer};

impl Host {
    /// Removes an entity and all below it, and answers the task that tells of it. Those whose type [is managed](crate::EntityType::is_managed) are told before, children first, which
    /// waits for leave to act; then all are removed at once. It goes on if nobody waits for it. If no type below is managed, nothing is
    /// waited for. [`Draft::expunge`](crate::Draft::expunge) removes without telling anybody.
    ///
    /// If it comes to nothing, they are told that they are managed again, but for one whose code has refused.
    ///
    /// # Errors
    /// If there is none, the code of one fails or takes longer than [it may](super::HostSettings::longest_unmanage) (nothing is removed then,
    /// and that one is on fire), or it was not applied, or may be.
    pub async fn remove(&self, key: Option<ClientKey<'_>>, id: &EntityId) -> Result<TaskId, HostError> {
        let key = key.map(|k| (k.key.to_owned(), k.fingerprint));
        let (host, id) = (self.clone(), id.clone());
        let removal = tokio::spawn(async move { host.removal(key, &id).await });
        // It panics only with the runtime.
        let cut = |_| HostError::Proposal(ProposeError::Unknown(None));
        removal.await.map_err(cut)?
    }

    async fn removal(&self, key: Option<(String, [u8; 32])>, id: &EntityId) -> Result<TaskId, HostError> {
        let mut leaving = Leaving::none(self);
        let removed = self.remove_leaving(key, id, &mut leaving).await;
        match &removed {
            Ok(_) => {}
            Err(HostError::Proposal(ProposeError::Unknown(_))) => {
                let host = self.clone();
                tokio::spawn(async move {
                    if let Ok(proposer) = host.proposer().await {
                        host.settled(&proposer).await;
                    }
                    host.stay(leaving);
                });
            }
            Err(_) => self.stay(leaving),
        }
        removed
    }

    async fn remove_leaving(
        &self,
        key: Option<(String, [u8; 32])>,
        id: &EntityId,
        leaving: &mut Leaving,
    ) -> Result<TaskId, HostError> {
        // Who leads has read all that was written before, keys among it.
        self.proposer().await?;
        // Nobody is told for the sake of an answer that is there: the id may be another entity's by now.
        let mut is_answered = key.as_ref().is_some_and(|(key, _)| self.knows(key));
        loop {
            if !std::mem::take(&mut is_answered) {
                self.tell_leaving(id, leaving).await?;
            }
            let mut has_grown = false;
            let key = key.as_ref().map(|(key, fingerprint)| ClientKey {
                key,
                fingerprint: *fingerprint,
            });
            let managed = self.0.types.managed();
            let removed = self.propose_task(key, |draft, _| {
                let mut all = draft.descendants(id).into_iter();
                has_grown = all.any(|e| {
                    draft.entity_type(&e).is_some_and(|t| managed.contains(t)) && !leaving.ids.contains(&e)
                });
                if has_grown {
                    return Err(Refusal::Other("there is more below it by now".into()).into());
                }
                draft.expunge(id)?;
                self.tell_of_removal(draft, id)
            });
            let removed = removed.await;
            if !has_grown {
                return removed;
            }
        }
    }

    fn knows(&self, key: &str) -> bool {
        self.read(|state| state.remembered(key).is_some())
    }

    /// Tells those that have not been told, under one leave to act.
    async fn tell_leaving(&self, id: &EntityId, leaving: &mut Leaving) -> Result<(), HostError> {
        let types = self.0.types.managed();
        let is_to_be_told = |state: &crate::State, e: &EntityId| {
            state.entity_type(e).is_some_and(|t| types.contains(t)) && !leaving.ids.contains(e)
        };
        let all: Vec<_> = self.read(|state| {
            let all = state.descendants(id).into_iter().rev();
            all.filter(|e| is_to_be_told(state, e)).collect()
        });
        if all.is_empty() {
            return Ok(());
        }
        for entity in &all {
            leaving.add(entity)?;
        }
        for entity in &all {
            self.call_off(entity).await;
        }
        let proposer = self.proposer().await?;
        for entity in all {
            match self.tell_one(&proposer, &entity).await {
                Some(Ok(())) => {}
                Some(Err(why)) => {
                    leaving.refused = Some(entity.clone());
                    self.blame(&proposer, &entity, &format!("it cannot be removed: {why}"))
                        .await;
                    return Err(HostError::Removal { entity, why });
                }
                None => return Err(ProposeError::NotApplied(ha_core::Refusal::NotLeader).into()),
            }
        }
        Ok(())
    }

    /// Tells one, again if the leave to act ends before it has done what it must. `None`: leadership was lost.
    async fn tell_one(&self, proposer: &Proposer, id: &EntityId) -> Option<Result<(), String>> {
        let longest = self.0.settings.longest_unmanage;
        loop {
            let permit = proposer.leadership().wait_for_act_permit().await?;
            let Some(Ok(entity)) = self.read(|state| state.entity(id)) else {
                return Some(Ok(()));
            };
            let found = match self.0.types.find(&entity.entity_type) {
                Ok(found) => found,
                Err(unknown) => return Some(Err(unknown.to_string())),
            };
            let told = AssertUnwindSafe(async { found.on_unmanage(&entity, &permit).await }).catch_unwind();
            tokio::select! {
                biased;
                () = permit.gone() => {}
                came = told => {
                    let panicked = |panic: Box<dyn Any + Send>| {
                        Err(format!("its code panicked: {}", words(&*panic)))
                    };
                    return Some(came.unwrap_or_else(panicked));
                }
                () = tokio::time::sleep(longest) => {
                    return Some(Err(format!("it took longer than {longest:?}")));
                }
            }
        }
    }

    /// Those of these that are still there are managed again, but for one that refused to be removed, which is on fire.
    fn stay(&self, leaving: Leaving) {
        let mut told = lock(&self.0.told);
        let stay = leaving
            .ids
            .iter()
            .filter(|id| Some(*id) != leaving.refused.as_ref());
        told.again.extend(stay.cloned());
        drop(told);
        drop(leaving);
        self.0.stayed.notify_one();
    }
}

/// These entities are to be removed for as long as this lives.
struct Leaving {
    host: Host,
    ids: HashSet<EntityId>,
    /// Whose code has refused.
    refused: Option<EntityId>,
}

impl Leaving {
    fn none(host: &Host) -> Self {
        Self {
            host: host.clone(),
            ids: HashSet::new(),
            refused: None,
        }
    }

    fn add(&mut self, id: &EntityId) -> Result<(), HostError> {
        if !lock(&self.host.0.told).leaving.insert(id.clone()) {
            return Err(HostError::BeingRemoved(id.clone()));
        }
        self.ids.insert(id.clone());
        Ok(())
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        let mut told = lock(&self.host.0.told);
        for id in &self.ids {
            told.leaving.remove(id);
        }
    }
}
