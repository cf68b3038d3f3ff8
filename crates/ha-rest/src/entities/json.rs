//! JSON as it is stored, on its way to a client.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// Values by name, in the order given.
#[derive(Debug, Default)]
pub(super) struct Map(Vec<(String, Box<RawValue>)>);

impl FromIterator<(String, Box<RawValue>)> for Map {
    fn from_iter<I: IntoIterator<Item = (String, Box<RawValue>)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

impl Serialize for Map {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// Stored JSON as it is; what is not JSON, which only a damaged store holds, as a text.
pub(super) fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap_or_else(|_| of(&text))
}

/// Anything that serializes.
pub(super) fn of(value: &impl Serialize) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// An answer with one value: 200, or 204 if there is none.
pub(super) fn answer(value: Option<&str>) -> Response {
    match value {
        None => StatusCode::NO_CONTENT.into_response(),
        Some(text) => ([(CONTENT_TYPE, "application/json")], text.to_owned()).into_response(),
    }
}

/// An answer with one value to a client that may want the bare text of a string (`Accept: text/plain`).
pub(super) fn plain_or_json(headers: &http::HeaderMap, value: Option<&str>) -> Response {
    let accepts = headers.get(http::header::ACCEPT).and_then(|a| a.to_str().ok());
    let plain_only =
        accepts.is_some_and(|a| a.contains("text/plain") && !a.contains("json") && !a.contains("*/*"));
    match value {
        Some(text) if plain_only => {
            let bare = serde_json::from_str::<String>(text).unwrap_or_else(|_| text.to_owned());
            ([(CONTENT_TYPE, "text/plain")], bare).into_response()
        }
        value => answer(value),
    }
}
