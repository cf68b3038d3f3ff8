//! Config: what an entity is told, by itself or by what is above it.

use axum::Json;
use axum::extract::Path;
use axum::response::Response;
use bytes::Bytes;
use ha_rebind::blueprint::{Resolved, Resolver};
use ha_rebind::{ConfigKey, Entity, EntityId, Host, Json as Value, Refusal, State, Values};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::value::RawValue;

use super::entity::found;
use super::find::{self, InEntity};
use super::json::{self, Map};
use super::links::{self, Links};
use super::sensors::java_type;
use super::write::Write;
use super::{Entities, Query};
use crate::error::ApiError;

/// Brooklyn's `ConfigSummary`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConfigSummary {
    name: String,
    #[serde(rename = "type")]
    value_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_value: Option<Box<RawValue>>,
    reconfigurable: bool,
    constraints: Vec<String>,
    links: Links,
}

impl ConfigSummary {
    /// A key that is described, or one that is only set.
    pub(super) fn of(name: &str, key: Option<&ConfigKey>, links: Links) -> Self {
        let default = key.and_then(|key| key.default.as_ref());
        Self {
            name: name.to_owned(),
            value_type: key.map_or("java.lang.Object", |key| java_type(key.value_type)),
            description: key.map(|key| key.description.clone()).filter(|d| !d.is_empty()),
            default_value: default.map(|value| json::raw(value.as_str())),
            reconfigurable: false,
            constraints: Vec::new(),
            links,
        }
    }
}

fn described<'a>(host: &'a Host, entity: &Entity) -> &'a [ConfigKey] {
    let found = host.types().find(&entity.entity_type).ok();
    found.map_or(&[][..], |found| &found.description().config)
}

/// `GET …/config`: the keys that its type describes, and the others that it has itself.
pub(super) async fn list(
    Entities(host): Entities,
    Path(path): Path<InEntity>,
) -> Result<Json<Vec<ConfigSummary>>, ApiError> {
    let (application, entity) = host.read(|state| found(state, &path))?;
    let own = links::entity(&application, &entity.id);
    let keys = described(&host, &entity);
    let summary = |name: &str, key: Option<&ConfigKey>| {
        let here = format!("{own}/config/{}", links::part(name));
        let links = Links::of([
            ("self", here.clone()),
            ("application", links::application(&application)),
            ("entity", own.clone()),
            ("action:json", here),
        ]);
        ConfigSummary::of(name, key, links)
    };
    let others = entity
        .config
        .iter()
        .filter(|(name, _)| keys.iter().all(|key| key.name != *name));
    let all = keys.iter().map(|key| summary(&key.name, Some(key)));
    Ok(Json(
        all.chain(others.map(|(name, _)| summary(name, None))).collect(),
    ))
}

/// `GET …/config/current-state`: all that holds for it and stands for a value now, its own and inherited.
pub(super) async fn values(
    Entities(host): Entities,
    Path(path): Path<InEntity>,
) -> Result<Json<Map>, ApiError> {
    host.read(|state| {
        let (_, entity) = found(state, &path)?;
        let mut names: Vec<String> = Vec::new();
        let mut here = Some(entity.clone());
        while let Some(entity) = here {
            for (name, _) in entity.config.iter() {
                if !names.iter().any(|known| known == name) {
                    names.push(name.to_owned());
                }
            }
            here = entity.parent.and_then(|above| find::shown(state, &above));
        }
        let value = |name: String| {
            let value = resolved(state, &host, &entity.id, &name).ok().flatten()?;
            Some((name, json::raw(value.as_str())))
        };
        Ok(Json(names.into_iter().filter_map(value).collect()))
    })
}

/// `GET …/config/{key}?raw=`: what it stands for, or with `raw=true` what is written; 204 if there is nothing yet.
pub(super) async fn one(
    Entities(host): Entities,
    Path((application, entity, key)): Path<(String, String, String)>,
    Query(query): Query,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let path = InEntity { application, entity };
    let is_raw = query.flag("raw")?;
    let value = host.read(|state| {
        let (_, id) = find::entity(state, &path)?;
        if is_raw {
            Ok(state.config(&id, &key))
        } else {
            resolved(state, &host, &id, &key)
        }
    })?;
    let value = value.as_ref().map(Value::as_str).filter(|value| *value != "null");
    Ok(json::plain_or_json(&headers, value))
}

/// What a key stands for; nothing if it waits for a sensor.
fn resolved(state: &State, host: &Host, id: &EntityId, key: &str) -> Result<Option<Value>, ApiError> {
    match Resolver::new(state, host.types()).config(id, key) {
        Ok(Some(Resolved::Value(value))) => Ok(Some(value)),
        Ok(None | Some(Resolved::NotReady { .. })) => Ok(None),
        Err(why) => Err(ApiError::bad_request(why.to_string())),
    }
}

/// `POST …/config/{key}` with a JSON value: 204.
pub(super) async fn set(
    Entities(host): Entities,
    Path((application, entity, key)): Path<(String, String, String)>,
    write: Write,
) -> Result<StatusCode, ApiError> {
    let path = InEntity { application, entity };
    put(&host, &path, &[(key, write.json()?)], &write).await
}

/// `POST …/config` with JSON values by key: 204.
pub(super) async fn set_all(
    Entities(host): Entities,
    Path(path): Path<InEntity>,
    write: Write,
) -> Result<StatusCode, ApiError> {
    put(&host, &path, &write.map()?, &write).await
}

async fn put(
    host: &Host,
    path: &InEntity,
    config: &[(String, Value)],
    write: &Write,
) -> Result<StatusCode, ApiError> {
    let id = find::written(host, path, write)?;
    let given: Values = config
        .iter()
        .map(|(key, value)| (key.as_str(), value.clone()))
        .collect();
    let set = |draft: &mut ha_rebind::Draft<'_>| {
        let its_type = draft.entity_type(&id).map(|name| host.types().find(name));
        if let Some(Ok(entity_type)) = its_type {
            let checked = entity_type.description().check_config(&given);
            checked.map_err(|why| Refusal::Other(why.to_string()))?;
        }
        draft.edit(&id, |entity| {
            for (key, value) in config {
                entity.config.set(key, value);
            }
        })?;
        Ok(Bytes::new())
    };
    host.propose(write.key(), set).await?;
    Ok(StatusCode::NO_CONTENT)
}
