//! Connections and what becomes of the requests on them.

use std::error::Error;
use std::fmt;
use std::future::{Future, pending, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use http::request::Parts;
use http::{Request, Response, Uri, Version, header, uri::Authority};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::futures::OwnedNotified;
use tokio::sync::{Notify, mpsc};
use tokio::time::sleep;

use super::call::Call;
use super::counts::Counts;
use super::rule::{End, Fate, Fault, Plan};

/// Whether to accept connections; answered once it is so.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) accept: bool,
    pub(super) done: std::sync::mpsc::Sender<io::Result<()>>,
}

/// What the proxy's handle and its connections share.
#[derive(Debug)]
pub(super) struct Shared {
    upstream: Authority,
    client: Client<HttpConnector, Full<Bytes>>,
    plan: Mutex<Plan>,
    counts: Mutex<Counts>,
    cut: AtomicBool,
    refused: Arc<Notify>,
}

impl Shared {
    pub(super) fn new(upstream: SocketAddr, seed: u64) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let upstream = Authority::try_from(upstream.to_string()).expect("an address is an authority");
        Self {
            upstream,
            client: Client::builder(TokioExecutor::new()).build(connector),
            plan: Mutex::new(Plan::new(seed)),
            counts: Mutex::default(),
            cut: AtomicBool::new(false),
            refused: Arc::default(),
        }
    }

    pub(super) fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_cut(&self, cut: bool) {
        self.cut.store(cut, Ordering::SeqCst);
    }

    /// Whether what is under way now is lost.
    fn loses(&self) -> bool {
        let cut = self.cut.load(Ordering::SeqCst);
        self.counts().cut += u64::from(cut);
        cut
    }

    fn decide(&self, call: &Call, bytes: usize) -> Fate {
        let fate = self.plan().decide(call);
        let mut counts = self.counts();
        *counts.requests.entry(call.kind).or_default() += 1;
        counts.bytes_sent += bytes as u64;
        let delay = (!fate.delay.is_zero()).then(|| Fault::delay(fate.delay));
        for fault in delay.into_iter().chain(fate.fault) {
            *counts.injected.entry(fault.name()).or_default() += 1;
        }
        fate
    }
}

/// Accepts connections, when it may, until nobody can give orders any more.
pub(super) async fn run(
    shared: Arc<Shared>,
    listener: std::net::TcpListener,
    mut orders: mpsc::UnboundedReceiver<Order>,
) {
    let address = listener.local_addr().expect("a listener has an address");
    let mut listener = TcpListener::from_std(listener)
        .map(Some)
        .expect("it does not block");
    loop {
        tokio::select! {
            order = orders.recv() => {
                let Some(Order { accept, done }) = order else { return };
                let so = match (accept, listener.is_some()) {
                    (true, false) => TcpListener::bind(address).await.map(|again| listener = Some(again)),
                    (true, true) => Ok(()),
                    (false, _) => {
                        listener = None;
                        shared.refused.notify_waiters();
                        Ok(())
                    }
                };
                // Whoever gave the order may not wait for it.
                done.send(so).ok();
            }
            accepted = next(listener.as_ref()) => match accepted {
                Ok(stream) => {
                    let refused = Arc::clone(&shared.refused).notified_owned();
                    tokio::spawn(connection(Arc::clone(&shared), stream, refused));
                }
                // Out of descriptors, most likely: others will be closed.
                Err(_) => sleep(Duration::from_millis(10)).await,
            }
        }
    }
}

async fn next(listener: Option<&TcpListener>) -> io::Result<TcpStream> {
    match listener {
        Some(listener) => listener.accept().await.map(|(stream, _)| stream),
        None => pending().await,
    }
}

/// Serves one connection until either side ends it, a fault does, or all are refused.
async fn connection(shared: Arc<Shared>, stream: TcpStream, refused: OwnedNotified) {
    // Without it all is the same, but slower.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let served: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(serve(Arc::clone(&shared), request));
        served
    });
    let mut connection = http1::Builder::new()
        .preserve_header_case(true)
        .serve_connection(TokioIo::new(stream), service);
    let resets = tokio::select! {
        ended = poll_fn(|context| connection.poll_without_shutdown(context)) =>
            ended.is_err_and(|error| source::<Broken>(&error).is_some_and(|broken| broken.resets)),
        () = refused => true,
    };
    let stream = connection.into_parts().io.into_inner();
    if resets {
        // It fails if the client has closed it already.
        let _ = stream.set_zero_linger();
    }
}

/// Why a connection ends.
#[derive(Clone, Copy, Debug)]
struct Broken {
    resets: bool,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection breaks (injected fault)")
    }
}

impl Error for Broken {}

fn source<E: Error + 'static>(error: &hyper::Error) -> Option<&E> {
    error.source()?.downcast_ref()
}

async fn serve(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<BoxBody<Bytes, Broken>>, Broken> {
    let (parts, body) = request.into_parts();
    // A client that breaks off has asked nothing.
    let body = body
        .collect()
        .await
        .map_err(|_| Broken { resets: false })?
        .to_bytes();
    let fate = shared.decide(&Call::of(&parts), body.len());
    // Whatever becomes of the client, what it has sent goes its way.
    let carried = tokio::spawn(carry(shared, Sent { parts, body }, fate)).await;
    match carried.unwrap_or(Outcome::Ends(End::Fin)) {
        Outcome::Answers(reply) => Ok(reply.map(whole)),
        Outcome::BreaksOff(reply) => Ok(reply.map(half)),
        Outcome::Ends(End::Silence) => pending().await,
        Outcome::Ends(end) => Err(Broken {
            resets: end == End::Rst,
        }),
    }
}

/// A request that can be sent more than once.
#[derive(Clone, Debug)]
struct Sent {
    parts: Parts,
    body: Bytes,
}

/// What a client hears.
enum Outcome {
    Answers(Response<Bytes>),
    BreaksOff(Response<Bytes>),
    Ends(End),
}

/// Carries a request to the server and its reply back, as fate has it.
async fn carry(shared: Arc<Shared>, sent: Sent, fate: Fate) -> Outcome {
    match fate.fault {
        _ if shared.loses() => return Outcome::Ends(End::Silence),
        Some(Fault::RequestLost(end)) => return Outcome::Ends(end),
        Some(Fault::Late(after)) => {
            tokio::spawn(land_later(shared, sent, fate.delay + after));
            return Outcome::Ends(End::Rst);
        }
        _ => {}
    }
    linger(fate.delay / 2).await;
    let reply = match fate.fault {
        Some(Fault::Instead(answer)) => Ok(answer.response()),
        _ if shared.loses() => return Outcome::Ends(End::Silence),
        Some(Fault::Duplicated) => {
            // Whether it arrives once more does not hang on the reply to the first.
            let _ = forward(&shared, sent.clone()).await;
            forward(&shared, sent).await
        }
        _ => forward(&shared, sent).await,
    };
    linger(fate.delay / 2).await;
    if shared.loses() {
        return Outcome::Ends(End::Silence);
    }
    let Ok(reply) = reply else {
        return Outcome::Ends(End::Rst);
    };
    match fate.fault {
        Some(Fault::ReplyLost(end)) => Outcome::Ends(end),
        Some(Fault::Masked(answer)) => Outcome::Answers(answer.response()),
        Some(Fault::BrokenOff) if !reply.body().is_empty() => Outcome::BreaksOff(reply),
        Some(Fault::Shortened) => Outcome::Answers(shortened(reply)),
        Some(Fault::Altered) => Outcome::Answers(reply.map(altered)),
        _ => Outcome::Answers(reply),
    }
}

async fn linger(time: Duration) {
    if !time.is_zero() {
        sleep(time).await;
    }
}

async fn land_later(shared: Arc<Shared>, sent: Sent, after: Duration) {
    sleep(after).await;
    if !shared.loses() {
        // There is nobody left to tell.
        let _ = forward(&shared, sent).await;
    }
}

/// Sends a request to the server, and reads its whole reply.
async fn forward(shared: &Shared, sent: Sent) -> Result<Response<Bytes>, Box<dyn Error + Send + Sync>> {
    let Sent { mut parts, body } = sent;
    let path = parts.uri.into_parts().path_and_query;
    let mut to = http::uri::Parts::default();
    to.scheme = Some(http::uri::Scheme::HTTP);
    to.authority = Some(shared.upstream.clone());
    to.path_and_query = Some(path.unwrap_or_else(|| http::uri::PathAndQuery::from_static("/")));
    parts.uri = Uri::from_parts(to)?;
    let answer = async {
        let reply = shared
            .client
            .request(Request::from_parts(parts, Full::new(body)))
            .await?;
        let (mut head, body) = reply.into_parts();
        let body = body.collect().await?.to_bytes();
        // These are about the server's connection, and not about ours.
        for name in [header::CONNECTION, header::TRANSFER_ENCODING] {
            head.headers.remove(name);
        }
        head.version = Version::HTTP_11;
        Ok(Response::from_parts(head, body))
    }
    .await;
    let mut counts = shared.counts();
    counts.forwarded += 1;
    match &answer {
        Ok(reply) => counts.bytes_received += reply.body().len() as u64,
        Err(_) => counts.unanswered += 1,
    }
    answer
}

fn whole(body: Bytes) -> BoxBody<Bytes, Broken> {
    Full::new(body).map_err(|never| match never {}).boxed()
}

/// A body that ends after its first half with an error.
fn half(body: Bytes) -> BoxBody<Bytes, Broken> {
    let first = Frame::data(body.slice(..body.len() / 2));
    let frames = futures::stream::iter([Ok(first), Err(Broken { resets: false })]);
    // Each on its own, so that the first is on its way when the second comes.
    let frames = frames.then(async |frame| {
        tokio::task::yield_now().await;
        frame
    });
    BodyExt::boxed(StreamBody::new(frames))
}

fn shortened(mut reply: Response<Bytes>) -> Response<Bytes> {
    // Of the half it is said to be the whole.
    reply.headers_mut().remove(header::CONTENT_LENGTH);
    reply.map(|body| body.slice(..body.len() / 2))
}

fn altered(body: Bytes) -> Bytes {
    let mut bytes = Vec::from(body);
    let middle = bytes.len() / 2;
    if let Some(byte) = bytes.get_mut(middle) {
        *byte ^= 1;
    }
    bytes.into()
}
