//! `POST /shutdown`: an orderly stop of the process.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use ha_core::Role;
use http::StatusCode;
use hyper::body::{Frame, SizeHint};
use tokio::sync::oneshot;

use crate::app::Shared;
use crate::duration;
use crate::error::ApiError;
use crate::params::Params;

/// Longest delay that a client can ask for. More is cut to it: a node that was told to stop should not seem to ignore it.
const LONGEST_DELAY: Duration = Duration::from_secs(60);

/// Answers 204 and then stops the node.
///
/// Brooklyn waits 5 s by default to let its answer get through. Here the stop begins once the answer has been handed to the
/// connection, and drains it, so nobody has to wait; who asks for `delayForHttpReturn` (or `delayMillis`) gets it. The
/// time-outs for stopping applications are read, and have nothing to act on while there are none.
pub(super) async fn shut_down(State(shared): State<Shared>, form: Params) -> Result<Response, ApiError> {
    let asked = Asked::read(&form)?;
    if asked.stop_apps_first && shared.control.status().role != Role::Master {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "Not allowed to stop all apps when server is not master",
        ));
    }
    tracing::info!(delay = ?asked.delay, "stop requested over REST");

    let (handed_over, answered) = oneshot::channel();
    tokio::spawn(async move {
        // An error says that the answer is gone, with the client or without: the order stands.
        let _ = answered.await;
        tokio::time::sleep(asked.delay).await;
        shared.control.shutdown();
    });
    Ok((
        StatusCode::NO_CONTENT,
        Body::new(Empty {
            _handed_over: handed_over,
        }),
    )
        .into_response())
}

/// The form, checked.
struct Asked {
    stop_apps_first: bool,
    delay: Duration,
}

impl Asked {
    fn read(form: &Params) -> Result<Self, ApiError> {
        let stop_apps_first = form.flag("stopAppsFirst")?;
        form.flag("forceShutdownOnError")?;
        form.with("shutdownTimeout", Duration::ZERO, duration::parse)?;
        form.with("requestTimeout", Duration::ZERO, duration::parse)?;
        let delay = form.with("delayForHttpReturn", Duration::ZERO, duration::parse)?;
        let delay = Duration::from_millis(form.parsed(
            "delayMillis",
            u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
        )?);
        Ok(Self {
            stop_apps_first,
            delay: delay.min(LONGEST_DELAY),
        })
    }
}

/// A body without content. It is dropped when the head of its answer is in the connection's buffer, and that ends the wait.
struct Empty {
    _handed_over: oneshot::Sender<()>,
}

impl HttpBody for Empty {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        true
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(0)
    }
}
