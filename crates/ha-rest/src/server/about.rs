//! What this node is: its version, its plane, its settings, its user.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::Serialize;

use super::health::SENSITIVE;
use crate::app::Shared;
use crate::control::VersionInfo;
use crate::error::ApiError;
use crate::params::Params;

/// `GET /version`.
pub(super) async fn version(State(shared): State<Shared>) -> Json<VersionSummary> {
    Json(shared.control.version().into())
}

/// `GET /planeid`: bare text that calls itself JSON, as Brooklyn has it; empty if the plane is not known yet.
pub(super) async fn plane_id(State(shared): State<Shared>) -> impl IntoResponse {
    let id = shared
        .control
        .status()
        .plane_id
        .map_or_else(String::new, |plane| plane.0);
    ([(CONTENT_TYPE, "application/json")], id)
}

/// `GET /config/{key}`: a JSON string, or 204 if it is not set. With `suppressSecrets=true`, settings whose names sound secret
/// are masked.
pub(super) async fn config(
    State(shared): State<Shared>,
    key: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let Path(key) = key.map_err(|rejection| ApiError::bad_request(rejection.body_text()))?;
    let suppress = Params::parse(query.unwrap_or_default().as_bytes())?.flag("suppressSecrets")?;
    let lower = key.to_ascii_lowercase();
    let shown = shared.control.config(&key).map(|value| {
        let masked = suppress && SENSITIVE.iter().any(|token| lower.contains(token));
        if masked { "<suppressed>".to_owned() } else { value }
    });
    Ok(shown.map_or_else(
        || StatusCode::NO_CONTENT.into_response(),
        |value| Json(value).into_response(),
    ))
}

/// `GET /user`: a JSON string, or 204 while nobody can log in.
pub(super) async fn user() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// Brooklyn's `VersionSummary`, in its order.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VersionSummary {
    version: String,
    build_sha1: Option<String>,
    build_branch: Option<String>,
    features: Vec<FeatureSummary>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FeatureSummary {
    name: String,
    symbolic_name: String,
    version: String,
    last_modified: Option<String>,
}

impl From<VersionInfo> for VersionSummary {
    fn from(info: VersionInfo) -> Self {
        let features = info.features.into_iter().map(|feature| FeatureSummary {
            name: feature.name,
            symbolic_name: feature.symbolic_name,
            version: feature.version,
            last_modified: feature.last_modified_ms.map(|ms| ms.to_string()),
        });
        Self {
            version: info.version,
            build_sha1: info.build_sha,
            build_branch: info.build_branch,
            features: features.collect(),
        }
    }
}
