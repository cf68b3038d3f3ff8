//! What is made as a whole, or taken away at once, with the task that tells of it.

use super::effectors::{Call, HostError};
use super::{Host, lock};
use crate::blueprint::Plan;
use crate::entity::Entity;
use crate::json::Json;
use crate::names::{EntityId, TaskId};
use crate::propose::{ClientKey, Draft, Refusal};
use crate::task::{Ended, Outcome, Task};
use crate::values::Values;

impl Host {
    /// Makes all that a plan holds and accepts the start of its application, in one entry of the journal: when this answers, with the task of
    /// the start, both are durable. If nothing of it can be started, the task has ended. The same key again is answered with the first task.
    ///
    /// # Errors
    /// If an id is taken, it was not applied, or may be.
    pub async fn deploy(&self, key: Option<ClientKey<'_>>, plan: &Plan) -> Result<TaskId, HostError> {
        self.propose_task(key, |draft, waits_for| {
            plan.stage(draft)?;
            self.accept_start(draft, plan.application(), waits_for)
        })
        .await
    }

    /// Makes the children that a plan [below](crate::blueprint::Blueprint::plan_below) an entity holds, and accepts their start if that is wanted.
    ///
    /// # Errors
    /// As for [`deploy`](Self::deploy); and if there is no such entity.
    pub async fn add_children(
        &self,
        key: Option<ClientKey<'_>>,
        parent: &EntityId,
        plan: &Plan,
        is_started: bool,
    ) -> Result<TaskId, HostError> {
        self.propose_task(key, |draft, waits_for| {
            let above = draft.entity(parent)?;
            plan.stage(draft)?;
            let all = plan.entities().iter();
            let children: Vec<_> = all
                .filter(|e| e.parent.as_ref() == Some(parent))
                .map(|e| e.id.clone())
                .collect();
            let mut adding = self.told(&above, "Add children", "Adding children");
            for child in children.iter().filter(|_| is_started) {
                let started = self.accept_start(draft, child, waits_for)?;
                adding.children.push(started);
            }
            let ids = children.iter().map(|id| id.as_str().into()).collect();
            self.write_down(draft, adding, &Json::from(&serde_json::Value::Array(ids)))
        })
        .await
    }

    /// Removes an entity and all below it, and tells none of them. Its tasks stay readable until they are pruned; those that have not ended will fail.
    ///
    /// # Errors
    /// If there is no such entity, it was not applied, or may be.
    pub async fn expunge(&self, key: Option<ClientKey<'_>>, id: &EntityId) -> Result<TaskId, HostError> {
        self.propose_task(key, |draft, _| {
            draft.expunge(id)?;
            self.tell_of_removal(draft, id)
        })
        .await
    }

    /// The task of a removal by this very proposal.
    pub(super) fn tell_of_removal(&self, draft: &mut Draft<'_>, id: &EntityId) -> Result<TaskId, HostError> {
        let task_id = lock(&self.0.ids).task();
        let mut task = Task::new(task_id, None, &format!("Removing {id}"), self.now_ms());
        task.description = format!("Removing entity {id} and all below it");
        self.write_down(draft, task, &Json::read("null"))
    }

    /// Accepts the start of an entity; or tells that it is there, if it cannot be started.
    fn accept_start(
        &self,
        draft: &mut Draft<'_>,
        id: &EntityId,
        waits_for: Option<&str>,
    ) -> Result<TaskId, HostError> {
        let start = Call {
            entity: id.clone(),
            effector: "start".into(),
            arguments: Values::default(),
        };
        match self.accept(draft, &start, waits_for) {
            Err(HostError::UnknownEffector { .. }) => {
                let entity = draft.entity(id)?;
                let made = self.told(&entity, "Create", "Creating");
                self.write_down(draft, made, &Json::read("null"))
            }
            accepted => accepted,
        }
    }

    fn told(&self, entity: &Entity, name: &str, doing: &str) -> Task {
        let id = lock(&self.0.ids).task();
        let mut task = Task::new(id, Some(entity.id.clone()), name, self.now_ms());
        task.description = format!("{doing} {}", entity.name);
        task
    }

    /// A task for what is done by this very proposal.
    fn write_down(&self, draft: &mut Draft<'_>, mut task: Task, result: &Json) -> Result<TaskId, HostError> {
        task.ended = Some(Ended {
            at_ms: self.now_ms(),
            outcome: Outcome::Done(result.clone()),
        });
        draft
            .accept_task(&task)
            .map_err(|why: Refusal| why.into())
            .map(|()| task.id)
    }
}
