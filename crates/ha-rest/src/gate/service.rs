use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::response::{IntoResponse, Response};
use http::Request;
use tower::Service;

use super::decision::refusal;
use crate::control::Control;

/// A service behind the HA gate; made by [`GateLayer`](super::GateLayer).
#[derive(Clone)]
pub struct Gate<S, P> {
    inner: S,
    control: Arc<dyn Control>,
    hot_required: P,
}

impl<S, P> Gate<S, P> {
    pub(super) fn new(inner: S, control: Arc<dyn Control>, hot_required: P) -> Self {
        Self {
            inner,
            control,
            hot_required,
        }
    }
}

impl<S, P, B> Service<Request<B>> for Gate<S, P>
where
    S: Service<Request<B>, Response = Response>,
    P: Fn(&str) -> bool,
{
    type Response = Response;
    type Error = S::Error;
    type Future = GateFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let hot_required = (self.hot_required)(request.uri().path());
        let refused = refusal(
            request.method(),
            request.uri().path(),
            request.headers(),
            hot_required,
            || self.control.status(),
        );
        GateFuture(match refused {
            Some(error) => Kind::Refused(Some(error.into_response())),
            None => Kind::Passed(Box::pin(self.inner.call(request))),
        })
    }
}

impl<S: fmt::Debug, P> fmt::Debug for Gate<S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("inner", &self.inner)
            .field("control", &self.control)
            .finish_non_exhaustive()
    }
}

/// The answer of a [`Gate`]: its own refusal, or that of the service behind it.
#[derive(Debug)]
pub struct GateFuture<F>(Kind<F>);

#[derive(Debug)]
enum Kind<F> {
    Refused(Option<Response>),
    Passed(Pin<Box<F>>),
}

impl<F: Future<Output = Result<Response, E>>, E> Future for GateFuture<F> {
    type Output = Result<Response, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Kind::Refused(response) => Poll::Ready(Ok(response
                .take()
                .expect("a future is not polled after it is ready"))),
            Kind::Passed(future) => future.as_mut().poll(cx),
        }
    }
}
