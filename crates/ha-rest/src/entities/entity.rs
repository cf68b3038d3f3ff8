//! An entity: what it is, what is around it, and its name.

use axum::Json;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use ha_rebind::{Entity, EntityId, State};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::Serialize;

use super::Entities;
use super::find::{self, InEntity};
use super::links::{self, Links};
use super::write::Write;
use crate::error::ApiError;

/// Brooklyn's `EntitySummary`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EntitySummary {
    id: String,
    name: String,
    #[serde(rename = "type")]
    entity_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    catalog_item_id: Option<String>,
    links: Links,
}

impl EntitySummary {
    pub(super) fn of(application: &EntityId, entity: &Entity) -> Self {
        let own = links::entity(application, &entity.id);
        let below = |name: &str| format!("{own}/{name}");
        let mut all = Links::own(own.clone());
        if let Some(parent) = &entity.parent {
            all = all.and("parent", links::entity(application, parent));
        }
        all = all.and("application", links::application(application));
        for name in [
            "children",
            "config",
            "sensors",
            "effectors",
            "adjuncts",
            "policies",
            "activities",
            "locations",
            "tags",
            "expunge",
        ] {
            all = all.and(name, below(name));
        }
        all = all.and("rename", below("name")).and("spec", below("spec"));
        Self {
            links: all,
            ..Self::named(application, entity)
        }
    }

    /// With no link but its own.
    pub(super) fn named(application: &EntityId, entity: &Entity) -> Self {
        Self {
            id: entity.id.to_string(),
            name: entity.name.clone(),
            entity_type: entity.entity_type.clone(),
            catalog_item_id: entity.catalog_item.clone(),
            links: Links::own(links::entity(application, &entity.id)),
        }
    }
}

/// Brooklyn's `RelationSummary`.
#[derive(Debug, Serialize)]
pub(super) struct RelationSummary {
    #[serde(rename = "type")]
    relation_type: String,
    targets: Vec<String>,
}

/// The relations of an entity by their names, each with the links to those it is to.
pub(super) fn relations_of(state: &State, application: &EntityId, entity: &Entity) -> Vec<RelationSummary> {
    let mut all: Vec<RelationSummary> = Vec::new();
    for relation in &entity.relations {
        let whose = state.application(&relation.target).unwrap_or(application);
        let target = links::entity(whose, &relation.target);
        match all.iter_mut().find(|known| known.relation_type == relation.name) {
            Some(known) => known.targets.push(target),
            None => all.push(RelationSummary {
                relation_type: relation.name.clone(),
                targets: vec![target],
            }),
        }
    }
    all
}

/// `GET …/entities/{entity}`.
pub(super) async fn one(
    Entities(host): Entities,
    Path(path): Path<InEntity>,
) -> Result<Json<EntitySummary>, ApiError> {
    host.read(|state| {
        let (application, entity) = found(state, &path)?;
        Ok(Json(EntitySummary::of(&application, &entity)))
    })
}

/// `GET …/children`.
pub(super) async fn children(
    Entities(host): Entities,
    Path(path): Path<InEntity>,
) -> Result<Json<Vec<EntitySummary>>, ApiError> {
    host.read(|state| {
        let (application, id) = find::entity(state, &path)?;
        let children = state
            .children(&id)
            .iter()
            .filter_map(|child| find::shown(state, child));
        Ok(Json(
            children
                .map(|child| EntitySummary::of(&application, &child))
                .collect(),
        ))
    })
}

/// `GET …/relations`.
pub(super) async fn relations(
    Entities(host): Entities,
    Path(path): Path<InEntity>,
) -> Result<Json<Vec<RelationSummary>>, ApiError> {
    host.read(|state| {
        let (application, entity) = found(state, &path)?;
        Ok(Json(relations_of(state, &application, &entity)))
    })
}

/// `GET …/spec`: the blueprint that it was made from, or that its nearest ancestor was; 204 if there was none.
pub(super) async fn spec(Entities(host): Entities, Path(path): Path<InEntity>) -> Result<Response, ApiError> {
    host.read(|state| {
        let (_, mut entity) = found(state, &path)?;
        loop {
            if let Some(text) = entity.blueprint {
                return Ok(([(CONTENT_TYPE, "text/x-yaml")], text).into_response());
            }
            match entity.parent.and_then(|above| find::shown(state, &above)) {
                Some(above) => entity = above,
                None => return Ok(StatusCode::NO_CONTENT.into_response()),
            }
        }
    })
}

/// `POST …/name?name=`.
pub(super) async fn rename(
    Entities(host): Entities,
    Path(path): Path<InEntity>,
    write: Write,
) -> Result<(), ApiError> {
    let id = find::written(&host, &path, &write)?;
    let name = write.query.required("name", "my-new-name")?;
    if name.len() > LONGEST_NAME {
        return Err(crate::params::invalid(
            "name",
            name,
            format!("it may have {LONGEST_NAME} bytes at most"),
        ));
    }
    let edit = |draft: &mut ha_rebind::Draft<'_>| {
        draft.edit(&id, |entity| name.clone_into(&mut entity.name))?;
        Ok(Bytes::new())
    };
    host.propose(write.key(), edit).await?;
    Ok(())
}

/// Longest name of an entity, in bytes.
const LONGEST_NAME: usize = 4096;

/// The entity that is meant, and its application.
pub(super) fn found(state: &State, path: &InEntity) -> Result<(EntityId, Entity), ApiError> {
    let (application, id) = find::entity(state, path)?;
    let entity = find::shown(state, &id).expect("it was found");
    Ok((application, entity))
}
