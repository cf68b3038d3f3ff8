//! Export and import over REST: headers, origins, who may, and what is refused.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;
#[path = "common/managed.rs"]
mod managed;

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use common::{Fake, SKIP, get, post};
use ha_core::{Mode, Role};
use ha_rebind::EntityTypes;
use ha_store::{Fault, Faulty, MemoryStore, Operation, Rule};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Frame;
use managed::Node;
use tokio::sync::{Notify, oneshot};
use tower::ServiceExt;

const EXPORT: &str = "/v1/server/ha/persist/export";
const IMPORT: &str = "/v1/server/ha/persist/import";
const SHOP: &str =
    "{name: shop, services: [{type: org.apache.brooklyn.entity.stock.BasicStartable, name: web}]}";
const MASTER_REQUIRED: &str =
    r#"{"message":"This request is only permitted against an active primary Brooklyn server","error":403}"#;
const HOT_REQUIRED: &str = r#"{"message":"This request is only permitted against an active primary or hot standby/backup Brooklyn server","error":403}"#;

async fn send(node: &Node, method: &str, path: &str, headers: &[(&str, &str)], body: Body) -> Response<Body> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    node.router
        .clone()
        .oneshot(request.body(body).unwrap())
        .await
        .unwrap()
}

async fn bytes(response: Response<Body>) -> Bytes {
    assert_eq!(response.status(), StatusCode::OK);
    response.into_body().collect().await.unwrap().to_bytes()
}

async fn export(node: &Node) -> Bytes {
    bytes(send(node, "GET", EXPORT, &[], Body::empty()).await).await
}

/// Status and text of the answer to an import.
async fn import(node: &Node, archive: impl Into<Body>) -> (u16, String) {
    let answer = send(node, "POST", IMPORT, &[], archive.into()).await;
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn alone(seed: u8) -> Node {
    let node = Node::start(
        "n1",
        seed,
        Arc::new(MemoryStore::default()),
        EntityTypes::built_in(),
    );
    node.becomes(Role::Master).await;
    node
}

async fn with_shop(seed: u8) -> Node {
    let node = alone(seed).await;
    let made = node.call("PUT", "/v1/applications/shop", &[], SHOP).await;
    assert_eq!(made.status.as_u16(), 201, "{made:?}");
    node.until("it has started", || {
        node.host.read(|state| state.unended_tasks().len() == 0)
    })
    .await;
    node
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_exported_is_a_file_with_a_name_and_an_import_answers_with_nothing() {
    let (one, two) = (with_shop(1).await, alone(2).await);
    for path in [EXPORT, "/v1/server/ha/persist/export/"] {
        let answer = send(&one, "GET", path, &[], Body::empty()).await;
        assert_eq!(answer.headers()["content-type"], "application/octet-stream");
        assert_eq!(
            answer.headers()["content-disposition"],
            "attachment; filename = brooklyn-state-n1-2016-06-20-0918.zip"
        );
        assert!(bytes(answer).await.starts_with(b"PK"));
    }
    let archive = export(&one).await;
    assert_eq!(import(&two, archive).await, (200, String::new()));
    for path in [
        "/v1/applications/fetch",
        "/v1/applications/shop/entities",
        "/v1/applications/shop",
    ] {
        assert_eq!(two.get(path).await.short(), one.get(path).await.short(), "{path}");
    }
    assert_eq!(send(&one, "HEAD", EXPORT, &[], Body::empty()).await.status(), 200);
    let verbs = send(&one, "OPTIONS", IMPORT, &[], Body::empty()).await;
    assert_eq!(verbs.headers()["allow"], "POST,OPTIONS");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hot_standby_exports_what_was_acknowledged_before_and_imports_nothing() {
    let store = Arc::new(MemoryStore::default());
    let master = Node::start("n1", 1, store.clone(), EntityTypes::built_in());
    master.becomes(Role::Master).await;
    let standby = Node::start("n2", 2, store, EntityTypes::built_in());
    standby.becomes(Role::HotStandby).await;
    assert_eq!(
        master
            .call("PUT", "/v1/applications/shop", &[], SHOP)
            .await
            .status,
        201
    );
    let archive = export(&standby).await;
    let other = alone(3).await;
    assert_eq!(import(&other, archive.clone()).await.0, 200);
    assert_eq!(other.get("/v1/applications/shop").await.status, 200);

    assert_eq!(
        import(&standby, archive.clone()).await,
        (403, MASTER_REQUIRED.into())
    );
    let skipping = send(&standby, "POST", IMPORT, &[SKIP], archive.into()).await;
    assert_eq!(skipping.status(), 403, "the header does not make it a master");
    for origin in ["AUTO", "LOCAL", "REMOTE"] {
        let path = format!("{EXPORT}?origin={origin}");
        assert!(
            bytes(send(&standby, "GET", &path, &[], Body::empty()).await)
                .await
                .starts_with(b"PK")
        );
    }
    let refused = standby.get(&format!("{EXPORT}?origin=local")).await;
    assert_eq!(
        refused.short(),
        (
            400,
            r#"{"message":"Invalid parameter: origin 'local': use AUTO, LOCAL or REMOTE","error":400}"#
        )
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_the_state_exports_nothing_whatever_it_is_told() {
    let store = Arc::new(MemoryStore::default());
    let master = Node::start("n1", 1, store.clone(), EntityTypes::built_in());
    master.becomes(Role::Master).await;
    let standby = Node::start("n2", 2, store, EntityTypes::built_in());
    standby.becomes(Role::HotStandby).await;
    standby.plane.change_mode(Mode::Standby).await.unwrap();
    for path in [EXPORT, "/v1/server/ha/persist/export/"] {
        assert_eq!(standby.get(path).await.short(), (403, HOT_REQUIRED));
    }
    for origin in ["LOCAL", "REMOTE"] {
        let path = format!("{EXPORT}?origin={origin}");
        let answer = standby.call("GET", &path, &[SKIP], "").await;
        assert_eq!(answer.short(), (403, HOT_REQUIRED), "and no empty archive");
    }
}

#[tokio::test]
async fn a_node_that_manages_nothing_has_neither() {
    let fake = Fake::new(Role::Master);
    assert_eq!(get(&fake, EXPORT).await.short(), (404, ""));
    assert_eq!(post(&fake, IMPORT, "").await.short(), (404, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_imported_is_refused_in_one_line_and_changes_nothing() {
    let node = with_shop(1).await;
    let archive = export(&node).await;
    let last = node.host.read(ha_rebind::State::last);
    let bad: [(Bytes, &str); 4] = [
        (Bytes::new(), "it is no zip file, or is cut short"),
        (
            Bytes::from_static(b"services: []"),
            "it is no zip file, or is cut short",
        ),
        (
            archive.slice(..archive.len() - 30),
            "it is no zip file, or is cut short",
        ),
        (archive.slice(9..), ""),
    ];
    for (bytes, words) in bad {
        let (status, body) = import(&node, bytes).await;
        assert_eq!(status, 400, "{body}");
        let start = format!("{{\"message\":\"Nothing was changed: the archive cannot be imported: {words}");
        assert!(body.starts_with(&start), "{body}");
    }
    let (status, body) = import(&node, vec![0; (64 << 20) + 1]).await;
    assert_eq!(
        (status, body.contains("67108864 bytes at most")),
        (413, true),
        "{body}"
    );
    assert_eq!(
        node.host.read(ha_rebind::State::last),
        last,
        "nothing was written"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_import_is_made_at_a_time_and_a_key_makes_it_once() {
    let node = with_shop(1).await;
    let archive = export(&node).await;
    // A client that has not sent it yet.
    let (client, archive_to_come) = oneshot::channel();
    let awaited = Arc::new(Notify::new());
    let body = Body::new(Later(Some(archive_to_come), awaited.clone()));
    let slow = tokio::spawn({
        let node = node.clone();
        async move { import(&node, body).await }
    });
    awaited.notified().await;
    let refused = import(&node, archive.clone()).await;
    assert_eq!(refused.0, 503, "{}", refused.1);
    assert!(
        refused.1.contains("Another archive is being imported"),
        "{}",
        refused.1
    );
    client.send(archive.clone()).unwrap();
    assert_eq!(slow.await.unwrap(), (200, String::new()));

    let key = [("Idempotency-Key", "import-1")];
    let keyed = |archive: Bytes| send(&node, "POST", IMPORT, &key, archive.into());
    assert_eq!(keyed(archive.clone()).await.status(), 200);
    let renamed = "/v1/applications/shop/entities/shop/name?name=store";
    assert_eq!(node.post(renamed, "").await.status, 200);
    assert_eq!(keyed(archive.clone()).await.status(), 200);
    assert!(
        node.get("/v1/applications/shop").await.body.contains("store"),
        "it was made once"
    );
    assert_eq!(
        keyed(archive.slice(1..)).await.status(),
        400,
        "before the key is looked at"
    );
    let other = send(&node, "POST", "/v1/applications", &key, SHOP.into()).await;
    assert_eq!(other.status(), 422, "the key was another request's");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_whose_client_has_gone_goes_on_and_nobody_begins_another_before_its_end() {
    let store = Arc::new(Faulty::new(MemoryStore::default(), 1));
    let node = Node::start("n1", 1, store.clone(), EntityTypes::built_in());
    node.becomes(Role::Master).await;
    let archive = export(&with_shop(2).await).await;
    let refuse = Rule::new(Fault::Unavailable).on(Operation::Create);
    store.add(refuse.under("journal/"));
    let client = tokio::spawn({
        let (node, archive) = (node.clone(), archive.clone());
        async move { import(&node, archive).await }
    });
    node.until("its entry is on its way", || store.injected() > 0)
        .await;
    client.abort();
    assert!(client.await.unwrap_err().is_cancelled());
    let refused = import(&node, archive).await;
    assert_eq!(refused.0, 503, "{}", refused.1);
    assert!(
        refused.1.contains("Another archive is being imported"),
        "{}",
        refused.1
    );
    store.clear();
    node.until("all of it is there", || {
        node.host.read(|state| state.applications().count() == 1)
    })
    .await;
}

/// A body that comes as a whole, when it is sent.
struct Later(Option<oneshot::Receiver<Bytes>>, Arc<Notify>);

impl HttpBody for Later {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.1.notify_one();
        let Some(waiting) = &mut self.0 else {
            return Poll::Ready(None);
        };
        let came = ready!(Pin::new(waiting).poll(cx)).unwrap();
        self.0 = None;
        Poll::Ready(Some(Ok(Frame::data(came))))
    }
}
