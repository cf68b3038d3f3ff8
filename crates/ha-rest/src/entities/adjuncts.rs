//! Adjuncts: the policies, enrichers and feeds of an entity.

use axum::Json;
use axum::extract::Path;
use axum::response::Response;
use bytes::Bytes;
use ha_rebind::{Adjunct, AdjunctId, AdjunctKind, Entity, EntityId, Host};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};

use super::config::ConfigSummary;
use super::entity::found;
use super::find::{InEntity, cut, not_found};
use super::json::{self, Map};
use super::links::{self, Links};
use super::write::Write;
use super::{Entities, Query};
use crate::error::ApiError;

/// An adjunct in a path.
#[derive(Debug, Deserialize)]
pub(super) struct InAdjunct {
    application: String,
    entity: String,
    adjunct: String,
}

/// Brooklyn's `PolicySummary`, which is an `AdjunctSummary` with its kind at the end.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PolicySummary {
    id: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    catalog_item_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    state: &'static str,
    highlights: Map,
    links: Links,
    adjunct_type: &'static str,
}

/// Brooklyn's `AdjunctSummary`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AdjunctSummary {
    id: String,
    name: String,
    adjunct_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    catalog_item_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    state: &'static str,
    highlights: Map,
    links: Links,
}

fn state_of(adjunct: &Adjunct) -> &'static str {
    if adjunct.is_running { "RUNNING" } else { "STOPPED" }
}

fn kind(adjunct: &Adjunct) -> &'static str {
    match adjunct.kind {
        AdjunctKind::Policy => "POLICY",
        AdjunctKind::Enricher => "ENRICHER",
        AdjunctKind::Feed => "FEED",
    }
}

/// What its type does, if that is known here and said.
fn description(host: &Host, adjunct: &Adjunct) -> Option<String> {
    let known = host.adjunct_types().description(&adjunct.adjunct_type)?;
    Some(known.description.clone()).filter(|said| !said.is_empty())
}

fn highlights(adjunct: &Adjunct) -> Map {
    let all = adjunct.highlights.iter();
    all.map(|(name, value)| (name.to_owned(), json::raw(value)))
        .collect()
}

pub(super) fn policy_summary(
    host: &Host,
    application: &EntityId,
    entity: &EntityId,
    adjunct: &Adjunct,
) -> PolicySummary {
    let entity = links::entity(application, entity);
    let own = format!("{entity}/policies/{}", adjunct.id);
    PolicySummary {
        id: adjunct.id.to_string(),
        name: adjunct.name.clone(),
        catalog_item_id: adjunct.catalog_item.clone(),
        description: description(host, adjunct),
        state: state_of(adjunct),
        highlights: highlights(adjunct),
        links: Links::of([
            ("self", own.clone()),
            ("config", format!("{own}/config")),
            ("start", format!("{own}/start")),
            ("stop", format!("{own}/stop")),
            ("destroy", format!("{own}/destroy")),
            ("application", links::application(application)),
            ("entity", entity),
        ]),
        adjunct_type: kind(adjunct),
    }
}

pub(super) fn adjunct_summary(
    host: &Host,
    application: &EntityId,
    entity: &EntityId,
    adjunct: &Adjunct,
) -> AdjunctSummary {
    let entity = links::entity(application, entity);
    AdjunctSummary {
        id: adjunct.id.to_string(),
        name: adjunct.name.clone(),
        adjunct_type: kind(adjunct),
        catalog_item_id: adjunct.catalog_item.clone(),
        description: description(host, adjunct),
        state: state_of(adjunct),
        highlights: highlights(adjunct),
        links: Links::own(format!("{entity}/adjuncts/{}", adjunct.id)),
    }
}

/// `GET …/policies`.
pub(super) async fn policies(
    Entities(host): Entities,
    Path(path): Path<InEntity>,
) -> Result<Json<Vec<PolicySummary>>, ApiError> {
    let (application, entity) = host.read(|state| found(state, &path))?;
    let policies = entity.adjuncts.iter().filter(|a| a.kind == AdjunctKind::Policy);
    Ok(Json(
        policies
            .map(|p| policy_summary(&host, &application, &entity.id, p))
            .collect(),
    ))
}

/// `GET …/policies/current-state`: whether each is at work.
pub(super) async fn current_state(
    Entities(host): Entities,
    Path(path): Path<InEntity>,
) -> Result<Json<Map>, ApiError> {
    let (_, entity) = host.read(|state| found(state, &path))?;
    let policies = entity.adjuncts.iter().filter(|a| a.kind == AdjunctKind::Policy);
    Ok(Json(
        policies
            .map(|p| (p.id.to_string(), json::of(&p.is_running)))
            .collect(),
    ))
}

/// `GET …/adjuncts?adjunctType=`.
pub(super) async fn list(
    Entities(host): Entities,
    Path(path): Path<InEntity>,
    Query(query): Query,
) -> Result<Json<Vec<AdjunctSummary>>, ApiError> {
    let (application, entity) = host.read(|state| found(state, &path))?;
    let wanted = query.optional("adjunctType");
    let shown = entity
        .adjuncts
        .iter()
        .filter(|a| wanted.is_none_or(|w| w.eq_ignore_ascii_case(kind(a))));
    Ok(Json(
        shown
            .map(|a| adjunct_summary(&host, &application, &entity.id, a))
            .collect(),
    ))
}

/// `GET …/adjuncts/{adjunct}`.
pub(super) async fn one(
    Entities(host): Entities,
    Path(path): Path<InAdjunct>,
) -> Result<Json<AdjunctSummary>, ApiError> {
    let (application, entity, adjunct) = meant(&host, path)?;
    Ok(Json(adjunct_summary(&host, &application, &entity.id, &adjunct)))
}

/// `GET …/policies/{policy}`: its state, quoted.
pub(super) async fn state(
    Entities(host): Entities,
    Path(path): Path<InAdjunct>,
) -> Result<Json<&'static str>, ApiError> {
    meant(&host, path).map(|(_, _, adjunct)| Json(state_of(&adjunct)))
}

/// `GET …/policies/{policy}/config`: the keys that are set.
pub(super) async fn config(
    Entities(host): Entities,
    Path(path): Path<InAdjunct>,
) -> Result<Json<Vec<ConfigSummary>>, ApiError> {
    let (application, entity, adjunct) = meant(&host, path)?;
    let entity = links::entity(&application, &entity.id);
    let policy = format!("{entity}/policies/{}", adjunct.id);
    let known = host.adjunct_types().description(&adjunct.adjunct_type);
    let summary = |(name, _): (&str, &str)| {
        let key = known.and_then(|known| known.config.iter().find(|key| key.name == name));
        let links = Links::of([
            ("self", format!("{policy}/config/{}", links::part(name))),
            ("application", links::application(&application)),
            ("entity", entity.clone()),
            ("policy", policy.clone()),
        ]);
        ConfigSummary::of(name, key, links)
    };
    Ok(Json(adjunct.config.iter().map(summary).collect()))
}

/// `GET …/policies/{policy}/config/{key}`: 204 if it is not set.
pub(super) async fn config_value(
    Entities(host): Entities,
    Path((application, entity, adjunct, key)): Path<(String, String, String, String)>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let path = InAdjunct {
        application,
        entity,
        adjunct,
    };
    let (.., adjunct) = meant(&host, path)?;
    Ok(json::plain_or_json(&headers, adjunct.config.text(&key)))
}

/// `POST …/policies/{policy}/start`: 204, also if it is at work.
pub(super) async fn start(
    Entities(host): Entities,
    Path(path): Path<InAdjunct>,
    write: Write,
) -> Result<StatusCode, ApiError> {
    set_running(&host, path, &write, true).await
}

/// `POST …/policies/{policy}/stop`: 204, also if it is at rest.
pub(super) async fn stop(
    Entities(host): Entities,
    Path(path): Path<InAdjunct>,
    write: Write,
) -> Result<StatusCode, ApiError> {
    set_running(&host, path, &write, false).await
}

async fn set_running(
    host: &Host,
    path: InAdjunct,
    write: &Write,
    is_running: bool,
) -> Result<StatusCode, ApiError> {
    let (entity, adjunct) = written(host, path, write)?;
    let set = |draft: &mut ha_rebind::Draft<'_>| {
        draft.edit(&entity, |entity| {
            let all = entity.adjuncts.iter_mut();
            all.filter(|a| a.id == adjunct)
                .for_each(|a| a.is_running = is_running);
        })?;
        Ok(Bytes::new())
    };
    host.propose(write.key(), set).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST …/policies/{policy}/destroy`: 204.
pub(super) async fn destroy(
    Entities(host): Entities,
    Path(path): Path<InAdjunct>,
    write: Write,
) -> Result<StatusCode, ApiError> {
    let (entity, adjunct) = written(&host, path, &write)?;
    let destroy = |draft: &mut ha_rebind::Draft<'_>| {
        draft.edit(&entity, |entity| entity.adjuncts.retain(|a| a.id != adjunct))?;
        Ok(Bytes::new())
    };
    host.propose(write.key(), destroy).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The adjunct that a write is about, and its entity. If it is no more, and the first request with this key has its answer, any will do to ask
/// for that.
fn written(host: &Host, path: InAdjunct, write: &Write) -> Result<(EntityId, AdjunctId), ApiError> {
    meant(host, path)
        .map(|(_, entity, adjunct)| (entity.id, adjunct.id))
        .or_else(|why| {
            let gone = write.gone(host).zip(AdjunctId::new("gone").ok());
            gone.ok_or(why)
        })
}

/// The adjunct that a path means, by id or by name.
fn meant(host: &Host, path: InAdjunct) -> Result<(EntityId, Entity, Adjunct), ApiError> {
    let InAdjunct {
        application,
        entity,
        adjunct: wanted,
    } = path;
    let (application, entity) = host.read(|state| found(state, &InEntity { application, entity }))?;
    let by = |is: &dyn Fn(&&Adjunct) -> bool| entity.adjuncts.iter().find(is).cloned();
    let adjunct = by(&|a| a.id.as_str() == wanted).or_else(|| by(&|a| a.name == wanted));
    let missing = || {
        not_found(format!(
            "Entity '{}' has no adjunct '{}'",
            entity.id,
            cut(&wanted)
        ))
    };
    let adjunct = adjunct.ok_or_else(missing)?;
    Ok((application, entity, adjunct))
}
