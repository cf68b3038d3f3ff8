//! The decision list, as a function of a request and a status.

use std::time::Duration;

use ha_core::{Role, Status};
use http::{HeaderMap, Method, StatusCode};

use super::SKIP_HEADER;
use crate::duration;
use crate::error::ApiError;

pub(crate) const MASTER_REQUIRED: &str =
    "This request is only permitted against an active primary Brooklyn server";
pub(crate) const HOT_REQUIRED: &str =
    "This request is only permitted against an active primary or hot standby/backup Brooklyn server";

/// Why a request is refused, if it is. First match wins:
///
/// 1. A write that is not exempt, on a leader whose store has been silent for longer than its lease: 503, for it may be no
///    leader any more. Only calls under `/server/ha/` may skip this, for they are how an operator gets a node out of it.
/// 2. The header [`SKIP_HEADER`]: allowed.
/// 3. A write that is not exempt, on a node that is not the master: 403.
/// 4. A resource that needs the plane's state, on a node that does not have it: 403.
///
/// A *write* is any method but GET and HEAD. *Exempt* are `server/shutdown` and what begins with `logout`. Brooklyn's list is
/// 2 to 4. `status` is asked only where the answer depends on it.
pub(crate) fn refusal(
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    hot_required: bool,
    status: impl FnOnce() -> Status,
) -> Option<ApiError> {
    let path = resource(path);
    let skip = skips(headers);
    let write = is_write(method) && !is_exempt(path);
    let bound_to_proof = write && !(skip && path.starts_with("server/ha/"));
    if !bound_to_proof && (skip || !(write || hot_required)) {
        return None;
    }

    let status = status();
    if bound_to_proof && let Some(silence) = status.unproven_for {
        return Some(unproven(silence));
    }
    if skip {
        return None;
    }
    if write && status.role != Role::Master {
        tracing::debug!(%method, path, role = %status.role, "refused: not the master");
        return Some(ApiError::new(StatusCode::FORBIDDEN, MASTER_REQUIRED));
    }
    if hot_required && let Some(reason) = not_hot(&status) {
        tracing::debug!(%method, path, role = %status.role, "refused: {reason}");
        return Some(ApiError::new(StatusCode::FORBIDDEN, HOT_REQUIRED));
    }
    None
}

/// The path without what all have in common: `server/ha/state`.
fn resource(path: &str) -> &str {
    let path = path.strip_prefix('/').unwrap_or(path);
    path.strip_prefix("v1/").unwrap_or(path)
}

/// As Brooklyn, for which a header given twice is one with a comma in it.
fn skips(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(SKIP_HEADER).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"true"),
        _ => false,
    }
}

fn is_write(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD)
}

fn is_exempt(path: &str) -> bool {
    path.starts_with("logout") || path.strip_suffix('/').unwrap_or(path) == "server/shutdown"
}

/// Brooklyn's reasons in its order; they are for the log, the client sees one message for all.
fn not_hot(status: &Status) -> Option<&'static str> {
    if status.stopping {
        Some("server no longer running")
    } else if !status.startup_complete {
        Some("server not in required startup-completed state")
    } else if !status.role.is_hot() {
        Some("server not in required HA hot state")
    } else if status.awaiting_rebind {
        Some("server not yet completed loading data for required HA hot state")
    } else {
        None
    }
}

fn unproven(silence: Duration) -> ApiError {
    let silence = duration::show(u64::try_from(silence.as_millis()).unwrap_or(u64::MAX));
    ApiError::unavailable(format!(
        "The store has not answered this primary for {silence}, longer than its lease, and another node may lead by now: nothing was changed"
    ))
    .with_details("Try again, or ask another node's /v1/server/ha/states which one is master")
}
