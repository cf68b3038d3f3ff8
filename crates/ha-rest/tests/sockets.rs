//! On real sockets: bodies in chunks, clients that are slow, rude or many, and the stop.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;
#[path = "common/wire.rs"]
mod wire;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use common::Fake;
use ha_core::Role;
use ha_rest::{Settings, app, serve};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use wire::{SHORT, Served, ended, in_time};

const GET_STATE: &str = "GET /v1/server/ha/state HTTP/1.1\r\nHost: x\r\n\r\n";
const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

fn post(path: &str, form: &str) -> String {
    format!(
        "POST /v1/server/{path} HTTP/1.1\r\nHost: x\r\n{FORM}Content-Length: {}\r\n\r\n{form}",
        form.len()
    )
}

fn chunked(path: &str) -> String {
    format!("POST /v1/server/{path} HTTP/1.1\r\nHost: x\r\n{FORM}Transfer-Encoding: chunked\r\n\r\n")
}

#[tokio::test]
async fn a_body_in_chunks() {
    let fake = Fake::new(Role::Master);
    let served = Served::new(&fake, Settings::default()).await;
    let mut client = served.client().await;
    for piece in [
        chunked("ha/priority").as_str(),
        "5\r\nprior\r\n",
        "4\r\nity=\r\n",
        "2\r\n42\r\n",
        "0\r\n\r\n",
    ] {
        client.send(piece).await;
    }
    assert_eq!(client.answer().await.2, "0");
    // The connection goes on, and the next request on it is understood.
    client
        .send("GET /v1/server/ha/priority HTTP/1.1\r\nHost: x\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.2, "42");
    served.stopped().await;
}

#[tokio::test]
async fn a_body_over_the_limit() {
    let mut settings = Settings::default();
    settings.form_limit = 64;
    let fake = Fake::new(Role::Master);
    let served = Served::new(&fake, settings).await;
    let expected = r#"{"message":"The body of this request may have 64 bytes at most","error":413}"#;

    let mut client = served.client().await;
    client
        .send(format!(
            "POST /v1/server/ha/state HTTP/1.1\r\nHost: x\r\n{FORM}Content-Length: 65\r\n\r\n"
        ))
        .await;
    client.send("m".repeat(65)).await;
    assert_eq!(client.answer().await.2, expected);

    // Without a length it is met on the way, and the rest is not waited for.
    let mut client = served.client().await;
    client.send(chunked("ha/state")).await;
    client.send(format!("28\r\n{}\r\n", "m".repeat(40))).await;
    client.send(format!("28\r\n{}\r\n", "m".repeat(40))).await;
    let (status, _, body) = client.answer().await;
    assert_eq!((status, body.as_str()), (413, expected));
    assert_eq!(fake.calls(), Vec::<String>::new());
    served.stopped().await;
}

#[tokio::test]
async fn a_client_that_does_not_finish_its_head_is_cut() {
    let mut settings = Settings::default();
    settings.header_timeout = SHORT;
    let served = Served::new(&Fake::new(Role::Master), settings).await;
    for start in [
        "",
        "GET /v1/server/up HT",
        "GET /v1/server/up HTTP/1.1\r\nHost: x\r\nX-A: b\r\n",
    ] {
        let mut client = served.client().await;
        client.send(start).await;
        assert_eq!(client.rest().await, b"", "{start}");
    }
    // A byte now and then does not buy time.
    let mut client = served.client().await;
    in_time(async {
        while client.0.write_all(b"G").await.is_ok() {
            tokio::time::sleep(SHORT / 4).await;
        }
    })
    .await;
    // Nor may a connection idle after an answer.
    let mut client = served.client().await;
    client.send(GET_STATE).await;
    assert_eq!(client.answer().await.0, 200);
    assert_eq!(client.rest().await, b"");
    served.stopped().await;
}

#[tokio::test]
async fn a_client_that_does_not_finish_its_body_is_cut() {
    let mut settings = Settings::default();
    settings.body_timeout = SHORT;
    let fake = Fake::new(Role::Master);
    let served = Served::new(&fake, settings).await;
    let head =
        format!("POST /v1/server/ha/state HTTP/1.1\r\nHost: x\r\n{FORM}Content-Length: 11\r\n\r\nmode=");
    for start in [head, format!("{}5\r\nmode=\r\n", chunked("ha/state"))] {
        let mut client = served.client().await;
        client.send(start).await;
        let (status, head, body) = client.answer().await;
        let expected =
            r#"{"message":"The body of the request came too slowly: nothing was changed","error":408}"#;
        assert_eq!((status, body.as_str()), (408, expected));
        assert!(head.contains("connection: close"), "{head}");
        assert_eq!(client.rest().await, b"");
    }

    // A byte now and then does not buy time.
    let mut client = served.client().await;
    client.send(chunked("ha/state")).await;
    in_time(async {
        while client.0.write_all(b"1\r\nm\r\n").await.is_ok() {
            tokio::time::sleep(SHORT / 4).await;
        }
    })
    .await;
    assert_eq!(fake.calls(), Vec::<String>::new());
    served.stopped().await;
}

#[tokio::test]
async fn a_client_that_does_not_take_its_answer_is_cut() {
    let mut settings = Settings::default();
    settings.write_timeout = SHORT;
    settings.max_connections = 1;
    let served = Served::new(&Fake::new(Role::Master), settings).await;
    let mut greedy = served.client().await;
    // It asks until the buffers of both sides are full, and beyond.
    in_time(async { while greedy.0.write_all(GET_STATE.repeat(64).as_bytes()).await.is_ok() {} }).await;
    // Its place is free again.
    let mut client = served.client().await;
    client.send(GET_STATE).await;
    assert_eq!(client.answer().await.0, 200);
    drop((greedy, client));
    served.stopped().await;
}

#[tokio::test]
async fn a_client_that_hangs_up_does_not_break_off_its_command() {
    let fake = Fake::holding();
    let served = Served::new(&fake, Settings::default()).await;
    let mut client = served.client().await;
    client.send(post("ha/priority", "priority=9")).await;
    in_time(fake.entered.notified()).await;
    drop(client);
    // The server has noticed when all its connections are gone.
    served.stopped().await;
    fake.permits.add_permits(1);
    in_time(async {
        while fake.status.lock().unwrap().priority != 9 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn garbage_is_refused_and_does_no_harm() {
    let fake = Fake::new(Role::Master);
    let served = Served::new(&fake, Settings::default()).await;
    let long_line = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(200_000));
    let many_headers = format!("GET / HTTP/1.1\r\n{}\r\n", "X-A: b\r\n".repeat(1_000));
    let every_byte: Vec<u8> = (0..=255).cycle().take(4_096).collect();
    let inputs: [&[u8]; 10] = [
        b"\0\0\0\0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"HELLO\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/server/ha/state HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/server/ha/state HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        long_line.as_bytes(),
        many_headers.as_bytes(),
        &every_byte,
    ];
    for input in inputs {
        let mut client = served.client().await;
        let _ = client.0.write_all(input).await;
        let answer = String::from_utf8(client.rest().await).unwrap();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    let mut client = served.client().await;
    client
        .send(format!("{}zz\r\nmode\r\n", chunked("ha/state")))
        .await;
    let (status, _, body) = client.answer().await;
    assert_eq!(status, 400);
    assert!(
        body.starts_with(r#"{"message":"The body of the request could not be read: "#),
        "{body}"
    );

    let mut client = served.client().await;
    client.send(GET_STATE).await;
    assert_eq!(client.answer().await.2, "\"MASTER\"");
    assert_eq!(fake.calls(), Vec::<String>::new());
    served.stopped().await;
}

#[tokio::test]
async fn a_handler_that_panics_harms_nobody_else() {
    let router = app(Fake::new(Role::Master), Settings::default())
        .route("/panic", axum::routing::get(async || -> () { panic!("a bug") }));
    let served = Served::router(router, Settings::default()).await;
    let mut client = served.client().await;
    client.send("GET /panic HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(client.rest().await, b"");
    let mut client = served.client().await;
    client.send(GET_STATE).await;
    assert_eq!(client.answer().await.0, 200);
    served.stopped().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_clients_at_once() {
    let served = Arc::new(Served::new(&Fake::new(Role::Master), Settings::default()).await);
    let clients = (0..200).map(|_| {
        let served = Arc::clone(&served);
        tokio::spawn(async move {
            let mut client = served.client().await;
            for _ in 0..5 {
                client.send(GET_STATE).await;
                assert_eq!(client.answer().await.2, "\"MASTER\"");
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        in_time(client).await.unwrap();
    }
    Arc::into_inner(served).unwrap().stopped().await;
}

#[tokio::test]
async fn connections_over_the_bound_wait_for_their_turn() {
    let mut settings = Settings::default();
    settings.max_connections = 2;
    let fake = Fake::holding();
    let served = Served::new(&fake, settings).await;
    let mut clients = Vec::new();
    for _ in 0..6 {
        let mut client = served.client().await;
        client
            .send(post("ha/states/clear", "").replace("\r\nHost", "\r\nConnection: close\r\nHost"))
            .await;
        clients.push(client);
    }
    in_time(async {
        while fake.inside.load(Ordering::SeqCst) < 2 {
            fake.entered.notified().await;
        }
    })
    .await;
    for mut client in clients {
        fake.permits.add_permits(1);
        assert_eq!(client.answer().await.0, 200);
        assert!(fake.inside.load(Ordering::SeqCst) <= 2);
    }
    assert_eq!(fake.most_inside.load(Ordering::SeqCst), 2);
    served.stopped().await;
}

#[tokio::test]
async fn a_stop_lets_a_request_finish_and_refuses_new_clients() {
    let fake = Fake::holding();
    let served = Served::new(&fake, Settings::default()).await;
    let mut idle = served.client().await;
    idle.send(GET_STATE).await;
    assert_eq!(idle.answer().await.0, 200);
    let mut busy = served.client().await;
    busy.send(post("ha/priority", "priority=1")).await;
    in_time(fake.entered.notified()).await;

    let (at, server) = served.stop();
    in_time(async { while TcpStream::connect(at).await.is_ok() {} }).await;
    assert_eq!(idle.rest().await, b"");
    // The command takes its time, and gets it.
    tokio::time::sleep(SHORT).await;
    assert!(!server.is_finished());

    fake.permits.add_permits(1);
    let (status, head, body) = busy.answer().await;
    assert_eq!((status, body.as_str()), (200, "0"));
    assert!(head.contains("connection: close"), "{head}");
    assert_eq!(busy.rest().await, b"");
    ended(server).await;
}

#[tokio::test]
async fn a_stop_does_not_wait_for_ever() {
    let mut settings = Settings::default();
    settings.drain_time = SHORT;
    let fake = Fake::holding();
    let served = Served::new(&fake, settings).await;
    let mut busy = served.client().await;
    busy.send(post("ha/priority", "priority=1")).await;
    in_time(fake.entered.notified()).await;
    let mut slow = served.client().await;
    slow.send("GET /v1/ser").await;

    served.stopped().await;
    assert_eq!(busy.rest().await, b"");
    assert_eq!(slow.rest().await, b"");
}

#[tokio::test]
async fn a_shutdown_over_rest_is_answered_and_ends_the_server() {
    let fake = Fake::new(Role::Standby);
    let settings = Settings::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let server = tokio::spawn({
        let fake = fake.clone();
        async move {
            let stopped = fake.stopped.notified();
            serve(listener, app(fake.clone(), settings.clone()), &settings, stopped).await
        }
    });
    let before = std::time::Instant::now();
    let mut client = wire::Client(TcpStream::connect(at).await.unwrap());
    client.send(post("shutdown", "")).await;
    let (status, head, body) = client.answer().await;
    assert_eq!((status, body.as_str()), (204, ""));
    assert!(!head.contains("content-type"), "{head}");
    assert_eq!(client.rest().await, b"");
    ended(server).await;
    assert_eq!(fake.calls(), ["shutdown"]);
    assert!(
        before.elapsed() < Duration::from_secs(4),
        "nobody asked for a delay: {:?}",
        before.elapsed()
    );
}
