//! What a new leader finds, and does about it, on planes that share a store in memory.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{LEASE, Server, adjunct, entity, id, json, node, until, with};
use ha_core::{Change, Plane, RestoreError, Role, StateMachine};
use ha_rebind::{
    AdjunctId, AdjunctKind, ConfigKey, Entity, EntityTypes, FailureModes, Host, HostSettings, Lifecycle,
    Managed, TypeDescription, ValueType,
};
use ha_store::{Folder, MemoryStore, Store};

const PROPAGATOR: &str = "org.apache.brooklyn.enricher.stock.Propagator";

struct Member {
    plane: Plane,
    host: Host,
}

impl Member {
    async fn start(
        name: &str,
        types: &[TypeDescription],
        modes: FailureModes,
        store: &MemoryStore,
        role: Role,
    ) -> Self {
        let managed = Managed::default();
        let plane = node(name, Arc::new(store.clone()), LEASE).state(managed.clone());
        let plane = plane.start().expect("threads");
        let mut known = EntityTypes::built_in();
        for described in types {
            known
                .register(Server(described.clone()))
                .expect("its name is new");
        }
        let mut settings = HostSettings::default();
        settings.failure_modes = modes;
        let seed = [name.as_bytes()[1]; 32];
        let host = Host::start_with(settings, plane.clone(), managed, known, seed, || 1_000);
        until(&format!("{role}"), || plane.role() == role).await;
        Self { plane, host }
    }

    async fn create(&self, entities: Vec<Entity>) {
        let made = self
            .host
            .propose(None, |draft| draft.create(&entities).map(|()| "201".into()));
        made.await.expect("it is durable");
    }

    fn lifecycle(&self, entity: &str) -> Option<Lifecycle> {
        let read = self.host.read(|state| state.entity(&id(entity)));
        read.and_then(|e| e.expect("it can be read").lifecycle())
    }

    fn problems(&self, entity: &str) -> Option<String> {
        let problems = self
            .host
            .read(|state| state.sensor(&id(entity), "service.problems"));
        problems.map(|p| p.as_str().to_owned())
    }

    async fn gives_up(&self) -> String {
        // The role is told before the rest of the status.
        let why = || self.plane.status().errors.first().cloned();
        until("it has given up, and says why", || {
            self.plane.role() == Role::Failed && why().is_some()
        })
        .await;
        why().expect("a failure for good stays")
    }
}

fn modes(settings: &[(&str, &str)]) -> FailureModes {
    let mut modes = FailureModes::default();
    settings
        .iter()
        .for_each(|(key, value)| modes.set(key, value).expect("they are good"));
    modes
}

fn device_type(config: &[(&str, ValueType)]) -> TypeDescription {
    let key = |(name, value_type): &(&str, ValueType)| ConfigKey {
        name: (*name).into(),
        value_type: *value_type,
        description: String::new(),
        default: None,
    };
    TypeDescription {
        name: "test.Device".into(),
        config: config.iter().map(key).collect(),
        ..TypeDescription::default()
    }
}

fn device(name: &str) -> Entity {
    let mut device = entity(name, Some("app"));
    device.entity_type = "test.Device".into();
    device
}

/// An application with enrichers that look at so many entities that are not there.
fn pointing_nowhere(name: &str, at: usize) -> Entity {
    let mut app = entity(name, None);
    app.adjuncts = (0..at)
        .map(|n| {
            let producer = format!("nobody{n}");
            let config = [("enricher.producer", producer.as_str())];
            let mut propagator = adjunct(AdjunctKind::Enricher, PROPAGATOR, &config);
            propagator.id = AdjunctId::new(&format!("p{n}")).expect("a good id");
            propagator
        })
        .collect();
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entity_of_a_type_that_the_new_leader_does_not_know_burns_until_one_leads_that_knows_it() {
    let store = MemoryStore::default();
    let knows = Member::start("n1", &[device_type(&[])], modes(&[]), &store, Role::Master).await;
    let other = Member::start("n2", &[], modes(&[]), &store, Role::HotStandby).await;
    knows
        .create(vec![entity("app", None), device("a"), entity("b", Some("app"))])
        .await;
    knows.plane.stop().await;
    until("it burns", || other.lifecycle("a") == Some(Lifecycle::OnFire)).await;
    assert!(
        other
            .problems("a")
            .unwrap()
            .contains("unknown type 'test.Device'"),
        "{:?}",
        other.problems("a")
    );
    assert_eq!((other.lifecycle("app"), other.lifecycle("b")), (None, None));
    assert_eq!(other.plane.role(), Role::Master, "all others are managed");
    let knows = Member::start("n3", &[device_type(&[])], modes(&[]), &store, Role::HotStandby).await;
    other.plane.stop().await;
    until("it is well again", || {
        knows.plane.role() == Role::Master && knows.lifecycle("a").is_none()
    })
    .await;
    assert_eq!(knows.problems("a").as_deref(), Some("{}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_to_fail_on_what_it_cannot_rebind_gives_up_and_says_all_of_it() {
    let store = MemoryStore::default();
    let strict = modes(&[("rebind.failureMode.rebind", "fail_at_end")]);
    let knows = Member::start("n1", &[device_type(&[])], strict.clone(), &store, Role::Master).await;
    let other = Member::start("n2", &[], strict, &store, Role::HotStandby).await;
    knows
        .create(vec![entity("app", None), device("a"), device("b")])
        .await;
    knows.plane.stop().await;
    let why = other.gives_up().await;
    assert!(
        why.starts_with("Failure rebinding: entity `a`: unknown type"),
        "{why}"
    );
    assert!(why.contains("entity `b`: unknown type"), "{why}");
    assert_eq!(other.problems("a"), None, "it has written nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn fail_fast_says_the_first_only() {
    let store = MemoryStore::default();
    let strict = modes(&[("rebind", "FAIL_FAST")]);
    let knows = Member::start("n1", &[device_type(&[])], strict.clone(), &store, Role::Master).await;
    let mut entities = vec![entity("app", None)];
    entities.extend((0..20).map(|n| device(&format!("d{n}"))));
    knows.create(entities).await;
    let other = Member::start("n2", &[], strict, &store, Role::HotStandby).await;
    knows.plane.stop().await;
    let why = other.gives_up().await;
    assert_eq!(why.matches("unknown type").count(), 1, "{why}");
}

/// A state whose snapshots have lost what these entities are.
struct Losing(Managed, &'static [&'static str]);

impl StateMachine for Losing {
    fn apply(&mut self, change: &Change) {
        self.0.apply(change);
    }
    fn reset(&mut self) {
        self.0.reset();
    }
    fn snapshot(&mut self) -> Vec<Vec<u8>> {
        let mut parts = self.0.snapshot();
        for part in &mut parts {
            for lost in self.1 {
                // The kind of a row stands before the length of its id.
                let id = [
                    &[5, u8::try_from(lost.len()).expect("it is short")],
                    lost.as_bytes(),
                ]
                .concat();
                if let Some(at) = part.windows(id.len()).position(|w| w == id) {
                    part[at] = 0x77;
                }
            }
        }
        parts
    }
    fn restore(&mut self, parts: &[&[u8]]) -> Result<(), RestoreError> {
        self.0.restore(parts)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_with_holes_is_borne_up_to_the_quorum() {
    for (lost, modes_of_it, words) in [
        (&["lost0", "lost1"][..], &[][..], None),
        (
            &["lost0", "lost1", "lost2"],
            &[],
            Some("Too many dangling references: 3 of 3"),
        ),
        (
            &["lost0", "lost1", "lost2"],
            &[("danglingRefs.minRequiredHealthy", "none")],
            None,
        ),
    ] {
        let store = MemoryStore::default();
        let managed = Managed::default();
        let plane = node("n1", Arc::new(store.clone()), LEASE).state(Losing(managed.clone(), lost));
        let plane = plane.start().expect("threads");
        let types = EntityTypes::built_in();
        let host = Host::start(plane.clone(), managed, types, [1; 32], || 1_000);
        let one = Member { plane, host };
        until("it leads", || one.plane.role() == Role::Master).await;
        let mut entities = vec![entity("app", None)];
        entities.extend(["lost0", "lost1", "lost2"].map(|lost| entity(lost, Some("app"))));
        entities.retain(|e| e.parent.is_none() || lost.contains(&e.id.as_str()));
        one.create(entities).await;
        let folder = Folder::new("snapshot").expect("a folder");
        let mut more = 0;
        while store
            .list(&folder, Duration::from_secs(5))
            .await
            .expect("it lists")
            .is_empty()
        {
            more += 1;
            one.create(vec![entity(&format!("more{more}"), None)]).await;
        }
        one.plane.stop().await;
        let role = words.map_or(Role::Master, |_| Role::Failed);
        let two = Member::start("n2", &[], modes(modes_of_it), &store, role).await;
        match words {
            Some(words) => {
                let why = two.gives_up().await;
                assert!(why.contains(words), "{why}");
            }
            None => {
                two.create(vec![entity("z", None)]).await;
                assert_eq!(two.plane.role(), Role::Master);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_clients_have_removed_keeps_nobody_from_leading() {
    let store = MemoryStore::default();
    let one = Member::start("n1", &[], modes(&[]), &store, Role::Master).await;
    one.create(vec![pointing_nowhere("x", 9)]).await;
    one.plane.stop().await;
    let two = Member::start("n2", &[], modes(&[]), &store, Role::Master).await;
    two.create(vec![entity("y", None)]).await;
    assert_eq!(two.plane.role(), Role::Master);
}

#[tokio::test(flavor = "multi_thread")]
async fn adjuncts_that_do_not_fit_are_told_by_their_own_modes() {
    let odd = |kind, name: &str| with(entity("app", None), adjunct(kind, name, &[]));
    for (key, app, words) in [
        (
            "loadPolicy",
            odd(AdjunctKind::Policy, "test.Nothing"),
            "which is not known here",
        ),
        (
            "addPolicy",
            odd(AdjunctKind::Policy, PROPAGATOR),
            "its adjunct `it` is a Policy, and its type",
        ),
        (
            "danglingRef",
            pointing_nowhere("app", 1),
            "entity `nobody0`, at which its adjunct `p0` looks, is not there",
        ),
    ] {
        let store = MemoryStore::default();
        let one = Member::start("n1", &[], modes(&[]), &store, Role::Master).await;
        one.create(vec![app]).await;
        one.plane.stop().await;
        let two = Member::start("n2", &[], modes(&[]), &store, Role::Master).await;
        two.create(vec![entity("more", None)]).await;
        two.plane.stop().await;
        let strict = modes(&[(key, "fail_at_end")]);
        let managed = Managed::default();
        let plane = node("n3", Arc::new(store.clone()), LEASE).state(managed.clone());
        let plane = plane.start().expect("threads");
        let mut settings = HostSettings::default();
        settings.failure_modes = strict;
        let types = EntityTypes::built_in();
        let host = Host::start_with(settings, plane.clone(), managed, types, [3; 32], || 1_000);
        let why = Member { plane, host }.gives_up().await;
        assert!(why.contains(words), "{key}: {why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn config_that_does_not_fit_the_type_that_the_new_leader_knows_is_told_by_its_own_mode() {
    let store = MemoryStore::default();
    let one = Member::start("n1", &[device_type(&[])], modes(&[]), &store, Role::Master).await;
    let (mut bent, mut good) = (device("bent"), device("good"));
    bent.config.set("size", &json("\"large\""));
    good.config.set("size", &json("\"$brooklyn:config(\\\"s\\\")\""));
    one.create(vec![entity("app", None), bent, good]).await;
    one.plane.stop().await;
    let sized = [device_type(&[("size", ValueType::Integer)])];
    let two = Member::start("n2", &sized, modes(&[]), &store, Role::Master).await;
    two.create(vec![entity("more", None)]).await;
    assert_eq!(two.plane.role(), Role::Master);
    let strict = modes(&[("addConfig", "fail_at_end")]);
    let three = Member::start("n3", &sized, strict, &store, Role::HotStandby).await;
    two.plane.stop().await;
    let why = three.gives_up().await;
    assert!(
        why.contains("entity `bent`: 'size' must be a whole number"),
        "{why}"
    );
    assert!(!why.contains("`good`"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_there_was_at_the_first_rebind_is_told_for_ever() {
    let store = MemoryStore::default();
    let one = Member::start("n1", &[], modes(&[]), &store, Role::Master).await;
    let first = |member: &Member| member.host.first_rebind().map(|c| (c.applications, c.entities));
    until("it has been loaded", || first(&one) == Some((0, 0))).await;
    one.create(vec![entity("app", None), entity("a", Some("app"))])
        .await;
    let two = Member::start("n2", &[], modes(&[]), &store, Role::HotStandby).await;
    until("it has been loaded", || first(&two) == Some((1, 2))).await;
    one.create(vec![entity("more", None)]).await;
    two.plane.read().await.unwrap();
    assert_eq!((first(&one), first(&two)), (Some((0, 0)), Some((1, 2))));
}
