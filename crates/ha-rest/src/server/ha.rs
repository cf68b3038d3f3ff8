//! The state, priority and records of the plane, and the commands that change them.

use axum::Json;
use axum::extract::State;
use ha_core::{Mode, NodeId};

use super::states::HighAvailabilitySummary;
use crate::app::Shared;
use crate::control::ControlError;
use crate::error::ApiError;
use crate::params::{Params, invalid};

/// `GET /ha/state`: the role, quoted.
pub(super) async fn state(State(shared): State<Shared>) -> Json<&'static str> {
    Json(shared.control.status().role.name())
}

/// `POST /ha/state`, form `mode`: changes the mode and answers with the role before.
pub(super) async fn change_mode(
    State(shared): State<Shared>,
    form: Params,
) -> Result<Json<&'static str>, ApiError> {
    let text = form.required("mode", "HOT_STANDBY")?;
    let mode: Mode = text.parse().map_err(|why| invalid("mode", text, why))?;
    let before = carried_out(async move { shared.control.change_mode(mode).await }).await?;
    Ok(Json(before.name()))
}

/// `GET /ha/states`.
pub(super) async fn states(State(shared): State<Shared>) -> Json<HighAvailabilitySummary> {
    Json(shared.control.status().into())
}

/// `POST /ha/states/clear`: 200 with no body.
pub(super) async fn clear(State(shared): State<Shared>) -> Result<(), ApiError> {
    carried_out(async move { shared.control.clear_nodes(None).await }).await
}

/// `POST /ha/states/clear/node`, form `nodeId`: 200 with no body, also if there is no such node.
pub(super) async fn clear_node(State(shared): State<Shared>, form: Params) -> Result<(), ApiError> {
    let text = form.required("nodeId", "yAVz0fzo")?;
    let id = NodeId::new(text).map_err(|_| {
        invalid(
            "nodeId",
            text,
            "not a node id: use 1 to 64 characters of A-Z a-z 0-9 . _ - and no dot in front",
        )
    })?;
    carried_out(async move { shared.control.clear_nodes(Some(id)).await }).await
}

/// `GET /ha/priority`: a bare number.
pub(super) async fn priority(State(shared): State<Shared>) -> Json<i64> {
    Json(shared.control.status().priority)
}

/// `POST /ha/priority`, form `priority`: sets it and answers with the one before.
pub(super) async fn set_priority(State(shared): State<Shared>, form: Params) -> Result<Json<i64>, ApiError> {
    let text = form.required("priority", "1")?;
    let priority: i64 = text.parse().map_err(|_| {
        invalid(
            "priority",
            text,
            format_args!("not a whole number from {} to {}", i64::MIN, i64::MAX),
        )
    })?;
    carried_out(async move { shared.control.set_priority(priority).await })
        .await
        .map(Json)
}

/// Runs a command on a task of its own, so that neither a time-out nor a client that hangs up can break it off.
async fn carried_out<T: Send + 'static>(
    command: impl Future<Output = Result<T, ControlError>> + Send + 'static,
) -> Result<T, ApiError> {
    match tokio::spawn(command).await {
        Ok(outcome) => outcome.map_err(ApiError::from),
        Err(broken) => Err(ControlError::Internal(format!("The command broke off: {broken}")).into()),
    }
}
