//! Which application and entity a path means: by id, or else by the name that people see (Brooklyn's `BrooklynRestResourceUtils`).

use ha_rebind::{Entity, EntityId, Host, SERVICE_PROBLEMS, SERVICE_STATE, State};
use http::StatusCode;
use serde::Deserialize;

use super::write::Write;
use crate::error::ApiError;

/// An application's name or id in a path.
#[derive(Debug, Deserialize)]
pub(super) struct InApplication {
    pub(super) application: String,
}

/// An entity in a path, and what follows it.
#[derive(Debug, Deserialize)]
pub(super) struct InEntity {
    pub(super) application: String,
    pub(super) entity: String,
}

/// The application that is meant.
pub(super) fn application(state: &State, wanted: &str) -> Result<EntityId, ApiError> {
    let by_id = EntityId::new(wanted).ok().filter(|id| is_application(state, id));
    let by_name = || {
        state
            .applications()
            .find(|id| state.name(id) == Some(wanted))
            .cloned()
    };
    by_id
        .or_else(by_name)
        .ok_or_else(|| not_found(format!("Application '{}' not found", cut(wanted))))
}

/// The entity that is meant, and its application.
pub(super) fn entity(state: &State, path: &InEntity) -> Result<(EntityId, EntityId), ApiError> {
    let application = application(state, &path.application)?;
    let id = EntityId::new(&path.entity).ok();
    let by_id = id.filter(|id| state.application(id) == Some(&application));
    let by_name = || state.find_named(&application, &path.entity).cloned();
    let found = by_id.or_else(by_name).ok_or_else(|| {
        not_found(format!(
            "Cannot find entity '{}' in application '{}'",
            cut(&path.entity),
            cut(&path.application)
        ))
    })?;
    Ok((application, found))
}

/// The entity that a write is about. If it is no more, and the first request with this key has its answer, any will do to ask for that.
pub(super) fn written(host: &Host, path: &InEntity, write: &Write) -> Result<EntityId, ApiError> {
    let found = host.read(|state| entity(state, path).map(|(_, id)| id));
    found.or_else(|why| write.gone(host).ok_or(why))
}

/// An entity as it is shown: one that cannot be read is on fire, and says why.
pub(super) fn shown(state: &State, id: &EntityId) -> Option<Entity> {
    Some(match state.entity(id)? {
        Ok(entity) => entity,
        Err(quarantined) => {
            let mut entity = Entity::new(id.clone(), UNREADABLE, id.as_str());
            let problems = serde_json::json!({ "rebind": quarantined.to_string() });
            entity.sensors.set(
                SERVICE_STATE,
                &ha_rebind::Json::string(quarantined.lifecycle().as_str()),
            );
            entity
                .sensors
                .set(SERVICE_PROBLEMS, &ha_rebind::Json::from(&problems));
            entity.parent = quarantined.parent;
            entity.children = quarantined.children;
            entity
        }
    })
}

/// The type of an entity that cannot be read.
const UNREADABLE: &str = "unreadable";

fn is_application(state: &State, id: &EntityId) -> bool {
    state.contains(id) && state.parent(id).is_none()
}

pub(super) fn not_found(message: String) -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, message)
}

/// As much of a client's text as an error repeats.
pub(super) fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}
