//! Applications and entities over REST: what a client of a plane of two nodes meets.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "../common/mod.rs"]
mod common;
mod keys;
mod kitchen;
#[path = "../common/managed.rs"]
mod managed;
mod tasks;

use std::time::Duration;

use ha_core::Role;
use ha_rebind::{Batch, Change, EntityId, Level, TaskId};
use kitchen::{JSON, KETTLE, KITCHEN, Plane, field, value};
use managed::Node;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deployed_is_there_at_once_and_on_every_node() {
    let plane = Plane::start().await;
    let headers = [JSON, ("Host", "plane.example:8081")];
    let made = plane
        .master
        .call("POST", "/v1/applications", &headers, KITCHEN)
        .await;
    assert_eq!(made.status.as_u16(), 201);
    let app = field(&made, "entityId");
    assert_eq!(
        made.header("location"),
        Some(format!("http://plane.example:8081/v1/applications/{app}").as_str())
    );
    assert_eq!(field(&made, "displayName"), "start");
    plane.at_rest().await;
    let standby = plane.standby().await;
    for node in [&plane.master, &standby] {
        let all = value(&node.get("/v1/applications/fetch").await);
        assert_eq!(all[0]["name"], "kitchen");
        assert_eq!(all[0]["children"][0]["name"], "kettle");
        assert_eq!(
            all[0]["children"][1]["serviceState"], "RUNNING",
            "started with its application"
        );
        assert_eq!(
            node.get(&format!("{KETTLE}/config/power")).await.short(),
            (200, "2000")
        );
        let spec = node.get(&format!("{KETTLE}/spec")).await;
        assert_eq!(
            (spec.header("content-type"), spec.body.as_str()),
            (Some("text/x-yaml"), KITCHEN)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_deploy_under_one_id_at_once_one_does() {
    let plane = Plane::start().await;
    let put = || plane.master.call("PUT", "/v1/applications/kitchen", &[], KITCHEN);
    let (one, other) = tokio::join!(put(), put());
    let mut codes = [one.status.as_u16(), other.status.as_u16()];
    codes.sort_unstable();
    assert_eq!(codes, [201, 409]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_comes_again_with_its_key_gets_the_first_answer_on_any_master() {
    let plane = Plane::start().await;
    let keyed = [JSON, ("Idempotency-Key", "k-1")];
    let deploy = |node: Node, body: &'static str| async move {
        node.call("POST", "/v1/applications", &keyed, body).await
    };
    let first = deploy(plane.master.clone(), KITCHEN).await;
    let again = deploy(plane.master.clone(), KITCHEN).await;
    assert_eq!(
        (again.status, field(&again, "id")),
        (first.status, field(&first, "id"))
    );
    let other = deploy(plane.master.clone(), "services: [{type: test.Kettle}]").await;
    assert_eq!(other.status.as_u16(), 422, "{}", other.body);
    let standby = plane.standby().await;
    plane.master.plane.stop().await;
    standby.becomes(Role::Master).await;
    let after = deploy(standby.clone(), KITCHEN).await;
    assert_eq!(
        (after.status, field(&after, "id"), after.header("location")),
        (first.status, field(&first, "id"), first.header("location"))
    );
    assert_eq!(
        value(&standby.get("/v1/applications").await)
            .as_array()
            .unwrap()
            .len(),
        1
    );
    for (method, path, body) in [
        ("POST", "/v1/applications/kitchen/entities/kettle/sensors/a", "1"),
        ("POST", "/v1/applications/kitchen/entities/kettle/tag/delete", "1"),
        ("DELETE", "/v1/applications/kitchen/entities/kettle/sensors/a", ""),
        (
            "POST",
            "/v1/applications/kitchen/entities/kettle/effectors/heat",
            r#"{"degrees":1}"#,
        ),
    ] {
        let key = [
            JSON,
            (
                "Idempotency-Key",
                &*format!("k {method} {path}").replace(' ', "-"),
            ),
        ];
        let first = standby.call(method, path, &key, body).await;
        let again = standby.call(method, path, &key, body).await;
        assert!(first.status.is_success(), "{first:?}");
        assert_eq!(again.short(), first.short(), "{path}");
    }
    let heats = value(&standby.get(&format!("{KETTLE}/activities")).await);
    assert_eq!(heats.as_array().unwrap().len(), 1, "heated once");
    for bad in ["", " ", "two words", &"x".repeat(256)] {
        let headers = [JSON, ("Idempotency-Key", bad)];
        let answer = standby.call("POST", "/v1/applications", &headers, KITCHEN).await;
        assert_eq!(answer.status.as_u16(), 400, "{bad}");
        assert!(field(&answer, "message").starts_with("Invalid header: Idempotency-Key"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn children_are_added_and_trees_removed() {
    let plane = Plane::with_kitchen().await;
    let node = &plane.master;
    let kid = "
brooklyn.config: {size: 1, color: red}
services:
- {type: org.apache.brooklyn.entity.stock.BasicStartable, name: kid, brooklyn.config: {size: 2}}";
    let added = node.post(&format!("{KETTLE}/children"), kid).await;
    assert_eq!(added.status.as_u16(), 201, "{}", added.body);
    let children = value(&node.get(&format!("{KETTLE}/children")).await);
    assert_eq!(children[0]["name"], "kid");
    let config = node
        .get("/v1/applications/kitchen/entities/kid/config/current-state")
        .await;
    assert_eq!(
        config.short(),
        (
            200,
            r#"{"color":"red","size":2,"brooklyn.wrapper_app":true,"power":2000}"#
        )
    );
    let kid_state = "/v1/applications/kitchen/entities/kid/sensors/service.state";
    let started = value(&added)["children"][0]["metadata"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    node.host.ended(&TaskId::new(&started).unwrap()).await;
    assert_eq!(node.get(kid_state).await.short(), (200, "\"RUNNING\""));
    let lazy = kid.replace("kid", "lazy");
    node.post(&format!("{KETTLE}/children?start=false"), &lazy).await;
    plane.at_rest().await;
    let state = "/v1/applications/kitchen/entities/lazy/sensors/service.state";
    assert_eq!(node.get(state).await.short(), (204, ""));
    let gone = node.post(&format!("{KETTLE}/expunge?release=true"), "").await;
    assert_eq!(
        (gone.status.as_u16(), field(&gone, "currentStatus")),
        (202, "Completed".into())
    );
    assert_eq!(node.get(kid_state).await.status.as_u16(), 404);
    let deleted = node.call("DELETE", "/v1/applications/kitchen", &[], "").await;
    assert_eq!(deleted.status.as_u16(), 202);
    node.call("PUT", "/v1/applications/pantry", &[], KITCHEN).await;
    let keyed = [JSON, ("Idempotency-Key", "gone")];
    let first = node.call("DELETE", "/v1/applications/pantry", &keyed, "").await;
    let again = node.call("DELETE", "/v1/applications/pantry", &keyed, "").await;
    assert_eq!((first.status.as_u16(), again.short()), (202, first.short()));
    assert_eq!(node.get("/v1/applications").await.short(), (200, "[]"));
    assert_eq!(
        node.get("/v1/applications/kitchen").await.short(),
        (
            404,
            r#"{"message":"Application 'kitchen' not found","error":404}"#
        )
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_for_is_found_and_nothing_else() {
    let plane = Plane::with_kitchen().await;
    let node = &plane.master;
    node.call(
        "PUT",
        "/v1/applications/pantry",
        &[],
        &KITCHEN.replace("kitchen", "pantry"),
    )
    .await;
    plane.at_rest().await;
    let ids = async |path: &str| {
        let all = value(&node.get(path).await);
        let names = all
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["name"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(
        ids("/v1/applications/kitchen/descendants?typeRegex=test.*").await,
        ["kettle"]
    );
    assert!(
        ids("/v1/applications/kitchen/descendants?typeRegex=Kettle")
            .await
            .is_empty(),
        "the whole type"
    );
    let kettle = field(&node.get(KETTLE).await, "id");
    assert_eq!(
        node.get(&format!("/v1/applications/kitchen/entities/{kettle}"))
            .await
            .status
            .as_u16(),
        200
    );
    let elsewhere = node
        .get(&format!("/v1/applications/pantry/entities/{kettle}"))
        .await;
    assert_eq!(elsewhere.status.as_u16(), 404, "it is in the kitchen");
    node.post(&format!("{KETTLE}/sensors/a"), "null").await;
    assert_eq!(node.get(&format!("{KETTLE}/sensors/a")).await.short(), (204, ""));
    node.post(&format!("{KETTLE}/sensors/b"), "\"x\"").await;
    let b = format!("{KETTLE}/sensors/b");
    assert_eq!(node.get(&b).await.short(), (200, "\"x\""));
    assert_eq!(
        node.call("GET", &b, &[("Accept", "text/plain")], "")
            .await
            .short(),
        (200, "x")
    );
    let kitchen = "/v1/applications/kitchen/entities/kitchen";
    assert_eq!(
        field(&node.get("/v1/applications/kitchen").await, "status"),
        "RUNNING"
    );
    node.post(&format!("{kitchen}/sensors/service.state"), "\"ON_FIRE\"")
        .await;
    assert_eq!(
        field(&node.get("/v1/applications/kitchen").await, "status"),
        "ERROR"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused_in_one_line_and_changes_nothing() {
    let plane = Plane::with_kitchen().await;
    let node = &plane.master;
    let before = node.get("/v1/applications/fetch").await.body;
    let bad = [
        (
            "POST",
            format!("{KETTLE}/sensors/a"),
            "{",
            400,
            "The body is not the JSON",
        ),
        (
            "POST",
            format!("{KETTLE}/sensors"),
            "[1]",
            400,
            "The body is not the JSON",
        ),
        (
            "POST",
            format!("{KETTLE}/config/a"),
            "",
            400,
            "The body is not the JSON",
        ),
        (
            "POST",
            format!("{KETTLE}/config/litres"),
            "\"many\"",
            400,
            "'litres' must be a number",
        ),
        (
            "POST",
            format!("{KETTLE}/name"),
            "",
            400,
            "Missing parameter: name",
        ),
        (
            "POST",
            format!("{KETTLE}/effectors/heat"),
            "{}",
            400,
            "effector 'heat' needs the parameter 'degrees'",
        ),
        (
            "POST",
            format!("{KETTLE}/effectors/heat"),
            r#"{"degrees":"hot"}"#,
            400,
            "'degrees' must be a whole number",
        ),
        ("POST", format!("{KETTLE}/effectors/fly"), "{}", 404, "Entity '"),
        (
            "POST",
            "/v1/applications/kitchen/entities/none/sensors/a".into(),
            "1",
            404,
            "Cannot find entity 'none'",
        ),
        (
            "GET",
            "/v1/applications/kitchen/entities/none".into(),
            "",
            404,
            "Cannot find entity 'none' in application 'kitchen'",
        ),
        (
            "GET",
            "/v1/applications?typeRegex=(".into(),
            "",
            400,
            "Invalid parameter: typeRegex '('",
        ),
        (
            "GET",
            format!("{KETTLE}/activities?limit=-1"),
            "",
            400,
            "Invalid parameter: limit '-1'",
        ),
        (
            "POST",
            "/v1/activities/none/cancel".into(),
            "",
            404,
            "Cannot find task 'none'",
        ),
        ("GET", format!("{KETTLE}/policies/none"), "", 404, "Entity '"),
        (
            "POST",
            format!("{KETTLE}/policies"),
            "{}",
            400,
            "Missing parameter: type",
        ),
        (
            "POST",
            format!("{KETTLE}/policies?type=org.apache.brooklyn.enricher.stock.Aggregator"),
            "{}",
            400,
            "unknown type 'org.apache.brooklyn.enricher.stock.Aggregator': known are sensor-threshold",
        ),
        (
            "POST",
            format!("{KETTLE}/policies?type=sensor-threshold"),
            r#"{"threshold": "high"}"#,
            400,
            "'threshold' must be a number",
        ),
        (
            "POST",
            format!("{KETTLE}/adjuncts?type=sensor-threshold"),
            "[1]",
            400,
            "The body is not the JSON",
        ),
        (
            "GET",
            "/v1/locations/none".into(),
            "",
            404,
            "Location 'none' not found",
        ),
    ];
    for (method, path, body, status, message) in bad {
        let answer = node.call(method, &path, &[JSON], body).await;
        assert_eq!(answer.status.as_u16(), status, "{path}: {}", answer.body);
        let said = field(&answer, "message");
        assert!(
            said.starts_with(message) && !said.contains('\n'),
            "{path}: {said}"
        );
    }
    assert_eq!(node.get("/v1/applications/fetch").await.body, before);
    let huge = "x".repeat((16 << 20) + 1);
    assert_eq!(node.post("/v1/applications", &huge).await.status.as_u16(), 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_cannot_be_read_is_shown_on_fire_and_can_be_expunged() {
    let plane = Plane::with_kitchen().await;
    let node = &plane.master;
    let last = node.host.read(ha_rebind::State::last);
    let create = Change::Create {
        entity: EntityId::new("bad").unwrap(),
        parent: Some(EntityId::new("kitchen").unwrap()),
        body: b"garbage",
        sensors: b"",
    };
    let batch = Batch {
        after: last,
        number: last + 1,
        changes: vec![create],
    };
    let leadership = node.plane.leadership().await.unwrap();
    let appended = leadership.append(batch.encode(Level::FIRST)).await;
    assert!(matches!(appended, ha_core::Append::Committed(_)));
    node.plane.read().await.unwrap();
    let shown = value(
        &node
            .get("/v1/applications/kitchen/entities/bad/sensors/current-state")
            .await,
    );
    assert_eq!(shown["service.state"], "ON_FIRE", "{shown}");
    assert!(
        shown["service.problems"]["rebind"]
            .as_str()
            .unwrap()
            .contains("quarantined")
    );
    let edit = node
        .post("/v1/applications/kitchen/entities/bad/sensors/a", "1")
        .await;
    assert_eq!(edit.status.as_u16(), 409, "{}", edit.body);
    assert_eq!(
        node.post("/v1/applications/kitchen/entities/bad/expunge", "")
            .await
            .status
            .as_u16(),
        202
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_shows_all_and_changes_nothing() {
    let plane = Plane::with_kitchen().await;
    let standby = plane.standby().await;
    let refused = standby.post(&format!("{KETTLE}/sensors/a"), "1").await;
    let skip = [JSON, common::SKIP];
    let forced = standby
        .call("POST", &format!("{KETTLE}/sensors/a"), &skip, "1")
        .await;
    for answer in [refused, forced] {
        assert_eq!(
            answer.short(),
            (
                403,
                r#"{"message":"This request is only permitted against an active primary Brooklyn server","error":403}"#
            )
        );
    }
    assert_eq!(
        standby.get(&format!("{KETTLE}/sensors/a")).await.short(),
        (204, "")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_is_attached_works_and_is_there_once_though_it_was_asked_for_twice() {
    let plane = Plane::with_kitchen().await;
    let node = &plane.master;
    let config = r#"{"sensor": "steam", "threshold": 10, "effector": "heat", "arguments": {"degrees": 80}}"#;
    let attach = format!("{KETTLE}/policies?type=sensor-threshold");
    let key = ("idempotency-key", "attach-1");
    let first = node.call("POST", &attach, &[JSON, key], config).await;
    assert_eq!(first.status.as_u16(), 200, "{}", first.body);
    let again = node.call("POST", &attach, &[JSON, key], config).await;
    assert_eq!(again.body, first.body);
    let other = node.call("POST", &attach, &[JSON, key], "{}").await;
    assert_eq!(other.status.as_u16(), 422, "{}", other.body);
    let (id, name) = (field(&first, "id"), field(&first, "name"));
    assert_eq!(
        (name.as_str(), field(&first, "state").as_str()),
        ("sensor-threshold", "RUNNING")
    );
    let all = value(&node.get(&format!("{KETTLE}/policies")).await);
    assert_eq!(all.as_array().unwrap().len(), 1);
    let threshold = node
        .get(&format!("{KETTLE}/policies/{id}/config/threshold"))
        .await;
    assert_eq!(threshold.short(), (200, "10"));
    node.post(&format!("{KETTLE}/sensors/steam"), "11").await;
    let heated = async {
        while !node
            .get(&format!("{KETTLE}/activities"))
            .await
            .body
            .contains("effector heat")
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), heated)
        .await
        .expect("the policy has invoked its effector");
    let propagator = "org.apache.brooklyn.enricher.stock.Propagator";
    let attach = format!("{KETTLE}/adjuncts?type={propagator}");
    let enricher = node.post(&attach, "").await;
    assert_eq!(field(&enricher, "adjunctType"), "ENRICHER");
    assert_eq!(field(&enricher, "name"), "Propagator");
}
