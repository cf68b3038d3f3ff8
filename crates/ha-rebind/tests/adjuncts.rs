//! Enrichers, policies and feeds at work, on planes that share a store in memory.

mod common;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use common::{LEASE, adjunct, bell_type, entity, id, json, node, until, with};
use ha_core::{ActPermit, Plane, Role};
use ha_rebind::blueprint::{Blueprint, Known};
use ha_rebind::{
    Adjunct, AdjunctDescription, AdjunctId, AdjunctKind, AdjunctTypes, Draft, Effect, Enricher, Entity,
    EntityType, EntityTypes, Feed, Host, HostSettings, Invocation, Json, Managed, Refusal, Sight,
    TypeDescription, Values,
};
use ha_store::{Faulty, MemoryStore, Store};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const AGGREGATOR: &str = "org.apache.brooklyn.enricher.stock.Aggregator";
const PROPAGATOR: &str = "org.apache.brooklyn.enricher.stock.Propagator";

/// What can be seen and done outside.
#[derive(Clone, Default)]
struct World {
    rings: Arc<AtomicU64>,
    polls: Arc<AtomicU64>,
    pollers: Arc<Mutex<Vec<u64>>>,
    is_still: Arc<AtomicBool>,
}

/// A bell that can be rung.
struct Bell(TypeDescription, World);

#[async_trait]
impl EntityType for Bell {
    fn description(&self) -> &TypeDescription {
        &self.0
    }
    async fn invoke(&self, _: &Invocation<'_>, _: &ActPermit) -> Result<Effect, String> {
        self.1.rings.fetch_add(1, Ordering::SeqCst);
        Ok(Effect::default())
    }
}

/// Brings in how often it was asked, unless the world is still.
struct Counter(AdjunctDescription, World);

#[async_trait]
impl Feed for Counter {
    fn description(&self) -> &AdjunctDescription {
        &self.0
    }
    fn period(&self, _: &Values) -> Duration {
        Duration::from_millis(5)
    }
    async fn poll(&self, config: &Values, permit: &ActPermit) -> Result<Values, String> {
        if config.get("fails").is_some() {
            return Err("nothing to be seen".into());
        }
        self.1
            .pollers
            .lock()
            .expect("nobody panics")
            .push(permit.epoch().0);
        let polls = self.1.polls.fetch_add(1, Ordering::SeqCst);
        let seen = if self.1.is_still.load(Ordering::SeqCst) {
            0
        } else {
            polls
        };
        Ok(Values::from_iter([("polls", Json::from(&seen.into()))]))
    }
}

struct Wild(AdjunctDescription);

impl Enricher for Wild {
    fn description(&self) -> &AdjunctDescription {
        &self.0
    }
    fn derive(&self, _: &Sight<'_>) -> Result<Vec<(String, Option<Json>)>, String> {
        panic!("sparks")
    }
}

fn types(world: &World) -> (EntityTypes, AdjunctTypes) {
    let mut entities = EntityTypes::built_in();
    entities
        .register(Bell(bell_type(), world.clone()))
        .expect("its name is new");
    let described = |name: &str, kind| AdjunctDescription {
        name: name.into(),
        kind,
        description: String::new(),
        config: Vec::new(),
    };
    let mut adjuncts = AdjunctTypes::built_in();
    let counter = Counter(described("test.Counter", AdjunctKind::Feed), world.clone());
    adjuncts.feed(counter).expect("its name is new");
    adjuncts
        .enricher(Wild(described("test.Wild", AdjunctKind::Enricher)))
        .expect("its name is new");
    (entities, adjuncts)
}

struct Member {
    plane: Plane,
    host: Host,
}

impl Member {
    async fn start(name: &str, period_ms: u64, store: Arc<dyn Store>, world: &World, role: Role) -> Self {
        let managed = Managed::default();
        let plane = node(name, store, LEASE).state(managed.clone());
        let plane = plane.start().expect("threads");
        let (types, adjuncts) = types(world);
        let mut settings = HostSettings::default();
        settings.adjuncts = adjuncts;
        settings.persist_period = Duration::from_millis(period_ms);
        let seed = [name.as_bytes()[1]; 32];
        let host = Host::start_with(settings, plane.clone(), managed, types, seed, || 1_000);
        until(&format!("{role}"), || plane.role() == role).await;
        Self { plane, host }
    }

    async fn alone(world: &World) -> Self {
        Self::start("n1", 20, Arc::new(MemoryStore::default()), world, Role::Master).await
    }

    async fn create(&self, entities: Vec<Entity>) {
        let made = self
            .host
            .propose(None, |draft| draft.create(&entities).map(|()| "201".into()));
        made.await.expect("it is durable");
    }

    async fn set(&self, entity: &str, sensor: &str, value: &str) {
        let set = self.host.propose(None, |draft| {
            draft
                .set_sensor(&id(entity), sensor, &json(value))
                .map(|()| "200".into())
        });
        set.await.expect("it is durable");
    }

    async fn run(&self, entity: &str, is_running: bool) {
        let edited = self.host.propose(None, |draft| {
            let edit = |e: &mut Entity| e.adjuncts[0].is_running = is_running;
            draft.edit(&id(entity), edit).map(|()| "200".into())
        });
        edited.await.expect("it is durable");
    }

    fn sensor(&self, entity: &str, sensor: &str) -> Option<String> {
        let value = self.host.read(|state| state.sensor(&id(entity), sensor));
        value.map(|v| v.as_str().to_owned())
    }

    fn highlight(&self, entity: &str, name: &str) -> Option<String> {
        let read = self.host.read(|state| state.entity(&id(entity)))?.ok()?;
        read.adjuncts[0].highlights.text(name).map(str::to_owned)
    }

    async fn shows(&self, entity: &str, sensor: &str, value: &str) {
        let what = format!("{sensor} of {entity} is {value}");
        until(&what, || self.sensor(entity, sensor).as_deref() == Some(value)).await;
    }

    fn last(&self) -> u64 {
        self.host.read(|state| state.last())
    }

    /// Several periods go by.
    async fn rest(&self) {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn sum_of_load() -> Adjunct {
    let config = [
        ("enricher.sourceSensor", "load"),
        ("enricher.targetSensor", "load.total"),
        ("enricher.transformation", "sum"),
    ];
    adjunct(AdjunctKind::Enricher, AGGREGATOR, &config)
}

fn alarm() -> Adjunct {
    let config = [("sensor", "load"), ("threshold", "10"), ("effector", "ring")];
    adjunct(AdjunctKind::Policy, "sensor-threshold", &config)
}

fn bell() -> Entity {
    let mut bell = entity("bell", Some("app"));
    bell.entity_type = "test.Bell".into();
    bell
}

#[tokio::test(flavor = "multi_thread")]
async fn what_follows_from_sensors_is_there_and_nothing_is_written_when_nothing_changes() {
    let one = Member::alone(&World::default()).await;
    let shown = [
        ("enricher.producer", "app"),
        ("enricher.sourceSensor", "load.total"),
        ("enricher.targetSensor", "shown"),
    ];
    let viewer = adjunct(AdjunctKind::Enricher, PROPAGATOR, &shown);
    one.create(vec![
        with(entity("app", None), sum_of_load()),
        entity("a", Some("app")),
        entity("b", Some("app")),
        with(entity("viewer", None), viewer),
    ])
    .await;
    one.set("a", "load", "3").await;
    one.set("b", "load", "4").await;
    one.shows("app", "load.total", "7").await;
    one.shows("viewer", "shown", "7").await;
    let last = one.last();
    one.rest().await;
    assert_eq!(one.last(), last, "nothing has changed");
    one.set("a", "unrelated", "1").await;
    one.rest().await;
    assert_eq!(one.last(), last + 1, "only what was set is written");
    one.host.remove(None, &id("a")).await.unwrap();
    one.shows("viewer", "shown", "4").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_is_up_when_all_its_children_are_that_tell() {
    let one = Member::alone(&World::default()).await;
    one.create(vec![
        entity("app", None),
        entity("a", Some("app")),
        entity("b", Some("app")),
        entity("mute", Some("app")),
    ])
    .await;
    one.rest().await;
    assert_eq!(one.sensor("app", "service.isUp"), None);
    one.set("a", "service.isUp", "true").await;
    one.shows("app", "service.isUp", "true").await;
    one.set("b", "service.isUp", "false").await;
    one.shows("app", "service.isUp", "false").await;
    one.set("b", "service.isUp", "true").await;
    one.shows("app", "service.isUp", "true").await;
    one.set("app", "service.state.expected", "\"stopped @ 1 / app\"")
        .await;
    one.set("app", "service.isUp", "false").await;
    one.rest().await;
    assert_eq!(one.sensor("app", "service.isUp").as_deref(), Some("false"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_threshold_is_acted_upon_once_until_the_sensor_has_come_back_through_a_failover_as_well() {
    let (inner, world) = (MemoryStore::default(), World::default());
    let cut = Arc::new(Faulty::new(inner.clone(), 1));
    let one = Member::start("n1", 20, cut.clone(), &world, Role::Master).await;
    let two = Member::start("n2", 20, Arc::new(inner), &world, Role::HotStandby).await;
    let rings = || world.rings.load(Ordering::SeqCst);
    one.create(vec![entity("app", None), with(bell(), alarm())]).await;
    for value in ["10", "11", "12"] {
        one.set("bell", "load", value).await;
        one.rest().await;
    }
    assert_eq!(rings(), 1);
    assert!(
        one.highlight("bell", "crossed")
            .unwrap()
            .contains("as load is 11")
    );
    cut.cut();
    until("it leads", || two.plane.role() == Role::Master).await;
    until("it may act", || two.plane.status().may_act).await;
    two.set("bell", "load", "13").await;
    two.rest().await;
    assert_eq!(rings(), 1, "it has not come back");
    two.set("bell", "load", "9").await;
    until("it has come back", || two.highlight("bell", "crossed").is_none()).await;
    two.set("bell", "load", "14").await;
    until("it rings again", || rings() == 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_runs_on_the_leader_only_and_rests_while_it_is_paused() {
    let (inner, world) = (MemoryStore::default(), World::default());
    let cut = Arc::new(Faulty::new(inner.clone(), 1));
    let one = Member::start("n1", 20, cut.clone(), &world, Role::Master).await;
    let two = Member::start("n2", 20, Arc::new(inner), &world, Role::HotStandby).await;
    let counter = adjunct(AdjunctKind::Feed, "test.Counter", &[]);
    one.create(vec![with(entity("app", None), counter)]).await;
    until("it is seen", || two.sensor("app", "polls").is_some()).await;
    one.run("app", false).await;
    one.rest().await;
    let polls = world.polls.load(Ordering::SeqCst);
    one.rest().await;
    assert_eq!(world.polls.load(Ordering::SeqCst), polls, "it is paused");
    one.run("app", true).await;
    until("it goes on", || world.polls.load(Ordering::SeqCst) > polls).await;
    cut.cut();
    until("it leads", || two.plane.role() == Role::Master).await;
    let first = world.pollers.lock().unwrap()[0];
    until("the next leader asks", || {
        world.pollers.lock().unwrap().last() > Some(&first)
    })
    .await;
    let pollers = world.pollers.lock().unwrap().clone();
    assert!(pollers.is_sorted(), "never both: {pollers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_feed_brings_in_within_a_period_is_one_entry() {
    let world = World::default();
    let one = Member::start("n1", 400, Arc::new(MemoryStore::default()), &world, Role::Master).await;
    let counter = || adjunct(AdjunctKind::Feed, "test.Counter", &[]);
    one.create(vec![
        with(entity("app", None), counter()),
        with(entity("other", Some("app")), counter()),
    ])
    .await;
    until("both are seen", || {
        ["app", "other"].iter().all(|e| one.sensor(e, "polls").is_some())
    })
    .await;
    let (last, polls) = (one.last(), world.polls.load(Ordering::SeqCst));
    until("much has come", || {
        world.polls.load(Ordering::SeqCst) > polls + 200
    })
    .await;
    let entries = one.last() - last;
    assert!(entries > 0 && entries < 20, "{entries} for 200");
    world.is_still.store(true, Ordering::SeqCst);
    one.shows("app", "polls", "0").await;
    one.shows("other", "polls", "0").await;
    let last = one.last();
    let polls = world.polls.load(Ordering::SeqCst);
    until("much has come", || {
        world.polls.load(Ordering::SeqCst) > polls + 200
    })
    .await;
    assert_eq!(one.last(), last, "no value has changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adjunct_that_fails_says_so_and_stays_alone_with_it() {
    let one = Member::alone(&World::default()).await;
    let wild = adjunct(AdjunctKind::Enricher, "test.Wild", &[]);
    let blind = adjunct(AdjunctKind::Feed, "test.Counter", &[("fails", "true")]);
    let mut deaf = alarm();
    deaf.config.set("effector", &Json::string("sing"));
    one.create(vec![
        with(entity("app", None), sum_of_load()),
        with(entity("wild", Some("app")), wild),
        with(entity("blind", Some("app")), blind),
        with(entity("deaf", Some("app")), deaf),
    ])
    .await;
    one.set("deaf", "load", "12").await;
    one.shows("app", "load.total", "12").await;
    for (entity, why) in [
        ("wild", "its code panicked: sparks"),
        ("blind", "nothing to be seen"),
        ("deaf", "Entity 'deaf' has no effector with name 'sing'"),
    ] {
        let told = || one.highlight(entity, "error").is_some_and(|e| e.contains(why));
        until(why, told).await;
    }
    let last = one.last();
    one.rest().await;
    assert_eq!(one.last(), last, "it is said once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sensor_follows_what_a_server_answers() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/stats", listener.local_addr().unwrap());
    tokio::spawn(async move {
        for n in 1.. {
            let Ok((mut stream, _)) = listener.accept().await else {
                return;
            };
            let mut asked = [0; 1024];
            let length = stream.read(&mut asked).await.unwrap_or_default();
            assert!(asked[..length].starts_with(b"GET /stats HTTP/1.1\r\n"));
            let body = format!("{{\"queue\":{{\"lengths\":[0,{n}]}}}}");
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            let _ = stream.write_all((head + &body).as_bytes()).await;
        }
    });
    let one = Member::alone(&World::default()).await;
    let config = [
        ("uri", uri.as_str()),
        ("sensor", "queue"),
        ("period", "100"),
        ("jsonPath", "$.queue.lengths.1"),
    ];
    let feed = adjunct(
        AdjunctKind::Feed,
        "org.apache.brooklyn.feed.http.HttpFeed",
        &config,
    );
    one.create(vec![with(entity("app", None), feed)]).await;
    one.shows("app", "queue", "3").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adjunct_can_be_attached_suspended_and_taken_away() {
    let one = Member::alone(&World::default()).await;
    one.create(vec![entity("app", None), entity("a", Some("app"))])
        .await;
    let it = AdjunctId::new("it").unwrap();
    let change = async |change: &dyn Fn(&mut Draft<'_>) -> Result<(), Refusal>| {
        let changed = one
            .host
            .propose(None, |draft| change(draft).map(|()| "204".into()));
        changed.await
    };
    change(&|draft| draft.attach(&id("app"), sum_of_load()))
        .await
        .unwrap();
    one.set("a", "load", "1").await;
    one.shows("app", "load.total", "1").await;
    change(&|draft| draft.set_running(&id("app"), &it, false))
        .await
        .unwrap();
    one.set("a", "load", "2").await;
    one.rest().await;
    assert_eq!(one.sensor("app", "load.total").as_deref(), Some("1"), "suspended");
    change(&|draft| draft.set_running(&id("app"), &it, true))
        .await
        .unwrap();
    one.shows("app", "load.total", "2").await;
    change(&|draft| draft.detach(&id("app"), &it)).await.unwrap();
    one.set("a", "load", "3").await;
    one.rest().await;
    assert_eq!(
        one.sensor("app", "load.total").as_deref(),
        Some("2"),
        "taken away"
    );
    let refused = change(&|draft| draft.set_running(&id("app"), &it, true))
        .await
        .unwrap_err();
    assert_eq!(refused.to_string(), "entity `app` has no adjunct `it`");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blueprint_names_adjuncts_and_the_entities_that_they_look_at() {
    let world = World::default();
    let one = Member::alone(&world).await;
    let text = format!(
        "name: shop\nservices:\n- type: org.apache.brooklyn.entity.stock.BasicEntity\n  id: db\n- type: org.apache.brooklyn.entity.stock.BasicEntity\n  id: web\n  brooklyn.enrichers:\n  - type: {PROPAGATOR}\n    brooklyn.config:\n      enricher.producer: $brooklyn:component(\"db\")\n      enricher.sourceSensor: load\n  brooklyn.initializers:\n  - type: test.Counter\n"
    );
    let blueprint = Blueprint::parse(&text).unwrap();
    let known = Known::with(one.host.types(), one.host.adjunct_types());
    let plan = blueprint.plan(&known, 0, || one.host.new_entity_id()).unwrap();
    let [_, db, web] = plan.entities() else {
        panic!("{plan:?}");
    };
    let deployed = one
        .host
        .propose(None, |draft| plan.stage(draft).map(|()| "201".into()));
    deployed.await.unwrap();
    one.set(db.id.as_str(), "load", "5").await;
    one.shows(web.id.as_str(), "load", "5").await;
    until("its feed looks", || {
        one.sensor(web.id.as_str(), "polls").is_some()
    })
    .await;
}
