//! What becomes of a task that the leader finds: begun before, or only accepted.

use bytes::Bytes;

use super::effectors::effector;
use super::fire;
use super::{Host, lock};
use crate::entity::Entity;
use crate::names::{EntityId, TaskId};
use crate::propose::{Draft, Refusal};
use crate::task::{Call, Ended, Outcome, Task};

/// Brooklyn's words, under which the problem of the entity stands (`BasicEntityRebindSupport`).
pub(crate) const ABORTED: &str = "Task aborted on rebind";

/// A task that will not be run.
#[derive(Debug)]
pub(super) struct Judgement {
    outcome: Outcome,
    /// Is on fire from now on.
    on_fire: Option<EntityId>,
}

impl Host {
    /// Whether a task can be run in this epoch, and with what; otherwise how it ends. What this very epoch began and is not at work was acted upon
    /// only if this process knows that: it tried to let go of its leadership then, and leads on. Else whether its beginning was durable was not
    /// known in time.
    pub(super) fn judge(&self, task: &Task, epoch: u64) -> Result<(Entity, Call), Judgement> {
        let failed = |why: String| Judgement {
            outcome: Outcome::Failed(why),
            on_fire: None,
        };
        let Some(call) = task.call.clone() else {
            return Err(failed("there is nothing to run".into()));
        };
        let id = task
            .entity
            .clone()
            .ok_or_else(|| failed("it works on no entity".into()))?;
        let entity = match self.read(|state| state.entity(&id)) {
            None => return Err(failed(format!("entity `{id}` is no more"))),
            Some(Err(quarantined)) => return Err(failed(quarantined.to_string())),
            Some(Ok(entity)) => entity,
        };
        if let Some(before) = task.interrupted_in(epoch) {
            return Err(Judgement::interrupted(id, before));
        }
        if !call.is_idempotent && lock(&self.0.acted).attempt(&task.id, epoch).is_some() {
            return Err(Judgement::interrupted(id, epoch));
        }
        match effector(&self.0.types, &entity, &call.effector) {
            Ok(_) => Ok((entity, call)),
            Err(why) => Err(failed(why.to_string())),
        }
    }
}

impl Judgement {
    /// Nobody knows what it did, and it must not be done twice.
    pub(super) fn interrupted(entity: EntityId, epoch: u64) -> Self {
        Self {
            outcome: Outcome::Interrupted(format!(
                "{ABORTED}: the node that led epoch {epoch} began it and could not end it, and what it did is not known"
            )),
            on_fire: Some(entity),
        }
    }

    /// It was under way when its state was exported, and what it did since is not known.
    pub(super) fn imported(entity: Option<EntityId>) -> Self {
        Self {
            outcome: Outcome::Interrupted(format!(
                "{ABORTED}: it had not ended when the state was exported that was imported here, and what it did is not known"
            )),
            on_fire: entity,
        }
    }

    pub(super) fn write(&self, draft: &mut Draft<'_>, task: &TaskId, at_ms: u64) -> Result<Bytes, Refusal> {
        if let Some(entity) = self.on_fire.as_ref().filter(|e| draft.contains(e)) {
            let expected = draft.entity(entity)?.expected();
            let expected = expected.map_or_else(|| "unknown".into(), |e| e.as_str().to_lowercase());
            let why = format!(
                "Set to on-fire (from previous expected state {expected}) because tasks aborted on shutdown"
            );
            fire::light(draft, entity, ABORTED, &why)?;
        }
        let ended = Ended {
            at_ms,
            outcome: self.outcome.clone(),
        };
        draft.end_task(task, ended).map(|()| Bytes::new())
    }
}
