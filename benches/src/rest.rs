//! Clients of the REST API that cost little, and what they deploy.

use std::fmt::Write;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::{Samples, Server};

/// A blueprint of so many entities that have nothing.
#[must_use]
pub fn basics(name: &str, entities: usize) -> String {
    let one = |n| format!("{{type: org.apache.brooklyn.entity.stock.BasicEntity, name: e{n}}}");
    let all: Vec<_> = (0..entities).map(one).collect();
    format!("{{name: {name}, services: [{}]}}", all.join(", "))
}

/// A blueprint of so many entities that have some config, with a note of `note` letters that do not repeat.
///
/// # Panics
/// Never: a string takes what is written to it.
#[must_use]
pub fn large(entities: usize, note: usize) -> String {
    let mut yaml = String::from("name: large\nservices:\n");
    let mut drawn = 1_u64;
    let mut letter = || {
        drawn = drawn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(b"abcdefghijklmnopqrstuvwxyz      "[(drawn >> 59) as usize])
    };
    for n in 0..entities {
        let note: String = (0..note).map(|_| letter()).collect();
        write!(
            yaml,
            "- type: org.apache.brooklyn.entity.stock.BasicEntity\n  name: e{n}\n  brooklyn.config: {{port: {n}, host: \"h{n}.example\", note: \"{note}\"}}\n"
        )
        .expect("a string takes what is written to it");
    }
    yaml
}

/// How long each write took of clients that set one sensor a request, one after the other; each has a connection and an entity of its own.
///
/// # Panics
/// If one is refused.
pub async fn set_sensors(master: &Server, application: &str, entities: &[String], span: Duration) -> Samples {
    let request = |id| format!("POST /v1/applications/{application}/entities/{id}/sensors/s");
    let requests = entities.iter().map(request).collect();
    ask(
        master,
        requests,
        |number, body| body.extend_from_slice(number.to_string().as_bytes()),
        span,
    )
    .await
}

/// The same clients ask for what costs a server nothing: as much as HTTP and the clients themselves leave of the machine.
///
/// # Panics
/// If one is refused.
pub async fn only_http(server: &Server, clients: usize, span: Duration) -> Samples {
    let requests = vec!["GET /v1/server/up".to_owned(); clients];
    ask(server, requests, |_, _| {}, span).await
}

async fn ask(server: &Server, requests: Vec<String>, body: fn(u64, &mut Vec<u8>), span: Duration) -> Samples {
    // All are connected before the first asks: how long that takes is not what is measured.
    let mut clients = Vec::with_capacity(requests.len());
    for request in requests {
        clients.push((Client::to(server).await, request));
    }
    let until = Instant::now() + span;
    let mut at_work = JoinSet::new();
    for (mut client, request) in clients {
        at_work.spawn(async move {
            let mut samples = Samples::default();
            let mut said = Vec::new();
            for number in 0.. {
                let sent = Instant::now();
                if sent > until {
                    break;
                }
                said.clear();
                body(number, &mut said);
                let status = client.status_of(&request, &said).await;
                assert!((200..300).contains(&status), "{request}: {status}");
                samples.push(sent.elapsed());
            }
            samples
        });
    }
    let mut all = Samples::default();
    while let Some(one) = at_work.join_next().await {
        all.extend(one.expect("a client does not panic"));
    }
    all
}

/// The master stops in order; the other leads, and answers a read and a write of the application `many9`. Prints how long that took.
///
/// # Panics
/// If it does not.
pub async fn promotion(what: &str, master: &Server, next: &Server) {
    let before = next.usage().1;
    let stopped = Instant::now();
    master.signal(Signal::TERM);
    let leads = next.becomes("MASTER", stopped);
    let mut client = Client::to(next).await;
    let seen = client.get("/v1/applications/many9/entities/e4999").await;
    assert!(seen.contains("\"e4999\""), "{seen}");
    let read = stopped.elapsed();
    client
        .send("POST /v1/applications/many9/entities/e1/sensors/s", "1")
        .await;
    let written = stopped.elapsed();
    let metrics = client.get("/v1/server/ha/metrics").await;
    let rebind = metrics.split("\"rebind\":").nth(1).unwrap_or_default();
    let loaded = rebind.split("\"lastDuration\":").nth(1).unwrap_or_default();
    let loaded = loaded.split(',').next().unwrap_or_default();
    let (resident, cpu) = next.usage();
    println!(
        "  promotion of a {what} over 100,000 entities, from the stop of the master: MASTER after {leads:.2?}, a read {read:.2?}, an acknowledged \
         write {written:.2?}; its last load of the state took {loaded} ms; {:.2?} of CPU, {:.0} MiB resident",
        cpu.saturating_sub(before),
        resident as f64 / 1024.0
    );
}

/// A client with a connection that it keeps.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    request: Vec<u8>,
    got: Vec<u8>,
}

/// Where an answer that has come ends.
struct Answer {
    status: u16,
    head: usize,
    end: usize,
}

impl Client {
    /// One that has connected.
    ///
    /// # Panics
    /// If nobody listens.
    pub async fn to(server: &Server) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], server.port()));
        let stream = TcpStream::connect(address).await.expect("the server listens");
        stream.set_nodelay(true).expect("a socket");
        Self {
            stream,
            request: Vec::new(),
            // A short answer comes with one system call.
            got: Vec::with_capacity(1024),
        }
    }

    /// Sends a write, and waits until it is acknowledged.
    ///
    /// # Panics
    /// If it is refused.
    pub async fn send(&mut self, method_and_path: &str, body: &str) {
        let (status, said) = self.exchange(method_and_path, body.as_bytes()).await;
        assert!((200..300).contains(&status), "{method_and_path}: {status} {said}");
    }

    /// The ids of what is right below an application.
    pub async fn ids_in(&mut self, application: &str) -> Vec<String> {
        let all = self
            .get(&format!("/v1/applications/{application}/entities"))
            .await;
        let ids = all
            .split("{\"id\":\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next());
        ids.map(str::to_owned).collect()
    }

    /// The body of an answer, whatever its status.
    pub async fn get(&mut self, path: &str) -> String {
        self.exchange(&format!("GET {path}"), &[]).await.1
    }

    /// Sends a request; status and body of the answer.
    ///
    /// # Panics
    /// If the connection ends before the answer.
    pub async fn exchange(&mut self, method_and_path: &str, body: &[u8]) -> (u16, String) {
        let answer = self.ask(method_and_path, body).await;
        let body = String::from_utf8_lossy(&self.got[answer.head..answer.end]).into_owned();
        self.got.drain(..answer.end);
        (answer.status, body)
    }

    /// Sends a request, and looks at nothing but the status of the answer.
    ///
    /// # Panics
    /// If the connection ends before the answer.
    pub async fn status_of(&mut self, method_and_path: &str, body: &[u8]) -> u16 {
        let answer = self.ask(method_and_path, body).await;
        self.got.drain(..answer.end);
        answer.status
    }

    async fn ask(&mut self, method_and_path: &str, body: &[u8]) -> Answer {
        self.request.clear();
        std::io::Write::write_fmt(
            &mut self.request,
            format_args!(
                "{method_and_path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                body.len()
            ),
        )
        .expect("memory takes what is written to it");
        self.request.extend_from_slice(body);
        self.stream.write_all(&self.request).await.expect("it is sent");
        loop {
            let read = self.stream.read_buf(&mut self.got).await.expect("an answer");
            assert!(read > 0, "the server closed the connection");
            if let Some(answer) = whole(&self.got) {
                return answer;
            }
        }
    }
}

/// The answer that these bytes begin with, if all of it is there.
///
/// # Panics
/// If they are no answer of HTTP.
fn whole(got: &[u8]) -> Option<Answer> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = response.parse(got).expect("an answer of HTTP") else {
        return None;
    };
    let length = response
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|length| std::str::from_utf8(length.value).ok()?.parse().ok());
    let end = head + length.unwrap_or(0);
    (got.len() >= end).then(|| Answer {
        status: response.code.expect("a whole answer has a status"),
        head,
        end,
    })
}
