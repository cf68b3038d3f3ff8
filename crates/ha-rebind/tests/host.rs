//! Entities at work on a plane of two nodes in one process, which share a store in memory.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use common::{LEASE, id, json, node, until};
use futures::FutureExt;
use ha_core::{ActPermit, Mode, Plane, Role};
use ha_rebind::{
    ClientKey, Draft, Effect, Effector, EffectorCall, Entity, EntityType, EntityTypes, Host, HostError,
    Invocation, Json, Lifecycle, Managed, Outcome, Parameter, ProposeError, Refusal, Task, TaskId,
    TypeDescription, ValueType, Values,
};
use ha_store::{Fault, Faulty, MemoryStore, Operation, Rule, Store};
use tokio::sync::Semaphore;

/// What has been done to the world, and who waits for it.
#[derive(Clone, Default)]
struct World {
    begun: Arc<Mutex<Vec<(String, u64)>>>,
    under_way: Arc<AtomicUsize>,
    gate: Arc<Gate>,
}

struct Gate(Semaphore);

impl Default for Gate {
    fn default() -> Self {
        Self(Semaphore::new(0))
    }
}

impl World {
    fn begun(&self) -> Vec<(String, u64)> {
        self.begun.lock().expect("nobody panics").clone()
    }

    /// Waits until no call waits at the gate: each was broken off, if none was let through.
    async fn is_at_rest(&self) {
        until("what is under way is broken off", || {
            self.under_way.load(Ordering::SeqCst) == 0
        })
        .await;
    }
}

/// A call that waits at the gate, until it is let through or dropped.
struct UnderWay<'a>(&'a World);

impl<'a> UnderWay<'a> {
    fn begin(world: &'a World) -> Self {
        world.under_way.fetch_add(1, Ordering::SeqCst);
        Self(world)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A machine of which one can be asked good and bad things.
struct Machine {
    description: TypeDescription,
    world: World,
}

impl Machine {
    fn new(world: &World) -> Self {
        let effector = |name: &str, is_idempotent, parameters| Effector {
            name: name.into(),
            description: String::new(),
            is_idempotent,
            parameters,
            returns: None,
        };
        let heat = Parameter {
            name: "degrees".into(),
            value_type: ValueType::Integer,
            description: String::new(),
            default: Some(json("90")),
        };
        let effectors = vec![
            effector("heat", false, vec![heat]),
            effector("weld", false, vec![]),
            effector("look", true, vec![]),
            effector("fail", false, vec![]),
            effector("panic", false, vec![]),
            effector("boast", false, vec![]),
        ];
        Self {
            description: TypeDescription {
                name: "test.Machine".into(),
                effectors,
                ..TypeDescription::default()
            },
            world: world.clone(),
        }
    }
}

#[async_trait]
impl EntityType for Machine {
    fn description(&self) -> &TypeDescription {
        &self.description
    }

    async fn invoke(&self, invocation: &Invocation<'_>, permit: &ActPermit) -> Result<Effect, String> {
        let call = (invocation.effector.to_owned(), permit.epoch().0);
        let _under_way = UnderWay::begin(&self.world);
        self.world.begun.lock().expect("nobody panics").push(call);
        match invocation.effector {
            "heat" => {
                let degrees = invocation.arguments.get("degrees").expect("it has a default");
                Ok(Effect {
                    result: Some(degrees.clone()),
                    sensors: Values::from_iter([("temperature", degrees)]),
                })
            }
            "fail" => Err("there is no power".into()),
            "panic" => panic!("sparks"),
            "boast" => Ok(Effect {
                result: Some(Json::string(&"much ".repeat(1 << 20))),
                sensors: Values::default(),
            }),
            _ => {
                self.world.gate.0.acquire().await.expect("it stays open").forget();
                Ok(Effect::default())
            }
        }
    }
}

struct Member {
    plane: Plane,
    managed: Managed,
    host: Host,
}

impl Member {
    fn start(name: &str, seed: u8, store: Arc<dyn Store>, world: &World) -> Self {
        Self::with_lease(LEASE, name, seed, store, world)
    }

    fn with_lease(lease: Duration, name: &str, seed: u8, store: Arc<dyn Store>, world: &World) -> Self {
        let managed = Managed::default();
        let plane = node(name, store, lease).state(managed.clone());
        let plane = plane.start().expect("threads");
        let mut types = EntityTypes::built_in();
        types.register(Machine::new(world)).expect("its name is new");
        let host = Host::start(plane.clone(), managed.clone(), types, [seed; 32], || 1_000);
        Self { plane, managed, host }
    }

    async fn becomes(&self, role: Role) {
        until(&format!("{role}"), || self.plane.role() == role).await;
    }

    async fn deploy(&self) {
        let app = Entity::new(
            id("app"),
            "org.apache.brooklyn.entity.stock.BasicApplication",
            "app",
        );
        let mut machine = Entity::new(id("machine"), "test.Machine", "machine");
        machine.parent = Some(id("app"));
        let made = self
            .host
            .propose(None, |draft| draft.create(&[app, machine]).map(|()| "201".into()));
        made.await.expect("it is durable");
    }

    async fn invoke(&self, effector: &str, arguments: &[(&str, &str)]) -> Result<TaskId, HostError> {
        self.host.invoke(None, call(effector, arguments)).await
    }

    fn task(&self, id: &TaskId) -> Task {
        self.host
            .read(|state| state.task(id))
            .expect("it is there")
            .expect("it can be read")
    }

    async fn outcome(&self, id: &TaskId) -> Outcome {
        until(
            "the task has ended",
            || matches!(self.host.read(|s| s.task(id)), Some(Ok(task)) if task.ended.is_some()),
        )
        .await;
        self.task(id).ended.expect("it has ended").outcome
    }

    fn sensor(&self, name: &str) -> Option<String> {
        let value = self.host.read(|state| state.sensor(&id("machine"), name));
        value.map(|v| v.as_str().to_owned())
    }
}

fn call(effector: &str, arguments: &[(&str, &str)]) -> EffectorCall {
    EffectorCall {
        entity: id("machine"),
        effector: effector.into(),
        arguments: arguments
            .iter()
            .map(|(name, value)| (*name, json(value)))
            .collect(),
    }
}

fn tag(draft: &mut Draft<'_>, tag: &str) -> Result<Bytes, Refusal> {
    draft.edit(&id("app"), |entity| entity.tags.push(Json::string(tag)))?;
    Ok(Bytes::new())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_effector_does_and_finds_out_is_read_everywhere() {
    let (store, world) = (MemoryStore::default(), World::default());
    let one = Member::start("n1", 1, Arc::new(store.clone()), &world);
    one.becomes(Role::Master).await;
    let two = Member::start("n2", 2, Arc::new(store), &world);
    two.becomes(Role::HotStandby).await;
    one.deploy().await;
    let task = one.invoke("heat", &[("degrees", "70")]).await.unwrap();
    assert_eq!(one.outcome(&task).await, Outcome::Done(json("70")));
    let seen = one.task(&task);
    assert_eq!((seen.attempt, seen.waits_for), (1, None));
    assert_eq!(one.sensor("temperature").as_deref(), Some("70"));
    two.plane.read().await.unwrap();
    assert_eq!(two.task(&task), one.task(&task));
    assert_eq!(two.sensor("temperature").as_deref(), Some("70"));
    let refused = two.invoke("heat", &[]).await.unwrap_err();
    assert_eq!(
        refused,
        HostError::Proposal(ProposeError::NotApplied(ha_core::Refusal::NotLeader))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_refused_and_leaves_no_task() {
    let world = World::default();
    let one = Member::start("n1", 1, Arc::new(MemoryStore::default()), &world);
    one.becomes(Role::Master).await;
    one.deploy().await;
    let refusals = [
        (
            ("melt", &[][..]),
            "Entity 'machine' has no effector with name 'melt'",
        ),
        (
            ("heat", &[("degrees", "\"hot\"")][..]),
            "'degrees' must be a whole number, and is \"hot\"",
        ),
        (
            ("heat", &[("colour", "1")][..]),
            "effector 'heat' has no parameter 'colour': known are degrees",
        ),
    ];
    for ((effector, arguments), words) in refusals {
        let refused = one.invoke(effector, arguments).await.unwrap_err();
        assert_eq!(refused.to_string(), words);
    }
    assert!(one.host.read(|state| state.tasks().is_empty()));
    assert!(world.begun().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn code_that_fails_or_panics_ends_its_own_task_only() {
    let world = World::default();
    let one = Member::start("n1", 1, Arc::new(MemoryStore::default()), &world);
    one.becomes(Role::Master).await;
    one.deploy().await;
    let failed = one.invoke("fail", &[]).await.unwrap();
    assert_eq!(
        one.outcome(&failed).await,
        Outcome::Failed("there is no power".into())
    );
    let panicked = one.invoke("panic", &[]).await.unwrap();
    assert_eq!(
        one.outcome(&panicked).await,
        Outcome::Failed("its code panicked: sparks".into())
    );
    let good = one.invoke("heat", &[]).await.unwrap();
    assert_eq!(one.outcome(&good).await, Outcome::Done(json("90")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_is_larger_than_an_entry_ends_its_task_and_is_not_asked_for_again() {
    let world = World::default();
    let one = Member::start("n1", 1, Arc::new(MemoryStore::default()), &world);
    one.becomes(Role::Master).await;
    one.deploy().await;
    let boast = one.invoke("boast", &[]).await.unwrap();
    let Outcome::Failed(why) = one.outcome(&boast).await else {
        panic!("{:?}", one.task(&boast).ended.map(|e| e.at_ms));
    };
    assert!(
        why.starts_with("what became of it cannot be written down: "),
        "{why}"
    );
    assert_eq!(world.begun().len(), 1);
    // It does not hold on to its leave to act: the node can stop.
    one.plane.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_comes_twice_with_one_key_is_run_once() {
    let world = World::default();
    let one = Member::start("n1", 1, Arc::new(MemoryStore::default()), &world);
    one.becomes(Role::Master).await;
    one.deploy().await;
    let key = Some(ClientKey {
        key: "k-1",
        fingerprint: [1; 32],
    });
    let first = one.host.invoke(key, call("heat", &[])).await.unwrap();
    one.outcome(&first).await;
    assert_eq!(one.host.invoke(key, call("heat", &[])).await.unwrap(), first);
    assert_eq!(world.begun().len(), 1);
    assert_eq!(one.host.read(|state| state.tasks().len()), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_under_way_when_the_master_died_is_interrupted_or_run_again() {
    let (inner, world) = (MemoryStore::default(), World::default());
    let cut = Arc::new(Faulty::new(inner.clone(), 1));
    let one = Member::start("n1", 1, cut.clone(), &world);
    one.becomes(Role::Master).await;
    one.deploy().await;
    let two = Member::start("n2", 2, Arc::new(inner), &world);
    two.becomes(Role::HotStandby).await;
    let weld = one.invoke("weld", &[]).await.unwrap();
    let look = one.invoke("look", &[]).await.unwrap();
    until("both are under way", || world.begun().len() == 2).await;
    let epoch = world.begun()[0].1;
    cut.cut();
    two.becomes(Role::Master).await;
    let Outcome::Interrupted(why) = two.outcome(&weld).await else {
        panic!("{:?}", two.task(&weld));
    };
    assert!(
        why.starts_with("Task aborted on rebind: the node that led epoch"),
        "{why}"
    );
    let machine = two
        .host
        .read(|state| state.entity(&id("machine")))
        .unwrap()
        .unwrap();
    assert_eq!(machine.lifecycle(), Some(Lifecycle::OnFire));
    assert!(
        two.sensor("service.problems")
            .unwrap()
            .contains("Task aborted on rebind")
    );
    until("the other is run again", || world.begun().len() == 3).await;
    let again = world.begun()[2].clone();
    assert_eq!(again.0, "look");
    assert!(again.1 > epoch, "it has the newer fencing token");
    world.gate.0.add_permits(10);
    assert_eq!(two.outcome(&look).await, Outcome::Done(json("null")));
    assert_eq!(two.task(&look).attempt, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_under_way_when_its_leader_tried_to_let_go_is_not_done_twice_in_the_same_epoch() {
    let world = World::default();
    let one = Member::start("n1", 1, Arc::new(MemoryStore::default()), &world);
    one.becomes(Role::Master).await;
    one.deploy().await;
    let leadership = one.plane.leadership().await.unwrap();
    // As an act that does not end when its leave does.
    let stubborn = leadership.act_permit().await.unwrap();
    let weld = one.invoke("weld", &[]).await.unwrap();
    let look = one.invoke("look", &[]).await.unwrap();
    until("both are under way", || world.begun().len() == 2).await;
    one.plane.change_mode(Mode::HotStandby).await.unwrap_err();
    drop(stubborn);
    one.becomes(Role::Master).await;
    assert!(leadership.is_held(), "it leads on, in the same epoch");
    world.gate.0.add_permits(10);
    let Outcome::Interrupted(why) = one.outcome(&weld).await else {
        panic!("{:?}", one.task(&weld));
    };
    assert!(why.starts_with("Task aborted on rebind"), "{why}");
    assert_eq!(one.outcome(&look).await, Outcome::Done(json("null")));
    let welds = world.begun().iter().filter(|(what, _)| what == "weld").count();
    assert_eq!(
        welds, 1,
        "nobody knows what it did, and it must not be done twice"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_leader_broke_off_for_want_of_leave_is_interrupted_or_run_again_by_itself() {
    let world = World::default();
    let cut = Arc::new(Faulty::new(MemoryStore::default(), 1));
    let one = Member::start("n1", 1, cut.clone(), &world);
    one.becomes(Role::Master).await;
    one.deploy().await;
    let leadership = one.plane.leadership().await.unwrap();
    let weld = one.invoke("weld", &[]).await.unwrap();
    let look = one.invoke("look", &[]).await.unwrap();
    until("both are under way", || world.begun().len() == 2).await;
    let permit = leadership.act_permit().await.unwrap();
    cut.cut();
    permit.gone().await;
    drop(permit);
    world.is_at_rest().await;
    cut.heal();
    until("the other is run again", || world.begun().len() == 3).await;
    assert!(leadership.is_held(), "it leads on, in the same epoch");
    assert_eq!(world.begun()[2].0, "look");
    world.gate.0.add_permits(10);
    assert!(matches!(one.outcome(&weld).await, Outcome::Interrupted(_)));
    assert_eq!(one.outcome(&look).await, Outcome::Done(json("null")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_had_ended_when_its_leader_tried_to_let_go_ends_as_it_did() {
    let world = World::default();
    let store = Arc::new(Faulty::new(MemoryStore::default(), 1));
    let one = Member::start("n1", 1, store.clone(), &world);
    one.becomes(Role::Master).await;
    one.deploy().await;
    let leadership = one.plane.leadership().await.unwrap();
    let stubborn = leadership.act_permit().await.unwrap();
    let weld = one.invoke("weld", &[]).await.unwrap();
    until("it is under way", || world.begun().len() == 1).await;
    let lost = Fault::RequestLost { silent: false };
    store.add(Rule::new(lost).on(Operation::Create).under("journal/"));
    let host = one.host.clone();
    let before = tokio::spawn(async move { host.propose(None, |draft| tag(draft, "before")).await });
    until("an entry is on its way", || store.injected() > 0).await;
    world.gate.0.add_permits(1);
    until("its end waits behind that", || {
        let mut has_ended = false;
        let look = one.host.propose(None, |draft| {
            has_ended = draft.task(&weld)?.ended.is_some();
            Ok("".into())
        });
        // Seen at once, and answered when the end is durable.
        drop(look.now_or_never());
        has_ended
    })
    .await;
    let plane = one.plane.clone();
    let asked = tokio::spawn(async move { plane.change_mode(Mode::HotStandby).await });
    leadership.lost().await;
    store.clear();
    asked.await.unwrap().unwrap_err();
    before.await.unwrap().unwrap();
    drop(stubborn);
    one.becomes(Role::Master).await;
    assert!(leadership.is_held(), "it leads on, in the same epoch");
    assert_eq!(one.outcome(&weld).await, Outcome::Done(json("null")));
    assert_eq!(world.begun().len(), 1);
    assert_eq!(one.task(&weld).attempt, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_beginning_of_a_call_is_counted_also_by_a_leader_that_leads_on() {
    let world = World::default();
    let cut = Arc::new(Faulty::new(MemoryStore::default(), 1));
    let one = Member::start("n1", 1, cut.clone(), &world);
    one.becomes(Role::Master).await;
    one.deploy().await;
    let leadership = one.plane.leadership().await.unwrap();
    let look = one.invoke("look", &[]).await.unwrap();
    for attempt in 1..=3 {
        until("it is under way", || world.begun().len() == attempt).await;
        assert_eq!(one.task(&look).attempt as usize, attempt);
        let permit = leadership.wait_for_act_permit().await.unwrap();
        cut.cut();
        permit.gone().await;
        drop(permit);
        world.is_at_rest().await;
        cut.heal();
    }
    world.gate.0.add_permits(10);
    assert_eq!(one.outcome(&look).await, Outcome::Done(json("null")));
    assert_eq!(one.task(&look).attempt as usize, world.begun().len());
    assert!(leadership.is_held(), "all in one epoch");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_accepted_while_the_leader_before_may_act_and_says_what_it_waits_for() {
    let (inner, world) = (MemoryStore::default(), World::default());
    let cut = Arc::new(Faulty::new(inner.clone(), 1));
    let lease = Duration::from_secs(600);
    let one = Member::with_lease(lease, "n1", 1, cut.clone(), &world);
    one.becomes(Role::Master).await;
    one.deploy().await;
    let first = one.invoke("heat", &[]).await.unwrap();
    one.outcome(&first).await;
    let two = Member::with_lease(lease, "n2", 2, Arc::new(inner), &world);
    two.becomes(Role::HotStandby).await;
    cut.cut();
    two.becomes(Role::Master).await;
    let second = two.invoke("heat", &[]).await.unwrap();
    let accepted = two.task(&second);
    assert!(accepted.waits_for.expect("it waits").starts_with("leave to act"));
    assert_eq!(accepted.started, None);
    assert_eq!(world.begun().len(), 1, "nothing is done without leave to act");
}

/// What it would begin is gone at once in a runtime that is about to end, so that there is always something to begin.
#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_that_ends_while_a_call_is_taken_up_takes_its_host_with_it() {
    let world = World::default();
    let one = Member::start("n1", 1, Arc::new(MemoryStore::default()), &world);
    one.becomes(Role::Master).await;
    one.deploy().await;
    for round in 2..=200 {
        let runtime = tokio::runtime::Runtime::new().expect("threads");
        let host = {
            let _inside = runtime.enter();
            let (plane, managed) = (one.plane.clone(), one.managed.clone());
            Host::start(plane, managed, one.host.types().clone(), [round; 32], || 1_000)
        };
        host.invoke(None, call("weld", &[])).await.unwrap();
        let end = std::thread::spawn(move || drop(runtime));
        until("the runtime has ended", || end.is_finished()).await;
    }
}
