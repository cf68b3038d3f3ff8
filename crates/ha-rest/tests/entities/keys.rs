//! Requests that come again with their keys when what they were about is no more.

use ha_rebind::TaskId;

use crate::common::Answer;
use crate::kitchen::{JSON, KETTLE, KITCHEN, Plane, field, value};
use crate::managed::Node;

const THRESHOLD: &str =
    r#"{"sensor": "steam", "threshold": 10, "effector": "heat", "arguments": {"degrees": 80}}"#;

async fn keyed(node: &Node, key: &str, (method, path, body): (&str, &str, &str)) -> Answer {
    let headers = [JSON, ("Idempotency-Key", key)];
    node.call(method, path, &headers, body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_again_when_its_entity_is_gone_gets_the_first_answer() {
    let plane = Plane::with_kitchen().await;
    let node = &plane.master;
    let policy = node
        .post(&format!("{KETTLE}/policies?type=sensor-threshold"), THRESHOLD)
        .await;
    let policy = format!("{KETTLE}/policies/{}", field(&policy, "id"));
    let writes = [
        ("POST", format!("{KETTLE}/sensors/a"), "1"),
        ("POST", format!("{KETTLE}/sensors"), r#"{"b": 2}"#),
        ("DELETE", format!("{KETTLE}/sensors/a"), ""),
        ("POST", format!("{KETTLE}/config/litres"), "2"),
        ("POST", format!("{KETTLE}/config"), r#"{"litres": 3}"#),
        ("POST", format!("{KETTLE}/tag/add"), "\"hot\""),
        ("POST", format!("{KETTLE}/tag/delete"), "\"hot\""),
        ("POST", format!("{KETTLE}/effectors/heat"), r#"{"degrees": 1}"#),
        ("POST", format!("{policy}/stop"), ""),
        ("POST", format!("{policy}/start"), ""),
        ("POST", format!("{policy}/destroy"), ""),
        ("POST", format!("{KETTLE}/name?name=pot"), ""),
        (
            "POST",
            "/v1/applications/kitchen/entities/pot/children?start=false".to_owned(),
            "services: [{type: org.apache.brooklyn.entity.stock.BasicEntity}]",
        ),
    ];
    let mut first = Vec::new();
    for (number, (method, path, body)) in writes.iter().enumerate() {
        let answer = keyed(node, &format!("gone-{number}"), (method, path, body)).await;
        assert!(answer.status.is_success(), "{path}: {answer:?}");
        first.push(answer);
    }
    node.call("DELETE", "/v1/applications/kitchen", &[], "").await;
    for (number, ((method, path, body), first)) in writes.iter().zip(&first).enumerate() {
        let again = keyed(node, &format!("gone-{number}"), (method, path, body)).await;
        assert_eq!(again.status, first.status, "{path}: {}", again.body);
        if again.status.as_u16() == 201 {
            assert_eq!(field(&again, "id"), field(first, "id"), "{path}");
        } else {
            assert_eq!(again.body, first.body, "{path}");
        }
        let new = node.call(method, path, &[JSON], body).await;
        assert_eq!(new.status.as_u16(), 404, "{path}: {}", new.body);
        let new = keyed(node, "never-used", (method, path, body)).await;
        assert_eq!(new.status.as_u16(), 404, "{path}: {}", new.body);
    }
    assert_eq!(value(&node.get("/v1/applications").await), serde_json::json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_attached_an_adjunct_that_is_gone_gets_the_first_answer() {
    let plane = Plane::with_kitchen().await;
    let node = &plane.master;
    let policy = format!("{KETTLE}/policies?type=sensor-threshold");
    let feed = format!("{KETTLE}/adjuncts?type=org.apache.brooklyn.feed.http.HttpFeed");
    let writes = [
        ("policy", ("POST", policy.as_str(), THRESHOLD)),
        (
            "feed",
            ("POST", feed.as_str(), r#"{"uri": "http://127.0.0.1:1/"}"#),
        ),
    ];
    for (key, write) in writes {
        let first = keyed(node, key, write).await;
        assert_eq!(first.status.as_u16(), 200, "{first:?}");
        let (id, destroy) = (field(&first, "id"), format!("{key}-destroyed"));
        let path = format!("{KETTLE}/policies/{id}/destroy");
        let destroyed = keyed(node, &destroy, ("POST", &path, "")).await;
        assert_eq!(destroyed.short(), (204, ""));
        let again = keyed(node, key, write).await;
        assert_eq!(again.short(), first.short(), "it is gone");
        let again = keyed(node, &destroy, ("POST", &path, "")).await;
        assert_eq!(again.short(), (204, ""));
        let new = node.post(&path, "").await;
        assert_eq!(new.status.as_u16(), 404, "{new:?}");
    }
    let there = value(&node.get(&format!("{KETTLE}/adjuncts")).await);
    assert_eq!(there, serde_json::json!([]), "none was attached again");
    let ids = [
        keyed(node, "policy", writes[0].1).await,
        keyed(node, "feed", writes[1].1).await,
    ];
    node.call("DELETE", "/v1/applications/kitchen", &[], "").await;
    for ((key, write), before) in writes.into_iter().zip(&ids) {
        let again = keyed(node, key, write).await;
        assert_eq!(again.status.as_u16(), 200, "its entity is gone: {again:?}");
        for known in ["id", "name", "state", "adjunctType"] {
            assert_eq!(field(&again, known), field(before, known));
        }
        let new = keyed(node, "never-used", write).await;
        assert_eq!(new.status.as_u16(), 404, "{new:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_with_a_task_that_is_forgotten_is_answered_with_its_id() {
    let plane = Plane::with_kitchen().await;
    let node = &plane.master;
    let boil = format!("{KETTLE}/effectors/boil?timeout=0");
    let children = format!("{KETTLE}/children?start=false");
    let blueprint = "services: [{type: org.apache.brooklyn.entity.stock.BasicEntity}]";
    let boiling = keyed(node, "boil", ("POST", &boil, "{}")).await;
    let cancel = format!("/v1/activities/{}/cancel", field(&boiling, "id"));
    let writes = [
        ("boil", ("POST", boil.as_str(), "{}")),
        ("cancel", ("POST", cancel.as_str(), "")),
        ("deploy", ("POST", "/v1/applications", KITCHEN)),
        ("children", ("POST", children.as_str(), blueprint)),
        ("delete", ("DELETE", "/v1/applications/kitchen", "")),
    ];
    let mut first = Vec::new();
    for (key, write) in writes {
        let answer = keyed(node, key, write).await;
        assert!(answer.status.is_success(), "{answer:?}");
        first.push(answer);
    }
    plane.at_rest().await;
    for answer in first.iter().filter(|answer| value(answer).is_object()) {
        let task = TaskId::new(&field(answer, "id")).unwrap();
        let forget = node
            .host
            .propose(None, |draft| draft.remove_task(&task).map(|()| "".into()));
        forget.await.unwrap();
    }
    for ((key, write), first) in writes.into_iter().zip(&first) {
        let again = keyed(node, key, write).await;
        assert_eq!(again.status, first.status, "{key}: {}", again.body);
        assert_eq!(value(&again).get("id"), value(first).get("id"), "{key}");
        if !value(first).is_object() {
            assert_eq!(again.body, first.body, "{key}");
        }
    }
}

/// Paths mean entities by name, and another may have that by now.
#[tokio::test(flavor = "multi_thread")]
async fn config_that_comes_again_is_not_held_against_another_entity_of_that_name() {
    let plane = Plane::start().await;
    let node = &plane.master;
    let deploy = async |entity_type: &str| {
        let blueprint = format!("{{name: kitchen, services: [{{type: {entity_type}, name: kettle}}]}}");
        let made = node.call("POST", "/v1/applications", &[], &blueprint).await;
        assert_eq!(made.status.as_u16(), 201, "{made:?}");
        plane.at_rest().await;
    };
    deploy("org.apache.brooklyn.entity.stock.BasicEntity").await;
    let path = format!("{KETTLE}/config/litres");
    let set = ("POST", path.as_str(), "\"two\"");
    assert_eq!(keyed(node, "two", set).await.short(), (204, ""));
    node.call("DELETE", "/v1/applications/kitchen", &[], "").await;
    deploy("test.Kettle").await;
    assert_eq!(keyed(node, "two", set).await.short(), (204, ""));
    let new = node.post(&path, "\"two\"").await;
    assert_eq!(new.status.as_u16(), 400, "it takes a number: {new:?}");
}
