//! A REST request: verb, path, query, headers and form.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::{Body, Bytes};
use ha_core::Role;
use ha_rest::{Settings, app};
use http::response::Parts;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use tokio::runtime::Runtime;
use tower::ServiceExt;

use crate::still::Still;

/// Words of requests.
pub(crate) const WORDS: &[&str] = &[
    "GET ",
    "POST ",
    "HEAD ",
    "OPTIONS ",
    "PUT ",
    "DELETE ",
    "/v1/server/",
    "/v1/server/ha/",
    "ha/state",
    "ha/states",
    "ha/priority",
    "ha/metrics",
    "up",
    "version",
    "status",
    "shutdown",
    "healthy",
    "ha/states/clear",
    "plane",
    "config/",
    "/v1/applications",
    "/v1/catalog",
    "mode=",
    "MASTER",
    "HOT_STANDBY",
    "DISABLED",
    "priority=",
    "nodeId=",
    "stopAppsFirst=true",
    "forceShutdownOnError=false",
    "shutdownTimeout=",
    "requestTimeout=",
    "delayForHttpReturn=",
    "delayMillis=",
    "1m 30s",
    "1.5 hours",
    "9999999999d",
    "-5s",
    "1e309s",
    "Content-Type: application/x-www-form-urlencoded\n",
    "Content-Type: text/plain\n",
    "Brooklyn-Allow-Non-Master-Access: true\n",
    "Accept: application/json\n",
    "Accept: text/html\n",
    "\n\n",
    "%",
    "%zz",
    "%2f",
    "%00",
    "&",
    "=",
    "+",
    "?",
    "//",
    "..;",
    "#",
];

/// A first byte that says in which role the node is; then `VERB PATH`, header lines, an empty line and a body.
///
/// Whatever is asked is answered, never with 500, and what says to be JSON is.
pub(crate) fn run(data: &[u8]) {
    let Some((role, rest)) = data.split_first() else {
        return;
    };
    let Some(request) = read(rest) else { return };
    let node = Arc::new(Still(
        *ROLES
            .get(usize::from(*role) % ROLES.len())
            .expect("less than all"),
    ));
    check(&runtime().block_on(answer(app(node, Settings::default()), request)));
}

/// What is answered to a request.
pub(crate) async fn answer(app: Router, request: Request<Body>) -> (Parts, Bytes) {
    let response = app.oneshot(request).await.expect("it cannot fail");
    let (parts, body) = response.into_parts();
    let body = body.collect().await.expect("an answer has an end");
    (parts, body.to_bytes())
}

pub(crate) fn check((parts, body): &(Parts, Bytes)) {
    assert_ne!(
        parts.status,
        StatusCode::INTERNAL_SERVER_ERROR,
        "no request is a fault of the node's"
    );
    let kind = parts
        .headers
        .get("content-type")
        .and_then(|kind| kind.to_str().ok());
    if kind.is_some_and(|kind| kind.starts_with("application/json")) && !body.is_empty() {
        let text = String::from_utf8_lossy(body);
        serde_json::from_slice::<serde_json::Value>(body).unwrap_or_else(|error| panic!("{error} in {text}"));
    }
}

const ROLES: [Role; 6] = [
    Role::Master,
    Role::HotStandby,
    Role::Standby,
    Role::HotBackup,
    Role::Failed,
    Role::Initializing,
];

pub(crate) fn read(data: &[u8]) -> Option<Request<Body>> {
    let end = data
        .windows(2)
        .position(|two| two == b"\n\n")
        .unwrap_or(data.len());
    let head = data.get(..end)?;
    let body = data.get(end + 2..).unwrap_or_default();
    let mut lines = head.split(|b| *b == b'\n');
    let first = lines.next()?;
    let space = first.iter().position(|b| *b == b' ')?;
    let (verb, path) = (first.get(..space)?, first.get(space + 1..)?);
    let mut request = Request::builder().method(verb).uri(path);
    for line in lines {
        let colon = line.iter().position(|b| *b == b':')?;
        let (name, value) = (line.get(..colon)?, line.get(colon + 1..)?);
        request = request.header(name, value.trim_ascii());
    }
    request.body(Body::from(body.to_vec())).ok()
}

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
        built.expect("a runtime can be built")
    })
}
