//! Entities under management: the leader tells their code so, once it may act, and for each that is made later.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use ha_core::{ActPermit, Followed};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::{Host, fire, lock, words};
use crate::batch::BatchBytes;
use crate::change::Change;
use crate::entity::Entity;
use crate::json::Json;
use crate::names::EntityId;
use crate::propose::{Draft, Refusal};
use crate::proposer::Proposer;
use crate::state::State;
use crate::types::{Effect, UnknownType};

/// How many entities are told at once.
const AT_ONCE: usize = 64;
/// Who takes longer goes on beside the others, so that they need not wait for it.
const PATIENCE: Duration = Duration::from_secs(5);
/// Under which name the problem of an entity stands whose code failed.
const MANAGEMENT: &str = "management";

/// Entities whose code is being told something.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// That they are managed, and how to call that off.
    joining: HashMap<EntityId, Arc<Notify>>,
    /// That they are to be removed.
    pub(super) leaving: HashSet<EntityId>,
    /// That they are managed again: their removal has come to nothing.
    pub(super) again: HashSet<EntityId>,
}

/// What is to be done about entities.
#[derive(Debug, Default)]
struct Round {
    /// Told, or about to be.
    taken: HashSet<EntityId>,
    waiting: VecDeque<EntityId>,
}

impl Host {
    /// Tells each entity whose type asks for it that it is managed, for as long as this node leads.
    pub(super) async fn manage(&self, proposer: &Proposer) {
        let types = self.0.types.managed();
        if types.is_empty() {
            return;
        }
        // Before the look at the state, so that none is missed.
        let mut follower = self.0.plane.follow();
        let places = Arc::new(Semaphore::new(AT_ONCE));
        let mut round = Round::default();
        lock(&self.0.told).again.clear();
        round.take(self.read(|state| state.entities_of(&types)));
        loop {
            tokio::select! {
                place = places.clone().acquire_owned(), if !round.waiting.is_empty() => {
                    let (Ok(place), Some(id)) = (place, round.waiting.pop_front()) else { return };
                    let (host, proposer) = (self.clone(), proposer.clone());
                    tokio::spawn(async move { host.join(&proposer, &id, place).await });
                }
                event = follower.next() => match event {
                    Some(Followed::Change(change)) => self.read(|state| round.follow(&change.bytes, &types, state)),
                    Some(_) => round.take(self.read(|state| state.entities_of(&types))),
                    None => return,
                },
                () = self.0.stayed.notified() => {
                    let again = std::mem::take(&mut lock(&self.0.told).again);
                    self.read(|state| round.take_again(again, state));
                }
            }
        }
    }

    /// Tells one entity, unless leadership is lost before, or it is being removed.
    async fn join(&self, proposer: &Proposer, id: &EntityId, place: OwnedSemaphorePermit) {
        let mut place = Some(place);
        loop {
            let Some(permit) = proposer.leadership().wait_for_act_permit().await else {
                return;
            };
            let Some(joining) = Joining::begin(self, id) else {
                return;
            };
            let Some(Ok(entity)) = self.read(|state| state.entity(id)) else {
                return;
            };
            let mut told = Box::pin(AssertUnwindSafe(self.tell(&entity, &permit)).catch_unwind());
            let came = loop {
                tokio::select! {
                    biased;
                    () = joining.called_off.notified() => return,
                    () = permit.gone() => break None,
                    came = &mut told => break Some(came),
                    () = tokio::time::sleep(PATIENCE), if place.is_some() => place = None,
                }
            };
            let came = match came {
                Some(Ok(came)) => came,
                Some(Err(panic)) => Err(format!("its code panicked: {}", words(&*panic))),
                // It may be told again if this node may act again.
                None => continue,
            };
            drop(told);
            drop(permit);
            return self.joined(proposer, id, came).await;
        }
    }

    async fn tell(&self, entity: &Entity, permit: &ActPermit) -> Result<Effect, String> {
        let found = self.0.types.find(&entity.entity_type);
        let found = found.map_err(|unknown: UnknownType| unknown.to_string())?;
        found.on_manage(entity, permit).await
    }

    /// Writes down what came of it.
    async fn joined(&self, proposer: &Proposer, id: &EntityId, came: Result<Effect, String>) {
        let what = format!("what became of the management of entity `{id}`");
        let write = |draft: &mut Draft<'_>| settle(draft, id, came.as_ref());
        if let Err(why) = self.insist(proposer, &what, write).await {
            let why = format!("{what} cannot be written down: {why}");
            let write = |draft: &mut Draft<'_>| settle(draft, id, Err(&why));
            if let Err(worse) = self.insist(proposer, &what, write).await {
                tracing::error!(entity = %id, "{why}; nor that this is so: {worse}");
            }
        }
    }

    /// Waits until nobody tells this entity any more that it is managed.
    pub(super) async fn call_off(&self, id: &EntityId) {
        loop {
            let left = self.0.told_ended.notified();
            tokio::pin!(left);
            left.as_mut().enable();
            match lock(&self.0.told).joining.get(id) {
                Some(called_off) => called_off.notify_one(),
                None => return,
            }
            left.await;
        }
    }

    /// Waits until nobody is told any more.
    pub(super) async fn call_all_off(&self) {
        let all: Vec<_> = lock(&self.0.told).joining.keys().cloned().collect();
        for id in all {
            self.call_off(&id).await;
        }
    }

    /// Writes down that the code of an entity has failed.
    pub(super) async fn blame(&self, proposer: &Proposer, id: &EntityId, why: &str) {
        self.joined(proposer, id, Err(why.to_owned())).await;
    }
}

impl Round {
    fn take(&mut self, ids: impl IntoIterator<Item = EntityId>) {
        for id in ids {
            if self.taken.insert(id.clone()) {
                self.waiting.push_back(id);
            }
        }
    }

    /// These were told that they are to be removed, and are still there.
    fn take_again(&mut self, ids: HashSet<EntityId>, state: &State) {
        for id in ids.into_iter().filter(|id| state.contains(id)) {
            self.taken.remove(&id);
            self.take([id]);
        }
    }

    /// What a batch makes and removes.
    fn follow(&mut self, batch: &[u8], types: &BTreeSet<String>, state: &State) {
        let Ok(bytes) = BatchBytes::read(batch) else {
            return;
        };
        let Ok(batch) = bytes.batch() else {
            return;
        };
        for change in &batch.changes {
            match change {
                Change::Create { entity, body, .. } => {
                    // A batch that was void has made nothing.
                    let is_there =
                        Entity::type_in(body).is_some_and(|t| types.contains(t)) && state.contains(entity);
                    if is_there {
                        self.take([entity.clone()]);
                    }
                }
                Change::Remove { entity } => {
                    // One of the same id that comes later is another.
                    self.taken.remove(entity);
                }
                _ => {}
            }
        }
    }
}

fn settle(draft: &mut Draft<'_>, id: &EntityId, came: Result<&Effect, &String>) -> Result<Bytes, Refusal> {
    if !draft.contains(id) {
        return Ok(Bytes::new());
    }
    match came {
        Ok(effect) => {
            fire::put_out(draft, id, MANAGEMENT)?;
            for (sensor, value) in effect.sensors.iter() {
                draft.set_sensor(id, sensor, &Json::read(value))?;
            }
        }
        Err(why) => fire::light(draft, id, MANAGEMENT, why)?,
    }
    Ok(Bytes::new())
}

/// An entity is being told for as long as this lives.
struct Joining {
    host: Host,
    id: EntityId,
    called_off: Arc<Notify>,
}

impl Joining {
    /// `None` if the entity is to be removed.
    fn begin(host: &Host, id: &EntityId) -> Option<Self> {
        let called_off = Arc::new(Notify::new());
        let mut told = lock(&host.0.told);
        if told.leaving.contains(id) {
            return None;
        }
        told.joining.insert(id.clone(), called_off.clone());
        Some(Self {
            host: host.clone(),
            id: id.clone(),
            called_off,
        })
    }
}

impl Drop for Joining {
    fn drop(&mut self) {
        lock(&self.host.0.told).joining.remove(&self.id);
        self.host.0.told_ended.notify_waiters();
    }
}
