//! Calls of effectors: accepted when it is durable that they were asked for.

use bytes::Bytes;

use super::{Host, lock};
use crate::entity::Entity;
use crate::names::{EntityId, TaskId};
use crate::propose::{ClientKey, Refusal};
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

impl Host {
    /// Accepts a call. When this answers, the task is durable; it is begun as soon as this node, or the one that leads by then, may act.
    /// The same key again is answered with the first task.
    ///
    /// # Errors
    /// If it does not fit, was not accepted, or may be.
    pub async fn invoke(&self, key: Option<ClientKey<'_>>, call: Call) -> Result<TaskId, HostError> {
        let id = lock(&self.0.ids).task();
        let now_ms = self.now_ms();
        let proposer = self.proposer().await?;
        let waits_for = match proposer.leadership().act_permit().await {
            Some(_) => None,
            None => Some("leave to act: the leader before may still act until its lease has ended"),
        };
        let mut unfit = None;
        let answer = proposer
            .propose(key, |draft| {
                let entity = draft.entity(&call.entity)?;
                match self.task_of(id, &entity, &call, now_ms) {
                    Ok(mut task) => {
                        task.waits_for = waits_for.map(str::to_owned);
                        draft.accept_task(&task)?;
                        Ok(Bytes::copy_from_slice(task.id.as_str().as_bytes()))
                    }
                    Err(why) => {
                        let refusal = Refusal::Other(why.to_string());
                        unfit = Some(why);
                        Err(refusal)
                    }
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
        id.ok_or_else(|| {
            HostError::Proposal(ProposeError::Refused(Refusal::Other(
                "the idempotency key was used for another kind of request: take a new one".into(),
            )))
        })
    }

    /// Waits until a task has ended, or is forgotten.
    pub async fn ended(&self, id: &TaskId) {
        let mut follower = self.0.plane.follow();
        while self.read(|state| state.unended_tasks().any(|t| t == id)) {
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
