//! What a client may do at all.

use axum::Json;
use serde::Serialize;

use super::Entities;
use super::links::Links;

/// Brooklyn's `AccessSummary`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AccessSummary {
    location_provisioning_allowed: bool,
    links: Links,
}

/// `GET /access`.
pub(super) async fn show(_: Entities) -> Json<AccessSummary> {
    Json(AccessSummary {
        location_provisioning_allowed: true,
        links: Links::own("/v1/access".into()),
    })
}
