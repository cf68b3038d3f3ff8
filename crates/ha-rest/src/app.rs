//! The router: resources, the gate before them, and what holds for every answer.

use std::ops::Deref;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use http::StatusCode;
use http::header::{ALLOW, CACHE_CONTROL, EXPIRES, HeaderValue, PRAGMA};

use crate::control::Control;
use crate::error::ApiError;
use crate::gate::{self, GateLayer};
use crate::settings::Settings;
use crate::{entities, page, server};

/// The REST API of the node behind `control`.
///
/// As in Brooklyn the route comes first and the gate second: an unknown path is 404 and a wrong verb 405, with no body, on
/// any node, except below the resources that hold the plane's state (applications, catalog, locations), of which a node that
/// does not have it says so (403).
///
/// The router can be called without a socket; [`serve`](crate::serve()) runs it on one, and adds what needs one.
pub fn app(control: Arc<dyn Control>, settings: Settings) -> Router {
    let gate = GateLayer::new(Arc::clone(&control), needs_hot as fn(&str) -> bool);
    let shared = Shared(Arc::new(Parts {
        control,
        settings,
        archives: server::Archives::default(),
    }));
    let gated = |router: Router<Shared>, (path, methods): (String, MethodRouter<Shared>)| {
        router.route(&path, methods.route_layer(gate.clone()))
    };
    let managed = shared.control.entities().is_some();
    server::routes()
        .chain([("/".to_owned(), reads(page::show))])
        .chain(entities::routes().chain(server::of_state()).filter(|_| managed))
        .fold(Router::new(), gated)
        .fallback(unknown)
        .layer(middleware::from_fn_with_state(shared.clone(), answered))
        .with_state(shared)
}

/// What every handler has at hand, behind one pointer: each layer and handler clones it for each request.
#[derive(Clone, Debug)]
pub(crate) struct Shared(Arc<Parts>);

#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) control: Arc<dyn Control>,
    pub(crate) settings: Settings,
    pub(crate) archives: server::Archives,
}

impl Deref for Shared {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// A resource that is only read.
pub(crate) fn reads<H, T>(handler: H) -> MethodRouter<Shared>
where
    H: axum::handler::Handler<T, Shared>,
    T: 'static,
{
    axum::routing::get(handler).options(async || allow("GET,HEAD,OPTIONS"))
}

/// A resource that is only posted to.
pub(crate) fn posts<H, T>(handler: H) -> MethodRouter<Shared>
where
    H: axum::handler::Handler<T, Shared>,
    T: 'static,
{
    axum::routing::post(handler).options(async || allow("POST,OPTIONS"))
}

/// A resource that is read, and posted to.
pub(crate) fn reads_and_posts<H, T, I, U>(read: H, post: I) -> MethodRouter<Shared>
where
    H: axum::handler::Handler<T, Shared>,
    T: 'static,
    I: axum::handler::Handler<U, Shared>,
    U: 'static,
{
    axum::routing::get(read)
        .post(post)
        .options(async || allow("GET,HEAD,POST,OPTIONS"))
}

fn allow(methods: &'static str) -> impl IntoResponse {
    [(ALLOW, HeaderValue::from_static(methods))]
}

/// A resource with any of the methods, which says in `OPTIONS` which it has.
pub(crate) fn methods() -> Methods {
    Methods {
        router: MethodRouter::new(),
        allowed: Vec::new(),
    }
}

/// A resource in the making.
pub(crate) struct Methods {
    router: MethodRouter<Shared>,
    allowed: Vec<&'static str>,
}

macro_rules! method {
    ($name:ident, $($allowed:literal),+) => {
        pub(crate) fn $name<H, T>(mut self, handler: H) -> Self
        where
            H: axum::handler::Handler<T, Shared>,
            T: 'static,
        {
            self.allowed.extend([$($allowed),+]);
            self.router = self.router.$name(handler);
            self
        }
    };
}

impl Methods {
    method!(get, "GET", "HEAD");
    method!(post, "POST");
    method!(put, "PUT");
    method!(delete, "DELETE");

    pub(crate) fn done(self) -> MethodRouter<Shared> {
        let allowed = format!("{},OPTIONS", self.allowed.join(","));
        let allowed = HeaderValue::from_str(&allowed).expect("names of methods");
        self.router.options(async move || [(ALLOW, allowed)])
    }
}

/// Whether the resource at `path` shows or changes the plane's state: Brooklyn's classes with `@HaHotStateRequired`, and the export, which
/// Brooklyn can read from its store.
fn needs_hot(path: &str) -> bool {
    let Some(below) = path.strip_prefix("/v1/") else {
        return false;
    };
    let first = below.split('/').next().unwrap_or_default();
    matches!(first, "applications" | "catalog" | "locations")
        || below.trim_end_matches('/') == "server/ha/persist/export"
}

/// No such resource; or none yet, of those that a node must be hot for.
async fn unknown(State(shared): State<Shared>, request: Request) -> Response {
    let path = request.uri().path();
    let refused = needs_hot(path)
        .then(|| {
            gate::refusal(request.method(), path, request.headers(), true, || {
                shared.control.status()
            })
        })
        .flatten();
    refused.map_or_else(|| StatusCode::NOT_FOUND.into_response(), ApiError::into_response)
}

/// What holds for every answer.
async fn answered(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    uncached(bounded(&shared, request, next).await)
}

/// Answers in time, whatever happens behind.
async fn bounded(shared: &Shared, request: Request, next: Next) -> Response {
    let limit = shared.settings.request_timeout;
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    if let Ok(response) = tokio::time::timeout(limit, next.run(request)).await {
        tracing::debug!(%method, path, status = response.status().as_u16(), "answered");
        return response;
    }
    tracing::warn!(%method, path, "not answered within {limit:?}");
    let message = format!("Not answered within {limit:?}");
    if method.is_safe() {
        return ApiError::unavailable(message).into_response();
    }
    ApiError::outcome_unknown(format!("{message}: it may have been applied, or may be yet")).into_response()
}

/// Forbids caching, as Brooklyn's `NoCacheFilter` does: an answer is about this moment.
fn uncached(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    headers.insert(EXPIRES, HeaderValue::from_static("0"));
    response
}
