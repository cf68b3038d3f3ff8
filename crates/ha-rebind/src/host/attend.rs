//! Adjuncts at work: the leader asks enrichers and policies when something has changed, once a period, and writes all that they say in one
//! batch, together with what feeds have brought in.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use ha_core::Followed;
use serde_json::json;
use tokio::time::Instant;

use super::feeds::{Feeds, finding};
use super::{Host, lock, words};
use crate::adjuncts::{Decision, Derived, Sight, roll_up};
use crate::batch::BatchBytes;
use crate::change::Change;
use crate::entity::{AdjunctKind, SERVICE_IS_UP};
use crate::json::Json;
use crate::names::{AdjunctId, EntityId};
use crate::propose::{Draft, Refusal};
use crate::proposer::Proposer;
use crate::state::State;
use crate::types::EntityTypes;
use crate::values::Values;

/// How many entities are asked about while nothing is applied.
const AT_ONCE: usize = 1_000;
/// The highlight that says why an adjunct has failed.
const ERROR: &str = "error";

/// Whose adjuncts are to be asked.
#[derive(Debug, Default)]
struct Due {
    /// Entities with adjuncts, and applications, with the producers that they look at.
    owners: HashMap<EntityId, Vec<EntityId>>,
    watchers: HashMap<EntityId, HashSet<EntityId>>,
    now: BTreeSet<EntityId>,
    /// Whose feeds may have changed.
    feeds: BTreeSet<EntityId>,
}

/// What an adjunct says that is not so yet.
#[derive(Debug, Default)]
pub(super) struct Finding {
    /// Which; `None`: it is built into its entity.
    pub(super) adjunct: Option<AdjunctId>,
    pub(super) sensors: Derived,
    pub(super) decision: Decision,
}

/// What the adjuncts of entities say.
type Findings = HashMap<EntityId, Vec<Finding>>;

impl Host {
    /// Keeps adjuncts at work for as long as this node leads.
    pub(super) async fn attend(&self, proposer: &Proposer) {
        let types = &self.0.types;
        let mut follower = self.0.plane.follow();
        let mut due = Due::default();
        let mut feeds = Feeds::default();
        // What feeds saw when this node led before is old.
        drop(self.take_brought());
        self.read(|state| due.begin(state, types));
        let mut next = Instant::now();
        loop {
            while due.is_none() && !self.has_brought() || Instant::now() < next {
                let has_work = !due.is_none() || self.has_brought();
                tokio::select! {
                    event = follower.next() => match event {
                        Some(Followed::Change(change)) => self.read(|state| due.follow(&change.bytes, state, types)),
                        Some(_) => self.read(|state| due.begin(state, types)),
                        None => return,
                    },
                    () = self.0.arrived.notified(), if !has_work => {}
                    () = tokio::time::sleep_until(next), if has_work => {}
                }
            }
            next = Instant::now() + self.0.settings.persist_period;
            let Some(permit) = proposer.leadership().wait_for_act_permit().await else {
                return;
            };
            for owner in std::mem::take(&mut due.feeds) {
                feeds.follow(self, proposer, &owner);
            }
            let asked = std::mem::take(&mut due.now);
            let mut findings = self.ask(&asked).await;
            let brought = self.take_brought();
            for (place, came) in &brought {
                findings
                    .entry(place.0.clone())
                    .or_default()
                    .push(finding(&place.1, came));
            }
            drop(permit);
            if !self.write_findings(proposer, &findings).await {
                due.now.extend(asked);
                self.bring_again(brought);
                self.settled(proposer).await;
            }
        }
    }

    /// Asks the adjuncts of these.
    async fn ask(&self, owners: &BTreeSet<EntityId>) -> Findings {
        let owners: Vec<_> = owners.iter().collect();
        let mut all = HashMap::new();
        for some in owners.chunks(AT_ONCE) {
            self.read(|state| {
                let found = some.iter().filter_map(|owner| self.ask_one(state, owner));
                all.extend(found);
            });
            tokio::task::yield_now().await;
        }
        all
    }

    fn ask_one(&self, state: &State, owner: &EntityId) -> Option<(EntityId, Vec<Finding>)> {
        let entity = state.entity(owner)?.ok()?;
        let mut findings = Vec::new();
        if let Some(is_up) = roll_up::is_up(state, &entity) {
            findings.push(Finding {
                sensors: vec![(SERVICE_IS_UP.into(), Some(is_up))],
                ..Finding::default()
            });
        }
        for adjunct in entity.adjuncts.iter().filter(|a| a.is_running) {
            if adjunct.kind == AdjunctKind::Feed {
                continue;
            }
            let sight = Sight {
                state,
                types: &self.0.types,
                entity: &entity,
                adjunct,
                now_ms: self.now_ms(),
            };
            let said = catch_unwind(AssertUnwindSafe(|| self.said(&sight)));
            let said = said.unwrap_or_else(|panic| Err(format!("its code panicked: {}", words(&*panic))));
            let (sensors, mut decision) = said.unwrap_or_else(|why| (Vec::new(), failure(&why)));
            recovered(&mut decision);
            decision.drop_known(&adjunct.highlights);
            findings.push(Finding {
                adjunct: Some(adjunct.id.clone()),
                sensors,
                decision,
            });
        }
        for finding in &mut findings {
            finding
                .sensors
                .retain(|(name, value)| entity.sensors.get(name) != *value);
        }
        findings.retain(|f| !f.sensors.is_empty() || f.decision != Decision::default());
        (!findings.is_empty()).then(|| (owner.clone(), findings))
    }

    fn said(&self, sight: &Sight<'_>) -> Result<(Derived, Decision), String> {
        let (types, name) = (&self.0.settings.adjuncts, &sight.adjunct.adjunct_type);
        match sight.adjunct.kind {
            AdjunctKind::Enricher => Ok((types.find_enricher(name)?.derive(sight)?, Decision::default())),
            AdjunctKind::Policy => Ok((Vec::new(), types.find_policy(name)?.decide(sight)?)),
            AdjunctKind::Feed => Ok((Vec::new(), Decision::default())),
        }
    }

    /// All in one batch; if that cannot be, each entity's alone. `false`: they are to be asked again.
    async fn write_findings(&self, proposer: &Proposer, findings: &Findings) -> bool {
        if findings.is_empty() {
            return true;
        }
        let write = |draft: &mut Draft<'_>| {
            let mut each = findings.iter();
            each.try_for_each(|(owner, found)| self.write_one(draft, owner, found))?;
            Ok(Bytes::new())
        };
        let Err(why) = proposer.propose(None, write).await else {
            return true;
        };
        tracing::warn!("what adjuncts say is not durable: {}", why.whole());
        if !is_for_good(&why) {
            return false;
        }
        let mut is_written = true;
        for (owner, found) in findings {
            let write = |draft: &mut Draft<'_>| self.write_one(draft, owner, found).map(|()| Bytes::new());
            if let Err(why) = proposer.propose(None, write).await {
                tracing::error!(entity = %owner, "what its adjuncts say cannot be written down: {}", why.whole());
                is_written &= is_for_good(&why);
            }
        }
        is_written
    }

    /// What was paused or removed meanwhile says nothing.
    fn write_one(&self, draft: &mut Draft<'_>, owner: &EntityId, found: &[Finding]) -> Result<(), Refusal> {
        for finding in found {
            let Ok(entity) = draft.entity(owner) else {
                return Ok(());
            };
            let id = finding.adjunct.as_ref();
            if id.is_some_and(|id| entity.adjunct(id).is_none_or(|a| !a.is_running)) {
                continue;
            }
            for (sensor, value) in &finding.sensors {
                match value {
                    Some(value) => draft.set_sensor(owner, sensor, value)?,
                    None => draft.remove_sensor(owner, sensor)?,
                }
            }
            let called = self.call(draft, &finding.decision)?;
            let decision = called.as_ref().err().unwrap_or(&finding.decision);
            draft.edit(owner, |entity| {
                if let Some(adjunct) = entity.adjuncts.iter_mut().find(|a| Some(&a.id) == id) {
                    highlight(&mut adjunct.highlights, decision);
                }
            })?;
        }
        Ok(())
    }

    /// Accepts the tasks that a policy asks for. The error is what it says in place of what it decided.
    fn call(&self, draft: &mut Draft<'_>, decision: &Decision) -> Result<Result<(), Decision>, Refusal> {
        let mut tasks = Vec::new();
        for call in &decision.calls {
            let id = lock(&self.0.ids).task();
            let task = match draft.entity(&call.entity) {
                Ok(entity) => self
                    .task_of(id, &entity, call, self.now_ms())
                    .map_err(|why| why.to_string()),
                Err(why) => Err(why.to_string()),
            };
            match task {
                Ok(task) => tasks.push(task),
                Err(why) => return Ok(Err(failure(&why))),
            }
        }
        tasks.iter().try_for_each(|task| draft.accept_task(task))?;
        Ok(Ok(()))
    }
}

impl Due {
    fn is_none(&self) -> bool {
        self.now.is_empty() && self.feeds.is_empty()
    }

    /// Everything may have changed.
    fn begin(&mut self, state: &State, types: &EntityTypes) {
        self.feeds.extend(self.owners.keys().cloned());
        self.owners.clear();
        self.watchers.clear();
        for id in state.owners() {
            self.look_at(state, types, &id);
        }
    }

    /// An entity is there, or has another body, or is no more.
    fn look_at(&mut self, state: &State, types: &EntityTypes, id: &EntityId) {
        let before = self.owners.remove(id);
        // It may have had a feed.
        self.feeds.extend(before.as_ref().map(|_| id.clone()));
        for producer in before.unwrap_or_default() {
            if let Some(watchers) = self.watchers.get_mut(&producer) {
                watchers.remove(id);
                if watchers.is_empty() {
                    self.watchers.remove(&producer);
                }
            }
        }
        if !state.is_owner(id) {
            return;
        }
        let Some(Ok(entity)) = state.entity(id) else {
            return;
        };
        if entity.adjuncts.iter().any(|a| a.kind == AdjunctKind::Feed) {
            self.feeds.insert(id.clone());
        }
        let producer = |adjunct| {
            let sight = Sight {
                state,
                types,
                entity: &entity,
                adjunct,
                now_ms: 0,
            };
            sight.producer()
        };
        let producers: Vec<_> = entity.adjuncts.iter().map(producer).filter(|p| p != id).collect();
        for producer in &producers {
            self.watchers
                .entry(producer.clone())
                .or_default()
                .insert(id.clone());
        }
        self.owners.insert(id.clone(), producers);
        self.now.insert(id.clone());
    }

    /// A sensor of an entity has changed.
    fn touch(&mut self, state: &State, id: &EntityId) {
        let parent = state.parent(id).filter(|p| self.owners.contains_key(*p));
        let itself = self.owners.contains_key(id).then_some(id);
        let watchers = self.watchers.get(id).into_iter().flatten();
        self.now
            .extend(parent.into_iter().chain(itself).chain(watchers).cloned());
    }

    fn follow(&mut self, batch: &[u8], state: &State, types: &EntityTypes) {
        let Ok(bytes) = BatchBytes::read(batch) else {
            return;
        };
        let Ok(batch) = bytes.batch() else {
            return;
        };
        let mut has_removed = false;
        for change in &batch.changes {
            match change {
                Change::SetSensor { entity, .. } | Change::RemoveSensor { entity, .. } => {
                    self.touch(state, entity);
                }
                Change::Create { entity, .. } | Change::SetBody { entity, .. } => {
                    self.look_at(state, types, entity);
                    self.touch(state, entity);
                }
                Change::Remove { entity } => {
                    self.look_at(state, types, entity);
                    has_removed = true;
                }
                _ => {}
            }
        }
        if has_removed {
            // Whose children they were is not known any more.
            self.now.extend(self.owners.keys().cloned());
        }
    }
}

impl Decision {
    /// Leaves out highlights that are so already.
    fn drop_known(&mut self, known: &Values) {
        self.highlights.retain(|(name, value)| known.get(name) != *value);
    }
}

fn highlight(highlights: &mut Values, decision: &Decision) {
    for (name, value) in &decision.highlights {
        match value {
            Some(value) => highlights.set(name, value),
            None => highlights.remove(name),
        };
    }
}

/// What an adjunct says that has failed.
pub(super) fn failure(why: &str) -> Decision {
    let why: String = why.chars().take(1_000).collect();
    Decision {
        calls: Vec::new(),
        highlights: vec![(ERROR.into(), Some(Json::from(&json!({ "description": why }))))],
    }
}

/// One that has not failed now says so.
pub(super) fn recovered(decision: &mut Decision) {
    if decision.highlights.iter().all(|(name, _)| name != ERROR) {
        decision.highlights.push((ERROR.into(), None));
    }
}

fn is_for_good(why: &crate::ProposeError) -> bool {
    matches!(
        why,
        crate::ProposeError::Refused(_) | crate::ProposeError::NotApplied(ha_core::Refusal::TooLarge)
    )
}
