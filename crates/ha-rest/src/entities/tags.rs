//! Tags: JSON values that an entity bears, each once.

use axum::Json;
use axum::extract::Path;
use bytes::Bytes;
use http::StatusCode;
use serde_json::value::RawValue;

use super::entity::found;
use super::find::{self, InEntity};
use super::write::Write;
use super::{Entities, json};
use crate::error::ApiError;

/// `GET …/tags`.
pub(super) async fn list(
    Entities(host): Entities,
    Path(path): Path<InEntity>,
) -> Result<Json<Vec<Box<RawValue>>>, ApiError> {
    host.read(|state| {
        let (_, entity) = found(state, &path)?;
        Ok(Json(
            entity.tags.iter().map(|tag| json::raw(tag.as_str())).collect(),
        ))
    })
}

/// `POST …/tag/add` with a JSON value: 204, also if it is there already.
pub(super) async fn add(
    Entities(host): Entities,
    Path(path): Path<InEntity>,
    write: Write,
) -> Result<StatusCode, ApiError> {
    let id = find::written(&host, &path, &write)?;
    let tag = write.json()?;
    let add = |draft: &mut ha_rebind::Draft<'_>| {
        draft.edit(&id, |entity| {
            if !entity.tags.contains(&tag) {
                entity.tags.push(tag.clone());
            }
        })?;
        Ok(Bytes::new())
    };
    host.propose(write.key(), add).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST …/tag/delete` with a JSON value: whether it was there.
pub(super) async fn delete(
    Entities(host): Entities,
    Path(path): Path<InEntity>,
    write: Write,
) -> Result<Json<bool>, ApiError> {
    let id = find::written(&host, &path, &write)?;
    let tag = write.json()?;
    let delete = |draft: &mut ha_rebind::Draft<'_>| {
        let mut was_there = false;
        draft.edit(&id, |entity| {
            let before = entity.tags.len();
            entity.tags.retain(|known| *known != tag);
            was_there = entity.tags.len() < before;
        })?;
        Ok(Bytes::copy_from_slice(&[u8::from(was_there)]))
    };
    let answer = host.propose(write.key(), delete).await?;
    Ok(Json(answer[..] == [1]))
}
