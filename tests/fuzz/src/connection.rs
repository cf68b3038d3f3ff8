//! What a client sends over a connection, before anything is known to be HTTP.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ha_core::Role;
use ha_rest::{Settings, app, serve};
use socket2::{Domain, Socket, Type};
use tokio::net::TcpListener;

use crate::still::Still;

/// Words of HTTP.
pub(crate) const WORDS: &[&str] = &[
    "GET ",
    "POST ",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "/v1/server/ha/state",
    " HTTP/1.1\r\n",
    " HTTP/1.0\r\n",
    " HTTP/0.9\r\n",
    "Host: a\r\n",
    "Content-Length: 5\r\n",
    "Content-Length: -1\r\n",
    "Content-Length: 18446744073709551616\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip, chunked\r\n",
    "Expect: 100-continue\r\n",
    "Connection: close\r\n",
    "Connection: upgrade\r\nUpgrade: websocket\r\n",
    "\r\n\r\n",
    "0\r\n\r\n",
    "ffffffffffffffff\r\n",
    "5;a=b\r\nhello\r\n",
    "\r",
    "\n",
    "\0",
];

/// Whatever is sent is answered by HTTP or not at all, the connection ends, and whoever comes next is served.
pub(crate) fn run(data: &[u8]) {
    let server = *server();
    let answer = said(server, data, true);
    assert!(
        answer.is_empty() || answer.starts_with(b"HTTP/1."),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    // Not after each: every connection that has ended keeps a port for a minute.
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    if !count.is_multiple_of(16) {
        return;
    }
    let next = said(server, GOOD, false);
    assert!(
        next.starts_with(b"HTTP/1.1 200 "),
        "the next one was told {}",
        String::from_utf8_lossy(&next)
    );
}

const GOOD: &[u8] = b"GET /v1/server/ha/state HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/// Connects from one of many addresses of the loopback: those who close first keep their ports for a minute, and there are many of them.
fn connect(server: SocketAddr) -> std::io::Result<TcpStream> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed) % 60_000;
    let [.., high, low] = (number + 256).to_be_bytes();
    let from = SocketAddr::from(([127, 77, high, low], 0));
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&from.into())?;
    socket.connect(&server.into())?;
    Ok(socket.into())
}

/// What is said to who sends that, and then closes its side or waits for the other to be closed.
fn said(server: SocketAddr, data: &[u8], closes: bool) -> Vec<u8> {
    let mut stream = connect(server).expect("a server on this machine takes connections");
    let patience = Some(Duration::from_secs(20));
    stream.set_read_timeout(patience).expect("it is not zero");
    stream.set_write_timeout(patience).expect("it is not zero");
    // It may have heard enough before all of it was sent.
    let _ = stream.write_all(data);
    if closes {
        let _ = stream.shutdown(Shutdown::Write);
    }
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
        Err(error) => panic!("the connection does not end: {error}"),
    }
    answer
}

/// A server of this process, for all inputs.
fn server() -> &'static SocketAddr {
    static SERVER: OnceLock<SocketAddr> = OnceLock::new();
    SERVER.get_or_init(|| {
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime can be built").block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
                tell.send(listener.local_addr().expect("it has an address"))
                    .expect("it is waited for");
                let settings = Settings::default();
                let router = app(Arc::new(Still(Role::Master)), settings.clone());
                serve(listener, router, &settings, std::future::pending()).await
            })
        });
        told.recv().expect("the server says where it is")
    })
}
