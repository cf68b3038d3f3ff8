//! Entities on fire: their actual state, and who says what is wrong.

use serde_json::{Map, Value};

use crate::entity::{Entity, Lifecycle, SERVICE_PROBLEMS, SERVICE_STATE};
use crate::json::Json;
use crate::names::EntityId;
use crate::propose::{Draft, Refusal};

/// An entity is on fire, and this is why, in the words of one who says so.
pub(super) fn light(draft: &mut Draft<'_>, id: &EntityId, who: &str, why: &str) -> Result<(), Refusal> {
    let mut problems = problems(&draft.entity(id)?);
    problems.insert(who.into(), why.into());
    draft.set_sensor(id, SERVICE_PROBLEMS, &Json::from(&Value::Object(problems)))?;
    draft.set_sensor(id, SERVICE_STATE, &Json::string(Lifecycle::OnFire.as_str()))
}

/// One who said that something is wrong says it no longer. With the last of them the entity is in the state that is expected of it again.
pub(super) fn put_out(draft: &mut Draft<'_>, id: &EntityId, who: &str) -> Result<(), Refusal> {
    let entity = draft.entity(id)?;
    let mut problems = problems(&entity);
    if problems.remove(who).is_none() {
        return Ok(());
    }
    let is_last = problems.is_empty();
    draft.set_sensor(id, SERVICE_PROBLEMS, &Json::from(&Value::Object(problems)))?;
    if !is_last || entity.lifecycle() != Some(Lifecycle::OnFire) {
        return Ok(());
    }
    match entity.expected() {
        Some(expected) => draft.set_sensor(id, SERVICE_STATE, &Json::string(expected.as_str())),
        None => draft.remove_sensor(id, SERVICE_STATE),
    }
}

fn problems(entity: &Entity) -> Map<String, Value> {
    let told = entity.sensors.get(SERVICE_PROBLEMS).map(|p| p.value());
    told.and_then(|p| p.as_object().cloned()).unwrap_or_default()
}
