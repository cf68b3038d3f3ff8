//! Applications, and all that is below them.

use axum::Json;
use axum::extract::Path;
use ha_rebind::{Entity, EntityId, Lifecycle, State};
use serde::Serialize;
use serde_json::value::RawValue;

use super::entity::EntitySummary;
use super::json::{self, Map};
use super::links::{self, Links};
use super::{Entities, Query, find};
use crate::error::ApiError;
use crate::params::invalid;

/// Brooklyn's `ApplicationSummary`.
#[derive(Debug, Serialize)]
pub(super) struct ApplicationSummary {
    id: String,
    spec: ApplicationSpec,
    status: &'static str,
    links: Links,
}

#[derive(Debug, Serialize)]
struct ApplicationSpec {
    name: String,
    #[serde(rename = "type")]
    entity_type: String,
    locations: Vec<String>,
}

impl ApplicationSummary {
    fn of(entity: &Entity) -> Self {
        let own = links::application(&entity.id);
        Self {
            id: entity.id.to_string(),
            spec: ApplicationSpec {
                name: entity.name.clone(),
                entity_type: entity.entity_type.clone(),
                locations: entity.locations.iter().map(ToString::to_string).collect(),
            },
            status: status(entity),
            links: Links::own(own.clone()).and("entities", format!("{own}/entities")),
        }
    }
}

/// Brooklyn's `Status` (`ApplicationTransformer`).
fn status(entity: &Entity) -> &'static str {
    match entity.lifecycle() {
        None => "UNKNOWN",
        Some(Lifecycle::Created) => "ACCEPTED",
        Some(Lifecycle::OnFire) => "ERROR",
        Some(other) => other.as_str(),
    }
}

/// Brooklyn's `EntityDetail`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EntityDetail {
    application_id: String,
    id: String,
    parent_id: Option<String>,
    name: String,
    #[serde(rename = "type")]
    entity_type: String,
    service_up: Option<bool>,
    service_state: Option<&'static str>,
    icon_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    catalog_item_id: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    children: Vec<Child>,
    group_ids: Vec<String>,
    members: Vec<String>,
    links: Links,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Box<RawValue>>,
    creation_time_utc: u64,
    relations: Vec<super::entity::RelationSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sensors: Option<Map>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Child {
    Whole(Box<EntityDetail>),
    Named(EntitySummary),
}

impl EntityDetail {
    /// With all below it (`fetch`), or with the names of its children and its own tags (`details`).
    fn of(state: &State, application: &EntityId, entity: &Entity, is_deep: bool, sensors: &[&str]) -> Self {
        let shown = entity.children.iter().filter_map(|id| find::shown(state, id));
        let children = shown
            .map(|child| {
                if is_deep {
                    Child::Whole(Box::new(Self::of(state, application, &child, true, sensors)))
                } else {
                    Child::Named(EntitySummary::named(application, &child))
                }
            })
            .collect();
        let tags = entity.tags.iter().filter(|_| !is_deep);
        let wanted = || {
            let all = entity.sensors.iter();
            let asked = all.filter(|(name, _)| sensors.iter().any(|wanted| *wanted == "*" || wanted == name));
            asked
                .map(|(name, value)| (name.to_owned(), json::raw(value)))
                .collect()
        };
        Self {
            application_id: application.to_string(),
            id: entity.id.to_string(),
            parent_id: entity.parent.as_ref().map(ToString::to_string),
            name: entity.name.clone(),
            entity_type: entity.entity_type.clone(),
            service_up: entity.is_up(),
            service_state: entity.lifecycle().map(Lifecycle::as_str),
            icon_url: None,
            catalog_item_id: entity.catalog_item.clone(),
            children,
            group_ids: Vec::new(),
            members: Vec::new(),
            links: Links::own(links::entity(application, &entity.id)),
            tags: tags.map(|tag| json::raw(tag.as_str())).collect(),
            creation_time_utc: entity.created_ms,
            relations: super::entity::relations_of(state, application, entity),
            sensors: (!sensors.is_empty()).then(wanted),
        }
    }
}

/// `GET /applications?typeRegex=`: those whose type has a match of the expression.
pub(super) async fn list(
    Entities(host): Entities,
    Query(query): Query,
) -> Result<Json<Vec<ApplicationSummary>>, ApiError> {
    let pattern = pattern(&query, "typeRegex")?;
    Ok(Json(host.read(|state| {
        let all = state.applications().filter_map(|id| find::shown(state, id));
        let wanted = all.filter(|app| pattern.as_ref().is_none_or(|p| p.is_match(&app.entity_type)));
        wanted.map(|app| ApplicationSummary::of(&app)).collect()
    })))
}

/// `GET /applications/fetch?sensors=`: all applications with all below them.
pub(super) async fn fetch(
    Entities(host): Entities,
    Query(query): Query,
) -> Result<Json<Vec<EntityDetail>>, ApiError> {
    Ok(Json(in_detail(&host, &query, true)))
}

/// `GET /applications/details?sensors=`: all applications, and who is right below them.
pub(super) async fn details(
    Entities(host): Entities,
    Query(query): Query,
) -> Result<Json<Vec<EntityDetail>>, ApiError> {
    Ok(Json(in_detail(&host, &query, false)))
}

fn in_detail(host: &ha_rebind::Host, query: &crate::params::Params, is_deep: bool) -> Vec<EntityDetail> {
    let sensors = query.optional("sensors").unwrap_or_default();
    let bare = sensors.trim_matches(['[', ']']);
    let sensors: Vec<_> = bare
        .split(',')
        .map(|s| s.trim().trim_matches('"'))
        .filter(|s| !s.is_empty())
        .collect();
    host.read(|state| {
        let all = state.applications().filter_map(|id| find::shown(state, id));
        all.map(|app| EntityDetail::of(state, &app.id, &app, is_deep, &sensors))
            .collect()
    })
}

/// `GET /applications/{application}`.
pub(super) async fn one(
    Entities(host): Entities,
    Path(path): Path<find::InApplication>,
) -> Result<Json<ApplicationSummary>, ApiError> {
    host.read(|state| {
        let id = find::application(state, &path.application)?;
        let shown = find::shown(state, &id);
        Ok(Json(ApplicationSummary::of(&shown.expect("it was found"))))
    })
}

/// `GET /applications/{application}/entities`: those right below it.
pub(super) async fn entities(
    Entities(host): Entities,
    Path(path): Path<find::InApplication>,
) -> Result<Json<Vec<EntitySummary>>, ApiError> {
    host.read(|state| {
        let id = find::application(state, &path.application)?;
        let children = state
            .children(&id)
            .iter()
            .filter_map(|child| find::shown(state, child));
        Ok(Json(
            children.map(|child| EntitySummary::of(&id, &child)).collect(),
        ))
    })
}

/// `GET /applications/{application}/descendants?typeRegex=`: it and all below it.
pub(super) async fn descendants(
    Entities(host): Entities,
    Path(path): Path<find::InApplication>,
    Query(query): Query,
) -> Result<Json<Vec<EntitySummary>>, ApiError> {
    let pattern = pattern(&query, "typeRegex")?;
    host.read(|state| {
        let id = find::application(state, &path.application)?;
        let all = state
            .descendants(&id)
            .into_iter()
            .filter_map(|below| find::shown(state, &below));
        let wanted = all.filter(|e| pattern.as_ref().is_none_or(|p| p.is_match(&e.entity_type)));
        Ok(Json(
            wanted.map(|entity| EntitySummary::of(&id, &entity)).collect(),
        ))
    })
}

/// `GET /applications/{application}/descendants/sensor/{sensor}?typeRegex=`: its values by entity, of those that have one.
pub(super) async fn descendants_sensor(
    Entities(host): Entities,
    Path((application, sensor)): Path<(String, String)>,
    Query(query): Query,
) -> Result<Json<Map>, ApiError> {
    let pattern = pattern(&query, "typeRegex")?;
    host.read(|state| {
        let id = find::application(state, &application)?;
        let all = state.descendants(&id).into_iter();
        let is_wanted = |id: &EntityId| {
            pattern
                .as_ref()
                .is_none_or(|p| find::shown(state, id).is_some_and(|e| p.is_match(&e.entity_type)))
        };
        let values = all.filter(is_wanted).filter_map(|id| {
            let value = state
                .sensor(&id, &sensor)
                .filter(|value| value.as_str() != "null")?;
            Some((id.to_string(), json::raw(value.as_str())))
        });
        Ok(Json(values.collect()))
    })
}

/// A regular expression of a client. It cannot take longer than its length and the text's allow.
fn pattern(query: &crate::params::Params, name: &str) -> Result<Option<regex::Regex>, ApiError> {
    let Some(text) = query.optional(name) else {
        return Ok(None);
    };
    // As Java's `matches`: the whole type.
    let whole = format!("^(?:{text})$");
    let built = regex::RegexBuilder::new(&whole).size_limit(1 << 20).build();
    built
        .map(Some)
        .map_err(|why| invalid(name, text, why.to_string().lines().last().unwrap_or_default()))
}
