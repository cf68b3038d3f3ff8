//! A server that answers what a script says: byte for byte, also what no server should.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use rustix::net::sockopt::set_socket_linger;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What to do with a request that was read to its end.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// Send these bytes and read the next request.
    Send(Vec<u8>),
    /// Send these bytes and close the connection.
    SendAndClose(Vec<u8>),
    /// Send nothing and reset the connection.
    Reset,
    /// Send nothing, and keep the connection.
    Hang,
}

/// An answer with a body of XML, as stores send it.
pub(super) fn answer(status: u16, body: &str) -> Act {
    answer_with(status, "", body)
}

/// An answer with further headers, each ended by `\r\n`.
pub(super) fn answer_with(status: u16, headers: &str, body: &str) -> Act {
    let len = body.len();
    Act::Send(
        format!("HTTP/1.1 {status} Told\r\nContent-Length: {len}\r\nETag: \"e\"\r\nLast-Modified: Wed, 21 Oct 2015 07:28:00 GMT\r\n{headers}\r\n{body}")
            .into_bytes(),
    )
}

/// S3's answer that something is wrong; without a code it is a proxy's.
pub(super) fn error(status: u16, code: &str) -> Act {
    match code {
        "" => answer(status, "<html><head><title>Error</title></head></html>"),
        code => answer(
            status,
            &format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>Told so.</Message></Error>"),
        ),
    }
}

/// A server on a port of its own. Requests get the acts of the script, the last one again and again.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) endpoint: String,
    seen: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    pub(super) async fn start(script: impl IntoIterator<Item = Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let script = Arc::new(Mutex::new(script.into_iter().collect::<VecDeque<_>>()));
        let noted = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, Arc::clone(&script), Arc::clone(&noted)));
            }
        });
        Self { endpoint, seen, task }
    }

    /// The heads of all requests so far.
    pub(super) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    script: Arc<Mutex<VecDeque<Act>>>,
    seen: Arc<Mutex<Vec<String>>>,
) -> Option<()> {
    loop {
        let head = request(&mut stream).await?;
        seen.lock().unwrap().push(head);
        let act = {
            let mut script = script.lock().unwrap();
            if script.len() > 1 {
                script.pop_front()?
            } else {
                script.front()?.clone()
            }
        };
        match act {
            Act::Send(bytes) => stream.write_all(&bytes).await.ok()?,
            Act::SendAndClose(bytes) => return stream.write_all(&bytes).await.ok(),
            Act::Reset => {
                set_socket_linger(&stream, Some(std::time::Duration::ZERO)).unwrap();
                return None;
            }
            Act::Hang => {
                // Until the other side gives up.
                let _ = stream.read(&mut [0]).await;
                return None;
            }
        }
    }
}

/// Reads a request to its end, and gives its head in lower case.
async fn request(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).await.ok()?;
    Some(head)
}
