//! A leader without a plane: evaluates, keeps a journal, and applies it.
#![allow(dead_code, reason = "each test binary uses some of it")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use ha_core::{ActPermit, Config, NodeId, Plane, PlaneBuilder};
use ha_rebind::{
    Adjunct, AdjunctId, AdjunctKind, Applied, ClientKey, Draft, Effect, Effector, Entity, EntityId,
    EntityType, Evaluated, Invocation, Json, Refusal, Staging, State, TaskId, TypeDescription, Values,
};
use ha_store::Store;

pub(crate) fn id(text: &str) -> EntityId {
    EntityId::new(text).expect("a good id")
}

pub(crate) fn task_id(text: &str) -> TaskId {
    TaskId::new(text).expect("a good id")
}

pub(crate) fn json(text: &str) -> Json {
    Json::parse(text).expect("good JSON")
}

pub(crate) fn entity(name: &str, parent: Option<&str>) -> Entity {
    let mut entity = Entity::new(id(name), "org.apache.brooklyn.entity.stock.BasicEntity", name);
    entity.parent = parent.map(id);
    entity
}

/// An application with a web server that has a child, and a database.
pub(crate) fn shop() -> Vec<Entity> {
    vec![
        entity("shop", None),
        entity("web", Some("shop")),
        entity("db", Some("shop")),
        entity("cache", Some("web")),
    ]
}

#[derive(Debug, Default)]
pub(crate) struct Leader {
    pub(crate) state: State,
    pub(crate) staging: Staging,
    pub(crate) journal: Vec<Bytes>,
    pub(crate) waiting: Vec<(u64, Bytes)>,
    /// Numbers of batches that are void.
    pub(crate) void: BTreeSet<u64>,
}

impl Leader {
    /// Evaluates, and leaves what comes of it to [`commit`](Self::commit).
    pub(crate) fn stage(
        &mut self,
        evaluate: impl FnOnce(&mut Draft<'_>) -> Result<(), Refusal>,
    ) -> Result<Option<u64>, Refusal> {
        let answer = |draft: &mut Draft<'_>| evaluate(draft).map(|()| Bytes::from_static(b"done"));
        let evaluated = self.evaluate(None, answer);
        match evaluated {
            Evaluated::Staged { number, .. } => Ok(Some(number)),
            Evaluated::Read { answer, .. } => answer.map(|_| None),
            other => unreachable!("{other:?}"),
        }
    }

    pub(crate) fn evaluate(
        &mut self,
        key: Option<ClientKey<'_>>,
        evaluate: impl FnOnce(&mut Draft<'_>) -> Result<Bytes, Refusal>,
    ) -> Evaluated {
        let evaluated = self.staging.evaluate(&self.state, key, evaluate);
        if let Evaluated::Staged { number, batch, .. } = &evaluated {
            self.waiting.push((*number, batch.clone()));
        }
        evaluated
    }

    /// All that was staged is durable.
    pub(crate) fn commit(&mut self) {
        for (number, batch) in std::mem::take(&mut self.waiting) {
            let expected = if self.void.contains(&number) {
                Applied::Void
            } else {
                Applied::Done(number)
            };
            assert_eq!(self.apply(&batch), expected);
            if expected == Applied::Done(number) {
                self.staging.applied(number);
            }
        }
    }

    /// The next batch is durable, whatever became of its number.
    pub(crate) fn apply(&mut self, batch: &Bytes) -> Applied {
        self.journal.push(batch.clone());
        self.state.apply(batch, self.journal.len() as u64 * 1000)
    }

    /// One of those that are staged is certainly not applied: it is withdrawn, and those upon it are on their way.
    pub(crate) fn lose(&mut self, which: usize) {
        let staged: Vec<u64> = self
            .waiting
            .iter()
            .map(|(n, _)| *n)
            .filter(|n| !self.void.contains(n))
            .collect();
        if !staged.is_empty() {
            let lost = staged[which % staged.len()];
            self.void.extend(self.staging.lost(&self.state, lost));
            self.waiting.retain(|(number, _)| *number != lost);
        }
    }

    /// What was staged and is not in the journal, taken out of the hands of [`commit`](Self::commit).
    pub(crate) fn take_waiting(&mut self) -> Vec<(u64, Bytes)> {
        std::mem::take(&mut self.waiting)
    }

    pub(crate) fn make(
        &mut self,
        evaluate: impl FnOnce(&mut Draft<'_>) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let made = self.stage(evaluate).map(|_| ());
        self.commit();
        made
    }
}

/// What another node makes of a journal.
pub(crate) fn replay(journal: &[Bytes]) -> State {
    replay_upon(State::default(), journal, 0)
}

/// The same from a state that holds the first `from` of them.
pub(crate) fn replay_upon(mut state: State, journal: &[Bytes], from: usize) -> State {
    for (at, batch) in journal.iter().enumerate().skip(from) {
        state.apply(batch, (at as u64 + 1) * 1000);
    }
    state
}

/// Through a snapshot and back.
pub(crate) fn through_parts(state: &State) -> State {
    State::from_parts(state.parts().into_iter().map(Bytes::from)).expect("its own parts can be read")
}

pub(crate) const LEASE: Duration = Duration::from_secs(1);

/// A node that polls and suspects within a test's time.
pub(crate) fn node(name: &str, store: Arc<dyn Store>, lease: Duration) -> PlaneBuilder {
    let config = Config::builder()
        .poll(Duration::from_millis(50))
        .heartbeat_timeout(Duration::from_millis(600))
        .lease_ttl(lease)
        .snapshot_entries(5);
    let name = NodeId::new(name).expect("a name");
    Plane::builder(name, store).config(config.build().expect("timings that agree"))
}

/// An adjunct `it`. Config that is not JSON is a text.
pub(crate) fn adjunct(kind: AdjunctKind, name: &str, config: &[(&str, &str)]) -> Adjunct {
    let text = |value: &str| Json::parse(value).unwrap_or_else(|_| Json::string(value));
    Adjunct {
        id: AdjunctId::new("it").expect("a good id"),
        kind,
        adjunct_type: name.into(),
        name: name.into(),
        catalog_item: None,
        is_running: true,
        config: config.iter().map(|(key, value)| (*key, text(value))).collect(),
        highlights: Values::default(),
    }
}

pub(crate) fn with(mut entity: Entity, adjunct: Adjunct) -> Entity {
    entity.adjuncts.push(adjunct);
    entity
}

/// Longer than anything here takes, also on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let reached = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, reached)
        .await
        .unwrap_or_else(|_| panic!("waited in vain: {what}"));
}

/// A type that is no more than its description.
pub(crate) struct Server(pub(crate) TypeDescription);

#[async_trait]
impl EntityType for Server {
    fn description(&self) -> &TypeDescription {
        &self.0
    }
    async fn invoke(&self, _: &Invocation<'_>, _: &ActPermit) -> Result<Effect, String> {
        Ok(Effect::default())
    }
}

/// A type that can be rung.
pub(crate) fn bell_type() -> TypeDescription {
    let ring = Effector {
        name: "ring".into(),
        description: String::new(),
        is_idempotent: false,
        parameters: Vec::new(),
        returns: None,
    };
    TypeDescription {
        name: "test.Bell".into(),
        effectors: vec![ring],
        ..TypeDescription::default()
    }
}
