//! The embedder's API, on several nodes in one process that share a store in memory.

mod common;

use std::time::Duration;

use common::{List, PATIENCE, becomes, builder, config, until};
use ha_core::{
    Append, Change, Followed, Mode, ReadError, Refusal, Resolution, RestoreError, Role, StateMachine,
};
use ha_store::{Fault, Faulty, MemoryStore, Operation, Rule};

#[tokio::test]
async fn a_lone_node_leads_commits_and_may_act() {
    let plane = builder("n1", MemoryStore::default()).start().unwrap();
    let leadership = plane.leadership().await.unwrap();
    let first = leadership.append("one").await.committed().unwrap();
    let second = leadership.append("two").await.committed().unwrap();
    assert!(second > first);
    let permit = leadership.wait_for_act_permit().await.expect("nobody else acts");
    assert!(permit.is_live());
    assert_eq!(permit.epoch(), leadership.epoch());
    drop(permit);
    plane.stop().await;
    assert_eq!(plane.role(), Role::Terminated);
    assert!(matches!(plane.append("three").await, Append::Fenced(_)));
}

#[tokio::test]
async fn an_orderly_stop_hands_over() {
    let store = MemoryStore::default();
    let one = builder("n1", store.clone()).start().unwrap();
    becomes(&one, Role::Master).await;
    let two = builder("n2", store).start().unwrap();
    becomes(&two, Role::HotStandby).await;
    one.stop().await;
    becomes(&two, Role::Master).await;
}

#[tokio::test]
async fn the_last_handle_that_is_dropped_stops_the_node_in_order() {
    let store = MemoryStore::default();
    let one = builder("n1", store.clone()).start().unwrap();
    becomes(&one, Role::Master).await;
    let handle = one.clone();
    drop(one);
    assert_eq!(handle.role(), Role::Master, "another handle is left");
    drop(handle);
    // Its release says so, long before its silence would.
    let patient = config().heartbeat_timeout(PATIENCE * 2).build().unwrap();
    let two = builder("n2", store).config(patient).start().unwrap();
    becomes(&two, Role::Master).await;
}

#[tokio::test]
async fn a_standby_told_to_lead_leads_and_the_leadership_of_the_other_is_lost() {
    let store = MemoryStore::default();
    let one = builder("n1", store.clone()).start().unwrap();
    let leadership = one.leadership().await.unwrap();
    let mut roles = one.roles();
    let two = builder("n2", store).start().unwrap();
    becomes(&two, Role::HotStandby).await;
    assert_eq!(two.change_mode(Mode::Master).await.unwrap(), Role::HotStandby);
    assert_eq!(two.role(), Role::Master);
    leadership.lost().await;
    assert!(matches!(leadership.append("late").await, Append::Fenced(_)));
    becomes(&one, Role::HotStandby).await;
    let mut next = roles.next().await.unwrap().role;
    if next == Role::Master {
        // What it was already when the listener came.
        next = roles.next().await.unwrap().role;
    }
    assert_eq!(next, Role::Initializing, "on its way");
    assert_eq!(roles.next().await.unwrap().role, Role::HotStandby);
    // Told to lead once more, it does not write under its old leadership.
    one.change_mode(Mode::Master).await.unwrap();
    assert!(matches!(leadership.append("old").await, Append::Fenced(_)));
    assert!(matches!(one.append("new").await, Append::Committed(_)));
}

#[tokio::test]
async fn a_follower_sees_what_another_node_commits() {
    let store = MemoryStore::default();
    let one = builder("n1", store.clone()).start().unwrap();
    becomes(&one, Role::Master).await;
    let two = builder("n2", store).start().unwrap();
    becomes(&two, Role::HotStandby).await;
    let mut follower = two.follow();
    let seq = one.append("hello").await.committed().unwrap();
    let Some(Followed::Change(change)) = follower.next().await else {
        panic!("no change")
    };
    assert_eq!(
        (&change.bytes[..], change.seq, change.by.as_str()),
        (&b"hello"[..], seq, "n1")
    );
}

#[tokio::test]
async fn a_linearizable_read_on_a_standby_sees_every_acknowledged_write() {
    let store = MemoryStore::default();
    let one = builder("n1", store.clone()).start().unwrap();
    becomes(&one, Role::Master).await;
    // It polls seldom: what it knows by itself is old.
    let slow = config()
        .poll(Duration::from_secs(5))
        .heartbeat_timeout(PATIENCE)
        .lease_ttl(PATIENCE)
        .build()
        .unwrap();
    let list = List::default();
    let two = builder("n2", store.clone())
        .config(slow)
        .state(list.clone())
        .start()
        .unwrap();
    becomes(&two, Role::HotStandby).await;
    for n in 0..20 {
        let seq = one.append(format!("{n}")).await.committed().unwrap();
        assert!(two.read().await.unwrap() >= seq);
        assert_eq!(list.all().len(), n + 1);
    }
    let warm = builder("n3", store).mode(Mode::Standby).start().unwrap();
    warm.started().await.unwrap();
    assert_eq!(warm.read().await, Err(ReadError::NotHot));
}

#[tokio::test]
async fn a_write_whose_reply_is_lost_is_unknown_until_the_chain_has_decided() {
    let store = Faulty::new(MemoryStore::default(), 1);
    let store = std::sync::Arc::new(store);
    let plane = builder("n1", store.clone())
        .append_timeout(Duration::from_millis(150))
        .start()
        .unwrap();
    becomes(&plane, Role::Master).await;
    until("it may act", || plane.status().may_act).await;
    store.add(
        Rule::new(Fault::ReplyLost { silent: true })
            .on(Operation::Create)
            .under("journal/"),
    );
    let Append::Unknown(write) = plane.append("lost").await else {
        panic!("the reply was lost")
    };
    assert_eq!(plane.resolve(write).await, Resolution::Undecided);
    store.clear();
    let resolved = async {
        loop {
            match plane.resolve(write).await {
                Resolution::Undecided => tokio::time::sleep(Duration::from_millis(5)).await,
                decided => return decided,
            }
        }
    };
    let decided = tokio::time::timeout(PATIENCE, resolved)
        .await
        .expect("it is decided");
    assert_eq!(decided, Resolution::Committed(write.slot));
}

#[tokio::test]
async fn a_write_that_the_store_refuses_is_certainly_not_applied() {
    let store = std::sync::Arc::new(Faulty::new(MemoryStore::default(), 1));
    let list = List::default();
    let plane = builder("n1", store.clone()).state(list.clone()).start().unwrap();
    becomes(&plane, Role::Master).await;
    until("it may act", || plane.status().may_act).await;
    store.add(
        Rule::new(Fault::Unavailable)
            .on(Operation::Create)
            .under("journal/"),
    );
    assert!(matches!(plane.append("refused").await, Append::Fenced(_)));
    store.clear();
    let seq = plane.append("taken").await.committed().unwrap();
    plane.applied(seq).await.unwrap();
    assert_eq!(list.all(), ["taken"]);
}

#[tokio::test]
async fn a_leader_without_its_store_is_no_master_after_its_lease_and_is_one_again_when_the_store_is_back() {
    let store = std::sync::Arc::new(Faulty::new(MemoryStore::default(), 1));
    let plane = builder("n1", store.clone()).start().unwrap();
    let leadership = plane.leadership().await.unwrap();
    let permit = leadership.wait_for_act_permit().await.unwrap();
    store.cut();
    permit.gone().await;
    assert!(!permit.is_live());
    until("it is master no more", || plane.role() != Role::Master).await;
    assert!(plane.status().unproven_for.is_some());
    assert!(!plane.status().errors.is_empty(), "it says what is wrong");
    drop(permit);
    store.heal();
    becomes(&plane, Role::Master).await;
    assert_eq!(
        plane.leadership().await.unwrap().epoch(),
        leadership.epoch(),
        "nobody took over"
    );
}

#[tokio::test]
async fn while_an_act_is_under_way_nobody_is_handed_the_leadership() {
    let store = MemoryStore::default();
    let one = builder("n1", store.clone()).start().unwrap();
    let leadership = one.leadership().await.unwrap();
    let two = builder("n2", store).start().unwrap();
    becomes(&two, Role::HotStandby).await;
    let permit = leadership.wait_for_act_permit().await.unwrap();
    let change = tokio::spawn({
        let two = two.clone();
        async move { two.change_mode(Mode::Master).await }
    });
    // The leader wants to let go, and waits for the act.
    permit.gone().await;
    assert_eq!(two.role(), Role::HotStandby);
    drop(permit);
    change.await.unwrap().unwrap();
    assert_eq!(two.role(), Role::Master);
}

#[tokio::test]
async fn a_late_starter_begins_with_a_snapshot_of_what_was_collected() {
    let store = MemoryStore::default();
    let small = || config().snapshot_entries(10).build().unwrap();
    let one = builder("n1", store.clone())
        .config(small())
        .state(List::default())
        .start()
        .unwrap();
    becomes(&one, Role::Master).await;
    let expected: Vec<String> = (0..100).map(|n| format!("change {n}")).collect();
    for change in &expected {
        assert!(matches!(one.append(change).await, Append::Committed(_)));
    }
    let collected = || async {
        let folder = ha_store::Folder::new("journal/00000000").unwrap();
        let names = ha_store::Store::list(&store, &folder, PATIENCE).await.unwrap();
        !names.iter().any(|n| n.ends_with("0005"))
    };
    tokio::time::timeout(PATIENCE, async {
        while !collected().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("old entries are collected");
    let list = List::default();
    let two = builder("n2", store.clone())
        .config(small())
        .state(list.clone())
        .start()
        .unwrap();
    becomes(&two, Role::HotStandby).await;
    two.read().await.unwrap();
    assert_eq!(list.all(), expected);
}

#[tokio::test(flavor = "current_thread")]
async fn a_busy_application_does_not_starve_the_lease() {
    let plane = builder("n1", MemoryStore::default()).start().unwrap();
    becomes(&plane, Role::Master).await;
    let before = plane.status().history.len();
    // The application's only thread does nothing else for twice the lease.
    let busy = std::time::Instant::now();
    while busy.elapsed() < Duration::from_secs(2) {
        std::hint::spin_loop();
    }
    assert_eq!(plane.role(), Role::Master);
    assert_eq!(plane.status().history.len(), before, "it was master all the time");
}

#[tokio::test]
async fn a_clean_start_empties_the_state_within_the_same_journal() {
    let store = MemoryStore::default();
    let one = builder("n1", store.clone())
        .state(List::default())
        .start()
        .unwrap();
    one.leadership()
        .await
        .unwrap()
        .append("old")
        .await
        .committed()
        .unwrap();
    let plane_id = one.status().plane_id;
    let refused = builder("n2", store.clone()).clean(true).start().unwrap();
    let why = refused.started().await.expect_err("a master lives").to_string();
    assert!(why.contains("n1"), "{why}");
    one.stop().await;
    let list = List::default();
    let three = builder("n3", store)
        .clean(true)
        .state(list.clone())
        .start()
        .unwrap();
    let seq = three
        .leadership()
        .await
        .unwrap()
        .append("new")
        .await
        .committed()
        .unwrap();
    three.applied(seq).await.unwrap();
    assert_eq!(list.all(), ["new"]);
    assert_eq!(three.status().plane_id, plane_id);
}

/// A state that cannot make sense of any snapshot, as that of an older version might.
struct Unable;

impl StateMachine for Unable {
    fn apply(&mut self, _: &Change) {}
    fn reset(&mut self) {}
    fn snapshot(&mut self) -> Vec<Vec<u8>> {
        vec![Vec::new()]
    }
    fn restore(&mut self, _: &[&[u8]]) -> Result<(), RestoreError> {
        Err("a format of another version".into())
    }
}

#[tokio::test]
async fn a_new_leader_that_cannot_load_the_state_lets_another_lead() {
    let store = MemoryStore::default();
    let small = || config().snapshot_entries(10).build().unwrap();
    let one = builder("n1", store.clone())
        .config(small())
        .state(List::default())
        .start()
        .unwrap();
    becomes(&one, Role::Master).await;
    for n in 0..30 {
        one.append(format!("{n}")).await.committed().unwrap();
    }
    let warm = |name| builder(name, store.clone()).config(small()).mode(Mode::Standby);
    let unable = warm("n2").priority(9).state(Unable).start().unwrap();
    becomes(&unable, Role::Standby).await;
    let list = List::default();
    let able = warm("n3").state(list.clone()).start().unwrap();
    becomes(&able, Role::Standby).await;
    let knows_both = || {
        one.status()
            .nodes
            .iter()
            .filter(|n| n.role == Role::Standby)
            .count()
            == 2
    };
    until("the master knows both", knows_both).await;
    one.stop().await;
    becomes(&able, Role::Master).await;
    assert_eq!(list.all().len(), 30);
    let said = |plane: &ha_core::Plane| plane.status().rebinds.error_messages.join(" ");
    assert!(
        said(&unable).contains("a format of another version"),
        "{}",
        said(&unable)
    );
}

#[tokio::test]
async fn what_is_begun_first_is_committed_first_and_also_if_nobody_waits_for_it() {
    let list = List::default();
    let plane = builder("n1", MemoryStore::default())
        .state(list.clone())
        .start()
        .unwrap();
    let leadership = plane.leadership().await.unwrap();
    let begun: Vec<_> = (0..20)
        .map(|n| leadership.begin_append(format!("{n}").as_bytes()))
        .collect();
    // Not in the order in which they were begun, and one not at all.
    for append in begun.into_iter().skip(1).rev() {
        append.await.committed().unwrap();
    }
    let seq = leadership.append("last").await.committed().unwrap();
    plane.applied(seq).await.unwrap();
    let all: Vec<_> = (0..20)
        .map(|n| n.to_string())
        .chain(["last".to_owned()])
        .collect();
    assert_eq!(list.all(), all);
}

#[tokio::test]
async fn who_gives_a_callback_is_told_once_of_each_write_also_when_the_node_has_stopped() {
    let plane = builder("n1", MemoryStore::default())
        .state(List::default())
        .start()
        .unwrap();
    let leadership = plane.leadership().await.unwrap();
    let (told, mut hears) = tokio::sync::mpsc::unbounded_channel();
    let append = |change: &'static str| {
        let told = told.clone();
        leadership.append_then(change.as_bytes(), move |outcome| {
            told.send((change, outcome)).unwrap();
        });
    };
    append("first");
    append("second");
    let (first, second) = (hears.recv().await.unwrap(), hears.recv().await.unwrap());
    assert_eq!((first.0, second.0), ("first", "second"));
    assert!(matches!(first.1, Append::Committed(_)) && matches!(second.1, Append::Committed(_)));
    plane.stop().await;
    append("late");
    assert_eq!(
        hears.recv().await.unwrap(),
        ("late", Append::Fenced(Refusal::Stopped))
    );
}
