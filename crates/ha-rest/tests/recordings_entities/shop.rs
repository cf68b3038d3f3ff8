//! The application that was recorded, on a master and a hot standby.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use ha_core::{ActPermit, Role};
use ha_rebind::{
    Adjunct, AdjunctDescription, AdjunctId, AdjunctKind, ConfigKey, Decision, Derived, Effect, Effector,
    Ended, Enricher, Entity, EntityId, EntityType, EntityTypes, HostSettings, Invocation, Json as Value,
    Location, LocationId, Outcome, Parameter, Policy, SensorKey, Sight, Stream, StreamReader, Task, TaskId,
    TypeDescription, ValueType, Values,
};
use ha_store::MemoryStore;
use tokio::sync::Semaphore;

use crate::managed::{NOW_MS, Node};

pub(crate) const APP: &str = "appappappa";
pub(crate) const WEB: &str = "webwebwebw";
pub(crate) const DB: &str = "dbdbdbdbdb";
pub(crate) const POLICY: &str = "policypoli";
pub(crate) const TASK: &str = "TaskTaskTa";
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
            returns: None,
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
                effector("populateServiceNotUpDiagnostics", vec![]),
                effector("start", vec![]),
                effector("restart", vec![restart_children]),
            ],
            ..TypeDescription::default()
        };
        Self { description, gate }
    }
}

/// A policy or an enricher that wants nothing.
struct Idle(AdjunctDescription);

impl Idle {
    fn new(name: &str, kind: AdjunctKind, description: &str) -> Self {
        Self(AdjunctDescription {
            name: name.into(),
            kind,
            description: description.into(),
            config: Vec::new(),
        })
    }
}

impl Policy for Idle {
    fn description(&self) -> &AdjunctDescription {
        &self.0
    }

    fn decide(&self, _: &Sight<'_>) -> Result<Decision, String> {
        Ok(Decision::default())
    }
}

impl Enricher for Idle {
    fn description(&self) -> &AdjunctDescription {
        &self.0
    }

    fn derive(&self, _: &Sight<'_>) -> Result<Derived, String> {
        Ok(Derived::default())
    }
}

/// What was printed lies there, and says nothing of interest.
struct Somewhere;

#[async_trait]
impl StreamReader for Somewhere {
    async fn read(&self, stream: &Stream, _: usize) -> Result<Bytes, String> {
        Ok(Bytes::from(format!("what is at {}", stream.place)))
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
    let triggers = ("triggers", r#"{"description":"d","time":0,"taskId":null}"#);
    let policy = Adjunct {
        id: AdjunctId::new(POLICY).unwrap(),
        kind: AdjunctKind::Policy,
        adjunct_type: "a.Type".into(),
        name: "a name".into(),
        catalog_item: Some("a:1.0".into()),
        is_running: true,
        config: values(&[("failureSensorToMonitor", "\"a.sensor\"")]),
        highlights: values(&[triggers]),
    };
    let last_action = ("lastAction", r#"{"description":"d","time":1,"taskId":null}"#);
    let enricher = Adjunct {
        id: AdjunctId::new("enricheren").unwrap(),
        kind: AdjunctKind::Enricher,
        adjunct_type: "an.Enricher".into(),
        config: Values::default(),
        highlights: values(&[last_action, triggers]),
        ..policy.clone()
    };
    web.adjuncts = vec![enricher, policy];
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
pub(crate) async fn nodes() -> (Node, Node) {
    let (store, gate) = (MemoryStore::default(), Arc::new(Semaphore::new(0)));
    let start = |name, seed| {
        let mut types = EntityTypes::built_in();
        types.register(Process::new(gate.clone())).unwrap();
        types.read_streams_with(Somewhere);
        let mut settings = HostSettings::default();
        let policy = Idle::new("a.Type", AdjunctKind::Policy, "");
        settings.adjuncts.policy(policy).unwrap();
        let enricher = Idle::new("an.Enricher", AdjunctKind::Enricher, "what it does");
        settings.adjuncts.enricher(enricher).unwrap();
        Node::start_with(settings, name, seed, Arc::new(store.clone()), types)
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
