//! Locations: where entities run.

use axum::Json;
use axum::extract::Path;
use ha_rebind::{Location, LocationId, State};
use serde::Serialize;

use super::Entities;
use super::entity::found;
use super::find::{InEntity, cut, not_found};
use super::json::{self, Map};
use super::links::{self, Links};
use crate::error::ApiError;

/// Brooklyn's `LocationSummary`.
#[derive(Debug, Serialize)]
pub(super) struct LocationSummary {
    id: String,
    name: String,
    spec: String,
    #[serde(rename = "type")]
    location_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<Map>,
    links: Links,
}

impl LocationSummary {
    fn of(location: &Location, is_deep: bool) -> Self {
        let mut links = Links::own(links::location(&location.id));
        if let Some(parent) = &location.parent {
            links = links.and("parent", links::location(parent));
        }
        let config = || {
            location
                .config
                .iter()
                .map(|(key, value)| (key.to_owned(), json::raw(value)))
                .collect()
        };
        Self {
            id: location.id.to_string(),
            name: location.name.clone(),
            spec: location.spec.clone(),
            location_type: location.location_type.clone(),
            config: (is_deep && !location.config.is_empty()).then(config),
            links,
        }
    }
}

fn readable(state: &State, id: &LocationId) -> Option<Location> {
    state.location(id)?.ok()
}

/// `GET /locations`: all that entities of the plane run at.
pub(super) async fn list(Entities(host): Entities) -> Json<Vec<LocationSummary>> {
    Json(host.read(|state| {
        let all = state.locations().filter_map(|id| readable(state, id));
        all.map(|location| LocationSummary::of(&location, true)).collect()
    }))
}

/// `GET /locations/{location}`.
pub(super) async fn one(
    Entities(host): Entities,
    Path(id): Path<String>,
) -> Result<Json<LocationSummary>, ApiError> {
    let found = LocationId::new(&id)
        .ok()
        .and_then(|id| host.read(|state| readable(state, &id)));
    let missing = || not_found(format!("Location '{}' not found", cut(&id)));
    Ok(Json(LocationSummary::of(&found.ok_or_else(missing)?, true)))
}

/// `GET …/entities/{entity}/locations`.
pub(super) async fn of_entity(
    Entities(host): Entities,
    Path(path): Path<InEntity>,
) -> Result<Json<Vec<LocationSummary>>, ApiError> {
    host.read(|state| {
        let (_, entity) = found(state, &path)?;
        let all = entity.locations.iter().filter_map(|id| readable(state, id));
        Ok(Json(
            all.map(|location| LocationSummary::of(&location, false))
                .collect(),
        ))
    })
}
