//! What a member shows of itself and of the others, and what it says of calls that fail.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{becomes, builder, until};
use ha_core::proto::{FailureKind, StoreReply};
use ha_core::{
    Append, Change, Mode, ModeError, Plane, RestoreError, Role, StateMachine, Status, failed_reply,
};
use ha_store::{Counted, Error, ErrorKind, Fault, Faulty, MemoryStore, Operation, Rule};

fn role_of(status: &Status, id: &str) -> Option<Role> {
    status.nodes.iter().find(|n| n.id.as_str() == id).map(|n| n.role)
}

/// A leader and a hot standby on one store, the standby's of which can be cut.
async fn two() -> (Plane, Plane, Arc<Faulty<MemoryStore>>) {
    let store = MemoryStore::default();
    let one = builder("n1", store.clone()).start().expect("threads");
    becomes(&one, Role::Master).await;
    let faulty = Arc::new(Faulty::new(store, 1));
    let two = builder("n2", faulty.clone()).start().expect("threads");
    becomes(&two, Role::HotStandby).await;
    (one, two, faulty)
}

#[tokio::test]
async fn each_node_is_shown_as_what_it_is() {
    let (one, two, store) = two().await;
    for plane in [&one, &two] {
        until("both are shown", || {
            let status = plane.status();
            role_of(&status, "n1") == Some(Role::Master) && role_of(&status, "n2") == Some(Role::HotStandby)
        })
        .await;
    }
    store.cut();
    until("who is silent has failed", || {
        role_of(&one.status(), "n2") == Some(Role::Failed)
    })
    .await;
    assert_eq!(role_of(&one.status(), "n1"), Some(Role::Master));
    store.heal();
    until("and lives again", || {
        role_of(&one.status(), "n2") == Some(Role::HotStandby)
    })
    .await;
    two.stop().await;
    until("who has stopped has said so", || {
        role_of(&one.status(), "n2") == Some(Role::Terminated)
    })
    .await;
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(
        role_of(&one.status(), "n2"),
        Some(Role::Terminated),
        "and is not missed"
    );
}

#[tokio::test]
async fn a_start_is_complete_with_the_first_role_and_a_stop_is_seen() {
    let plane = builder("n1", MemoryStore::default())
        .uri("http://n1/")
        .start()
        .unwrap();
    becomes(&plane, Role::Master).await;
    until("its start is complete", || plane.status().startup_complete).await;
    let status = plane.status();
    let own = status.nodes.iter().find(|n| n.id == status.own_id).unwrap();
    assert_eq!(own.uri.as_deref(), Some("http://n1/"));
    assert!(!status.stopping);
    let early = tokio::time::timeout(Duration::from_millis(50), plane.stopped());
    assert!(early.await.is_err(), "it has not stopped");
    plane.begin_stop();
    until("it says that it stops", || plane.status().stopping).await;
    plane.stopped().await;
    let bare = builder("n2", MemoryStore::default()).start().unwrap();
    becomes(&bare, Role::Master).await;
    until("it is shown", || {
        role_of(&bare.status(), "n2") == Some(Role::Master)
    })
    .await;
    assert_eq!(bare.status().nodes[0].uri, None);
}

#[tokio::test]
async fn a_leader_without_its_store_is_in_no_role() {
    let store = Arc::new(Faulty::new(MemoryStore::default(), 1));
    let plane = builder("n1", store.clone()).start().unwrap();
    becomes(&plane, Role::Master).await;
    until("its start is complete", || plane.status().startup_complete).await;
    store.cut();
    until("it is master no more", || plane.role() == Role::Initializing).await;
    until("and says so", || !plane.status().startup_complete).await;
}

#[tokio::test]
async fn a_start_that_its_mode_does_not_allow_yet_is_not_complete() {
    let store = Arc::new(Faulty::new(MemoryStore::default(), 1));
    store.add(
        Rule::new(Fault::Unavailable)
            .on(Operation::Create)
            .under("journal/"),
    );
    let plane = builder("n1", store.clone()).mode(Mode::Master).start().unwrap();
    until("it reads the empty store", || plane.status().reads.count > 3).await;
    let early = tokio::time::timeout(Duration::from_millis(300), plane.started());
    assert!(early.await.is_err(), "it was told to lead, and does not");
    assert!(!plane.status().startup_complete || plane.role() != Role::Master);
    store.clear();
    assert_eq!(plane.started().await.unwrap(), Role::Master);
}

#[tokio::test]
async fn leadership_is_held_until_another_leads() {
    let (one, two, _) = two().await;
    let leadership = one.leadership().await.unwrap();
    assert!(leadership.is_held());
    two.change_mode(Mode::Master).await.unwrap();
    leadership.lost().await;
    assert!(!leadership.is_held());
}

#[tokio::test]
async fn a_disabled_node_shows_itself_alone_and_comes_back_when_told() {
    let (_one, two, _) = two().await;
    assert_eq!(two.change_mode(Mode::Disabled).await.unwrap(), Role::HotStandby);
    until("it shows itself alone", || two.status().nodes.len() == 1).await;
    let status = two.status();
    assert_eq!(role_of(&status, "n2"), Some(Role::Failed));
    assert_eq!(status.errors.len(), 1, "that it is disabled");
    assert_eq!(
        status.reads.error_messages, [""; 0],
        "and nothing is wrong with its store"
    );
    two.change_mode(Mode::HotStandby).await.unwrap();
    until("it shows both again", || two.status().nodes.len() == 2).await;
}

#[tokio::test]
async fn a_mode_that_cannot_be_reached_is_refused_with_the_cause() {
    let store = MemoryStore::default();
    let one = builder("n1", store.clone()).start().unwrap();
    becomes(&one, Role::Master).await;
    until("it may act", || one.status().may_act).await;
    let two = builder("n2", store.clone()).mode(Mode::Standby).start().unwrap();
    becomes(&two, Role::Standby).await;
    two.change_mode(Mode::Disabled).await.unwrap();
    let seq = one.status().seq;
    let key = ha_core::proto::layout::entry_key(ha_core::Seq(seq.0 + 1));
    let key = ha_store::Key::new(&key).unwrap();
    ha_store::Store::put(
        &store,
        &key,
        bytes::Bytes::from_static(b"rotten"),
        common::PATIENCE,
    )
    .await
    .unwrap();
    let refused = two.change_mode(Mode::Master).await;
    let Err(ModeError::NotReached(why)) = refused else {
        panic!("{refused:?}")
    };
    assert!(why.contains("journal/"), "{why}");
    until("the status says so too", || {
        two.status().errors.iter().any(|e| e.contains("journal/"))
    })
    .await;
    let reads = two.status().reads.error_messages;
    assert!(reads.iter().any(|e| e.contains("journal/")), "{reads:?}");
}

#[tokio::test]
async fn a_standby_clears_no_record_of_the_leader() {
    let store = MemoryStore::default();
    let one = builder("n1", store.clone()).start().unwrap();
    becomes(&one, Role::Master).await;
    let counted = Arc::new(Counted::new(store));
    let two = builder("n2", counted.clone()).start().unwrap();
    becomes(&two, Role::HotStandby).await;
    until("it knows the leader", || {
        two.status().leader.is_some() && two.status().nodes.len() == 2
    })
    .await;
    two.clear_nodes(None);
    two.read().await.unwrap();
    assert_eq!(counted.counts().of(Operation::Delete).calls, 0);
}

#[tokio::test]
async fn each_write_is_given_up_when_its_own_time_is_over() {
    let store = Arc::new(Faulty::new(MemoryStore::default(), 1));
    let plane = builder("n1", store.clone())
        .append_timeout(Duration::from_millis(400))
        .start()
        .unwrap();
    becomes(&plane, Role::Master).await;
    until("it may act", || plane.status().may_act).await;
    // The first is slow, and the second is never heard of.
    let slow = Duration::from_millis(150);
    store.add(
        Rule::new(Fault::delay(slow))
            .on(Operation::Create)
            .under("journal/")
            .times(1),
    );
    store.add(
        Rule::new(Fault::ReplyLost { silent: true })
            .on(Operation::Create)
            .under("journal/")
            .skip(1),
    );
    let first = tokio::spawn({
        let plane = plane.clone();
        async move { plane.append("slow").await }
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    let second = tokio::time::timeout(Duration::from_secs(5), plane.append("lost")).await;
    assert!(
        matches!(second, Ok(Append::Unknown(_) | Append::Fenced(_))),
        "{second:?}"
    );
    let _told = first.await.unwrap();
}

#[tokio::test]
async fn a_write_is_given_up_in_its_time_also_when_those_behind_it_were_refused() {
    let store = Arc::new(Faulty::new(MemoryStore::default(), 1));
    let plane = builder("n1", store.clone())
        .append_timeout(Duration::from_millis(800))
        .start()
        .unwrap();
    becomes(&plane, Role::Master).await;
    until("it may act", || plane.status().may_act).await;
    store.add(
        Rule::new(Fault::ReplyLost { silent: true })
            .on(Operation::Create)
            .under("journal/"),
    );
    let append = |change: &'static str| {
        let plane = plane.clone();
        tokio::spawn(async move { plane.append(change).await })
    };
    let lost = append("lost");
    tokio::time::sleep(Duration::from_millis(50)).await;
    let behind = append("behind");
    tokio::time::sleep(Duration::from_millis(50)).await;
    let told = plane.clone();
    tokio::spawn(async move { told.change_mode(Mode::HotStandby).await });
    assert!(matches!(behind.await.unwrap(), Append::Fenced(_)));
    let lost = tokio::time::timeout(Duration::from_secs(5), lost).await;
    assert!(matches!(lost, Ok(Ok(Append::Unknown(_)))), "{lost:?}");
}

#[tokio::test]
async fn a_silent_leader_is_shown_to_have_failed_though_followers_may_be_silent_for_longer() {
    let millis = Duration::from_millis;
    let pace = ha_core::proto::Pace {
        beat: millis(50),
        follower_beat: millis(50),
        look: millis(6000),
        follower_look: millis(6000),
    };
    let config = common::config().pace(pace).build().unwrap();
    let store = MemoryStore::default();
    let faulty = Arc::new(Faulty::new(store.clone(), 1));
    let one = builder("n1", faulty.clone())
        .config(config.clone())
        .start()
        .unwrap();
    becomes(&one, Role::Master).await;
    let two = builder("n2", store).config(config).mode(Mode::HotBackup);
    let two = two.start().unwrap();
    until("it shows the master", || {
        role_of(&two.status(), "n1") == Some(Role::Master)
    })
    .await;
    faulty.cut();
    let cut = std::time::Instant::now();
    until("it shows that it has failed", || {
        role_of(&two.status(), "n1") == Some(Role::Failed)
    })
    .await;
    assert!(cut.elapsed() < millis(5000), "{:?}", cut.elapsed());
}

#[test]
fn a_member_is_known_by_the_nonce_of_its_seed() {
    let seed = [5; 32];
    assert_eq!(
        ha_core::PlaneBuilder::nonce_of(&seed),
        ha_core::proto::boot_nonce(&seed)
    );
    let shown = format!("{:?}", builder("n1", MemoryStore::default()));
    assert!(shown.contains("n1"), "{shown}");
    assert_eq!(().snapshot(), Vec::<Vec<u8>>::new(), "there is no state");
}

#[test]
fn what_follows_from_a_call_that_failed_is_told_by_its_kind() {
    let reply = |error: Error| match failed_reply(&error) {
        StoreReply::Failed(failure) => failure,
        other => panic!("{other:?}"),
    };
    for (kind, expected) in [
        (ErrorKind::OutcomeUnknown, FailureKind::OutcomeUnknown),
        (ErrorKind::Unavailable, FailureKind::NotDone),
        (ErrorKind::Denied, FailureKind::Refused),
        (ErrorKind::InvalidKey, FailureKind::Refused),
        (ErrorKind::Corrupt, FailureKind::Corrupt),
    ] {
        assert_eq!(reply(Error::new(kind, "k", "w")).kind, expected, "{kind:?}");
    }
    let cause = std::io::Error::other("the disk is full");
    let broken = Error::new(ErrorKind::OutcomeUnknown, "journal/1", "fsync failed").with_source(cause);
    let told = reply(broken.with_needs_restart());
    assert_eq!(told.kind, FailureKind::Broken);
    assert!(
        told.message.contains("journal/1") && told.message.ends_with(": the disk is full"),
        "{}",
        told.message
    );
}

/// A state that understands no change of the word that it was made with.
struct Old(&'static str, bool);

impl StateMachine for Old {
    fn apply(&mut self, change: &Change) {
        self.1 |= change.bytes == self.0.as_bytes();
    }
    fn reset(&mut self) {
        self.1 = false;
    }
    fn unusable(&self) -> Option<String> {
        self.1.then(|| format!("`{}` is of a newer version", self.0))
    }
    fn snapshot(&mut self) -> Vec<Vec<u8>> {
        vec![vec![u8::from(self.1)]]
    }
    fn restore(&mut self, parts: &[&[u8]]) -> Result<(), RestoreError> {
        self.1 = parts[0][0] == 1;
        Ok(())
    }
}

#[tokio::test]
async fn a_node_that_does_not_understand_the_state_has_failed_and_never_leads() {
    let store = MemoryStore::default();
    let new = builder("n1", store.clone()).start().expect("threads");
    becomes(&new, Role::Master).await;
    let old = builder("n2", store).state(Old("level 2", false));
    let old = old.start().expect("threads");
    becomes(&old, Role::HotStandby).await;
    new.append("level 1").await.committed().unwrap();
    until("it follows", || old.status().seq == new.status().seq).await;
    assert_eq!(old.role(), Role::HotStandby);
    new.append("level 2").await.committed().unwrap();
    becomes(&old, Role::Failed).await;
    let said = |words: &String| words.contains("`level 2` is of a newer version");
    until("it says why", || old.status().errors.iter().any(said)).await;
    new.stop().await;
    until("its leader has gone", || {
        role_of(&old.status(), "n1") == Some(Role::Terminated)
    })
    .await;
    assert_eq!(old.role(), Role::Failed);
}
