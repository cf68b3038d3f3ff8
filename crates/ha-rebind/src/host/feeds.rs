//! Feeds at work: each looks at the world in its own time, and what it brings in waits for the next batch.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use futures::FutureExt;
use ha_core::ActPermit;
use tokio::task::{AbortHandle, JoinSet};

use super::attend::{Finding, failure, recovered};
use super::{Host, lock, words};
use crate::adjuncts::{Decision, resolved};
use crate::entity::{Adjunct, AdjunctKind};
use crate::json::Json;
use crate::names::{AdjunctId, EntityId};
use crate::proposer::Proposer;
use crate::values::Values;

/// How many look at the world at once.
pub(super) const AT_ONCE: usize = 64;
/// One look takes no longer.
const LONGEST: Duration = Duration::from_secs(30);
/// Between two looks is no less.
const SHORTEST: Duration = Duration::from_millis(1);

/// What feeds have brought in since the last batch: of each only the last.
pub(super) type Brought = HashMap<(EntityId, AdjunctId), Result<Values, String>>;

/// The feeds that run here. They end with this.
#[derive(Debug, Default)]
pub(super) struct Feeds {
    running: HashMap<EntityId, Vec<Running>>,
    tasks: JoinSet<()>,
}

#[derive(Debug)]
struct Running {
    feed: Adjunct,
    task: AbortHandle,
}

impl Feeds {
    /// Starts and stops the feeds of an entity as its adjuncts have it.
    pub(super) fn follow(&mut self, host: &Host, proposer: &Proposer, owner: &EntityId) {
        while self.tasks.try_join_next().is_some() {}
        let entity = host.read(|state| state.entity(owner)).and_then(Result::ok);
        let adjuncts = entity.map(|e| e.adjuncts).unwrap_or_default();
        let mut wanted: Vec<_> = adjuncts
            .into_iter()
            .filter(|a| a.kind == AdjunctKind::Feed && a.is_running)
            .collect();
        let mut running = self.running.remove(owner).unwrap_or_default();
        running.retain(|one| {
            let is_same = |w: &Adjunct| {
                (&w.id, &w.adjunct_type, &w.config)
                    == (&one.feed.id, &one.feed.adjunct_type, &one.feed.config)
            };
            let at = wanted.iter().position(is_same);
            match at {
                Some(at) => drop(wanted.swap_remove(at)),
                None => one.task.abort(),
            }
            at.is_some()
        });
        for feed in wanted {
            let (host, proposer, owner, adjunct) =
                (host.clone(), proposer.clone(), owner.clone(), feed.clone());
            let task = self
                .tasks
                .spawn(async move { host.feed(&proposer, &owner, &adjunct).await });
            running.push(Running { feed, task });
        }
        if !running.is_empty() {
            self.running.insert(owner.clone(), running);
        }
    }
}

impl Host {
    async fn feed(&self, proposer: &Proposer, owner: &EntityId, adjunct: &Adjunct) {
        let place = (owner.clone(), adjunct.id.clone());
        let bring = |brought| {
            lock(&self.0.brought).insert(place.clone(), brought);
            self.0.arrived.notify_one();
        };
        let found = match self.0.settings.adjuncts.find_feed(&adjunct.adjunct_type) {
            Ok(found) => found,
            Err(unknown) => return bring(Err(unknown)),
        };
        loop {
            let Some(permit) = proposer.leadership().wait_for_act_permit().await else {
                return;
            };
            let Ok(_turn) = self.0.polls.acquire().await else {
                return;
            };
            let poll = AssertUnwindSafe(self.poll(owner, adjunct, &permit)).catch_unwind();
            let came = tokio::select! {
                biased;
                () = permit.gone() => None,
                came = poll => Some(came),
                () = tokio::time::sleep(LONGEST) => Some(Ok(Err(format!("it took longer than {} s", LONGEST.as_secs())))),
            };
            drop((permit, _turn));
            if let Some(came) = came {
                let panicked = |panic: Box<dyn std::any::Any + Send>| {
                    Err(format!("its code panicked: {}", words(&*panic)))
                };
                bring(came.unwrap_or_else(panicked));
            }
            let period = catch_unwind(AssertUnwindSafe(|| found.period(&adjunct.config)));
            let period = period.unwrap_or_else(|panic| {
                bring(Err(format!("its code panicked: {}", words(&*panic))));
                LONGEST
            });
            tokio::time::sleep(period.max(SHORTEST)).await;
        }
    }

    async fn poll(&self, owner: &EntityId, adjunct: &Adjunct, permit: &ActPermit) -> Result<Values, String> {
        let found = self.0.settings.adjuncts.find_feed(&adjunct.adjunct_type)?;
        let config = self.read(|state| resolved(state, &self.0.types, owner, &adjunct.config))?;
        found.poll(&config, permit).await
    }

    pub(super) fn has_brought(&self) -> bool {
        !lock(&self.0.brought).is_empty()
    }

    pub(super) fn take_brought(&self) -> Brought {
        std::mem::take(&mut *lock(&self.0.brought))
    }

    /// What is not durable waits for the next batch, unless something newer has come.
    pub(super) fn bring_again(&self, brought: Brought) {
        let mut newer = lock(&self.0.brought);
        for (place, came) in brought {
            newer.entry(place).or_insert(came);
        }
    }
}

/// What was brought in, as what an adjunct says.
pub(super) fn finding(id: &AdjunctId, came: &Result<Values, String>) -> Finding {
    let (sensors, decision) = match came {
        Ok(values) => {
            let mut decision = Decision::default();
            recovered(&mut decision);
            let sensors = values.iter().map(|(n, v)| (n.to_owned(), Some(Json::read(v))));
            (sensors.collect(), decision)
        }
        Err(why) => (Vec::new(), failure(why)),
    };
    Finding {
        adjunct: Some(id.clone()),
        sensors,
        decision,
    }
}
