//! Answers that a store did not give.

use bytes::Bytes;
use http::{Response, StatusCode, header};

/// An answer of a store: a status, and the code that the body names, if there is a body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The code; without one there is no body.
    pub code: Option<&'static str>,
}

impl Answer {
    /// The store throttles.
    pub const SLOW_DOWN: Self = Self::of(StatusCode::SERVICE_UNAVAILABLE, "SlowDown");
    /// Conditional requests for one key have met: nothing was done, try again.
    pub const CONFLICT: Self = Self::of(StatusCode::CONFLICT, "ConditionalRequestConflict");
    /// The store has a trouble of its own.
    pub const INTERNAL_ERROR: Self = Self::of(StatusCode::INTERNAL_SERVER_ERROR, "InternalError");
    /// The credentials have run out.
    pub const EXPIRED_TOKEN: Self = Self::of(StatusCode::BAD_REQUEST, "ExpiredToken");
    /// The clocks of client and store are too far apart.
    pub const CLOCK_SKEW: Self = Self::of(StatusCode::FORBIDDEN, "RequestTimeTooSkewed");
    /// The bucket is gone.
    pub const NO_SUCH_BUCKET: Self = Self::of(StatusCode::NOT_FOUND, "NoSuchBucket");
    /// Something on the way knows of no such path. Of the object it says nothing.
    pub const BARE_NOT_FOUND: Self = Self {
        status: StatusCode::NOT_FOUND,
        code: None,
    };

    /// An answer with a body.
    #[must_use]
    pub const fn of(status: StatusCode, code: &'static str) -> Self {
        Self {
            status,
            code: Some(code),
        }
    }

    pub(super) fn response(self) -> Response<Bytes> {
        let body = self.code.map_or_else(String::new, |code| {
            let declaration = r#"<?xml version="1.0" encoding="UTF-8"?>"#;
            format!("{declaration}\n<Error><Code>{code}</Code><Message>injected fault</Message></Error>")
        });
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = self.status;
        if self.code.is_some() {
            let xml = header::HeaderValue::from_static("application/xml");
            response.headers_mut().insert(header::CONTENT_TYPE, xml);
        }
        response
    }
}
