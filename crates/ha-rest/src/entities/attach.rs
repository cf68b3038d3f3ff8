//! Adjuncts that clients attach to entities.

use axum::Json;
use axum::extract::Path;
use ha_rebind::{Adjunct, AdjunctKind, EntityId, Host, Values};

use super::Entities;
use super::adjuncts::{AdjunctSummary, PolicySummary, adjunct_summary, policy_summary};
use super::find::{self, InEntity};
use super::write::Write;
use crate::error::ApiError;

/// `POST …/policies?type=`, with config by its keys as JSON: the new policy.
pub(super) async fn policy(
    Entities(host): Entities,
    Path(path): Path<InEntity>,
    write: Write,
) -> Result<Json<PolicySummary>, ApiError> {
    let new = attach(&host, &path, &write, Some(AdjunctKind::Policy)).await?;
    Ok(Json(policy_summary(
        &host,
        &new.application,
        &new.entity,
        &new.adjunct,
    )))
}

/// `POST …/adjuncts?type=`, with config by its keys as JSON: the new policy, enricher or feed.
pub(super) async fn any(
    Entities(host): Entities,
    Path(path): Path<InEntity>,
    write: Write,
) -> Result<Json<AdjunctSummary>, ApiError> {
    let new = attach(&host, &path, &write, None).await?;
    Ok(Json(adjunct_summary(
        &host,
        &new.application,
        &new.entity,
        &new.adjunct,
    )))
}

/// An adjunct that was attached, as it is by now, or as it was then if it is no more.
struct Attached {
    application: EntityId,
    entity: EntityId,
    adjunct: Adjunct,
}

async fn attach(
    host: &Host,
    path: &InEntity,
    write: &Write,
    kind: Option<AdjunctKind>,
) -> Result<Attached, ApiError> {
    let found = host.read(|state| find::entity(state, path));
    let gone = || write.gone(host).map(|gone| (gone.clone(), gone));
    let (application, entity) = found.or_else(|why| gone().ok_or(why))?;
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
    let first = host.attach(write.key(), &entity, kind, wanted, config).await?;
    let now = host.read(|state| state.entity(&entity)?.ok()?.adjunct(&first.id).cloned());
    // Where it was if its entity is no more, as far as the path says that.
    let place = |id: EntityId, said: &str| {
        let is_there = host.read(|state| state.contains(&id));
        let said = EntityId::new(said).ok().filter(|_| !is_there);
        said.unwrap_or(id)
    };
    Ok(Attached {
        application: place(application, &path.application),
        entity: place(entity, &path.entity),
        adjunct: now.unwrap_or(first),
    })
}
