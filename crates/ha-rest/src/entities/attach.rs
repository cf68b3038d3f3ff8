//! Adjuncts that clients attach to entities.

use axum::Json;
use axum::extract::Path;
use ha_rebind::{AdjunctId, AdjunctKind, EntityId, Host, Values};

use super::Entities;
use super::adjuncts::{AdjunctSummary, InAdjunct, PolicySummary, adjunct_summary, meant, policy_summary};
use super::find::{self, InEntity};
use super::write::Write;
use crate::error::ApiError;

/// `POST …/policies?type=`, with config by its keys as JSON: the new policy.
pub(super) async fn policy(
    Entities(host): Entities,
    Path(path): Path<InEntity>,
    write: Write,
) -> Result<Json<PolicySummary>, ApiError> {
    let (entity, id) = attach(&host, &path, &write, Some(AdjunctKind::Policy)).await?;
    let (application, entity, adjunct) = meant(&host, InAdjunct::of(&path, &entity, &id))?;
    Ok(Json(policy_summary(&host, &application, &entity, &adjunct)))
}

/// `POST …/adjuncts?type=`, with config by its keys as JSON: the new policy, enricher or feed.
pub(super) async fn any(
    Entities(host): Entities,
    Path(path): Path<InEntity>,
    write: Write,
) -> Result<Json<AdjunctSummary>, ApiError> {
    let (entity, id) = attach(&host, &path, &write, None).await?;
    let (application, entity, adjunct) = meant(&host, InAdjunct::of(&path, &entity, &id))?;
    Ok(Json(adjunct_summary(&host, &application, &entity, &adjunct)))
}

async fn attach(
    host: &Host,
    path: &InEntity,
    write: &Write,
    kind: Option<AdjunctKind>,
) -> Result<(EntityId, AdjunctId), ApiError> {
    let (_, entity) = host.read(|state| find::entity(state, path))?;
    let wanted = write.query.optional("type");
    let wanted = wanted.ok_or_else(|| {
        ApiError::bad_request("Missing parameter: type; send it in the query: ?type=<name>")
    })?;
    let given = if write.body.is_empty() {
        Vec::new()
    } else {
        write.map()?
    };
    let config: Values = given
        .iter()
        .map(|(key, value)| (key.as_str(), value.clone()))
        .collect();
    let id = host.attach(write.key(), &entity, kind, wanted, config).await?;
    Ok((entity, id))
}
