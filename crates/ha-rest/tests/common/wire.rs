//! A node on a real socket, and clients that send it bytes.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ha_rest::{Settings, app, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::common::Fake;

/// No test waits longer for anything: not a pace, but the moment at which it has failed.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// A short limit for a server that a test will wait out.
pub(crate) const SHORT: Duration = Duration::from_millis(100);

/// A node that is served.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) at: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<io::Result<()>>,
}

impl Served {
    pub(crate) async fn new(fake: &Arc<Fake>, settings: Settings) -> Self {
        Self::router(app(fake.clone(), settings.clone()), settings).await
    }

    pub(crate) async fn router(router: axum::Router, settings: Settings) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let ended = tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            serve(listener, router, &settings, stopped).await
        });
        Self { at, stop, ended }
    }

    pub(crate) async fn client(&self) -> Client {
        Client(TcpStream::connect(self.at).await.unwrap())
    }

    /// Gives the signal to stop; the end is awaited by the second half.
    pub(crate) fn stop(self) -> (SocketAddr, JoinHandle<io::Result<()>>) {
        drop(self.stop);
        (self.at, self.ended)
    }

    pub(crate) async fn stopped(self) {
        ended(self.stop().1).await;
    }
}

pub(crate) async fn ended(server: JoinHandle<io::Result<()>>) {
    in_time(server).await.unwrap().unwrap();
}

/// What a test waits for must come before the [`DEADLINE`].
pub(crate) async fn in_time<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, what)
        .await
        .expect("did not happen before the deadline")
}

/// A client on one connection.
#[derive(Debug)]
pub(crate) struct Client(pub(crate) TcpStream);

impl Client {
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.unwrap();
    }

    /// One answer with a `content-length` or none: its status, head and body.
    pub(crate) async fn answer(&mut self) -> (u16, String, String) {
        in_time(async {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(self.0.read_u8().await.expect("an answer"));
            }
            let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
            let length = head
                .split("content-length: ")
                .nth(1)
                .and_then(|rest| rest.lines().next());
            let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
            self.0.read_exact(&mut body).await.unwrap();
            let status = head.split(' ').nth(1).unwrap().parse().unwrap();
            (status, head, String::from_utf8(body).unwrap())
        })
        .await
    }

    /// Everything up to the end of the connection.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // A connection that is reset has ended, too.
        let _ = in_time(self.0.read_to_end(&mut bytes)).await;
        bytes
    }
}
