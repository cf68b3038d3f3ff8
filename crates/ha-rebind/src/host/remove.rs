//! Removal: the code of each entity is told, children first, and then all of them go in one entry.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use ha_core::ActPermit;

use super::{Host, HostError, lock, words};
use crate::names::{EntityId, TaskId};
use crate::propose::{ClientKey, Refusal};
use crate::proposer::ProposeError;

impl Host {
    /// Removes an entity and all below it, and answers the task that tells of it. Those whose type [is managed](crate::EntityType::is_managed) are told before, children first, which
    /// waits for leave to act; then all are removed at once. It goes on if nobody waits for it. If no type below is managed, nothing is
    /// waited for. [`Draft::expunge`](crate::Draft::expunge) removes without telling anybody.
    ///
    /// # Errors
    /// If there is none, the code of one fails (nothing is removed then, and that one is on fire), or it was not applied, or may be.
    pub async fn remove(&self, key: Option<ClientKey<'_>>, id: &EntityId) -> Result<TaskId, HostError> {
        let key = key.map(|k| (k.key.to_owned(), k.fingerprint));
        let (host, id) = (self.clone(), id.clone());
        let removal = tokio::spawn(async move { host.removal(key, &id).await });
        // It panics only with the runtime.
        let cut = |_| HostError::Proposal(ProposeError::Unknown(None));
        removal.await.map_err(cut)?
    }

    async fn removal(&self, key: Option<(String, [u8; 32])>, id: &EntityId) -> Result<TaskId, HostError> {
        let mut leaving = Leaving(self.clone(), HashSet::new());
        loop {
            self.tell_leaving(id, &mut leaving).await?;
            let mut has_grown = false;
            let key = key.as_ref().map(|(key, fingerprint)| ClientKey {
                key,
                fingerprint: *fingerprint,
            });
            let managed = self.0.types.managed();
            let removed = self.propose_task(key, |draft, _| {
                let mut all = draft.descendants(id).into_iter();
                has_grown = all.any(|e| {
                    draft.entity_type(&e).is_some_and(|t| managed.contains(t)) && !leaving.1.contains(&e)
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

    /// Tells those that have not been told, under one leave to act.
    async fn tell_leaving(&self, id: &EntityId, leaving: &mut Leaving) -> Result<(), HostError> {
        let types = self.0.types.managed();
        let is_to_be_told = |state: &crate::State, e: &EntityId| {
            state.entity_type(e).is_some_and(|t| types.contains(t)) && !leaving.1.contains(e)
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
        let lost = || HostError::Proposal(ProposeError::NotApplied(ha_core::Refusal::NotLeader));
        let permit = proposer.leadership().wait_for_act_permit().await;
        let permit = permit.ok_or_else(lost)?;
        for entity in all {
            if let Err(why) = self.tell_one(&entity, &permit).await {
                drop(permit);
                self.blame(&proposer, &entity, &format!("it cannot be removed: {why}"))
                    .await;
                return Err(HostError::Removal { entity, why });
            }
        }
        Ok(())
    }

    async fn tell_one(&self, id: &EntityId, permit: &ActPermit) -> Result<(), String> {
        let Some(Ok(entity)) = self.read(|state| state.entity(id)) else {
            return Ok(());
        };
        let found = self.0.types.find(&entity.entity_type);
        let found = found.map_err(|unknown| unknown.to_string())?;
        let told = AssertUnwindSafe(async { found.on_unmanage(&entity, permit).await }).catch_unwind();
        tokio::select! {
            biased;
            () = permit.gone() => Err("this node may act no longer: ask again".into()),
            came = told => came.unwrap_or_else(|panic| Err(format!("its code panicked: {}", words(&*panic)))),
        }
    }
}

/// These entities are to be removed for as long as this lives.
struct Leaving(Host, HashSet<EntityId>);

impl Leaving {
    fn add(&mut self, id: &EntityId) -> Result<(), HostError> {
        if !lock(&self.0.0.told).leaving.insert(id.clone()) {
            return Err(HostError::BeingRemoved(id.clone()));
        }
        self.1.insert(id.clone());
        Ok(())
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        let mut told = lock(&self.0.0.told);
        for id in &self.1 {
            told.leaving.remove(id);
        }
    }
}
