//! Applications and entities over REST: what a client of a plane of two nodes meets.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;
#[path = "common/managed.rs"]
mod managed;

use std::sync::Arc;

use async_trait::async_trait;
use common::{Answer, FORM};
use ha_core::{ActPermit, Role};
use ha_rebind::{
    Batch, Change, ConfigKey, Effect, Effector, EntityId, EntityType, EntityTypes, Invocation, Level,
    Parameter, TaskId, TypeDescription, ValueType, Values,
};
use ha_store::MemoryStore;
use managed::Node;
use tokio::sync::Semaphore;

/// A kettle, of which one can ask to heat so much, to break, and to boil for as long as a test likes.
struct Kettle {
    description: TypeDescription,
    boiled: Arc<Semaphore>,
}

impl Kettle {
    fn new(boiled: Arc<Semaphore>) -> Self {
        let effector = |name: &str, parameters| Effector {
            name: name.into(),
            description: String::new(),
            is_idempotent: false,
            parameters,
        };
        let degrees = Parameter {
            name: "degrees".into(),
            value_type: ValueType::Integer,
            description: String::new(),
            default: None,
        };
        let description = TypeDescription {
            name: "test.Kettle".into(),
            config: vec![ConfigKey {
                name: "litres".into(),
                value_type: ValueType::Number,
                description: String::new(),
                default: None,
            }],
            effectors: vec![
                effector("heat", vec![degrees]),
                effector("smash", vec![]),
                effector("boil", vec![]),
            ],
            ..TypeDescription::default()
        };
        Self { description, boiled }
    }
}

#[async_trait]
impl EntityType for Kettle {
    fn description(&self) -> &TypeDescription {
        &self.description
    }

    async fn invoke(&self, invocation: &Invocation<'_>, _: &ActPermit) -> Result<Effect, String> {
        match invocation.effector {
            "heat" => {
                let degrees = invocation.arguments.get("degrees").unwrap();
                Ok(Effect {
                    sensors: Values::from_iter([("temperature", degrees.clone())]),
                    result: Some(degrees),
                })
            }
            "boil" => {
                self.boiled.acquire().await.unwrap().forget();
                Ok(Effect::default())
            }
            _ => Err("it is in pieces".into()),
        }
    }
}

struct Plane {
    store: MemoryStore,
    boiled: Arc<Semaphore>,
    master: Node,
}

impl Plane {
    async fn start() -> Self {
        let (store, boiled) = (MemoryStore::default(), Arc::new(Semaphore::new(0)));
        let master = node("n1", 1, &store, &boiled);
        master.becomes(Role::Master).await;
        Self {
            store,
            boiled,
            master,
        }
    }

    async fn with_kitchen() -> Self {
        let plane = Self::start().await;
        let made = plane
            .master
            .call("PUT", "/v1/applications/kitchen", &[], KITCHEN)
            .await;
        assert_eq!(made.status.as_u16(), 201, "{}", made.body);
        plane.at_rest().await;
        plane
    }

    /// All tasks have ended.
    async fn at_rest(&self) {
        let host = &self.master.host;
        let has_ended = || host.read(|state| state.unended_tasks().len() == 0);
        self.master.until("all is at rest", has_ended).await;
    }

    async fn standby(&self) -> Node {
        let standby = node("n2", 2, &self.store, &self.boiled);
        standby.becomes(Role::HotStandby).await;
        standby.plane.read().await.unwrap();
        standby
    }
}

fn node(name: &str, seed: u8, store: &MemoryStore, boiled: &Arc<Semaphore>) -> Node {
    let mut types = EntityTypes::built_in();
    types.register(Kettle::new(boiled.clone())).unwrap();
    Node::start(name, seed, Arc::new(store.clone()), types)
}

const KITCHEN: &str = "
name: kitchen
brooklyn.config: {power: 2000}
services:
- type: test.Kettle
  name: kettle
- type: org.apache.brooklyn.entity.stock.BasicStartable
  name: lamp
";

const KETTLE: &str = "/v1/applications/kitchen/entities/kettle";
/// Well below what a request may take.
const SOON: std::time::Duration = std::time::Duration::from_secs(20);
const JSON: (&str, &str) = ("Content-Type", "application/json");

fn value(answer: &Answer) -> serde_json::Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|why| panic!("{why}: {answer:?}"))
}

fn field(answer: &Answer, name: &str) -> String {
    value(answer)[name]
        .as_str()
        .unwrap_or_else(|| panic!("{answer:?}"))
        .to_owned()
}

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
async fn an_effector_is_waited_for_as_long_as_the_client_wants() {
    let plane = Plane::with_kitchen().await;
    let node = &plane.master;
    let heat = format!("{KETTLE}/effectors/heat");
    assert_eq!(node.post(&heat, r#"{"degrees":90}"#).await.short(), (202, "90"));
    assert_eq!(
        node.post(&heat, r#"{"degrees":"91"}"#).await.short(),
        (202, "91"),
        "a text that is one"
    );
    assert_eq!(
        node.call("POST", &heat, &[FORM], "degrees=92").await.short(),
        (202, "92")
    );
    assert_eq!(
        node.get(&format!("{KETTLE}/sensors/temperature")).await.short(),
        (200, "92")
    );
    let failed = node.post(&format!("{KETTLE}/effectors/smash"), "").await;
    assert_eq!(
        (failed.status.as_u16(), field(&failed, "message")),
        (500, "it is in pieces".into())
    );
    for timeout in ["0", "always", "1ms"] {
        let path = format!("{KETTLE}/effectors/boil?timeout={timeout}");
        let boil = tokio::time::timeout(SOON, node.post(&path, "{}")).await.unwrap();
        assert_eq!(
            (boil.status.as_u16(), field(&boil, "displayName")),
            (202, "boil".into())
        );
        let task = TaskId::new(&field(&boil, "id")).unwrap();
        let has_begun = || {
            node.host
                .read(|s| s.task(&task).unwrap().unwrap().started.is_some())
        };
        node.until("it boils", has_begun).await;
        let seen = node.get(&format!("/v1/activities/{task}")).await;
        assert_eq!(
            (seen.status.as_u16(), field(&seen, "currentStatus")),
            (202, "In progress".into())
        );
    }
    plane.boiled.add_permits(4);
    let boil = node
        .post(&format!("{KETTLE}/effectors/boil?timeout=never"), "")
        .await;
    assert_eq!(boil.short(), (202, ""));
    let bad = node
        .post(&format!("{KETTLE}/effectors/boil?timeout=soon"), "")
        .await;
    assert!(field(&bad, "message").starts_with("Invalid parameter: timeout 'soon'"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_called_off_and_told_of_everywhere() {
    let plane = Plane::with_kitchen().await;
    let boil = plane
        .master
        .post(&format!("{KETTLE}/effectors/boil?timeout=0"), "{}")
        .await;
    let task = format!("/v1/activities/{}", field(&boil, "id"));
    let cancel = format!("{task}/cancel");
    assert_eq!(plane.master.post(&cancel, "").await.short(), (200, "true"));
    assert_eq!(plane.master.post(&cancel, "").await.short(), (200, "false"));
    let standby = plane.standby().await;
    let ended = standby.get(&task).await;
    assert_eq!(
        (ended.status.as_u16(), field(&ended, "currentStatus")),
        (200, "Cancelled".into())
    );
    let boiled = plane.boiled.clone();
    plane
        .master
        .until("its code is broken off", || boiled.available_permits() == 0)
        .await;
    plane.boiled.add_permits(1);
    let other = plane.master.post(&format!("{KETTLE}/effectors/boil"), "{}").await;
    assert_eq!(
        other.short(),
        (202, ""),
        "the permit was not taken by the one that was called off"
    );
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
