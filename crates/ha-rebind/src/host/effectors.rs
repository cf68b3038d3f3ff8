//! Calls of effectors: accepted when it is durable that they were asked for.

use bytes::Bytes;

use super::{Host, lock};
use crate::entity::Entity;
use crate::names::{EntityId, TaskId};
use crate::propose::{ClientKey, Draft, Refusal};
use crate::proposer::ProposeError;
use crate::task::{self, Task};
use crate::types::{ArgumentError, Effector, EntityTypes, UnknownType};
use crate::values::Values;

/// A call of an effector, as a client asks for it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[allow(clippy::exhaustive_structs)]
pub struct Call {
    /// On which entity.
    pub entity: EntityId,
    /// The effector's name.
    pub effector: String,
    /// Its arguments; who is not given has its default.
    pub arguments: Values,
}

/// Why a call was not accepted, or a removal not made.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// This node does not know the entity's type.
    #[error(transparent)]
    UnknownType(#[from] UnknownType),
    /// No type of adjuncts has this name here, or none of the kind that was wanted.
    #[error("unknown type '{name}': known are {known}")]
    UnknownAdjunctType {
        /// The name.
        name: String,
        /// Those that could have been.
        known: String,
    },
    /// The entity's type has no such effector.
    #[error("Entity '{entity}' has no effector with name '{effector}'")]
    UnknownEffector {
        /// The entity.
        entity: EntityId,
        /// The effector.
        effector: String,
    },
    /// The arguments do not agree with the effector's parameters.
    #[error(transparent)]
    Arguments(#[from] ArgumentError),
    /// The code of an entity that was to be removed has failed.
    #[error(
        "entity `{entity}` cannot be removed: {why}; remove it again once that is repaired, or expunge it"
    )]
    Removal {
        /// The entity.
        entity: EntityId,
        /// What it said.
        why: String,
    },
    /// Somebody else is removing it.
    #[error("entity `{0}` is being removed: wait for that")]
    BeingRemoved(EntityId),
    /// It is not durable.
    #[error(transparent)]
    Proposal(#[from] ProposeError),
}

/// What is asked of an application is asked of all below it (Brooklyn's `Startable`).
const LIFECYCLE: [&str; 3] = ["start", "stop", "restart"];

impl HostError {
    /// The answer that is remembered under a key is none to this.
    pub(super) fn other_kind() -> Self {
        Self::from(Refusal::Other(
            "the idempotency key was used for another kind of request: take a new one".into(),
        ))
    }
}

impl From<Refusal> for HostError {
    fn from(why: Refusal) -> Self {
        Self::Proposal(ProposeError::Refused(why))
    }
}

impl Host {
    /// Accepts a call. When this answers, the task is durable; it is begun as soon as this node, or the one that leads by then, may act.
    /// The same key again is answered with the first task.
    ///
    /// `start`, `stop` and `restart` of an application are asked of all below it that have them, too: as children of its task.
    ///
    /// # Errors
    /// If it does not fit, was not accepted, or may be.
    pub async fn invoke(&self, key: Option<ClientKey<'_>>, call: Call) -> Result<TaskId, HostError> {
        self.propose_task(key, |draft, waits_for| self.accept(draft, &call, waits_for))
            .await
    }

    /// Proposes what ends with a task.
    pub(super) async fn propose_task(
        &self,
        key: Option<ClientKey<'_>>,
        evaluate: impl FnOnce(&mut Draft<'_>, Option<&str>) -> Result<TaskId, HostError>,
    ) -> Result<TaskId, HostError> {
        let proposer = self.proposer().await?;
        let waits_for = match proposer.leadership().act_permit().await {
            Some(_) => None,
            None => Some("leave to act: the leader before may still act until its lease has ended"),
        };
        let mut unfit = None;
        let answer = proposer
            .propose(key, |draft| match evaluate(draft, waits_for) {
                Ok(task) => Ok(Bytes::copy_from_slice(task.as_str().as_bytes())),
                Err(why) => {
                    let refusal = Refusal::Other(why.to_string());
                    unfit = Some(why);
                    Err(refusal)
                }
            })
            .await;
        if let Some(why) = unfit {
            return Err(why);
        }
        let answer = answer?;
        let id = std::str::from_utf8(&answer)
            .ok()
            .and_then(|id| TaskId::new(id).ok());
        id.ok_or_else(HostError::other_kind)
    }

    /// Accepts a call, and with it those that follow from it.
    pub(super) fn accept(
        &self,
        draft: &mut Draft<'_>,
        call: &Call,
        waits_for: Option<&str>,
    ) -> Result<TaskId, HostError> {
        let entity = draft.entity(&call.entity)?;
        let new_id = || lock(&self.0.ids).task();
        let now_ms = self.now_ms();
        let mut task = self.task_of(new_id(), &entity, call, now_ms)?;
        task.waits_for = waits_for.map(str::to_owned);
        if entity.parent.is_none() && LIFECYCLE.contains(&call.effector.as_str()) {
            for below in draft.descendants(&entity.id).into_iter().skip(1) {
                // One that is quarantined, or of a type that is not known here, cannot be asked.
                let Ok(below) = draft.entity(&below) else { continue };
                let Ok(effector) = effector(&self.0.types, &below, &call.effector) else {
                    continue;
                };
                let mut asked = call.clone();
                asked.entity = below.id.clone();
                asked.arguments = effector.those_of(&call.arguments);
                let mut child = self.task_of(new_id(), &below, &asked, now_ms)?;
                child.waits_for.clone_from(&task.waits_for);
                child.submitted_by = Some(task.id.clone());
                draft.accept_task(&child)?;
                task.children.push(child.id);
            }
        }
        draft.accept_task(&task)?;
        Ok(task.id)
    }

    /// Calls a task off that has not ended, and answers whether this did it. If it is at work, its code is broken off where it waits.
    ///
    /// # Errors
    /// If it was not applied, or may be.
    pub async fn cancel(&self, key: Option<ClientKey<'_>>, id: &TaskId) -> Result<bool, ProposeError> {
        let at_ms = self.now_ms();
        let cancel = |draft: &mut Draft<'_>| {
            if draft.task(id)?.ended.is_some() {
                return Ok(Bytes::new());
            }
            let outcome = task::Outcome::Cancelled;
            draft.end_task(id, task::Ended { at_ms, outcome })?;
            Ok(Bytes::from_static(b"cancelled"))
        };
        let answer = self.proposer().await?.propose(key, cancel).await?;
        Ok(!answer.is_empty())
    }

    /// Waits until a task has ended, or is forgotten.
    pub async fn ended(&self, id: &TaskId) {
        let mut follower = self.0.plane.follow();
        while self.read(|state| state.is_unended(id)) {
            if follower.next().await.is_none() {
                return;
            }
        }
    }

    pub(super) fn task_of(
        &self,
        id: TaskId,
        entity: &Entity,
        call: &Call,
        now_ms: u64,
    ) -> Result<Task, HostError> {
        let effector = effector(&self.0.types, entity, &call.effector)?;
        let arguments = effector.arguments(&call.arguments)?;
        let mut task = Task::new(id, Some(entity.id.clone()), &effector.name, now_ms);
        task.description = format!("Invoking effector {} on {}", effector.name, entity.name);
        task.tags = vec![crate::json::Json::string("EFFECTOR")];
        task.call = Some(task::Call {
            effector: effector.name.clone(),
            parameters: arguments,
            is_idempotent: effector.is_idempotent,
        });
        Ok(task)
    }
}

/// The effector of an entity.
pub(super) fn effector<'a>(
    types: &'a EntityTypes,
    entity: &Entity,
    name: &str,
) -> Result<&'a Effector, HostError> {
    let found = types.find(&entity.entity_type)?.description().effector(name);
    found.ok_or_else(|| HostError::UnknownEffector {
        entity: entity.id.clone(),
        effector: name.chars().take(200).collect(),
    })
}
