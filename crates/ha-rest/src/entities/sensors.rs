//! Sensors: what is known of an entity.

use axum::Json;
use axum::extract::Path;
use axum::response::Response;
use bytes::Bytes;
use ha_rebind::{Entity, EntityId, Host, Json as Value, ValueType};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::value::RawValue;

use super::Entities;
use super::entity::found;
use super::find::{self, InEntity};
use super::json::{self, Map};
use super::links::{self, Links};
use super::write::Write;
use crate::error::ApiError;

/// Brooklyn's `SensorSummary`.
#[derive(Debug, Serialize)]
pub(super) struct SensorSummary {
    name: String,
    #[serde(rename = "type")]
    value_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    links: Links,
}

/// The name that clients know a type by: Java's.
pub(super) fn java_type(value_type: ValueType) -> &'static str {
    match value_type {
        ValueType::Any => "java.lang.Object",
        ValueType::Boolean => "java.lang.Boolean",
        ValueType::Integer => "java.lang.Integer",
        ValueType::Number => "java.lang.Double",
        ValueType::String => "java.lang.String",
        ValueType::Map => "java.util.Map",
        ValueType::List => "java.util.List",
    }
}

/// The sensors that its type describes, and the others that it has.
fn known(host: &Host, entity: &Entity) -> Vec<(String, ValueType, Option<String>)> {
    let described = host.types().find(&entity.entity_type).ok();
    let described = described.map_or(&[][..], |found| &found.description().sensors);
    let mut all: Vec<_> = described
        .iter()
        .map(|s| (s.name.clone(), s.value_type, Some(s.description.clone())))
        .collect();
    for (name, _) in entity.sensors.iter() {
        if described.iter().all(|known| known.name != name) {
            all.push((name.to_owned(), ValueType::Any, None));
        }
    }
    all
}

/// `GET …/sensors`.
pub(super) async fn list(
    Entities(host): Entities,
    Path(path): Path<InEntity>,
) -> Result<Json<Vec<SensorSummary>>, ApiError> {
    let (application, entity) = host.read(|state| found(state, &path))?;
    let own = links::entity(&application, &entity.id);
    let summary = |(name, value_type, description): (String, ValueType, Option<String>)| {
        let here = format!("{own}/sensors/{}", links::part(&name));
        SensorSummary {
            links: Links::of([
                ("self", here.clone()),
                ("application", links::application(&application)),
                ("entity", own.clone()),
                ("action:json", here),
            ]),
            name,
            value_type: java_type(value_type),
            description,
        }
    };
    Ok(Json(known(&host, &entity).into_iter().map(summary).collect()))
}

/// `GET …/sensors/current-state`: all values, `null` for a sensor that has none.
pub(super) async fn values(
    Entities(host): Entities,
    Path(path): Path<InEntity>,
) -> Result<Json<Map>, ApiError> {
    let (_, entity) = host.read(|state| found(state, &path))?;
    let all = known(&host, &entity).into_iter();
    let value = |name: &str| {
        entity
            .sensors
            .text(name)
            .map_or_else(|| RawValue::NULL.to_owned(), json::raw)
    };
    Ok(Json(all.map(|(name, ..)| (name.clone(), value(&name))).collect()))
}

/// `GET …/sensors/{sensor}`: 204 if it has no value.
pub(super) async fn one(
    Entities(host): Entities,
    Path((application, entity, sensor)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let path = InEntity { application, entity };
    let (_, entity) = host.read(|state| found(state, &path))?;
    let value = entity.sensors.text(&sensor).filter(|value| *value != "null");
    Ok(json::plain_or_json(&headers, value))
}

/// `POST …/sensors/{sensor}` with a JSON value: 204.
pub(super) async fn set(
    Entities(host): Entities,
    Path((application, entity, sensor)): Path<(String, String, String)>,
    write: Write,
) -> Result<StatusCode, ApiError> {
    let path = InEntity { application, entity };
    let id = find::written(&host, &path, &write)?;
    put(&host, &id, &[(sensor, write.json()?)], &write).await
}

/// `POST …/sensors` with JSON values by name: 204.
pub(super) async fn set_all(
    Entities(host): Entities,
    Path(path): Path<InEntity>,
    write: Write,
) -> Result<StatusCode, ApiError> {
    let id = find::written(&host, &path, &write)?;
    put(&host, &id, &write.map()?, &write).await
}

async fn put(
    host: &Host,
    id: &EntityId,
    sensors: &[(String, Value)],
    write: &Write,
) -> Result<StatusCode, ApiError> {
    let set = |draft: &mut ha_rebind::Draft<'_>| {
        for (name, value) in sensors {
            draft.set_sensor(id, name, value)?;
        }
        Ok(Bytes::new())
    };
    host.propose(write.key(), set).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE …/sensors/{sensor}`: 204, also if it had no value.
pub(super) async fn remove(
    Entities(host): Entities,
    Path((application, entity, sensor)): Path<(String, String, String)>,
    write: Write,
) -> Result<StatusCode, ApiError> {
    let path = InEntity { application, entity };
    let id = find::written(&host, &path, &write)?;
    let remove = |draft: &mut ha_rebind::Draft<'_>| draft.remove_sensor(&id, &sensor).map(|()| Bytes::new());
    host.propose(write.key(), remove).await?;
    Ok(StatusCode::NO_CONTENT)
}
