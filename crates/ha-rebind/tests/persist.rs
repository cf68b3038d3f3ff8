//! The state as an archive and an archive as the state, on planes in one process.

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use common::{entity, id, json, until};
use ha_core::{ActPermit, Config, NodeId, Plane, Refusal, Role};
use ha_rebind::{
    ClientKey, Draft, Effect, Effector, EffectorCall, Entity, EntityType, EntityTypes, Host, ImportError,
    Invocation, Lifecycle, Managed, Outcome, ProposeError, State, TaskId, TypeDescription, Values,
};
use ha_store::{MemoryStore, Store};
use tokio::sync::Notify;

/// What was done to the world.
type Done = Arc<Mutex<Vec<String>>>;

/// A machine works until it is told to end, unless it is broken off.
struct Machine {
    description: TypeDescription,
    done: Done,
    end: Arc<Notify>,
}

/// Says so when its code is dropped.
struct Working(Done, String);

impl Drop for Working {
    fn drop(&mut self) {
        note(&self.0, format!("{} is over", self.1));
    }
}

fn note(done: &Done, what: String) {
    done.lock().expect("nobody panics here").push(what);
}

#[async_trait]
impl EntityType for Machine {
    fn description(&self) -> &TypeDescription {
        &self.description
    }

    fn is_managed(&self) -> bool {
        true
    }

    async fn on_manage(&self, entity: &Entity, _: &ActPermit) -> Result<Effect, String> {
        note(&self.done, format!("manage {}", entity.id));
        if entity.name == "stuck" {
            let _stuck = Working(self.done.clone(), format!("telling {}", entity.id));
            std::future::pending::<()>().await;
        }
        Ok(Effect::default())
    }

    async fn invoke(&self, call: &Invocation<'_>, _: &ActPermit) -> Result<Effect, String> {
        note(&self.done, call.effector.to_owned());
        let _working = Working(self.done.clone(), call.effector.to_owned());
        self.end.notified().await;
        Ok(Effect::default())
    }
}

struct Member {
    plane: Plane,
    host: Host,
    done: Done,
    end: Arc<Notify>,
}

impl Member {
    async fn start(name: &str, seed: u8, store: &MemoryStore, role: Role) -> Self {
        let millis = Duration::from_millis;
        let config = Config::builder()
            .poll(millis(50))
            .heartbeat_timeout(millis(600))
            .lease_ttl(millis(1000));
        let (managed, store): (_, Arc<dyn Store>) = (Managed::default(), Arc::new(store.clone()));
        let plane = Plane::builder(NodeId::new(name).expect("a name"), store)
            .config(config.build().expect("timings that agree"));
        let plane = plane.state(managed.clone()).start().expect("threads");
        let effector = |name: &str, is_idempotent| Effector {
            name: name.into(),
            description: String::new(),
            is_idempotent,
            parameters: Vec::new(),
            returns: None,
        };
        let (done, end) = (Done::default(), Arc::new(Notify::new()));
        let machine = Machine {
            description: TypeDescription {
                name: "test.Machine".into(),
                effectors: vec![effector("weld", false), effector("look", true)],
                ..TypeDescription::default()
            },
            done: done.clone(),
            end: end.clone(),
        };
        let mut types = EntityTypes::built_in();
        types.register(machine).expect("its name is new");
        let host = Host::start(plane.clone(), managed, types, [seed; 32], || 1_466_414_301_065);
        until(&format!("{role}"), || plane.role() == role).await;
        Self {
            plane,
            host,
            done,
            end,
        }
    }

    async fn alone(seed: u8) -> Self {
        Self::start("n1", seed, &MemoryStore::default(), Role::Master).await
    }

    async fn write(&self, write: impl FnOnce(&mut Draft<'_>) -> Result<(), ha_rebind::Refusal>) {
        let written = self
            .host
            .propose(None, |draft| write(draft).map(|()| "201".into()));
        written.await.expect("it is durable");
    }

    async fn make(&self, entities: &[Entity]) {
        self.write(|draft| draft.create(entities)).await;
    }

    async fn invoke(&self, effector: &str) -> TaskId {
        let call = EffectorCall {
            entity: id("machine"),
            effector: effector.into(),
            arguments: Values::default(),
        };
        self.host.invoke(None, call).await.expect("it is accepted")
    }

    async fn export(&self) -> Bytes {
        let mut archive = Vec::new();
        let export = self.host.export(true).await.expect("it has the state");
        export.write(&mut archive).expect("memory takes all");
        archive.into()
    }

    async fn outcome(&self, task: &TaskId) -> Outcome {
        let has_ended = |state: &State| !state.unended_tasks().any(|id| id == task);
        until("it has ended", || self.host.read(has_ended)).await;
        let task = self.host.read(|state| state.task(task)).expect("it is there");
        task.expect("it can be read").ended.expect("it has ended").outcome
    }

    fn done(&self) -> Vec<String> {
        self.done.lock().expect("nobody panics here").clone()
    }

    fn how_often(&self, what: &str) -> usize {
        self.done().iter().filter(|done| *done == what).count()
    }

    fn contains(&self, entity: &str) -> bool {
        self.host.read(|state| state.contains(&id(entity)))
    }

    fn is_on_fire(&self) -> bool {
        let machine = self.host.read(|state| state.entity(&id("machine")));
        machine.expect("it is there").expect("it can be read").lifecycle() == Some(Lifecycle::OnFire)
    }
}

fn plant() -> Vec<Entity> {
    let mut machine = entity("machine", Some("plant"));
    machine.entity_type = "test.Machine".into();
    let mut plant = entity("plant", None);
    plant.entity_type = "org.apache.brooklyn.entity.stock.BasicApplication".into();
    vec![plant, machine]
}

/// All of a state but its numbers, times and tasks.
fn entities(state: &State) -> Vec<Entity> {
    let all = state.applications().flat_map(|app| state.descendants(app));
    all.map(|id| state.entity(&id).expect("it is there").expect("it can be read"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_plane_has_exported_all_nodes_of_another_have_after_the_import() {
    let one = Member::alone(1).await;
    one.make(&plant()).await;
    one.make(&[entity("web", Some("plant")), entity("db", Some("plant"))])
        .await;
    one.write(|draft| draft.set_sensor(&id("web"), "requests", &json("42")))
        .await;
    let archive = one.export().await;
    assert_eq!(
        one.host.export(false).await.unwrap().file_name(),
        "brooklyn-state-n1-2016-06-20-0918.zip"
    );

    let store = MemoryStore::default();
    let two = Member::start("n1", 2, &store, Role::Master).await;
    let other = Member::start("n2", 3, &store, Role::HotStandby).await;
    two.make(&[entity("old", None), entity("web", Some("old"))]).await;
    two.host.import(None, archive).await.unwrap();
    let wanted = one.host.read(entities);
    assert_eq!(two.host.read(entities), wanted);
    other.plane.read().await.unwrap();
    assert_eq!(other.host.read(entities), wanted);
    assert!(!other.contains("old"));

    // What a hot standby exports is the same again.
    two.write(|draft| draft.set_sensor(&id("web"), "requests", &json("43")))
        .await;
    let again = other.export().await;
    one.host.import(None, again).await.unwrap();
    assert_eq!(
        one.host.read(|s| s.sensor(&id("web"), "requests")),
        Some(json("43"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_leader_imports_and_only_who_has_the_state_exports() {
    let store = MemoryStore::default();
    let one = Member::start("n1", 1, &store, Role::Master).await;
    let two = Member::start("n2", 2, &store, Role::HotStandby).await;
    one.make(&plant()).await;
    let archive = one.export().await;
    let refused = two.host.import(None, archive.clone()).await.unwrap_err();
    assert_eq!(
        refused,
        ImportError::Proposal(ProposeError::NotApplied(Refusal::NotLeader))
    );
    let refused = one.host.import(None, archive.slice(1..)).await.unwrap_err();
    assert!(
        refused
            .to_string()
            .starts_with("the archive cannot be imported: "),
        "{refused}"
    );
    two.plane.change_mode(ha_core::Mode::Standby).await.unwrap();
    for current in [true, false] {
        let refused = two.host.export(current).await.unwrap_err();
        assert!(
            refused.to_string().contains("does not have the state"),
            "{refused}"
        );
    }
    assert!(one.contains("plant"), "nothing was changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_that_were_under_way_elsewhere_are_interrupted_or_begun_again() {
    let one = Member::alone(1).await;
    one.make(&plant()).await;
    let (weld, look) = (one.invoke("weld").await, one.invoke("look").await);
    until("both are under way", || {
        one.how_often("weld") + one.how_often("look") == 2
    })
    .await;
    let archive = one.export().await;

    let two = Member::alone(2).await;
    two.host.import(None, archive).await.unwrap();
    let Outcome::Interrupted(why) = two.outcome(&weld).await else {
        panic!("{:?}", two.host.read(|state| state.task(&weld)))
    };
    assert!(
        why.starts_with("Task aborted on rebind: it had not ended when the state was exported"),
        "{why}"
    );
    assert!(two.is_on_fire());
    until("it is begun again", || two.how_often("look") == 1).await;
    two.end.notify_one();
    assert_eq!(two.outcome(&look).await, Outcome::Done(json("null")));
    let attempts = two.host.read(|state| state.task(&look)).unwrap().unwrap().attempt;
    assert_eq!(attempts, 2, "it began in this plane as well");
    assert_eq!(two.how_often("weld"), 0, "nobody knows what it did");
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_that_are_under_way_here_end_with_their_state() {
    let one = Member::alone(1).await;
    one.make(&plant()).await;
    let before = one.export().await;
    let gone = one.invoke("weld").await;
    until("it is under way", || one.how_often("weld") == 1).await;
    one.host.import(None, before).await.unwrap();
    until("its code is broken off", || one.how_often("weld is over") == 1).await;
    assert!(one.host.read(|state| state.task(&gone)).is_none() && !one.is_on_fire());

    // One that is in the archive, of this very epoch.
    let weld = one.invoke("weld").await;
    until("it is under way", || one.how_often("weld") == 2).await;
    let during = one.export().await;
    one.host.import(None, during).await.unwrap();
    assert!(matches!(one.outcome(&weld).await, Outcome::Interrupted(_)));
    until("its code is broken off", || one.how_often("weld is over") == 2).await;
    assert!(one.is_on_fire());
    // The plane goes on.
    let next = one.invoke("look").await;
    until("it is under way", || one.how_often("look") == 1).await;
    one.end.notify_one();
    assert_eq!(one.outcome(&next).await, Outcome::Done(json("null")));
}

#[tokio::test(flavor = "multi_thread")]
async fn entities_that_come_are_managed_and_their_adjuncts_are_at_work() {
    let one = Member::alone(1).await;
    one.make(&plant()).await;
    until("it is managed", || one.how_often("manage machine") == 1).await;
    let archive = one.export().await;

    let two = Member::alone(2).await;
    let mut stuck = plant();
    stuck[1].name = "stuck".into();
    two.make(&stuck).await;
    until("it is being told", || two.how_often("manage machine") == 1).await;
    two.host.import(None, archive).await.unwrap();
    until("that is called off", || {
        two.how_often("telling machine is over") == 1
    })
    .await;
    until("the one that came is told", || {
        two.how_often("manage machine") == 2
    })
    .await;
    // The roll-up is built into applications.
    two.write(|draft| draft.set_sensor(&id("machine"), "service.isUp", &json("true")))
        .await;
    let is_up = || two.host.read(|state| state.sensor(&id("plant"), "service.isUp"));
    until("the plant is up", || is_up() == Some(json("true"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_comes_twice_with_one_key_is_made_once() {
    let one = Member::alone(1).await;
    one.make(&plant()).await;
    let archive = one.export().await;
    let key = Some(ClientKey {
        key: "import-1",
        fingerprint: [1; 32],
    });
    one.host.import(key, archive.clone()).await.unwrap();
    one.make(&[entity("later", None)]).await;
    one.host.import(key, archive.clone()).await.unwrap();
    assert!(one.contains("later"), "it was an answer to the first");
    one.host.import(None, archive).await.unwrap();
    assert!(!one.contains("later"));
}
