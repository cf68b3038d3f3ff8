//! Entities whose code is told when they are managed and when they are removed, on planes that share a store in memory.

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use common::{LEASE, entity, id, node, until};
use ha_core::{ActPermit, Plane, Role};
use ha_rebind::{
    ClientKey, Effect, Entity, EntityType, EntityTypes, Host, HostError, HostSettings, Invocation, Json,
    Lifecycle, Managed, TypeDescription, Values,
};
use ha_store::{Faulty, MemoryStore, Store};

/// What was told, to whom, and in which epoch.
type Told = Arc<Mutex<Vec<(&'static str, String, u64)>>>;

/// A device does as it is called.
struct Device {
    description: TypeDescription,
    is_managed: bool,
    told: Told,
}

#[async_trait]
impl EntityType for Device {
    fn description(&self) -> &TypeDescription {
        &self.description
    }

    fn is_managed(&self) -> bool {
        self.is_managed
    }

    async fn on_manage(&self, entity: &Entity, permit: &ActPermit) -> Result<Effect, String> {
        self.note("manage", entity, permit);
        match entity.name.as_str() {
            "broken" => Err("there is no power".into()),
            "wild" => panic!("sparks"),
            "stuck" => std::future::pending().await,
            _ => Ok(Effect {
                result: None,
                sensors: Values::from_iter([("epoch", Json::from(&permit.epoch().0.into()))]),
            }),
        }
    }

    async fn on_unmanage(&self, entity: &Entity, permit: &ActPermit) -> Result<(), String> {
        self.note("unmanage", entity, permit);
        match entity.name.as_str() {
            "sticky" => Err("it is in use".into()),
            "endless" => std::future::pending().await,
            // The first time until the leave to act has ended.
            "slow" if told_of(&self.told, "unmanage").len() == 1 => {
                let _broken_off = BrokenOff(self, entity, permit);
                std::future::pending().await
            }
            _ => Ok(()),
        }
    }

    async fn invoke(&self, _: &Invocation<'_>, _: &ActPermit) -> Result<Effect, String> {
        Ok(Effect::default())
    }
}

impl Device {
    fn new(name: &str, is_managed: bool, told: &Told) -> Self {
        Self {
            description: TypeDescription {
                name: name.into(),
                ..TypeDescription::default()
            },
            is_managed,
            told: told.clone(),
        }
    }

    fn note(&self, what: &'static str, entity: &Entity, permit: &ActPermit) {
        let told = (what, entity.id.to_string(), permit.epoch().0);
        self.told.lock().expect("nobody panics here").push(told);
    }
}

/// Notes that what was told is waited for no more.
struct BrokenOff<'a>(&'a Device, &'a Entity, &'a ActPermit);

impl Drop for BrokenOff<'_> {
    fn drop(&mut self) {
        self.0.note("broken off", self.1, self.2);
    }
}

struct Member {
    plane: Plane,
    host: Host,
}

impl Member {
    async fn start(name: &str, seed: u8, store: Arc<dyn Store>, told: &Told, role: Role) -> Self {
        Self::with(HostSettings::default(), name, seed, store, told, role).await
    }

    async fn with(
        settings: HostSettings,
        name: &str,
        seed: u8,
        store: Arc<dyn Store>,
        told: &Told,
        role: Role,
    ) -> Self {
        let managed = Managed::default();
        let plane = node(name, store, LEASE).state(managed.clone());
        let plane = plane.start().expect("threads");
        let mut types = EntityTypes::built_in();
        types
            .register(Device::new("test.Device", true, told))
            .expect("its name is new");
        types
            .register(Device::new("test.Plain", false, told))
            .expect("its name is new");
        let host = Host::start_with(settings, plane.clone(), managed, types, [seed; 32], || 1_000);
        until(&format!("{role}"), || plane.role() == role).await;
        Self { plane, host }
    }

    async fn alone(told: &Told) -> Self {
        Self::start("n1", 1, Arc::new(MemoryStore::default()), told, Role::Master).await
    }

    async fn create(&self, entities: Vec<Entity>) {
        let made = self
            .host
            .propose(None, |draft| draft.create(&entities).map(|()| "201".into()));
        made.await.expect("it is durable");
    }

    fn sensor(&self, entity: &str, sensor: &str) -> Option<String> {
        let value = self.host.read(|state| state.sensor(&id(entity), sensor));
        value.map(|v| v.as_str().to_owned())
    }

    fn is_on_fire(&self, entity: &str) -> bool {
        let read = self.host.read(|state| state.entity(&id(entity)));
        read.is_some_and(|e| e.is_ok_and(|e| e.lifecycle() == Some(Lifecycle::OnFire)))
    }
}

fn device(name: &str, parent: Option<&str>) -> Entity {
    let mut device = entity(name, parent);
    device.entity_type = "test.Device".into();
    device
}

fn all(told: &Told) -> Vec<(&'static str, String, u64)> {
    told.lock().expect("nobody panics here").clone()
}

fn told_of(told: &Told, what: &str) -> Vec<String> {
    let of = all(told).into_iter().filter(|(w, ..)| *w == what);
    of.map(|(_, id, _)| id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_entity_is_told_once_by_each_leader_that_may_act() {
    let (inner, told) = (MemoryStore::default(), Told::default());
    let cut = Arc::new(Faulty::new(inner.clone(), 1));
    let one = Member::start("n1", 1, cut.clone(), &told, Role::Master).await;
    let two = Member::start("n2", 2, Arc::new(inner), &told, Role::HotStandby).await;
    one.create(vec![
        entity("app", None),
        device("a", Some("app")),
        device("b", Some("app")),
    ])
    .await;
    until("both tell", || {
        one.sensor("a", "epoch").is_some() && one.sensor("b", "epoch").is_some()
    })
    .await;
    let first = one.sensor("a", "epoch").unwrap();
    cut.cut();
    until("it leads", || two.plane.role() == Role::Master).await;
    until("both tell its epoch", || {
        ["a", "b"]
            .map(|e| two.sensor(e, "epoch"))
            .iter()
            .all(|e| e.is_some() && *e != Some(first.clone()))
    })
    .await;
    let mut managed = told_of(&told, "manage");
    managed.sort();
    assert_eq!(managed, ["a", "a", "b", "b"]);
    let epochs: Vec<_> = all(&told).into_iter().map(|(.., epoch)| epoch).collect();
    assert!(epochs[..2].iter().max() < epochs[2..].iter().min(), "{epochs:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn code_that_fails_panics_or_never_ends_harms_its_own_entity_only() {
    let told = Told::default();
    let one = Member::alone(&told).await;
    let mut entities = vec![
        entity("app", None),
        device("broken", Some("app")),
        device("wild", Some("app")),
    ];
    // More than are told at once.
    for n in 0..100 {
        let mut stuck = device(&format!("s{n}"), Some("app"));
        stuck.name = "stuck".into();
        entities.push(stuck);
    }
    entities.push(device("good", Some("app")));
    one.create(entities).await;
    until("the good one tells", || one.sensor("good", "epoch").is_some()).await;
    until("the others are on fire", || {
        one.is_on_fire("broken") && one.is_on_fire("wild")
    })
    .await;
    assert_eq!(
        one.sensor("broken", "service.problems").unwrap(),
        r#"{"management":"there is no power"}"#
    );
    assert_eq!(
        one.sensor("wild", "service.problems").unwrap(),
        r#"{"management":"its code panicked: sparks"}"#
    );
    assert!(!one.is_on_fire("app") && !one.is_on_fire("good"));
    // Their leave to act ends with the lease, so that the node can stop.
    one.plane.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_type_that_does_not_ask_for_it_is_told_nothing_and_an_idle_leader_writes_nothing() {
    let told = Told::default();
    let one = Member::alone(&told).await;
    let mut plain = entity("plain", None);
    plain.entity_type = "test.Plain".into();
    one.create(vec![plain, device("a", Some("plain"))]).await;
    until("the other tells", || one.sensor("a", "epoch").is_some()).await;
    let last = one.host.read(|state| state.last());
    one.host.remove(None, &id("plain")).await.unwrap();
    assert_eq!(told_of(&told, "manage"), ["a"]);
    assert_eq!(told_of(&told, "unmanage"), ["a"]);
    assert_eq!(one.host.read(|state| state.last()), last + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn removal_tells_children_first_and_takes_all_in_one_entry() {
    let told = Told::default();
    let one = Member::alone(&told).await;
    one.create(vec![
        device("app", None),
        device("a", Some("app")),
        device("leaf", Some("a")),
        device("stuck", Some("app")),
    ])
    .await;
    until("all are told", || told_of(&told, "manage").len() == 4).await;
    until("three tell", || {
        ["app", "a", "leaf"]
            .iter()
            .all(|e| one.sensor(e, "epoch").is_some())
    })
    .await;
    let last = one.host.read(|state| state.last());
    one.host.remove(None, &id("app")).await.unwrap();
    assert_eq!(told_of(&told, "unmanage"), ["leaf", "stuck", "a", "app"]);
    assert_eq!(
        one.host.read(|state| (state.entity_count(), state.last())),
        (0, last + 1)
    );
    let refused = one.host.remove(None, &id("app")).await.unwrap_err();
    assert_eq!(refused.to_string(), "entity `app` not found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_that_comes_again_with_its_key_tells_nobody_who_came_since() {
    let told = Told::default();
    let one = Member::alone(&told).await;
    let key = Some(ClientKey {
        key: "k-1",
        fingerprint: [1; 32],
    });
    let managed = || told_of(&told, "manage").len();
    one.create(vec![device("app", None)]).await;
    until("it is managed", || managed() == 1).await;
    let first = one.host.remove(key, &id("app")).await.unwrap();
    one.create(vec![device("app", None)]).await;
    until("the other is managed", || managed() == 2).await;
    assert_eq!(one.host.remove(key, &id("app")).await.unwrap(), first);
    assert!(one.host.read(|state| state.contains(&id("app"))));
    assert_eq!(told_of(&told, "unmanage").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_removed_stays_and_burns_until_it_is_expunged() {
    let told = Told::default();
    let one = Member::alone(&told).await;
    one.create(vec![device("app", None), device("sticky", Some("app"))])
        .await;
    until("both tell", || one.sensor("sticky", "epoch").is_some()).await;
    let refused = one.host.remove(None, &id("app")).await.unwrap_err();
    assert_eq!(
        refused,
        HostError::Removal {
            entity: id("sticky"),
            why: "it is in use".into()
        }
    );
    assert_eq!(told_of(&told, "unmanage"), ["sticky"]);
    assert!(one.is_on_fire("sticky") && !one.is_on_fire("app"));
    let expunged = one
        .host
        .propose(None, |draft| draft.expunge(&id("app")).map(|()| "204".into()));
    expunged.await.unwrap();
    assert_eq!(one.host.read(|state| state.entity_count()), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn those_whose_removal_comes_to_nothing_are_managed_again() {
    let told = Told::default();
    let one = Member::alone(&told).await;
    one.create(vec![
        device("app", None),
        device("sticky", Some("app")),
        device("good", Some("app")),
    ])
    .await;
    until("all are managed", || told_of(&told, "manage").len() == 3).await;
    one.host.remove(None, &id("app")).await.unwrap_err();
    assert_eq!(told_of(&told, "unmanage"), ["good", "sticky"]);
    until("two are managed again", || told_of(&told, "manage").len() == 5).await;
    let mut again = told_of(&told, "manage").split_off(3);
    again.sort();
    assert_eq!(again, ["app", "good"]);
    assert!(one.is_on_fire("sticky") && !one.is_on_fire("good"));
    // Nothing of it is left behind: each can be removed alone.
    one.host.remove(None, &id("good")).await.unwrap();
    assert_eq!(told_of(&told, "unmanage"), ["good", "sticky", "good"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_outlives_the_leave_to_act_and_blames_nobody() {
    let (store, told) = (Faulty::new(MemoryStore::default(), 1), Told::default());
    let store = Arc::new(store);
    let one = Member::start("n1", 1, store.clone(), &told, Role::Master).await;
    one.create(vec![entity("app", None), device("slow", Some("app"))])
        .await;
    until("it is managed", || one.sensor("slow", "epoch").is_some()).await;
    let host = one.host.clone();
    let removal = tokio::spawn(async move { host.remove(None, &id("app")).await });
    until("it is told", || told_of(&told, "unmanage").len() == 1).await;
    let leadership = one.plane.leadership().await.expect("it leads");
    let permit = leadership.act_permit().await.expect("it may act");
    store.cut();
    permit.gone().await;
    drop(permit);
    until("it is broken off", || told_of(&told, "broken off").len() == 1).await;
    assert_eq!(told_of(&told, "unmanage").len(), 1);
    assert!(!one.is_on_fire("slow"));
    store.heal();
    removal.await.unwrap().unwrap();
    assert_eq!(told_of(&told, "unmanage"), ["slow", "slow"]);
    assert_eq!(one.host.read(|state| state.entity_count()), 0);
    assert_eq!(told_of(&told, "manage"), ["slow"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn code_that_takes_for_ever_over_its_removal_is_on_fire() {
    let told = Told::default();
    let mut settings = HostSettings::default();
    settings.longest_unmanage = Duration::from_millis(50);
    let store = Arc::new(MemoryStore::default());
    let one = Member::with(settings, "n1", 1, store, &told, Role::Master).await;
    one.create(vec![entity("app", None), device("endless", Some("app"))])
        .await;
    until("it is managed", || one.sensor("endless", "epoch").is_some()).await;
    let refused = one.host.remove(None, &id("app")).await.unwrap_err();
    assert_eq!(
        refused,
        HostError::Removal {
            entity: id("endless"),
            why: "it took longer than 50ms".into()
        }
    );
    assert!(one.is_on_fire("endless") && !one.is_on_fire("app"));
}
