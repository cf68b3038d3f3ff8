//! Form and query parameters, and the 400 that names the one that is missing or wrong.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::app::Shared;
use crate::error::ApiError;
use crate::serve::BodyTooSlow;

const FORM: &str = "application/x-www-form-urlencoded";

/// Longest piece of a client's own text that an error repeats, in characters.
const LONGEST_QUOTE: usize = 80;

/// A body of so many bytes is copied rather than kept where it came.
const SMALL_BODY: usize = 1024;

/// The parameters of a form or a query.
///
/// As an extractor it reads the body, whole or chunked. A request without a content type is taken for a form; any other type
/// is answered 415 with no body, as Brooklyn does.
#[derive(Debug)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    /// Reads `a=b&c=d` with `+` and `%20` for blanks.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, ApiError> {
        let pairs = text.split(|b| *b == b'&').filter(|pair| !pair.is_empty());
        pairs.map(parse_pair).collect::<Option<_>>().map(Self).ok_or_else(|| {
            ApiError::bad_request("Malformed parameters: a % must be followed by two hexadecimal digits, and names and values must be UTF-8")
        })
    }

    /// All, in their order.
    pub(crate) fn into_pairs(self) -> Vec<(String, String)> {
        self.0
    }

    /// The first value of `name`, unless it is absent or empty.
    pub(crate) fn optional(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(n, _)| n == name)?;
        Some(value.as_str()).filter(|v| !v.is_empty())
    }

    /// The first value of `name`; `example` is shown to whoever left it out.
    pub(crate) fn required(&self, name: &str, example: &str) -> Result<&str, ApiError> {
        self.optional(name).ok_or_else(|| {
            ApiError::bad_request(format!("Missing parameter: {name}"))
                .with_details(format!("Send it in the body, as {FORM}: {name}={example}"))
        })
    }

    /// The first value of `name`, parsed, or `default`.
    pub(crate) fn parsed<T: FromStr<Err: fmt::Display>>(
        &self,
        name: &str,
        default: T,
    ) -> Result<T, ApiError> {
        self.with(name, default, T::from_str)
    }

    /// The first value of `name`, read by `read`, or `default`.
    pub(crate) fn with<T, E: fmt::Display>(
        &self,
        name: &str,
        default: T,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, ApiError> {
        self.optional(name).map_or(Ok(default), |value| {
            read(value).map_err(|why| invalid(name, value, why))
        })
    }

    /// The first value of `name`, `true` or `false` in any case, or `false`.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, ApiError> {
        self.with(name, false, |value| match value.to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err("use true or false"),
        })
    }
}

impl FromRequest<Shared> for Params {
    type Rejection = Response;

    async fn from_request(request: Request, shared: &Shared) -> Result<Self, Response> {
        if !is_form(request.headers()) {
            return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response());
        }
        let body = read(request, shared.settings.form_limit)
            .await
            .map_err(ApiError::into_response)?;
        Self::parse(&body).map_err(ApiError::into_response)
    }
}

/// 400: the parameter `name` has a `value` that cannot be used.
pub(crate) fn invalid(name: &str, value: &str, why: impl fmt::Display) -> ApiError {
    let mut quote: String = value.chars().take(LONGEST_QUOTE).collect();
    if quote.len() < value.len() {
        quote.push('…');
    }
    ApiError::bad_request(format!("Invalid parameter: {name} '{quote}': {why}"))
}

pub(crate) fn is_form(headers: &http::HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return true;
    };
    let essence = value
        .to_str()
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default();
    essence.trim().eq_ignore_ascii_case(FORM)
}

/// The body, if it has `limit` bytes at most.
pub(crate) async fn read(request: Request, limit: usize) -> Result<Bytes, ApiError> {
    match Limited::new(request.into_body(), limit).collect().await {
        Ok(collected) => Ok(apart(collected.to_bytes())),
        Err(error) if caused_by::<LengthLimitError>(error.as_ref()) => Err(ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("The body of this request may have {limit} bytes at most"),
        )),
        Err(error) if caused_by::<BodyTooSlow>(error.as_ref()) => Err(ApiError::new(
            StatusCode::REQUEST_TIMEOUT,
            "The body of the request came too slowly: nothing was changed",
        )),
        Err(error) => Err(ApiError::bad_request(format!(
            "The body of the request could not be read: {error}"
        ))),
    }
}

/// A small body by itself: as a slice it would keep the connection's buffer, of which another one would have to be made to hear whether the client
/// goes away.
fn apart(body: Bytes) -> Bytes {
    if body.len() <= SMALL_BODY {
        Bytes::copy_from_slice(&body)
    } else {
        body
    }
}

fn caused_by<E: Error + 'static>(error: &(dyn Error + 'static)) -> bool {
    error.is::<E>() || error.source().is_some_and(caused_by::<E>)
}

fn parse_pair(pair: &[u8]) -> Option<(String, String)> {
    let mut halves = pair.splitn(2, |b| *b == b'=');
    Some((
        decode(halves.next()?)?,
        decode(halves.next().unwrap_or_default())?,
    ))
}

fn decode(text: &[u8]) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => hex(*rest.next()?)? << 4 | hex(*rest.next()?)?,
            other => *other,
        });
    }
    String::from_utf8(bytes).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|d| u8::try_from(d).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Option<String> {
        Params::parse(text.as_bytes())
            .unwrap()
            .optional("a")
            .map(str::to_owned)
    }

    #[test]
    fn pairs_are_read_as_browsers_send_them() {
        assert_eq!(value("a=b").as_deref(), Some("b"));
        assert_eq!(value("x=y&&a=1+2%20%C3%A9&").as_deref(), Some("1 2 é"));
        assert_eq!(value("%61=b=c").as_deref(), Some("b=c"));
        assert_eq!(value("a=first&a=second").as_deref(), Some("first"));
        assert_eq!(value("a="), None);
        assert_eq!(value("a"), None);
        assert_eq!(value(""), None);
    }

    #[test]
    fn what_cannot_be_decoded_is_refused() {
        for text in ["a=%", "a=%4", "a=%zz", "a=%+1", "a=%ff", "%c3=x"] {
            let refusal = Params::parse(text.as_bytes()).unwrap_err();
            assert_eq!(refusal.status(), StatusCode::BAD_REQUEST, "{text}");
        }
    }

    #[test]
    fn a_long_value_is_quoted_in_part() {
        let error = invalid("mode", &"é".repeat(1000), "no");
        assert_eq!(
            error.message().chars().filter(|c| *c == 'é').count(),
            LONGEST_QUOTE
        );
    }
}
