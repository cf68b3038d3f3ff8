//! Requests that come again with their keys when what they were about is no more.

use crate::kitchen::{JSON, KETTLE, Plane, field, value};

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_again_when_its_entity_is_gone_gets_the_first_answer() {
    let plane = Plane::with_kitchen().await;
    let node = &plane.master;
    let threshold =
        r#"{"sensor": "steam", "threshold": 10, "effector": "heat", "arguments": {"degrees": 80}}"#;
    let policy = node
        .post(&format!("{KETTLE}/policies?type=sensor-threshold"), threshold)
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
        let key = format!("gone-{number}");
        let keyed = [JSON, ("Idempotency-Key", key.as_str())];
        let answer = node.call(method, path, &keyed, body).await;
        assert!(answer.status.is_success(), "{path}: {answer:?}");
        first.push(answer);
    }
    node.call("DELETE", "/v1/applications/kitchen", &[], "").await;
    for (number, ((method, path, body), first)) in writes.iter().zip(&first).enumerate() {
        let key = format!("gone-{number}");
        let keyed = [JSON, ("Idempotency-Key", key.as_str())];
        let again = node.call(method, path, &keyed, body).await;
        assert_eq!(again.status, first.status, "{path}: {}", again.body);
        if again.status.as_u16() == 201 {
            assert_eq!(field(&again, "id"), field(first, "id"), "{path}");
        } else {
            assert_eq!(again.body, first.body, "{path}");
        }
        let new = node.call(method, path, &[JSON], body).await;
        assert_eq!(new.status.as_u16(), 404, "{path}: {}", new.body);
        let keyed = [JSON, ("Idempotency-Key", "never-used")];
        let new = node.call(method, path, &keyed, body).await;
        assert_eq!(new.status.as_u16(), 404, "{path}: {}", new.body);
    }
    assert_eq!(value(&node.get("/v1/applications").await), serde_json::json!([]));
}
