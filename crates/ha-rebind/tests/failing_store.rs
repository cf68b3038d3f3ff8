//! Adjuncts at work while the store fails: what they have brought in and decided is written once, and not forgotten.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use common::{PATIENCE, adjunct, bell_type, entity, id, json, node, until, with};
use ha_core::{ActPermit, Plane, Resolution, Role, UnknownWrite};
use ha_rebind::{
    AdjunctDescription, AdjunctKind, AdjunctTypes, Effect, Entity, EntityType, EntityTypes, Feed, Host,
    HostSettings, Invocation, Json, Managed, ProposeError, TypeDescription, Values,
};
use ha_store::{Fault, Faulty, MemoryStore, Operation, Rule};
use tokio::sync::Semaphore;

type Store = Arc<Faulty<MemoryStore>>;

/// Looks once, as soon as it may.
struct Once {
    description: AdjunctDescription,
    gate: Arc<Semaphore>,
    looks: Arc<AtomicU64>,
}

#[async_trait]
impl Feed for Once {
    fn description(&self) -> &AdjunctDescription {
        &self.description
    }
    fn period(&self, config: &Values) -> Duration {
        assert!(config.get("wild").is_none(), "sparks");
        Duration::from_secs(3600)
    }
    async fn poll(&self, _: &Values, _: &ActPermit) -> Result<Values, String> {
        self.gate.acquire().await.expect("it stays open").forget();
        self.looks.fetch_add(1, Ordering::SeqCst);
        Ok(Values::from_iter([("seen", json("1"))]))
    }
}

/// Counts how often it is rung.
struct Bell(TypeDescription, Arc<AtomicU64>);

#[async_trait]
impl EntityType for Bell {
    fn description(&self) -> &TypeDescription {
        &self.0
    }
    async fn invoke(&self, _: &Invocation<'_>, _: &ActPermit) -> Result<Effect, String> {
        self.1.fetch_add(1, Ordering::SeqCst);
        Ok(Effect::default())
    }
}

/// A leader whose writes are not known of after a tenth of a second, long before its leave to act ends.
struct House {
    host: Host,
    store: Store,
    gate: Arc<Semaphore>,
    looks: Arc<AtomicU64>,
    rings: Arc<AtomicU64>,
    plane: Plane,
}

impl House {
    async fn build() -> Self {
        let store = Arc::new(Faulty::new(MemoryStore::default(), 1));
        let (gate, looks, rings) = (Arc::new(Semaphore::new(0)), Arc::default(), Arc::default());
        let managed = Managed::default();
        let plane = node("n1", store.clone(), Duration::from_secs(20))
            .append_timeout(Duration::from_millis(100))
            .state(managed.clone());
        let plane = plane.start().expect("threads");
        let mut settings = HostSettings::default();
        settings.persist_period = Duration::from_millis(10);
        settings.adjuncts = AdjunctTypes::built_in();
        let once = Once {
            description: AdjunctDescription {
                name: "test.Once".into(),
                kind: AdjunctKind::Feed,
                description: String::new(),
                config: Vec::new(),
            },
            gate: gate.clone(),
            looks: Arc::clone(&looks),
        };
        settings.adjuncts.feed(once).expect("its name is new");
        let mut types = EntityTypes::built_in();
        types
            .register(Bell(bell_type(), Arc::clone(&rings)))
            .expect("its name is new");
        let host = Host::start_with(settings, plane.clone(), managed, types, [1; 32], || 1_000);
        until("it leads", || plane.role() == Role::Master).await;
        until("it may act", || plane.status().may_act).await;
        Self {
            host,
            store,
            gate,
            looks,
            rings,
            plane,
        }
    }

    async fn create(&self, entities: Vec<Entity>) {
        let made = self
            .host
            .propose(None, |draft| draft.create(&entities).map(|()| "201".into()));
        made.await.expect("it is durable");
    }

    async fn set(&self, sensor: &str, value: &str) -> bool {
        let set = self.host.propose(None, |draft| {
            let set = draft.set_sensor(&id("app"), sensor, &json(value));
            set.map(|()| "200".into())
        });
        set.await.is_ok()
    }

    /// The write of which a client is told that it may be applied.
    async fn unknown(&self, sensor: &str) -> UnknownWrite {
        let set = self.host.propose(None, |draft| {
            let set = draft.set_sensor(&id("app"), sensor, &json("1"));
            set.map(|()| "200".into())
        });
        match set.await {
            Err(ProposeError::Unknown(Some(write))) => write,
            other => panic!("{other:?}"),
        }
    }

    fn sensor(&self, sensor: &str) -> Option<Json> {
        self.host.read(|state| state.sensor(&id("app"), sensor))
    }

    fn highlight(&self, name: &str) -> Option<String> {
        let read = self.host.read(|state| state.entity(&id("app")))?.ok()?;
        read.adjuncts[0].highlights.text(name).map(str::to_owned)
    }
}

fn once(config: &[(&str, &str)]) -> Entity {
    let feed = adjunct(AdjunctKind::Feed, "test.Once", config);
    with(entity("app", None), feed)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_feed_brought_in_is_written_when_the_store_is_back() {
    let house = House::build().await;
    house.create(vec![once(&[])]).await;
    let journal = Rule::new(Fault::RequestLost { silent: true }).on(Operation::Create);
    house.store.add(journal.under("journal/"));
    assert!(!house.set("first", "1").await, "it may be applied");
    // What is written now waits behind it, and is given up.
    house.gate.add_permits(1);
    until("it has looked", || house.looks.load(Ordering::SeqCst) == 1).await;
    for _ in 0..3 {
        assert!(!house.set("next", "1").await);
    }
    assert_eq!(house.sensor("seen"), None);
    house.store.clear();
    until("it is written", || house.sensor("seen").is_some()).await;
    assert_eq!(house.looks.load(Ordering::SeqCst), 1, "without another look");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_the_store_refuses_after_its_client_has_given_up_holds_up_no_other() {
    let house = House::build().await;
    house.create(vec![entity("app", None)]).await;
    let journal = Rule::new(Fault::Unavailable).on(Operation::Create);
    house.store.add(journal.under("journal/"));
    let write = house.unknown("first").await;
    let is_refused = async {
        while house.plane.resolve(write).await != Resolution::NotApplied {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, is_refused)
        .await
        .expect("its leader knows, and leads on");
    house.store.clear();
    assert!(house.set("next", "1").await, "upon what is durable");
    assert_eq!(house.sensor("first"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_policy_asked_for_in_a_write_that_is_not_known_of_is_not_asked_for_again() {
    let house = House::build().await;
    let config = [("sensor", "load"), ("threshold", "10"), ("effector", "ring")];
    let mut bell = entity("app", None);
    bell.entity_type = "test.Bell".into();
    house
        .create(vec![with(
            bell,
            adjunct(AdjunctKind::Policy, "sensor-threshold", &config),
        )])
        .await;
    assert!(house.set("load", "1").await);
    let journal = Rule::new(Fault::ReplyLost { silent: true }).on(Operation::Create);
    house.store.add(journal.under("journal/").skip(1));
    assert!(house.set("load", "11").await);
    until("the policy's entry is lost", || house.store.injected() > 0).await;
    // It is on its way for as long as these are.
    for _ in 0..3 {
        assert!(!house.set("next", "1").await);
    }
    house.store.clear();
    until("it rings", || house.rings.load(Ordering::SeqCst) > 0).await;
    until("all is written", || {
        house.host.read(|state| state.unended_tasks().len() == 0)
    })
    .await;
    assert!(house.set("last", "1").await);
    assert_eq!(house.rings.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_that_cannot_say_when_it_looks_again_says_why() {
    let house = House::build().await;
    house.gate.add_permits(1);
    house.create(vec![once(&[("wild", "true")])]).await;
    until("it says so", || house.highlight("error").is_some()).await;
    assert!(
        house
            .highlight("error")
            .unwrap()
            .contains("its code panicked: sparks")
    );
}
