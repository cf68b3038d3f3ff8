//! Requests that are not answered: not sent, cut off, late.

use std::time::Duration;

use http::Request;
use object_store::client::HttpRequestBody;
use tokio::net::TcpListener;

use super::server::{Act, Server};
use super::{WITHIN, client, key, scripted, told};
use crate::ErrorKind::{self, OutcomeUnknown, Unavailable};
use crate::bucket::BucketStore;
use crate::bucket::service::Connector;
use crate::bucket::trace::{Fate, Trace};
use crate::{BucketSettings, Error, Folder, Store};

/// The errors of all writes and all reads.
async fn all(store: &BucketStore, within: Duration) -> (Vec<Error>, Vec<Error>) {
    let writes = vec![
        store.create(&key(), "x".into(), within).await.unwrap_err(),
        store.put(&key(), "x".into(), within).await.unwrap_err(),
        store.delete(&key(), within).await.unwrap_err(),
    ];
    let reads = vec![
        store.get(&key(), within).await.unwrap_err(),
        store.get_range(&key(), 0..1, within).await.unwrap_err(),
        store.list(&Folder::new("a").unwrap(), within).await.unwrap_err(),
    ];
    (writes, reads)
}

fn check((writes, reads): &(Vec<Error>, Vec<Error>), of_writes: ErrorKind, text: &str) {
    for (errors, kind) in [(writes, of_writes), (reads, Unavailable)] {
        for error in errors {
            assert_eq!(error.kind(), kind, "{}", told(error));
            assert!(error.to_string().contains(text), "{}", told(error));
        }
    }
}

#[tokio::test]
async fn a_write_whose_connection_breaks_has_an_unknown_outcome_and_is_not_repeated() {
    for act in [
        Act::SendAndClose(Vec::new()),
        Act::Reset,
        Act::SendAndClose(b"HTTP/1.1 20".to_vec()),
        Act::SendAndClose(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
    ] {
        let (server, store) = scripted([act.clone()]).await;
        check(&all(&store, WITHIN).await, OutcomeUnknown, "the connection broke");
        assert_eq!(server.seen().len(), 6, "{act:?}: nothing is sent twice");
    }
}

#[tokio::test]
async fn what_is_not_connected_was_not_sent() {
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", port.local_addr().unwrap());
    drop(port);
    let store = client(&endpoint, &BucketSettings::default());
    check(&all(&store, WITHIN).await, Unavailable, "no connection");
}

#[tokio::test]
async fn a_name_that_nobody_knows_and_a_server_without_tls_were_sent_nothing() {
    let (server, _store) = scripted([Act::Reset]).await;
    let without_tls = server.endpoint.replace("http://", "https://");
    let connector = Connector::new(&BucketSettings::default(), true).unwrap();
    for address in ["http://nobody.invalid/x", &without_tls] {
        let request = Request::put(address).body(HttpRequestBody::empty()).unwrap();
        let trace = Trace::default();
        let answer = trace.around(connector.client().execute(request)).await;
        answer.unwrap_err();
        assert!(
            matches!(trace.fate(), Fate::NoConnection(_)),
            "{address}: {:?}",
            trace.fate()
        );
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_connection_that_does_not_come_about_is_given_up_and_was_not_sent() {
    // A listener that accepts nobody, and whose queue is full.
    let listener = rustix::net::socket(
        rustix::net::AddressFamily::INET,
        rustix::net::SocketType::STREAM,
        None,
    )
    .unwrap();
    let local = std::net::SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, 0);
    rustix::net::bind(&listener, &local).unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let listener = std::net::TcpListener::from(listener);
    let address = listener.local_addr().unwrap();
    let mut queue = Vec::new();
    while let Ok(Ok(stream)) = tokio::time::timeout(
        Duration::from_millis(300),
        tokio::net::TcpStream::connect(address),
    )
    .await
    {
        queue.push(stream);
    }
    let settings = BucketSettings {
        connect_timeout: Duration::from_millis(100),
        ..BucketSettings::default()
    };
    let store = client(&format!("http://{address}"), &settings);
    check(&all(&store, WITHIN).await, Unavailable, "limit 100ms");
}

#[tokio::test]
async fn which_time_has_passed_is_told() {
    let server = Server::start([Act::Hang]).await;
    let short = Duration::from_millis(100);
    let settings = BucketSettings {
        first_byte_timeout: short,
        ..BucketSettings::default()
    };
    let store = client(&server.endpoint, &settings);
    check(
        &all(&store, WITHIN).await,
        OutcomeUnknown,
        "no first byte of an answer within 100ms",
    );
    let store = client(&server.endpoint, &BucketSettings::default());
    check(
        &all(&store, short).await,
        OutcomeUnknown,
        "within 100ms, its deadline",
    );
    let settings = BucketSettings {
        total_timeout: short,
        ..BucketSettings::default()
    };
    let store = client(&server.endpoint, &settings);
    check(
        &all(&store, WITHIN).await,
        OutcomeUnknown,
        "within 100ms, the longest that any request may take",
    );
    assert_eq!(server.seen().len(), 18);
}

#[tokio::test]
async fn an_answer_whose_body_does_not_end_is_given_up() {
    let begun = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nETag: \"e\"\r\nLast-Modified: Wed, 21 Oct 2015 07:28:00 GMT\r\n\r\n12345";
    let (_server, store) = scripted([Act::Send(begun.to_vec())]).await;
    let error = store.get(&key(), Duration::from_millis(200)).await.unwrap_err();
    assert_eq!(error.kind(), Unavailable, "{error}");
}

#[tokio::test]
async fn what_has_no_time_is_not_sent() {
    let (server, store) = scripted([Act::Hang]).await;
    check(&all(&store, Duration::ZERO).await, Unavailable, "was not sent");
    assert!(server.seen().is_empty());
}
