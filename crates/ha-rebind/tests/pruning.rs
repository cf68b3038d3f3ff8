//! Tasks that ended long ago, or are too many, are forgotten by the leader.

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use common::{entity, id, json, task_id, until};
use ha_core::{ActPermit, NodeId, Plane, Role};
use ha_rebind::{
    Effect, Effector, Ended, EntityType, EntityTypes, Host, HostSettings, Invocation, Managed, Outcome, Task,
    TaskLimits, TypeDescription, Values,
};
use ha_store::MemoryStore;

/// A server that is asked to wait, and does.
struct Waiter(TypeDescription);

#[async_trait]
impl EntityType for Waiter {
    fn description(&self) -> &TypeDescription {
        &self.0
    }
    async fn invoke(&self, _: &Invocation<'_>, _: &ActPermit) -> Result<Effect, String> {
        std::future::pending().await
    }
}

struct Node {
    plane: Plane,
    host: Host,
    clock: Arc<AtomicU64>,
}

impl Node {
    async fn start(limits: TaskLimits) -> Self {
        let managed = Managed::default();
        let store = Arc::new(MemoryStore::default());
        let plane = Plane::builder(NodeId::new("n1").expect("a name"), store);
        let plane = plane.state(managed.clone()).start().expect("threads");
        let wait = Effector {
            name: "wait".into(),
            description: String::new(),
            is_idempotent: true,
            parameters: Vec::new(),
            returns: None,
        };
        let mut types = EntityTypes::built_in();
        let waiter = TypeDescription {
            name: "test.Waiter".into(),
            effectors: vec![wait],
            ..TypeDescription::default()
        };
        types.register(Waiter(waiter)).expect("its name is new");
        let clock = Arc::new(AtomicU64::new(1_000));
        let now = clock.clone();
        let mut settings = HostSettings::default();
        settings.tasks = limits;
        let now_ms = move || now.load(Ordering::SeqCst);
        let host = Host::start_with(settings, plane.clone(), managed, types, [1; 32], now_ms);
        until("it leads", || plane.role() == Role::Master).await;
        let mut waiter = entity("waiter", Some("app"));
        waiter.entity_type = "test.Waiter".into();
        let all = [entity("app", None), entity("other", Some("app")), waiter];
        let made = host.propose(None, |draft| draft.create(&all).map(|()| "201".into()));
        made.await.expect("it is durable");
        Self { plane, host, clock }
    }

    async fn accept(&self, tasks: &[Task]) {
        let accepted = self.host.propose(None, |draft| {
            let mut each = tasks.iter();
            each.try_for_each(|task| draft.accept_task(task))?;
            Ok("202".into())
        });
        accepted.await.expect("it is durable");
    }

    fn tasks(&self) -> BTreeSet<String> {
        self.host
            .read(|state| state.tasks().iter().map(|t| t.to_string()).collect())
    }

    async fn keeps(&self, tasks: &[&str]) {
        let kept: BTreeSet<String> = tasks.iter().map(|t| (*t).to_owned()).collect();
        until(&format!("{kept:?} are kept"), || self.tasks() == kept).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(self.tasks(), kept, "and stay");
    }
}

fn ended(name: &str, entity: &str, at_ms: u64) -> Task {
    let mut task = Task::new(task_id(name), Some(id(entity)), "work", at_ms);
    let outcome = Outcome::Done(json("1"));
    task.ended = Some(Ended { at_ms, outcome });
    task
}

fn often() -> TaskLimits {
    TaskLimits {
        period: Duration::from_millis(10),
        ..TaskLimits::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_task_is_forgotten_unless_it_or_one_that_it_asked_for_goes_on() {
    let node = Node::start(often()).await;
    let mut waiting = Task::new(task_id("waiting"), Some(id("waiter")), "wait", 1);
    waiting.call = Some(ha_rebind::Call {
        effector: "wait".into(),
        parameters: Values::default(),
        is_idempotent: true,
    });
    waiting.submitted_by = Some(task_id("asker"));
    let mut parent = ended("parent", "app", 1);
    parent.children = vec![task_id("waiting")];
    node.accept(&[
        waiting,
        parent,
        ended("asker", "app", 1),
        ended("old", "app", 2),
        ended("young", "app", 3_000),
    ])
    .await;
    node.keeps(&["asker", "old", "parent", "waiting", "young"]).await;
    let month = 30 * 24 * 60 * 60 * 1_000;
    node.clock.store(month + 1_000, Ordering::SeqCst);
    node.keeps(&["asker", "parent", "waiting", "young"]).await;
    node.clock.store(month + 3_001, Ordering::SeqCst);
    node.keeps(&["asker", "parent", "waiting"]).await;
    node.plane.begin_stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_of_an_entity_that_has_too_many_are_forgotten() {
    let limits = TaskLimits {
        max_of_entity: 2,
        ..often()
    };
    let node = Node::start(limits).await;
    node.accept(&[
        ended("a3", "app", 3),
        ended("a1", "app", 1),
        ended("a4", "app", 4),
        ended("a2", "app", 2),
        ended("b1", "other", 1),
        ended("b2", "other", 2),
    ])
    .await;
    node.keeps(&["a3", "a4", "b1", "b2"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_more_than_there_may_be_in_all_the_oldest_go_and_some_in_an_entry() {
    let limits = TaskLimits {
        max_in_all: 3,
        max_of_entity: 100_000,
        ..often()
    };
    let node = Node::start(limits).await;
    let last = node.host.read(|state| state.last());
    let many: Vec<_> = (0..2_503)
        .map(|n| ended(&format!("t{n:04}"), "app", 5_000 - n))
        .collect();
    node.accept(&many).await;
    node.keeps(&["t0000", "t0001", "t0002"]).await;
    let entries = node.host.read(|state| state.last()) - last;
    assert_eq!(entries, 1 + 3, "no more than a thousand in one");
}
