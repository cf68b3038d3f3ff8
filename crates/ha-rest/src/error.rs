//! The body of every refusal: Brooklyn's `ApiError`.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CONNECTION, HeaderName, HeaderValue};
use serde::Serialize;
use serde_json::{Value, json};

use crate::control::ControlError;

/// `X-HA-Outcome`: its value `unknown` says that the request may have been applied, or may be yet.
pub const OUTCOME_HEADER: HeaderName = HeaderName::from_static("x-ha-outcome");

/// A refusal as the client sees it: a status, and a JSON body with Brooklyn's names, order and omissions.
///
/// `{"message":"…", "details":"…", "data":…, "error":400}`, where `details` is left out when empty and `data` when null
/// (Brooklyn's `org.apache.brooklyn.rest.domain.ApiError`).
///
/// ```
/// use http::StatusCode;
/// let error = ha_rest::ApiError::new(StatusCode::BAD_REQUEST, "Missing parameter: mode");
/// assert_eq!(error.to_json(), r#"{"message":"Missing parameter: mode","error":400}"#);
/// ```
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{status}: {message}")]
pub struct ApiError {
    status: StatusCode,
    message: String,
    details: String,
    data: Value,
    outcome_unknown: bool,
}

impl ApiError {
    /// A refusal with a message, one line that says what is wrong.
    #[must_use]
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            details: String::new(),
            data: Value::Null,
            outcome_unknown: false,
        }
    }

    /// 400: the request is wrong, and nothing was done.
    #[must_use]
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 503: certainly not applied.
    #[must_use]
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, message)
    }

    /// 504 with `X-HA-Outcome: unknown`: may have been applied, or may be yet.
    #[must_use]
    pub fn outcome_unknown(message: impl Into<String>) -> Self {
        Self {
            outcome_unknown: true,
            ..Self::new(StatusCode::GATEWAY_TIMEOUT, message)
        }
    }

    /// Adds what helps to put it right.
    #[must_use]
    pub fn with_details(mut self, details: impl Into<String>) -> Self {
        self.details = details.into();
        self
    }

    /// Adds what a program may want to know.
    #[must_use]
    pub fn with_data(mut self, data: Value) -> Self {
        self.data = data;
        self
    }

    /// The status with which it is answered.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The message, without the details.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The body.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(&self.body()).expect("strings, numbers and JSON values always serialize")
    }

    fn body(&self) -> Body<'_> {
        Body {
            message: &self.message,
            details: &self.details,
            data: &self.data,
            error: self.status.as_u16(),
        }
    }
}

impl From<ControlError> for ApiError {
    fn from(error: ControlError) -> Self {
        match error {
            ControlError::Refused(message) => Self::bad_request(message),
            ControlError::NotApplied(message) => Self::unavailable(message),
            ControlError::Unknown {
                message,
                epoch,
                slot,
                write_id,
            } => {
                tracing::warn!(
                    epoch,
                    slot,
                    write_id,
                    "outcome of a command is unknown: {message}"
                );
                Self::outcome_unknown(message)
                    .with_data(json!({ "epoch": epoch, "slot": slot, "writeId": write_id }))
            }
            ControlError::Internal(message) => {
                tracing::error!("command failed: {message}");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body())).into_response();
        let headers = response.headers_mut();
        if self.outcome_unknown {
            headers.insert(OUTCOME_HEADER, HeaderValue::from_static("unknown"));
        }
        if self.status == StatusCode::REQUEST_TIMEOUT {
            // What is still to come of the request's body must not be taken for the next request.
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// The fields in Brooklyn's order.
#[derive(Serialize)]
struct Body<'a> {
    message: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    details: &'a str,
    #[serde(skip_serializing_if = "Value::is_null")]
    data: &'a Value,
    error: u16,
}
