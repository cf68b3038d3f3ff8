//! A request to what a plane manages: blueprints, sensors, config, effectors, tags, adjuncts.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Bytes;
use ha_core::{Mode, NodeId, Plane, Role, Status};
use ha_rebind::{
    AdjunctTypes, Aggregator, Entity, EntityId, EntityTypes, Fetch, Fetched, Host, HostSettings, HttpFeed,
    Json, Managed, Propagator, SensorThreshold, State,
};
use ha_rest::{Control, ControlError, Settings, VersionInfo, app};
use ha_store::MemoryStore;
use tokio::runtime::Runtime;

use crate::request;

/// Words of such requests.
pub(crate) const WORDS: &[&str] = &[
    "GET ",
    "POST ",
    "PUT ",
    "DELETE ",
    "/v1/applications",
    "/v1/applications/shop",
    "/v1/activities/",
    "/v1/locations",
    "/entities/web",
    "/entities/db",
    "/sensors/",
    "/config/",
    "/effectors/",
    "/policies",
    "/adjuncts",
    "/children",
    "/descendants/sensor/",
    "/expunge?release=true",
    "/tag/add",
    "/name?name=",
    "?type=sensor-threshold",
    "?typeRegex=",
    "?timeout=1ms",
    "Content-Type: application/json\n",
    "Content-Type: application/x-yaml\n",
    "Idempotency-Key: one\n",
    "services: [{type: org.apache.brooklyn.entity.stock.BasicStartable}]",
    "{\"key\": [1, {}, null]}",
    "brooklyn.config: ",
    "$brooklyn:",
];

/// `VERB PATH`, header lines, an empty line and a body; the state is the same before each.
///
/// Whatever is asked is answered, never with 500, and what says to be JSON is; the node leads on, and its state can be written down and read again.
pub(crate) fn run(data: &[u8]) {
    let Some(request) = request::read(data) else {
        return;
    };
    let node = node();
    let answered = node.runtime.block_on(async {
        let reset = node.host.import(None, node.archive.clone()).await;
        reset.expect("its own archive is taken");
        request::answer(app(Arc::new(Door), node.settings.clone()), request).await
    });
    request::check(&answered);
    assert_eq!(
        node.plane.role(),
        Role::Master,
        "no request makes it lead no more"
    );
    node.host.read(|state| {
        assert_eq!((state.skipped(), state.unreadable()), (0, None));
        assert_eq!(state.quarantined().len(), 0);
    });
    let state = node.host.read(State::clone);
    let parts = state.parts().into_iter().map(Bytes::from);
    let again = State::from_parts(parts).expect("its own parts can be read");
    assert!(again == state, "nothing of it is lost in a snapshot");
}

/// Requests that do something.
pub(crate) fn seeds() -> Vec<(String, Vec<u8>)> {
    let json = "Content-Type: application/json\n\n";
    let web = "/v1/applications/shop/entities/web";
    let texts = [
        ("list", "GET /v1/applications\n\n".to_owned()),
        ("details", "GET /v1/applications/details?items=[shop]\n\n".to_owned()),
        ("deploy", format!("POST /v1/applications\nIdempotency-Key: one\n{json}services: [{{type: org.apache.brooklyn.entity.stock.BasicStartable, name: w, brooklyn.config: {{a: $brooklyn:config(\"b\")}}}}]")),
        ("put", format!("PUT /v1/applications/other\n{json}{{\"services\": [{{\"type\": \"org.apache.brooklyn.entity.stock.BasicEntity\"}}]}}")),
        ("taken", format!("PUT /v1/applications/shop\n{json}{{\"services\": [{{\"type\": \"org.apache.brooklyn.entity.stock.BasicEntity\"}}]}}")),
        ("located", format!("POST /v1/applications\n{json}location: localhost\nservices: [{{type: org.apache.brooklyn.entity.stock.BasicStartable}}]")),
        ("no-arguments", format!("POST /v1/applications\n{json}services: [{{type: org.apache.brooklyn.entity.stock.BasicEntity, brooklyn.config: {{a: $brooklyn:config()}}}}]")),
        ("delete", "DELETE /v1/applications/shop\n\n".to_owned()),
        ("children", format!("POST {web}/children?start=false\n{json}type: org.apache.brooklyn.entity.stock.BasicEntity")),
        ("sensor", format!("POST {web}/sensors/load\n{json}[1, 2.5, \"x\"]")),
        ("sensors", format!("POST {web}/sensors\n{json}{{\"load\": 3, \"other\": null}}")),
        ("unset", format!("DELETE {web}/sensors/load\n\n")),
        ("config", format!("POST {web}/config/size?recurse=true\n{json}\"large\"")),
        ("tag", format!("POST {web}/tag/add\n{json}{{\"kind\": \"front\"}}")),
        ("rename", format!("POST {web}/name?name=front\n\n")),
        ("restart", format!("POST {web}/effectors/restart?timeout=1s\n{json}{{\"a\": 1}}")),
        ("activities", format!("GET {web}/activities?limit=3&recurse=true\n\n")),
        ("all-activities", format!("GET {web}/activities?limit={}\n\n", usize::MAX)),
        ("long-name", format!("GET /v1/activities/{}\n\n", "%E2%82%AC".repeat(100))),
        ("descendants", "GET /v1/applications/shop/descendants/sensor/load?typeRegex=.*\n\n".to_owned()),
        ("attach", format!("POST {web}/policies?type=sensor-threshold\n{json}{{\"sensor\": \"load\", \"threshold\": 3, \"effector\": \"restart\"}}")),
        ("policies", format!("GET {web}/policies/current-state\n\n")),
        ("expunge", format!("POST {web}/expunge?release=false\n\n")),
        ("level", "POST /v1/server/ha/formatLevel\nContent-Type: application/x-www-form-urlencoded\n\nlevel=1&force=false".to_owned()),
    ];
    texts
        .map(|(name, text)| (name.to_owned(), text.into_bytes()))
        .into()
}

/// A plane of one node, for all inputs.
struct Node {
    runtime: Runtime,
    plane: Plane,
    host: Host,
    archive: Bytes,
    settings: Settings,
}

/// Asks nobody: an input may name any address.
struct Nobody;

#[async_trait]
impl Fetch for Nobody {
    async fn get(&self, _: &str) -> Result<Fetched, String> {
        Err("nobody is asked here".into())
    }
}

fn node() -> &'static Node {
    static NODE: OnceLock<Node> = OnceLock::new();
    NODE.get_or_init(|| {
        let built = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build();
        let runtime = built.expect("a runtime can be built");
        let (plane, host, archive) = runtime.block_on(begin());
        let mut settings = Settings::default();
        settings.deploy_wait = Duration::ZERO;
        settings.request_timeout = Duration::from_secs(5);
        Node {
            runtime,
            plane,
            host,
            archive,
            settings,
        }
    })
}

async fn begin() -> (Plane, Host, Bytes) {
    let managed = Managed::default();
    let id = NodeId::new("n1").expect("a good name");
    let plane = Plane::builder(id, Arc::new(MemoryStore::default())).state(managed.clone());
    let plane = plane.start().expect("threads");
    let mut adjuncts = AdjunctTypes::default();
    let registered = adjuncts
        .enricher(Aggregator::new())
        .and_then(|()| adjuncts.enricher(Propagator::new()))
        .and_then(|()| adjuncts.policy(SensorThreshold::new()))
        .and_then(|()| adjuncts.feed(HttpFeed::new(Nobody)));
    registered.expect("their names differ");
    let mut settings = HostSettings::default();
    settings.adjuncts = adjuncts;
    let types = EntityTypes::built_in();
    let host = Host::start_with(settings, plane.clone(), managed, types, [7; 32], || {
        1_466_414_101_065
    });
    plane.leadership().await.expect("it is alone");
    let made = host.propose(None, |draft| draft.create(&shop()).map(|()| Bytes::new()));
    made.await.expect("they are new");
    let mut archive = Vec::new();
    let export = host.export(false).await.expect("it has the state");
    export.write(&mut archive).expect("memory takes all");
    (plane, host, archive.into())
}

/// An application with a server that can be started, and a database.
fn shop() -> Vec<Entity> {
    let id = |text: &str| EntityId::new(text).expect("a good id");
    let named = |name: &str, kind: &str| {
        Entity::new(
            id(name),
            &format!("org.apache.brooklyn.entity.stock.{kind}"),
            name,
        )
    };
    let mut all = vec![
        named("shop", "BasicApplication"),
        named("web", "BasicStartable"),
        named("db", "BasicEntity"),
    ];
    for entity in &mut all[1..] {
        entity.parent = Some(id("shop"));
        entity.sensors.set("load", &Json::from(&7.into()));
        entity.config.set("size", &Json::string("small"));
    }
    all
}

#[derive(Debug)]
struct Door;

#[async_trait]
impl Control for Door {
    fn status(&self) -> Status {
        node().plane.status()
    }

    fn now_ms(&self) -> u64 {
        1_466_414_301_065
    }

    async fn change_mode(&self, _: Mode) -> Result<Role, ControlError> {
        Ok(Role::Master)
    }

    async fn set_priority(&self, _: i64) -> Result<i64, ControlError> {
        Ok(0)
    }

    async fn clear_nodes(&self, _: Option<NodeId>) -> Result<(), ControlError> {
        Ok(())
    }

    fn shutdown(&self) {}

    fn config(&self, _: &str) -> Option<String> {
        None
    }

    fn entities(&self) -> Option<Host> {
        Some(node().host.clone())
    }

    fn version(&self) -> VersionInfo {
        VersionInfo::new("0.1.0")
    }
}
