//! What a real Brooklyn server answered about applications and entities, beside what we answer, in the order in which it was asked.
//!
//! Every recorded call must be answered alike, or stand in [`DEVIATIONS`] with its reason and what is answered instead.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;
#[path = "common/managed.rs"]
mod managed;
#[path = "common/ordered.rs"]
mod ordered;
#[path = "common/shape.rs"]
mod shape;

use std::sync::Arc;

use async_trait::async_trait;
use common::Answer;
use ha_core::{ActPermit, Role};
use ha_rebind::{
    Adjunct, AdjunctId, AdjunctKind, ConfigKey, Effect, Effector, Ended, Entity, EntityId, EntityType,
    EntityTypes, Invocation, Json as Value, Location, LocationId, Outcome, Parameter, SensorKey, Stream,
    Task, TaskId, TypeDescription, ValueType, Values,
};
use ha_store::MemoryStore;
use managed::{NOW_MS, Node};
use ordered::Json;
use shape::{compare_first, text};
use tokio::sync::Semaphore;

const RECORDINGS: &str = include_str!("recordings/entities.jsonl");

/// A recorded call that is answered otherwise.
struct Deviation {
    /// Method, path, body and recorded status.
    call: (&'static str, &'static str, &'static str, u16),
    reason: &'static str,
    /// What is answered: status, and start of the body.
    instead: (u16, &'static str),
}

const fn deviation(
    call: (&'static str, &'static str, &'static str, u16),
    reason: &'static str,
    instead: (u16, &'static str),
) -> Deviation {
    Deviation {
        call,
        reason,
        instead,
    }
}

const NO_BODY: &str = "the blueprint was not recorded; other deployments are";
const CATALOG: &str = "there is no catalog, and so no link to it";
const A_TYPE_OF_OURS: &str = "the recorded type had other sensors and keys, and more descriptions of them";
const NO_VOID: &str = "what an effector answers is not described";
const NO_DESCRIPTION: &str = "an adjunct has no description";
const QUICK: &str = "it has ended by now, or has not; it waits for no other task, and nothing is below it";
const BY_REFERENCE: &str = "what a task printed lies where it ran";
const EVERYWHERE: &str = "tasks are state: a hot standby has them too";
const REPAIRED: &str = "a recorded 500 is a defect";
const OURS: &str = "a message of our own in one line, which names the place, the key, and what is known";
const UNKNOWN_PARAMETER: &str = "what would be ignored is refused";
const ONLY_ONES_OWN: &str = "no tag is added that nobody asked for";
const NO_POLICIES_YET: &str = "policies come with a blueprint only";
const DONE: &str = "what is removed is removed when it is answered, and the task has ended";

const DEVIATIONS: [Deviation; 35] = [
    deviation(
        ("POST", "/v1/applications", "", 201),
        NO_BODY,
        (400, r#"{"message":"Error in blueprint: line 1: must be a map"#),
    ),
    deviation(
        ("GET", "/v1/applications/{app}/entities", "", 200),
        CATALOG,
        (
            200,
            r#"[{"id":"{web}","name":"web","type":"org.apache.brooklyn.entity.software.base.VanillaSoftwareProcess","catalogItemId":"web:1.1.0","links":{"self""#,
        ),
    ),
    deviation(
        ("GET", "/v1/applications/{app}/entities/{web}", "", 200),
        CATALOG,
        (
            200,
            r#"{"id":"{web}","name":"web","type":"org.apache.brooklyn.entity.software.base.VanillaSoftwareProcess","catalogItemId":"web:1.1.0","links":{"self""#,
        ),
    ),
    deviation(
        (
            "GET",
            "/v1/applications/{app}/entities/{web}/sensors/current-state",
            "",
            200,
        ),
        A_TYPE_OF_OURS,
        (
            200,
            r#"{"download.url":null,"service.isUp":true,"host.address":"127.0.0.1","service.state":"RUNNING"}"#,
        ),
    ),
    deviation(
        ("GET", "/v1/applications/{app}/entities/{web}/config", "", 200),
        A_TYPE_OF_OURS,
        (200, r#"[{"name":"install.command""#),
    ),
    deviation(
        (
            "GET",
            "/v1/applications/{app}/entities/{web}/config/current-state",
            "",
            200,
        ),
        A_TYPE_OF_OURS,
        (200, r#"{"launch.command":"run"}"#),
    ),
    deviation(
        ("GET", "/v1/applications/{app}/entities/{web}/effectors", "", 200),
        NO_VOID,
        (
            200,
            r#"[{"name":"start","returnType":"java.lang.Object","parameters":[],"description":"what it does","links":{"self""#,
        ),
    ),
    deviation(
        (
            "GET",
            "/v1/applications/{app}/entities/{web}/policies/{policy}/config",
            "",
            200,
        ),
        A_TYPE_OF_OURS,
        (
            200,
            r#"[{"name":"failureSensorToMonitor","type":"java.lang.Object","reconfigurable":false,"constraints":[],"links":{"self""#,
        ),
    ),
    deviation(
        ("GET", "/v1/applications/{app}/entities/{web}/adjuncts", "", 200),
        NO_DESCRIPTION,
        (
            200,
            r#"[{"id":"{policy}","name":"a name","adjunctType":"POLICY","catalogItemId":"a:1.0","state":"RUNNING","highlights":{"triggers""#,
        ),
    ),
    deviation(
        ("GET", "/v1/applications/{app}/entities/{web}/activities", "", 200),
        QUICK,
        (200, r#"[{"id":"TaskTaskTa","displayName":"start""#),
    ),
    deviation(
        ("GET", "/v1/activities/{task}/stream/stdout", "", 200),
        BY_REFERENCE,
        (
            404,
            r#"{"message":"Stream 'stdout' of task 'TaskTaskTa' lies at /somewhere/stdout","error":404}"#,
        ),
    ),
    deviation(
        ("GET", "/v1/activities/{task}", "", 404),
        EVERYWHERE,
        (200, r#"{"id":"TaskTaskTa""#),
    ),
    deviation(
        ("GET", "/v1/activities/{task}/children", "", 404),
        EVERYWHERE,
        (200, "[]"),
    ),
    deviation(
        ("GET", "/v1/activities/{task}/stream/stdout", "", 404),
        EVERYWHERE,
        (404, r#"{"message":"Stream 'stdout' of task"#),
    ),
    deviation(
        ("GET", "/v1/activities/{task}/stream/none", "", 404),
        EVERYWHERE,
        (404, r#"{"message":"Cannot find stream 'none' in task"#),
    ),
    deviation(
        (
            "POST",
            "/v1/applications/{app}/entities/{web}/effectors/restart",
            "{}",
            500,
        ),
        REPAIRED,
        (
            403,
            r#"{"message":"This request is only permitted against an active primary Brooklyn server","error":403}"#,
        ),
    ),
    deviation(
        ("POST", "/v1/applications", "", 400),
        OURS,
        (400, r#"{"message":"Error in blueprint: line 1: must be a map"#),
    ),
    deviation(
        ("POST", "/v1/applications", "{", 400),
        OURS,
        (400, r#"{"message":"Error in blueprint: line 1: unclosed bracket"#),
    ),
    deviation(
        ("POST", "/v1/applications", "name: x", 400),
        OURS,
        (
            400,
            r#"{"message":"Error in blueprint: line 1, `services`: a blueprint has a list of services"#,
        ),
    ),
    deviation(
        ("POST", "/v1/applications", "services: []", 400),
        OURS,
        (
            400,
            r#"{"message":"Error in blueprint: line 1, `services`: a blueprint has a list of services"#,
        ),
    ),
    deviation(
        ("POST", "/v1/applications", "services: [{type: no.such}]", 400),
        OURS,
        (
            400,
            r#"{"message":"Error in blueprint: line 1, `services[0].type`: unknown type 'no.such': known are org.apache"#,
        ),
    ),
    deviation(
        ("POST", "/v1/applications", "- 1", 400),
        OURS,
        (400, r#"{"message":"Error in blueprint: line 1: must be a map"#),
    ),
    deviation(
        (
            "POST",
            "/v1/applications",
            "name: x\nservices:\n- type: org.apache.brooklyn.entity.stock.BasicEntity\n  brooklyn.config: 5",
            400,
        ),
        OURS,
        (
            400,
            r#"{"message":"Error in blueprint: line 4, `services[0].brooklyn.config`: must be a map of keys to values, and is a number","error":400}"#,
        ),
    ),
    deviation(
        (
            "POST",
            "/v1/applications",
            r#"{"services":[{"type":"org.apache.brooklyn.entity.stock.BasicEntity"}],"name":"json-app"}"#,
            201,
        ),
        QUICK,
        (201, r#"{"id":""#),
    ),
    deviation(
        (
            "PUT",
            "/v1/applications/abcdefghij",
            "name: put-app\nservices:\n- type: org.apache.brooklyn.entity.stock.BasicEntity",
            201,
        ),
        QUICK,
        (201, r#"{"id":""#),
    ),
    deviation(
        (
            "PUT",
            "/v1/applications/abcdefghij",
            "name: put-app\nservices:\n- type: org.apache.brooklyn.entity.stock.BasicEntity",
            409,
        ),
        OURS,
        (
            409,
            r#"{"message":"Error launching blueprint, id already exists: 'abcdefghij'","error":409}"#,
        ),
    ),
    deviation(
        (
            "POST",
            "/v1/applications/{app}/entities/{web}/effectors/restart?timeout=0",
            r#"{"restartChildren":"false"}"#,
            202,
        ),
        QUICK,
        (202, r#"{"id":""#),
    ),
    deviation(
        (
            "POST",
            "/v1/applications/{app}/entities/{web}/effectors/restart?timeout=1ms",
            "{}",
            202,
        ),
        QUICK,
        (202, r#"{"id":""#),
    ),
    deviation(
        (
            "POST",
            "/v1/applications/{app}/entities/{web}/effectors/restart",
            "{",
            500,
        ),
        REPAIRED,
        (
            400,
            r#"{"message":"The body is not the JSON that is wanted here: values by name"#,
        ),
    ),
    deviation(
        (
            "POST",
            "/v1/applications/{app}/entities/{web}/effectors/restart",
            r#"{"zzz":1}"#,
            202,
        ),
        UNKNOWN_PARAMETER,
        (
            400,
            r#"{"message":"effector 'restart' has no parameter 'zzz': known are restartChildren","error":400}"#,
        ),
    ),
    deviation(
        (
            "POST",
            "/v1/applications/{app}/entities/{db}/children?start=false",
            "services:\n- type: org.apache.brooklyn.entity.stock.BasicEntity\n  name: kid",
            500,
        ),
        REPAIRED,
        (201, r#"{"id":""#),
    ),
    deviation(
        ("GET", "/v1/applications/{app}/entities/{db}/tags", "", 200),
        ONLY_ONES_OWN,
        (200, r#"["t1"]"#),
    ),
    deviation(
        (
            "POST",
            "/v1/applications/{app}/entities/{web}/policies?type=org.apache.brooklyn.policy.ha.ServiceReplacer",
            "{}",
            400,
        ),
        NO_POLICIES_YET,
        (405, ""),
    ),
    deviation(
        (
            "POST",
            "/v1/applications/{app}/entities/{db}/expunge?release=false",
            "",
            202,
        ),
        DONE,
        (202, r#"{"id":""#),
    ),
    deviation(
        ("DELETE", "/v1/applications/{app}", "", 202),
        DONE,
        (202, r#"{"id":""#),
    ),
];

const APP: &str = "appappappa";
const WEB: &str = "webwebwebw";
const DB: &str = "dbdbdbdbdb";
const POLICY: &str = "policypoli";
const TASK: &str = "TaskTaskTa";
const PARENT: &str = "ParentTask";

/// As far as what was recorded shows it: a process with a type of its own, that restarts when a test lets it.
struct Process {
    description: TypeDescription,
    gate: Arc<Semaphore>,
}

impl Process {
    fn new(gate: Arc<Semaphore>) -> Self {
        let sensor = |(name, value_type): (&str, ValueType)| SensorKey {
            name: name.into(),
            value_type,
            description: "what it tells".into(),
        };
        let effector = |name: &str, parameters| Effector {
            name: name.into(),
            description: "what it does".into(),
            is_idempotent: true,
            parameters,
        };
        let restart_children = Parameter {
            name: "restartChildren".into(),
            value_type: ValueType::Boolean,
            description: "whether".into(),
            default: Some(Value::from(false)),
        };
        let key = ConfigKey {
            name: "install.command".into(),
            value_type: ValueType::String,
            description: "what it decides".into(),
            default: None,
        };
        let description = TypeDescription {
            name: "org.apache.brooklyn.entity.software.base.VanillaSoftwareProcess".into(),
            sensors: SENSORS.map(sensor).into(),
            config: vec![key],
            effectors: vec![
                effector("start", vec![]),
                effector("restart", vec![restart_children]),
            ],
            ..TypeDescription::default()
        };
        Self { description, gate }
    }
}

/// The sensors of the recorded process whose values are of known types, in its order.
const SENSORS: [(&str, ValueType); 4] = [
    ("download.url", ValueType::String),
    ("service.isUp", ValueType::Boolean),
    ("host.address", ValueType::String),
    ("service.state", ValueType::String),
];

#[async_trait]
impl EntityType for Process {
    fn description(&self) -> &TypeDescription {
        &self.description
    }

    async fn invoke(&self, _: &Invocation<'_>, _: &ActPermit) -> Result<Effect, String> {
        self.gate.acquire().await.map_err(|why| why.to_string())?.forget();
        Ok(Effect::default())
    }
}

fn json(text: &str) -> Value {
    Value::parse(text).unwrap()
}

fn values(pairs: &[(&str, &str)]) -> Values {
    pairs.iter().map(|(name, value)| (*name, json(value))).collect()
}

/// The application that was recorded.
fn web_shop() -> (Location, Vec<Entity>) {
    let location = Location {
        id: LocationId::new("hosthostho").unwrap(),
        name: "a host".into(),
        spec: "localhost".into(),
        location_type: "org.apache.brooklyn.location.ssh.SshMachineLocation".into(),
        parent: Some(LocationId::new("rootrootro").unwrap()),
        config: Values::default(),
    };
    let entity =
        |id: &str, entity_type: &str, name: &str| Entity::new(EntityId::new(id).unwrap(), entity_type, name);
    let mut app = entity(
        APP,
        "org.apache.brooklyn.entity.stock.BasicApplication",
        "web-shop",
    );
    app.sensors = values(&[("service.isUp", "true"), ("service.state", "\"RUNNING\"")]);
    app.locations = vec![location.id.clone()];
    app.tags = vec![json(r#"{"kind":"a","contents":"b"}"#)];
    app.blueprint = Some("name: web-shop".into());
    let mut web = entity(
        WEB,
        "org.apache.brooklyn.entity.software.base.VanillaSoftwareProcess",
        "web",
    );
    web.parent = Some(app.id.clone());
    web.catalog_item = Some("web:1.1.0".into());
    web.sensors = values(&[
        ("service.isUp", "true"),
        ("service.state", "\"RUNNING\""),
        ("host.address", "\"127.0.0.1\""),
    ]);
    web.config = values(&[("launch.command", "\"run\"")]);
    web.locations = vec![location.id.clone()];
    web.tags = vec![json(r#"{"kind":"a","contents":"b"}"#)];
    let adjunct = |id: &str, kind| Adjunct {
        id: AdjunctId::new(id).unwrap(),
        kind,
        adjunct_type: "a.Type".into(),
        name: "a name".into(),
        catalog_item: Some("a:1.0".into()),
        is_running: true,
        config: values(&[("failureSensorToMonitor", "\"a.sensor\"")]),
        highlights: values(&[("triggers", r#"{"description":"d","time":0,"taskId":null}"#)]),
    };
    web.adjuncts = vec![adjunct(POLICY, AdjunctKind::Policy)];
    let mut db = entity(DB, "org.apache.brooklyn.entity.stock.BasicEntity", "db");
    db.parent = Some(app.id.clone());
    db.config = values(&[
        ("greeting", "\"hello\""),
        ("peer", r#""$brooklyn:formatString(\"%s\", \"me\")""#),
    ]);
    (location, vec![app, web, db])
}

/// A task of the recorded process that has ended.
fn ended_task() -> Task {
    let mut task = Task::new(
        TaskId::new(TASK).unwrap(),
        EntityId::new(WEB).ok(),
        "start",
        NOW_MS,
    );
    task.tags = vec![json("\"EFFECTOR\"")];
    task.submitted_by = TaskId::new(PARENT).ok();
    task.streams = ["env", "stdin", "stdout", "stderr"].map(stream).into();
    let outcome = Outcome::Done(json("0"));
    task.ended = Some(Ended {
        at_ms: NOW_MS,
        outcome,
    });
    task
}

fn stream(name: &str) -> Stream {
    Stream {
        name: name.into(),
        size: 0,
        place: format!("/somewhere/{name}"),
    }
}

/// A master and a hot standby with the recorded application.
async fn nodes() -> (Node, Node) {
    let (store, gate) = (MemoryStore::default(), Arc::new(Semaphore::new(0)));
    let start = |name, seed| {
        let mut types = EntityTypes::built_in();
        types.register(Process::new(gate.clone())).unwrap();
        Node::start(name, seed, Arc::new(store.clone()), types)
    };
    let master = start("n1", 1);
    master.becomes(Role::Master).await;
    let (location, entities) = web_shop();
    let mut root = location.clone();
    root.id = location.parent.clone().unwrap();
    root.parent = None;
    let made = master.host.propose(None, |draft| {
        draft.put_location(&root)?;
        draft.put_location(&location)?;
        draft.create(&entities)?;
        let parent = Task::new(
            TaskId::new(PARENT).unwrap(),
            EntityId::new(WEB).ok(),
            "start",
            NOW_MS - 1,
        );
        draft.accept_task(&parent)?;
        draft.accept_task(&ended_task())?;
        Ok("made".into())
    });
    made.await.unwrap();
    let standby = start("n2", 2);
    standby.becomes(Role::HotStandby).await;
    (master, standby)
}

fn filled(text: &str) -> String {
    [
        ("{app}", APP),
        ("{web}", WEB),
        ("{db}", DB),
        ("{policy}", POLICY),
        ("{task}", TASK),
    ]
    .iter()
    .fold(text.to_owned(), |text, (mask, id)| text.replace(mask, id))
}

async fn replay(recording: &Json, node: &Node) -> Answer {
    let fields = recording.field("headers").map(Json::fields).unwrap_or_default();
    let headers: Vec<(&str, &str)> = fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.text().unwrap()))
        .collect();
    let (method, path) = (text(recording, "method"), filled(text(recording, "path")));
    let mut answer = node.call(method, &path, &headers, text(recording, "body")).await;
    for (mask, id) in [("{app}", APP), ("{web}", WEB), ("{db}", DB), ("{policy}", POLICY)] {
        answer.body = answer.body.replace(id, mask);
    }
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn every_recorded_call_is_answered_alike_or_otherwise_for_a_reason() {
    let (master, standby) = nodes().await;
    let mut problems = Vec::new();
    let mut used = [false; DEVIATIONS.len()];
    for line in RECORDINGS.lines() {
        let recording: Json = serde_json::from_str(line).unwrap();
        let on = match text(&recording, "on") {
            "master" => vec![&master],
            "standby" => vec![&standby],
            "master and hot standby" => vec![&master, &standby],
            other => panic!("`{other}` is no node of the recordings"),
        };
        let listed = DEVIATIONS.iter().position(|listed| is_of(listed, &recording));
        let mut alike = true;
        for node in on {
            node.plane.read().await.unwrap();
            let answer = replay(&recording, node).await;
            let difference = compare_first(&recording, &answer);
            alike &= difference.is_ok();
            let problem = match listed.map(|at| &DEVIATIONS[at]) {
                Some(listed) => as_listed(listed, &answer),
                None => difference,
            };
            if let Err(problem) = problem {
                problems.push(format!("{line}\n    {problem}\n    {:?}", answer.short()));
            }
        }
        if let Some(at) = listed {
            if alike && !used[at] {
                problems.push(format!(
                    "listed as different ({}), but is alike: {line}",
                    DEVIATIONS[at].reason
                ));
            }
            used[at] = true;
        }
    }
    for (listed, used) in DEVIATIONS.iter().zip(used) {
        if !used {
            problems.push(format!("listed, but not recorded: {:?}", listed.call));
        }
    }
    assert!(
        problems.is_empty(),
        "{} problems:\n{}",
        problems.len(),
        problems.join("\n")
    );
    assert_eq!(RECORDINGS.lines().count(), 96);
}

fn is_of(listed: &Deviation, recording: &Json) -> bool {
    let (method, path, body, status) = listed.call;
    let call = [
        text(recording, "method"),
        text(recording, "path"),
        text(recording, "body"),
    ];
    [method, path, body] == call && recording.field("status") == Some(&Json::Number(status.into()))
}

fn as_listed(listed: &Deviation, answer: &Answer) -> Result<(), String> {
    let (status, start) = listed.instead;
    let is_typed = answer.header("content-type") == (!start.is_empty()).then_some("application/json");
    if answer.status.as_u16() == status && answer.body.starts_with(start) && is_typed {
        return Ok(());
    }
    Err(format!("listed as {status} {start}"))
}
