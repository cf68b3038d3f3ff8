//! A router on a socket: time-outs for slow clients, a bound on connections, and a drain.

mod body;
pub(crate) use body::BodyTooSlow;
mod stall;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tower::ServiceExt;

use self::body::InTime;
use self::stall::Stall;
use crate::settings::Settings;

/// Largest head of a request, in bytes; more is answered 431.
const HEAD_LIMIT: usize = 64 * 1024;

/// Rest after an error of `accept` that asking again at once would only repeat, such as too many open files.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// Serves `router` on `listener` until `stop` resolves; then refuses new connections, lets requests under way finish for
/// [`Settings::drain_time`], and cuts what is left.
///
/// A client may be as slow as [`Settings`] says and no slower, in sending heads and bodies and in accepting answers.
///
/// Dropping the future cuts all connections.
///
/// # Errors
/// If the listener is of no use; connections are drained first. What befalls single connections, or passes, is no error.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    settings: &Settings,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let slots = Arc::new(Semaphore::new(
        settings.max_connections.clamp(1, Semaphore::MAX_PERMITS),
    ));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut stop = std::pin::pin!(stop);

    let outcome = loop {
        tokio::select! {
            biased;
            () = &mut stop => break Ok(()),
            Some(ended) = connections.join_next() => report(ended),
            next = accept(&listener, &slots) => match next {
                Ok((stream, slot)) => {
                    let connection = connection(stream, router.clone(), settings.clone(), graceful.watcher());
                    connections.spawn(async move {
                        connection.await;
                        drop(slot);
                    });
                }
                Err(error) => break Err(error),
            },
        }
    };

    drop(listener);
    tracing::debug!(connections = connections.len(), "no more connections are taken");
    if tokio::time::timeout(settings.drain_time, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!(
            connections = connections.len(),
            "cut: still busy {:?} after the stop",
            settings.drain_time
        );
    }
    connections.shutdown().await;
    outcome
}

/// Waits for a free slot, and then for a client.
async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots)
        .acquire_owned()
        .await
        .expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return Ok((stream, slot)),
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Err(error),
            Err(error) if is_of_the_client(&error) => {
                tracing::debug!("a client was gone before it was met: {error}")
            }
            Err(error) => {
                tracing::warn!("no connection can be taken: {error}");
                tokio::time::sleep(ACCEPT_REST).await;
            }
        }
    }
}

fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}

/// Serves one client to its end.
async fn connection(stream: TcpStream, router: Router, settings: Settings, watcher: Watcher) {
    // Answers are small and whole; waiting for more to send with them gains nothing.
    let _ = stream.set_nodelay(true);
    let body_timeout = settings.body_timeout;
    let service = router.map_request(move |request: Request<Incoming>| {
        request.map(|incoming| Body::new(InTime::new(incoming, body_timeout)))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(settings.header_timeout)
        .max_buf_size(HEAD_LIMIT)
        .serve_connection(
            TokioIo::new(Stall::new(stream, settings.write_timeout)),
            TowerToHyperService::new(service),
        );
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!("a connection broke off: {error}");
    }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!("a request broke off: {error}");
    }
}
