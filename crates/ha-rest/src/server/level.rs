//! `/ha/formatLevel`: at which format level the plane is, what its nodes read, and a raise at once.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use ha_rebind::{Level, Levels, RaiseError};
use http::StatusCode;
use serde::Serialize;

use crate::app::Shared;
use crate::entities::Entities;
use crate::error::ApiError;
use crate::gate::HOT_REQUIRED;
use crate::params::Params;

/// What is shown of levels.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown {
    /// The level at which the plane's leader writes.
    level: u16,
    /// The newest that this node reads.
    newest: u16,
    /// The newest that each node on record reads.
    nodes: BTreeMap<String, u16>,
    /// The nodes for which a raise to the newest waits.
    waits_for: Vec<String>,
}

/// `GET /ha/formatLevel`: on any node that has the state.
pub(super) async fn show(shared: State<Shared>, Entities(host): Entities) -> Result<Json<Shown>, ApiError> {
    let status = shared.control.status();
    if !status.role.is_hot() || status.awaiting_rebind {
        return Err(ApiError::new(StatusCode::FORBIDDEN, HOT_REQUIRED));
    }
    Ok(Json(host.levels().into()))
}

/// `POST /ha/formatLevel`, form `level` (default: the newest) and `force`: raises it, and answers what there is then.
pub(super) async fn raise(
    State(_): State<Shared>,
    Entities(host): Entities,
    form: Params,
) -> Result<Json<Shown>, ApiError> {
    let level = form.parsed("level", host.levels().own.0)?;
    let is_forced = form.parsed("force", false)?;
    let worker = host.clone();
    // On a task of its own, so that a client that hangs up does not break it off.
    let raised = tokio::spawn(async move { worker.raise_level(Level(level), is_forced).await });
    raised
        .await
        .map_err(|broken| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, broken.to_string()))??;
    Ok(Json(host.levels().into()))
}

impl From<Levels> for Shown {
    fn from(levels: Levels) -> Self {
        let waits_for = levels.behind(levels.own);
        Self {
            level: levels.plane.0,
            newest: levels.own.0,
            nodes: levels
                .nodes
                .iter()
                .map(|(node, reads)| (node.to_string(), reads.0))
                .collect(),
            waits_for: waits_for.iter().map(ToString::to_string).collect(),
        }
    }
}

impl From<RaiseError> for ApiError {
    fn from(why: RaiseError) -> Self {
        match why {
            RaiseError::Propose(why) => why.into(),
            RaiseError::NotHigher { .. } | RaiseError::LocksOut { .. } => {
                Self::new(StatusCode::CONFLICT, why.to_string())
            }
            RaiseError::NotAllKnown => Self::unavailable(why.to_string()),
            why => Self::bad_request(why.to_string()),
        }
    }
}
