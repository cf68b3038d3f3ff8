//! Tasks at work: begun when that is durable and the node may act, and ended together with what came of them.

use std::panic::AssertUnwindSafe;

use bytes::Bytes;
use futures::FutureExt;
use ha_core::ActPermit;

use super::judge::Judgement;
use super::{Host, PAUSE, lock, words};
use crate::entity::Entity;
use crate::json::Json;
use crate::names::TaskId;
use crate::propose::{Draft, Refusal};
use crate::proposer::{ProposeError, Proposer};
use crate::task::{Call, Ended, Outcome, Started, Stream, Task};
use crate::types::{Effect, Invocation, Printed};

/// How a task ends, if leadership is not lost before.
#[derive(Debug)]
pub(super) enum End {
    /// Its code came to an end, and has printed this.
    Came(Outcome, Effect, Vec<Stream>),
    /// It did not.
    Judged(Judgement),
}

impl Host {
    /// Takes up each task that has not ended, for as long as this node leads.
    pub(super) async fn work(&self, proposer: &Proposer) {
        let mut follower = self.0.plane.follow();
        loop {
            let left = self.0.left_work.notified();
            for id in self.idle() {
                lock(&self.0.at_work).insert(id.clone());
                let at_work = AtWork(self.clone(), id);
                let proposer = proposer.clone();
                tokio::spawn(async move { at_work.0.take_up(&proposer, &at_work.1).await });
            }
            tokio::select! {
                event = follower.next() => if event.is_none() { return },
                () = left => {}
            }
            // Something is always ready if tasks end as soon as they begin, as in a runtime that is about to end.
            tokio::task::yield_now().await;
        }
    }

    /// The tasks that have not ended and are not at work here.
    fn idle(&self) -> Vec<TaskId> {
        self.read(|state| {
            let at_work = lock(&self.0.at_work);
            // Nearly always they are as many, and the same.
            if state.unended_tasks().len() == at_work.len() {
                return Vec::new();
            }
            let idle = state.unended_tasks().filter(|id| !at_work.contains(*id));
            idle.cloned().collect()
        })
    }

    /// Brings one task to its end, unless leadership is lost before.
    async fn take_up(&self, proposer: &Proposer, id: &TaskId) {
        let Some(permit) = proposer.leadership().wait_for_act_permit().await else {
            return;
        };
        let Some(Ok(task)) = self.read(|state| state.task(id)) else {
            return;
        };
        let known = lock(&self.0.acted).take_end(id, proposer.leadership().epoch().0);
        let end = match known {
            Some(end) => end,
            None => match self.run_to_end(proposer, &permit, &task).await {
                Some(end) => end,
                None => return,
            },
        };
        if !self.end(proposer, &task, end).await {
            drop(permit);
            // At work until then, so that it is not begun again.
            proposer.leadership().lost().await;
        }
    }

    /// Runs a task if it can be run. `None`: it was called off, or is to be taken up again.
    async fn run_to_end(&self, proposer: &Proposer, permit: &ActPermit, task: &Task) -> Option<End> {
        let (entity, call) = match self.judge(task, proposer.leadership().epoch().0) {
            Ok(fit) => fit,
            Err(judgement) => return Some(End::Judged(judgement)),
        };
        match self.begin(proposer, task).await {
            Ok(attempt) => tokio::select! {
                end = self.act(permit, &task.id, attempt, &entity, &call) => end,
                // Called off: it has its end.
                () = self.ended(&task.id) => None,
            },
            Err(why) => {
                tracing::warn!(task = %task.id, "its beginning is not durable, so that it does not begin yet: {}", why.whole());
                tokio::time::sleep(PAUSE).await;
                None
            }
        }
    }

    /// Writes down that it begins: durable before it does anything. Answers which attempt it is.
    async fn begin(&self, proposer: &Proposer, task: &Task) -> Result<u32, ProposeError> {
        let epoch = proposer.leadership().epoch().0;
        let is_of_now = task.started.is_some_and(|s| s.epoch == epoch);
        let acted = lock(&self.0.acted).attempt(&task.id, epoch);
        // It is durable, and was not known to be in time.
        if is_of_now && acted.is_none_or(|attempt| attempt < task.attempt) {
            return Ok(task.attempt);
        }
        let started = Started {
            at_ms: self.now_ms(),
            epoch,
        };
        let begin = |draft: &mut Draft<'_>| {
            if is_of_now {
                draft.start_task_again(&task.id, started)?;
            } else {
                draft.start_task(&task.id, started)?;
            }
            Ok(Bytes::new())
        };
        proposer.propose(None, begin).await?;
        Ok(task.attempt.saturating_add(1))
    }

    /// Runs the entity's code, if this node may still act. What it does wrong stays with its task. `None`: it was broken off, and may be begun again.
    async fn act(
        &self,
        permit: &ActPermit,
        id: &TaskId,
        attempt: u32,
        entity: &Entity,
        call: &Call,
    ) -> Option<End> {
        let entity_type = match self.0.types.find(&entity.entity_type) {
            Ok(entity_type) => entity_type,
            Err(unknown) => return Some(End::failed(unknown.to_string())),
        };
        lock(&self.0.acted).begin(id, permit.epoch().0, attempt);
        let printed = Printed::default();
        let invocation =
            Invocation::new(id, entity, &call.effector, &call.parameters, self.now_ms()).noting(&printed);
        let acting = AssertUnwindSafe(entity_type.invoke(&invocation, permit)).catch_unwind();
        let (outcome, effect) = tokio::select! {
            biased;
            () = permit.gone() => {
                let interrupted = || End::Judged(Judgement::interrupted(entity.id.clone(), permit.epoch().0));
                return (!call.is_idempotent).then(interrupted);
            }
            came = acting => match came {
                Ok(Ok(effect)) => {
                    let result = effect.result.clone().unwrap_or_else(|| Json::read("null"));
                    (Outcome::Done(result), effect)
                }
                Ok(Err(why)) => (Outcome::Failed(why), Effect::default()),
                Err(panic) => {
                    let why = format!("its code panicked: {}", words(&*panic));
                    (Outcome::Failed(why), Effect::default())
                }
            },
        };
        Some(End::Came(outcome, effect, printed.into_streams()))
    }

    /// Writes down how it ended, as often as it takes while this node leads; if it leads on in this epoch, that is still known. What cannot be
    /// written is replaced by that. Answers whether it has ended, or leadership was lost.
    async fn end(&self, proposer: &Proposer, task: &Task, mut end: End) -> bool {
        let at_ms = self.now_ms();
        let mut is_replaced = false;
        while proposer.leadership().is_held() {
            let write = |draft: &mut Draft<'_>| end.write(draft, task, at_ms);
            let why = match proposer.propose(None, write).await {
                Ok(_) => return true,
                Err(ProposeError::Refused(why)) => why.to_string(),
                Err(ProposeError::NotApplied(why @ ha_core::Refusal::TooLarge)) => why.to_string(),
                Err(why) => {
                    tracing::warn!(task = %task.id, "its end is not durable yet: {}", why.whole());
                    // Whoever lets go waits for this.
                    tokio::select! {
                        () = tokio::time::sleep(PAUSE) => {}
                        () = proposer.leadership().lost() => {}
                    }
                    continue;
                }
            };
            // A write of which nobody knew may have been applied.
            if !self.read(|state| state.is_unended(&task.id)) {
                return true;
            }
            if is_replaced {
                tracing::error!(task = %task.id, "its end cannot be written down, so that it stays open until another node leads: {why}");
                return false;
            }
            is_replaced = true;
            let why = format!("what became of it cannot be written down: {why}");
            end = End::failed(why);
        }
        let epoch = proposer.leadership().epoch().0;
        lock(&self.0.acted).keep(&task.id, epoch, end);
        true
    }
}

impl End {
    fn failed(why: String) -> Self {
        Self::Came(Outcome::Failed(why), Effect::default(), Vec::new())
    }

    fn write(&self, draft: &mut Draft<'_>, task: &Task, at_ms: u64) -> Result<Bytes, Refusal> {
        let (outcome, effect, printed) = match self {
            Self::Judged(judgement) => return judgement.write(draft, &task.id, at_ms),
            Self::Came(outcome, effect, printed) => (outcome.clone(), effect, printed),
        };
        if let Some(entity) = task.entity.as_ref().filter(|e| draft.contains(e)) {
            for (sensor, value) in effect.sensors.iter() {
                draft.set_sensor(entity, sensor, &Json::read(value))?;
            }
        }
        draft.add_streams(&task.id, printed)?;
        let ended = Ended { at_ms, outcome };
        draft.end_task(&task.id, ended).map(|()| Bytes::new())
    }
}

/// A task is at work for as long as this lives.
struct AtWork(Host, TaskId);

impl Drop for AtWork {
    fn drop(&mut self) {
        if !self.0.read(|state| state.is_unended(&self.1)) {
            lock(&self.0.0.acted).forget(&self.1);
        }
        lock(&self.0.0.at_work).remove(&self.1);
        self.0.0.left_work.notify_one();
    }
}
