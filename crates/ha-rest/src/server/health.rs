//! Whether this node is up, well, or stopping.

use axum::Json;
use axum::extract::State;
use ha_core::Status;
use serde::Serialize;

use super::states::HighAvailabilitySummary;
use crate::app::Shared;

/// Words in a setting's name that make its value a secret: Brooklyn's defaults.
pub(super) const SENSITIVE: [&str; 7] = [
    "password",
    "passwd",
    "credential",
    "secret",
    "private",
    "access.cert",
    "access.key",
];

/// `GET /up`.
pub(super) async fn up(State(shared): State<Shared>) -> Json<bool> {
    Json(is_up(&shared.control.status()))
}

/// `GET /healthy`.
pub(super) async fn healthy(State(shared): State<Shared>) -> Json<bool> {
    Json(is_healthy(&shared.control.status()))
}

/// `GET /shuttingDown`.
pub(super) async fn shutting_down(State(shared): State<Shared>) -> Json<bool> {
    Json(shared.control.status().stopping)
}

/// `GET /up/extended`.
pub(super) async fn extended(State(shared): State<Shared>) -> Json<Extended> {
    let status = shared.control.status();
    Json(Extended {
        up: is_up(&status),
        shutting_down: status.stopping,
        healthy: is_healthy(&status),
        ha: status.into(),
        osgi_up: false,
        sensitive_fields: SensitiveFields {
            tokens: SENSITIVE,
            plaintext_blocked: false,
        },
    })
}

/// Start-up is complete, no promotion is under way, and the node is not stopping.
fn is_up(status: &Status) -> bool {
    status.startup_complete && !status.stopping
}

/// Up, with nothing wrong; a leader that has lost its store is not well, even before it has reported an error.
fn is_healthy(status: &Status) -> bool {
    is_up(status) && status.errors.is_empty() && status.unproven_for.is_none()
}

/// The map of `GET /up/extended`, in Brooklyn's order. There is no OSGi here, which Brooklyn reports as `false`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Extended {
    up: bool,
    shutting_down: bool,
    healthy: bool,
    ha: HighAvailabilitySummary,
    osgi_up: bool,
    #[serde(rename = "brooklyn.security.sensitive.fields")]
    sensitive_fields: SensitiveFields,
}

#[derive(Debug, Serialize)]
struct SensitiveFields {
    tokens: [&'static str; 7],
    #[serde(rename = "plaintext.blocked")]
    plaintext_blocked: bool,
}
