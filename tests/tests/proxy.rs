//! The faulty proxy between a client that hears everything and a small server that does as it is told.

// Clippy knows only of tests themselves that they may, and not of the functions that they share.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ha_tests::proxy::{Answer, End, Fault, Kind, Proxy, Rule};
use ha_tests::{PATIENCE, wait_for};

/// Longer than a proxy takes that is not told to be silent, on a machine that is busy.
const SILENCE: Duration = Duration::from_millis(1_500);

/// A message of HTTP: the first line, the headers and the body as they came.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Message {
    line: String,
    headers: Vec<String>,
    body: Vec<u8>,
}

impl Message {
    /// Reads one; a reply to a HEAD has no body whatever it says.
    fn read(from: &mut impl BufRead, has_body: bool) -> std::io::Result<Self> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if from.read_line(&mut line)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            if line == "\r\n" {
                break;
            }
            lines.push(line.trim_end().to_owned());
        }
        let mut message = Self {
            line: lines.remove(0),
            headers: lines,
            body: Vec::new(),
        };
        let length = message
            .header("content-length")
            .and_then(|length| length.parse().ok());
        message.body.resize(length.filter(|_| has_body).unwrap_or(0), 0);
        let mut filled = 0;
        while filled < message.body.len() {
            match from.read(&mut message.body[filled..])? {
                0 => {
                    return Err(std::io::Error::other(format!(
                        "{filled} bytes of {}",
                        message.body.len()
                    )));
                }
                more => filled += more,
            }
        }
        Ok(message)
    }

    fn header(&self, name: &str) -> Option<&str> {
        let of = |line: &'_ str| {
            line.split_once(':')
                .filter(|(n, _)| n.eq_ignore_ascii_case(name))
                .is_some()
        };
        let line = self.headers.iter().find(|line| of(line))?;
        Some(line.split_once(':')?.1.trim())
    }
}

/// A server of objects that remembers what it was asked, and over how many connections.
#[derive(Clone)]
struct Upstream {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Message>>>,
    connections: Arc<Mutex<usize>>,
}

impl Upstream {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let upstream = Self {
            address: listener.local_addr().unwrap(),
            seen: Arc::default(),
            connections: Arc::default(),
        };
        let objects: Arc<Mutex<BTreeMap<String, Vec<u8>>>> = Arc::default();
        let serves = upstream.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                *serves.connections.lock().unwrap() += 1;
                let (serves, objects, stream) = (serves.clone(), objects.clone(), stream.unwrap());
                stream.set_nodelay(true).unwrap();
                std::thread::spawn(move || {
                    let mut reader = BufReader::new(stream.try_clone().unwrap());
                    let mut writer = stream;
                    while let Ok(request) = Message::read(&mut reader, true) {
                        serves.seen.lock().unwrap().push(request.clone());
                        let reply = answer(&request, &mut objects.lock().unwrap());
                        writer.write_all(&reply).unwrap();
                    }
                });
            }
        });
        upstream
    }

    /// How often it was asked this.
    fn asked(&self, line: &str) -> usize {
        let seen = self.seen.lock().unwrap();
        seen.iter()
            .filter(|message| message.line.starts_with(line))
            .count()
    }
}

fn answer(request: &Message, objects: &mut BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let words: Vec<_> = request.line.split(' ').collect();
    let (method, path) = (words[0], words[1].to_owned());
    let of = |head: &str, body: &[u8]| [head.as_bytes(), b"\r\nETag: \"e\"\r\n\r\n", body].concat();
    let text = |status: &str, body: &[u8]| {
        of(
            &format!("HTTP/1.1 {status}\r\nContent-Length: {}", body.len()),
            body,
        )
    };
    match (method, objects.get(&path)) {
        ("PUT", Some(_)) if request.header("if-none-match").is_some() => {
            text("412 Precondition Failed", b"no")
        }
        ("PUT", _) => {
            objects.insert(path, request.body.clone());
            text("200 OK", b"")
        }
        ("GET", Some(_)) if request.header("if-none-match").is_some() => of("HTTP/1.1 304 Not Modified", b""),
        ("GET", Some(body)) => text("200 OK", body),
        ("HEAD", Some(body)) => of(&format!("HTTP/1.1 200 OK\r\nContent-Length: {}", body.len()), b""),
        ("DELETE", _) => {
            objects.remove(&path);
            of("HTTP/1.1 204 No Content", b"")
        }
        ("POST", _) => of(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked",
            b"2\r\n{ \r\n1\r\n}\r\n0\r\n\r\n",
        ),
        _ => text("404 Not Found", b"<Code>NoSuchKey</Code>"),
    }
}

/// What a client hears.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Heard {
    Reply(u16, String),
    Silence,
    Fin,
    Rst,
    /// It ends within a body.
    Half(String),
}

/// A connection of a client.
struct Wire {
    stream: BufReader<TcpStream>,
    last: Message,
}

impl Wire {
    fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(SILENCE)).unwrap();
        Self {
            stream: BufReader::new(stream),
            last: Message::default(),
        }
    }

    fn send(&mut self, line: &str, headers: &str, body: &str) {
        let length = body.len();
        let text = format!(
            "{line} HTTP/1.1\r\nHost: s3.example:8333\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        );
        self.stream.get_mut().write_all(text.as_bytes()).unwrap();
    }

    fn hear(&mut self, has_body: bool) -> Heard {
        match Message::read(&mut self.stream, has_body) {
            Ok(reply) => {
                let status = reply.line.split(' ').nth(1).unwrap().parse().unwrap();
                let body = String::from_utf8_lossy(&reply.body).into_owned();
                self.last = reply;
                Heard::Reply(status, body)
            }
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => Heard::Silence,
                ErrorKind::UnexpectedEof => Heard::Fin,
                ErrorKind::ConnectionReset => Heard::Rst,
                _ => Heard::Half(error.to_string()),
            },
        }
    }

    fn ask(&mut self, line: &str, headers: &str, body: &str) -> Heard {
        self.send(line, headers, body);
        self.hear(!line.starts_with("HEAD"))
    }

    fn create(&mut self, path: &str, body: &str) -> Heard {
        self.ask(&format!("PUT {path}"), "If-None-Match: *\r\n", body)
    }
}

fn reply(status: u16, body: &str) -> Heard {
    Heard::Reply(status, body.into())
}

fn proxied() -> (Upstream, Proxy) {
    let upstream = Upstream::start();
    let proxy = Proxy::start(upstream.address, 7).unwrap();
    (upstream, proxy)
}

#[test]
fn without_a_rule_both_sides_hear_what_the_other_said() {
    let (upstream, proxy) = proxied();
    let mut wire = Wire::to(proxy.address());
    let path = "/b/p%2Fq/%C3%BC?x-id=PutObject&empty=&a=%20+b";
    let signed = "Authorization: AWS4-HMAC-SHA256 Credential=k/20260101/r/s3/aws4_request, SignedHeaders=host\r\n\
                  X-Amz-Content-SHA256: UNSIGNED-PAYLOAD\r\nx-amz-meta-Name:  two  blanks\r\n";
    assert_eq!(wire.ask(&format!("PUT {path}"), signed, "body"), reply(200, ""));
    let seen = upstream.seen.lock().unwrap()[0].clone();
    assert_eq!(seen.line, format!("PUT {path} HTTP/1.1"));
    assert_eq!(
        (seen.header("host"), seen.body.as_slice()),
        (Some("s3.example:8333"), b"body".as_slice())
    );
    for header in signed.lines() {
        let (name, value) = header.trim().split_once(':').unwrap();
        assert_eq!(seen.header(name), Some(value.trim()), "{name}");
    }
    assert_eq!(wire.ask(&format!("GET {path}"), "", ""), reply(200, "body"));
    assert_eq!(wire.last.header("etag"), Some("\"e\""));
    assert_eq!(wire.ask(&format!("HEAD {path}"), "", ""), reply(200, ""));
    assert_eq!(
        wire.last.header("content-length"),
        Some("4"),
        "a HEAD tells the length of what it leaves out"
    );
    assert_eq!(
        wire.ask(&format!("GET {path}"), "If-None-Match: \"e\"\r\n", ""),
        reply(304, "")
    );
    assert_eq!(
        wire.ask("POST /b?delete", "", ""),
        reply(200, "{ }"),
        "chunks arrive as one"
    );
    assert_eq!(wire.ask(&format!("DELETE {path}"), "", ""), reply(204, ""));
    assert_eq!(
        wire.ask(&format!("GET {path}"), "", ""),
        reply(404, "<Code>NoSuchKey</Code>")
    );
    assert_eq!(
        *upstream.connections.lock().unwrap(),
        1,
        "the proxy keeps its connection"
    );
    let counts = proxy.counts();
    assert_eq!((counts.total(), counts.forwarded, counts.faults()), (7, 7, 0));
    assert_eq!(
        (counts.of(Kind::Put), counts.of(Kind::Get), counts.of(Kind::Head)),
        (1, 3, 1)
    );
    assert_eq!((counts.bytes_sent, counts.bytes_received), (4, 4 + 3 + 22));
}

#[test]
fn what_each_fault_does_to_a_create() {
    let slow_down = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>SlowDown</Code>\
                     <Message>injected fault</Message></Error>";
    let cases = [
        (Fault::RequestLost(End::Silence), Heard::Silence, 0),
        (Fault::RequestLost(End::Fin), Heard::Fin, 0),
        (Fault::RequestLost(End::Rst), Heard::Rst, 0),
        (Fault::ReplyLost(End::Silence), Heard::Silence, 1),
        (Fault::ReplyLost(End::Fin), Heard::Fin, 1),
        (Fault::ReplyLost(End::Rst), Heard::Rst, 1),
        (Fault::Duplicated, reply(412, "no"), 2),
        (Fault::Instead(Answer::SLOW_DOWN), reply(503, slow_down), 0),
        (Fault::Masked(Answer::SLOW_DOWN), reply(503, slow_down), 1),
        (Fault::Instead(Answer::BARE_NOT_FOUND), reply(404, ""), 0),
    ];
    for (fault, heard, arrived) in cases {
        let (upstream, proxy) = proxied();
        proxy.add(Rule::new(fault).on(Kind::Create).times(1));
        let mut wire = Wire::to(proxy.address());
        assert_eq!(wire.create("/b/x", "mine"), heard, "{fault:?}");
        assert_eq!(upstream.asked("PUT /b/x"), arrived, "{fault:?}");
        // The rule is spent, and all is as if nothing had been.
        let again = if arrived > 0 {
            reply(412, "no")
        } else {
            reply(200, "")
        };
        assert_eq!(
            Wire::to(proxy.address()).create("/b/x", "yours"),
            again,
            "{fault:?}"
        );
        let counts = proxy.counts();
        assert_eq!(
            (counts.of(Kind::Create), counts.faults()),
            (2, 1),
            "{fault:?}: {counts:?}"
        );
        assert_eq!(counts.forwarded as usize, arrived + 1, "{fault:?}");
    }
}

#[test]
fn answers_in_the_place_of_the_store_name_their_code() {
    let (upstream, proxy) = proxied();
    let cases = [
        (Answer::CONFLICT, 409, "<Code>ConditionalRequestConflict</Code>"),
        (Answer::INTERNAL_ERROR, 500, "<Code>InternalError</Code>"),
        (Answer::EXPIRED_TOKEN, 400, "<Code>ExpiredToken</Code>"),
        (Answer::CLOCK_SKEW, 403, "<Code>RequestTimeTooSkewed</Code>"),
        (Answer::NO_SUCH_BUCKET, 404, "<Code>NoSuchBucket</Code>"),
    ];
    // On one connection, which goes on.
    let mut wire = Wire::to(proxy.address());
    for (answer, status, code) in cases {
        proxy.clear();
        proxy.add(Rule::new(Fault::Instead(answer)));
        let Heard::Reply(got, body) = wire.ask("GET /b/x", "", "") else {
            panic!("{answer:?}")
        };
        assert!(got == status && body.contains(code), "{answer:?}: {got} {body}");
        assert_eq!(wire.last.header("content-type"), Some("application/xml"));
    }
    assert_eq!(upstream.asked("GET"), 0);
}

#[test]
fn a_late_request_lands_after_its_client_was_told_of_a_broken_connection() {
    let (upstream, proxy) = proxied();
    proxy.add(Rule::new(Fault::Late(Duration::from_millis(300))).times(1));
    let begun = Instant::now();
    assert_eq!(Wire::to(proxy.address()).create("/b/x", "mine"), Heard::Rst);
    assert_eq!(upstream.asked("PUT"), 0);
    wait_for(PATIENCE, "it lands", || upstream.asked("PUT") == 1);
    assert!(begun.elapsed() >= Duration::from_millis(300));
    assert_eq!(
        Wire::to(proxy.address()).ask("GET /b/x", "", ""),
        reply(200, "mine")
    );
}

#[test]
fn a_request_goes_its_way_when_its_client_has_gone() {
    let (upstream, proxy) = proxied();
    proxy.add(Rule::new(Fault::delay(Duration::from_millis(400))));
    let mut wire = Wire::to(proxy.address());
    wire.send("PUT /b/x", "If-None-Match: *\r\n", "mine");
    wait_for(PATIENCE, "it is under way", || proxy.counts().total() == 1);
    drop(wire);
    assert_eq!(upstream.asked("PUT"), 0);
    wait_for(PATIENCE, "it lands", || upstream.asked("PUT") == 1);
}

#[test]
fn bodies_of_replies_are_broken_off_shortened_and_altered() {
    let (_upstream, proxy) = proxied();
    let mut wire = Wire::to(proxy.address());
    wire.create("/b/x", "0123456789");
    for (fault, heard) in [
        (Fault::Shortened, reply(200, "01234")),
        (Fault::Altered, reply(200, "0123446789")),
        (Fault::BrokenOff, Heard::Half("5 bytes of 10".into())),
    ] {
        proxy.add(Rule::new(fault).on(Kind::Get).times(1));
        assert_eq!(wire.ask("GET /b/x", "", ""), heard, "{fault:?}");
    }
    proxy.add(Rule::new(Fault::BrokenOff));
    assert_eq!(
        Wire::to(proxy.address()).ask("PUT /b/y", "", "1"),
        reply(200, ""),
        "there is nothing to break"
    );
}

#[test]
fn a_cut_loses_requests_and_replies_until_it_is_healed() {
    let (upstream, proxy) = proxied();
    proxy.add(
        Rule::new(Fault::delay(Duration::from_millis(600)))
            .on(Kind::Create)
            .times(1),
    );
    let mut under_way = Wire::to(proxy.address());
    under_way.send("PUT /b/x", "If-None-Match: *\r\n", "mine");
    wait_for(PATIENCE, "the server has acted", || upstream.asked("PUT") == 1);
    proxy.cut();
    assert_eq!(
        Wire::to(proxy.address()).ask("PUT /b/y", "", "lost"),
        Heard::Silence
    );
    assert_eq!(under_way.hear(true), Heard::Silence);
    assert_eq!((upstream.asked("PUT"), proxy.counts().cut), (1, 2));
    proxy.heal().unwrap();
    assert_eq!(
        Wire::to(proxy.address()).ask("GET /b/x", "", ""),
        reply(200, "mine")
    );
    assert_eq!(under_way.hear(true), Heard::Silence, "what was lost stays lost");
    assert_eq!(upstream.asked("PUT"), 1);
}

#[test]
fn a_proxy_that_refuses_resets_what_there_is_and_comes_back_at_its_address() {
    let (_upstream, proxy) = proxied();
    let mut wire = Wire::to(proxy.address());
    assert_eq!(wire.ask("PUT /b/x", "", "1"), reply(200, ""));
    proxy.refuse().unwrap();
    assert_eq!(wire.hear(true), Heard::Rst);
    let refused = TcpStream::connect(proxy.address()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    proxy.heal().unwrap();
    assert_eq!(Wire::to(proxy.address()).ask("GET /b/x", "", ""), reply(200, "1"));
}

#[test]
fn a_server_that_is_away_is_a_broken_connection_and_is_found_again() {
    let (upstream, proxy) = proxied();
    let away = Proxy::start(proxy.address(), 7).unwrap();
    assert_eq!(Wire::to(away.address()).ask("PUT /b/x", "", "1"), reply(200, ""));
    proxy.refuse().unwrap();
    assert_eq!(Wire::to(away.address()).ask("GET /b/x", "", ""), Heard::Rst);
    assert_eq!(away.counts().unanswered, 1);
    proxy.heal().unwrap();
    assert_eq!(Wire::to(away.address()).ask("GET /b/x", "", ""), reply(200, "1"));
    assert_eq!(upstream.asked("GET"), 1);
}

#[test]
fn delays_hold_up_their_own_request_and_no_other() {
    let (_upstream, proxy) = proxied();
    let each = Duration::from_millis(300);
    proxy.add(Rule::new(Fault::delay(each)));
    let begun = Instant::now();
    let mut wires: Vec<_> = (0..100).map(|_| Wire::to(proxy.address())).collect();
    for (number, wire) in wires.iter_mut().enumerate() {
        wire.send(&format!("PUT /b/{number}"), "", "1");
    }
    for wire in &mut wires {
        assert_eq!(wire.hear(true), reply(200, ""));
    }
    let took = begun.elapsed();
    assert!(took >= each && took < each * 10, "100 at once took {took:?}");
}

#[test]
fn the_same_seed_gives_the_same_fates() {
    let fates = |seed| {
        let upstream = Upstream::start();
        let proxy = Proxy::start(upstream.address, seed).unwrap();
        proxy.add(Rule::new(Fault::ReplyLost(End::Fin)).per_mille(100));
        proxy.add(Rule::new(Fault::Instead(Answer::CONFLICT)).per_mille(200));
        proxy.add(Rule::new(Fault::RequestLost(End::Rst)).per_mille(100));
        let one = |number: usize| Wire::to(proxy.address()).create(&format!("/b/{number}"), "1");
        let heard: Vec<_> = (0..60).map(one).collect();
        (
            heard,
            upstream
                .seen
                .lock()
                .unwrap()
                .iter()
                .map(|seen| seen.line.clone())
                .collect::<Vec<_>>(),
        )
    };
    let (heard, arrived) = fates(3);
    assert_eq!(fates(3), (heard.clone(), arrived.clone()));
    assert_ne!(fates(4).0, heard);
    assert!(arrived.len() < 60 && heard.contains(&Heard::Fin) && heard.contains(&reply(200, "")));
}

#[test]
fn counts_are_held_against_earlier_ones() {
    let (_upstream, proxy) = proxied();
    let mut wire = Wire::to(proxy.address());
    wire.create("/b/x", "1");
    let before = proxy.counts();
    wire.create("/b/y", "22");
    wire.ask("GET /b?list-type=2&prefix=p%2F", "", "");
    let since = proxy.counts().since(&before);
    let kinds = [Kind::Create, Kind::List, Kind::Get].map(|kind| since.of(kind));
    assert_eq!((kinds, since.total(), since.bytes_sent), ([1, 1, 0], 2, 2));
}

#[test]
fn the_program_tells_its_address_and_what_has_passed() {
    let upstream = Upstream::start();
    let mut child = Command::new(env!("CARGO_BIN_EXE_ha-faulty-proxy"))
        .args([
            "--upstream",
            &upstream.address.to_string(),
            "--p50",
            "20ms",
            "--throttle-per-mille",
            "1000",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    let address = said.next().unwrap().unwrap().parse().unwrap();
    let Heard::Reply(503, _) = Wire::to(address).ask("GET /b/x", "", "") else {
        panic!("not throttled")
    };
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let report = said.next().unwrap().unwrap();
    assert!(report.contains(r#""requests":{"get":1}"#), "{report}");
    assert!(
        report.contains(r#""injected":{"answered instead":1,"delay":1}"#),
        "{report}"
    );
    assert!(child.wait().unwrap().success());
}
