//! Entities on a plane of two nodes in one process, which share a store in memory.

mod common;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use common::{LEASE, entity, id, json, node, shop, until};
use ha_core::{Plane, Role};
use ha_rebind::{Batch, ClientKey, Draft, Level, Managed, ProposeError, Proposer, Refusal};
use ha_store::{Fault, Faulty, Folder, MemoryStore, Operation, Rule, Store};

/// Longer than anything here takes, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

struct Member {
    plane: Plane,
    managed: Managed,
}

impl Member {
    fn start(name: &str, store: Arc<dyn Store>) -> Self {
        let managed = Managed::default();
        let plane = node(name, store, LEASE).state(managed.clone());
        let plane = plane.start().expect("threads");
        Self { plane, managed }
    }

    async fn lead(&self) -> Proposer {
        let leadership = self.plane.leadership().await.expect("it runs");
        Proposer::begin(&self.plane, leadership, &self.managed)
            .await
            .expect("it runs")
    }

    async fn becomes(&self, role: Role) {
        until(&format!("{role}"), || self.plane.role() == role).await;
    }
}

fn deploy(name: &str) -> impl FnOnce(&mut Draft<'_>) -> Result<Bytes, Refusal> + use<> {
    let new = entity(name, None);
    move |draft| draft.create(&[new]).map(|()| Bytes::from_static(b"201"))
}

fn set(sensor: &'static str, value: &str) -> impl FnOnce(&mut Draft<'_>) -> Result<Bytes, Refusal> + use<> {
    let value = json(value);
    move |draft| {
        draft
            .set_sensor(&id("web"), sensor, &value)
            .map(|()| Bytes::new())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_master_deploys_is_read_on_the_standby_and_found_when_the_master_has_died() {
    let inner = MemoryStore::default();
    let cut = Arc::new(Faulty::new(inner.clone(), 1));
    let one = Member::start("n1", cut.clone());
    let proposer = one.lead().await;
    let two = Member::start("n2", Arc::new(inner.clone()));
    two.becomes(Role::HotStandby).await;
    let key = ClientKey {
        key: "k-1",
        fingerprint: [1; 32],
    };
    let answer = proposer
        .propose(Some(key), |draft| {
            draft.create(&shop()).map(|()| Bytes::from_static(b"201"))
        })
        .await;
    assert_eq!(answer.unwrap(), "201");
    assert!(
        one.managed.read(|state| state.contains(&id("cache"))),
        "who is answered finds it"
    );
    for number in 0..20 {
        proposer
            .propose(None, set("requests", &number.to_string()))
            .await
            .unwrap();
    }
    // A linearizable read on the standby.
    two.plane.read().await.unwrap();
    assert_eq!(
        two.managed.read(|s| s.sensor(&id("web"), "requests")),
        Some(json("19"))
    );
    // The master is gone: it reaches nothing any more.
    cut.cut();
    let next = two.lead().await;
    assert!(
        two.managed
            .read(|s| s.entity(&id("web")).expect("it is there").is_ok())
    );
    let again = next
        .propose(Some(key), |_| unreachable!("it was answered before"))
        .await;
    assert_eq!(
        again.unwrap(),
        "201",
        "a client that asks again gets the first answer"
    );
    next.propose(None, set("requests", "20")).await.unwrap();
    assert!(proposer.propose(None, set("requests", "21")).await.is_err());
    // Who comes later loads a snapshot, and reads on.
    let snapshots = inner
        .list(&Folder::new("snapshot").expect("a folder"), PATIENCE)
        .await
        .expect("a folder");
    assert!(!snapshots.is_empty());
    let three = Member::start("n3", Arc::new(inner));
    three.becomes(Role::HotStandby).await;
    three.plane.read().await.unwrap();
    let (theirs, ours) = (three.managed.read(Clone::clone), two.managed.read(Clone::clone));
    assert!(theirs == ours);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_deploy_one_id_at_once_one_is_told_that_it_did() {
    let member = Member::start("n1", Arc::new(MemoryStore::default()));
    let proposer = member.lead().await;
    let tasks: Vec<_> = (0..32)
        .map(|_| {
            let proposer = proposer.clone();
            tokio::spawn(async move { proposer.propose(None, deploy("app")).await })
        })
        .collect();
    let mut done = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => done += 1,
            Err(refused) => assert_eq!(refused, ProposeError::Refused(Refusal::EntityExists(id("app")))),
        }
    }
    assert_eq!(done, 1);
    assert_eq!(member.managed.read(|s| (s.entity_count(), s.skipped())), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_refuses_a_write_loses_it_and_what_was_evaluated_upon_it_and_nothing_else() {
    let store = Arc::new(Faulty::new(MemoryStore::default(), 1));
    let member = Member::start("n1", store.clone());
    let proposer = member.lead().await;
    proposer.propose(None, deploy("first")).await.unwrap();
    store.add(
        Rule::new(Fault::Unavailable)
            .on(Operation::Create)
            .under("journal/"),
    );
    let ask = |name: &'static str| {
        let proposer = proposer.clone();
        tokio::spawn(async move { proposer.propose(None, deploy(name)).await })
    };
    // Evaluated one upon the other, and with them one that was refused because of another that is not durable.
    for asked in [ask("lost"), ask("lost"), ask("upon"), ask("lost")] {
        let lost = asked.await.unwrap();
        assert!(matches!(lost, Err(ProposeError::NotApplied(_))), "{lost:?}");
    }
    store.clear();
    proposer.propose(None, deploy("next")).await.unwrap();
    let there = |name: &str| member.managed.read(|s| s.contains(&id(name)));
    assert_eq!(
        (there("first"), there("lost"), there("next")),
        (true, false, true)
    );
    // And it may be asked for again.
    proposer.propose(None, deploy("lost")).await.unwrap();
    assert!(there("lost"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_behind_what_cannot_be_read_is_told_that_it_may_be_applied() {
    let store = Arc::new(Faulty::new(MemoryStore::default(), 1));
    let member = Member::start("n1", store.clone());
    let proposer = member.lead().await;
    proposer.propose(None, deploy("first")).await.unwrap();
    // Long enough that what is proposed now is evaluated before the entry in front of it is there.
    let (p50, p99) = (Duration::from_millis(300), Duration::ZERO);
    store.add(
        Rule::new(Fault::Delay { p50, p99 })
            .on(Operation::Create)
            .under("journal/"),
    );
    let unreadable = proposer.leadership().begin_append(b"no batch");
    let waits = proposer.propose(None, deploy("second")).await;
    assert_eq!(waits, Err(ProposeError::Unknown(None)));
    unreadable.await.committed().unwrap();
    let refused = proposer.propose(None, deploy("third")).await;
    assert!(
        matches!(refused, Err(ProposeError::Refused(Refusal::StateUnreadable(_)))),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_leaves_nothing_behind_that_blocks_the_next() {
    let member = Member::start("n1", Arc::new(MemoryStore::default()));
    let proposer = member.lead().await;
    for number in 0..50 {
        let asked = proposer.propose(None, deploy(&format!("app{number}")));
        // Gone at once, or while it waits.
        let _ = tokio::time::timeout(Duration::from_micros(number * 20), asked).await;
    }
    proposer.propose(None, deploy("last")).await.unwrap();
    assert_eq!(member.managed.read(|s| s.skipped()), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_who_write_at_once_are_durable_in_the_order_in_which_they_were_evaluated() {
    let member = Member::start("n1", Arc::new(MemoryStore::default()));
    let proposer = member.lead().await;
    let tasks: Vec<_> = (0..200)
        .map(|number| {
            let proposer = proposer.clone();
            tokio::spawn(async move { proposer.propose(None, deploy(&format!("app{number}"))).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().expect("none of them hinders another");
    }
    assert_eq!(member.managed.read(|s| (s.entity_count(), s.last())), (200, 200));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_meets_a_batch_of_a_newer_version_has_failed_and_says_why() {
    let member = Member::start("n1", Arc::new(MemoryStore::default()));
    let proposer = member.lead().await;
    proposer.propose(None, deploy("first")).await.unwrap();
    let newer = Batch {
        after: 1,
        number: 2,
        changes: Vec::new(),
    };
    let newer = newer.encode(Level(Level::NEWEST.0 + 1));
    proposer.leadership().append(newer).await.committed().unwrap();
    until("it has failed", || member.plane.role() == Role::Failed).await;
    until("it says why", || {
        let errors = member.plane.status().errors;
        errors.iter().any(|e| e.contains("use a newer version"))
    })
    .await;
}
