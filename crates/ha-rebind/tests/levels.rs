//! Nodes that know different format levels in one plane, and what a plane at a newer level writes.

mod common;

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use common::{LEASE, Leader, entity, id, json, node, replay, until};
use ha_core::{Mode, Plane, Role, StateMachine};
use ha_rebind::{
    Applied, Batch, BatchBytes, Change, EntityTypes, Host, HostSettings, LARGEST_PACKED_BATCH, Level,
    Managed, RaiseError, Replacement, State, Unreadable,
};
use ha_store::{Key, MemoryStore, Store};

const OLD: Level = Level::FIRST;
const NEW: Level = Level::PACKED_BATCHES;
/// How often leaders look whether they can raise the level.
const OFTEN: Duration = Duration::from_millis(50);

struct Member {
    plane: Plane,
    host: Host,
}

impl Member {
    fn start(name: &str, reads: Level, mode: Mode, store: &MemoryStore) -> Self {
        let managed = Managed::reading_up_to(reads);
        let store: Arc<dyn Store> = Arc::new(store.clone());
        let plane = node(name, store, LEASE).state(managed.clone()).mode(mode);
        let plane = plane.start().expect("threads");
        let mut settings = HostSettings::default();
        settings.raise_period = OFTEN;
        let seed = [name.len() as u8 + name.as_bytes()[1]; 32];
        let types = EntityTypes::built_in();
        let host = Host::start_with(settings, plane.clone(), managed, types, seed, || 0);
        Self { plane, host }
    }

    async fn becomes(&self, role: Role) {
        until(&format!("{role}"), || self.plane.role() == role).await;
    }

    async fn deploy(&self, name: &str) {
        let new = entity(name, None);
        let made = self
            .host
            .propose(None, |draft| draft.create(&[new]).map(|()| Bytes::new()));
        made.await.expect("it leads");
    }

    async fn shows(&self, name: &str) {
        until(&format!("{name} is there"), || {
            self.host.read(|state| state.contains(&id(name)))
        })
        .await;
    }

    fn level(&self) -> Level {
        self.host.read(State::level)
    }

    async fn fails_for_a_newer_level(&self) {
        self.becomes(Role::Failed).await;
        until("it says why", || {
            let errors = self.plane.status().errors;
            errors
                .iter()
                .any(|e| e.contains("of format level 2, and this node reads up to 1: use a newer version"))
        })
        .await;
    }
}

/// An application of so many entities.
fn large(count: usize) -> Vec<ha_rebind::Entity> {
    let mut all = vec![entity("app", None)];
    all.extend((0..count).map(|n| entity(&format!("entity{n}"), Some("app"))));
    all
}

fn batch_of(leader: &Leader) -> &Bytes {
    leader.journal.last().expect("something was written")
}

#[test]
fn a_plane_at_the_newer_level_packs_what_is_large_and_nothing_else() {
    let [mut old, mut new] = [Leader::default(), Leader::default()];
    new.make(|draft| draft.raise_level(NEW)).expect("it is higher");
    for leader in [&mut old, &mut new] {
        leader
            .make(|draft| draft.create(&large(1_000)))
            .expect("they are new");
    }
    let [plain, packed] = [batch_of(&old).len(), batch_of(&new).len()];
    assert!(packed * 4 < plain, "{packed} and {plain} bytes");
    for leader in [&mut old, &mut new] {
        let value = json("1");
        leader
            .make(|draft| draft.set_sensor(&id("entity7"), "s", &value))
            .expect("it is there");
    }
    assert_eq!(
        batch_of(&new).len(),
        batch_of(&old).len() + 1,
        "what is small stays as it is"
    );
    assert_eq!(new.state.entity_count(), old.state.entity_count());
    assert!(replay(&new.journal) == new.state);
}

#[test]
fn what_was_staged_upon_a_packed_batch_is_staged_again_when_another_is_lost() {
    let mut leader = Leader::default();
    leader.make(|draft| draft.raise_level(NEW)).expect("it is higher");
    leader
        .stage(|draft| draft.create(&large(1_000)))
        .expect("they are new");
    leader
        .stage(|draft| draft.set_sensor(&id("entity7"), "s", &json("1")))
        .expect("it is staged");
    leader.lose(1);
    leader
        .stage(|draft| draft.set_sensor(&id("entity7"), "s", &json("2")))
        .expect("what it was staged upon is left");
    leader.commit();
    assert_eq!(leader.state.sensor(&id("entity7"), "s"), Some(json("2")));
}

#[test]
fn a_batch_that_unpacks_to_more_than_there_may_be_is_not_read() {
    let packed = |bytes: usize| {
        let mut out = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
        out.write_all(&vec![0; bytes]).expect("memory takes all");
        [b"hb\x02\x00\x01", &out.finish().expect("memory takes all")[..]].concat()
    };
    let why = |bytes: &[u8]| BatchBytes::read(bytes).unwrap_err();
    let bomb = packed(LARGEST_PACKED_BATCH + 1);
    assert_eq!(
        why(&bomb),
        Unreadable::Damaged("larger than a packed batch may be")
    );
    assert!(BatchBytes::read(&packed(LARGEST_PACKED_BATCH)).is_ok());
    assert_eq!(
        why(b"hb\x02\x00\x01\xFF"),
        Unreadable::Damaged("its changes cannot be unpacked")
    );
    assert_eq!(
        why(b"hb\x02\x00\x02"),
        Unreadable::Damaged("packed in an unknown way")
    );
    assert_eq!(why(b"hb\x02\x00"), Unreadable::Damaged("cut short"));
}

#[test]
fn a_batch_larger_than_may_be_unpacked_is_written_as_it_is() {
    let blueprint = vec![b'x'; LARGEST_PACKED_BATCH];
    let batch = Batch {
        after: 0,
        number: 1,
        changes: vec![Change::Create {
            entity: id("app"),
            parent: None,
            body: &blueprint,
            sensors: &[],
        }],
    };
    let encoded = batch.encode(NEW);
    assert!(
        encoded.len() > LARGEST_PACKED_BATCH,
        "so that the journal refuses it as too large"
    );
}

#[test]
fn a_node_that_is_held_at_the_older_level_reads_nothing_of_the_newer() {
    let mut leader = Leader::default();
    leader
        .make(|draft| draft.create(&large(3)))
        .expect("they are new");
    let mut held = State::reading_up_to(OLD);
    assert_eq!(held.apply(&leader.journal[0], 1), Applied::Done(1));
    assert_eq!(held.unreadable(), None);
    leader.make(|draft| draft.raise_level(NEW)).expect("it is higher");
    let too_new = Unreadable::TooNew {
        found: NEW,
        known: OLD,
    };
    held.apply(&leader.journal[1], 2);
    assert_eq!(
        held.unreadable(),
        Some(too_new.clone()),
        "as soon as the level is raised"
    );
    leader
        .make(|draft| draft.create(&[entity("other", None)]))
        .expect("it is new");
    assert_eq!(held.apply(&leader.journal[2], 3), Applied::SetAside(too_new));
    assert_eq!(State::reading_up_to(Level(9)).reads(), Level::NEWEST);
}

#[test]
fn a_held_node_stays_held_when_another_state_takes_the_place_of_the_one_before() {
    let mut leader = Leader::default();
    leader
        .make(|draft| draft.create(&large(3)))
        .expect("they are new");
    let replacement = Replacement::new(leader.state.clone(), OLD).expect("it fits");
    leader
        .make(|draft| {
            draft.replace(&replacement);
            Ok(())
        })
        .expect("anything may be replaced");
    let mut held = State::reading_up_to(OLD);
    for batch in &leader.journal {
        held.apply(batch, 1);
    }
    assert_eq!((held.reads(), held.unreadable()), (OLD, None));
}

#[test]
fn a_node_that_cannot_read_a_snapshot_of_a_newer_level_says_that_its_state_is_of_no_use() {
    let mut leader = Leader::default();
    leader.make(|draft| draft.raise_level(NEW)).expect("it is higher");
    let parts: Vec<_> = leader.state.parts().into_iter().map(Bytes::from).collect();
    let mut held = Managed::reading_up_to(OLD);
    assert!(held.restore_shared(&parts).is_err());
    assert_eq!(
        held.unusable().as_deref(),
        Some("the state is of format level 2, and this node reads up to 1: use a newer version")
    );
    let damaged = Bytes::from_static(b"what is this");
    let mut other = Managed::reading_up_to(OLD);
    assert!(other.restore_shared(&[damaged]).is_err());
    assert_eq!(other.unusable(), None, "the next snapshot may be whole");
}

/// For a while the leader looks, and all stays as it is.
async fn stays_old(members: &[&Member]) {
    for _ in 0..10 {
        tokio::time::sleep(OFTEN).await;
        members.iter().for_each(|member| assert_eq!(member.level(), OLD));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_of_two_levels_live_in_one_plane_until_the_last_is_newer() {
    let store = MemoryStore::default();
    let old = Member::start("n1", OLD, Mode::Auto, &store);
    old.becomes(Role::Master).await;
    let new = Member::start("n2", NEW, Mode::Auto, &store);
    old.deploy("first").await;
    new.shows("first").await;
    new.becomes(Role::HotStandby).await;
    old.plane
        .change_mode(Mode::HotStandby)
        .await
        .expect("there is another");
    new.becomes(Role::Master).await;
    new.deploy("second").await;
    old.shows("second").await;
    assert_eq!(new.host.levels().behind(NEW), [old.plane.status().own_id]);
    stays_old(&[&old, &new]).await;
    old.plane.stop().await;
    // The one that has stopped is still on record, and may come back.
    stays_old(&[&new]).await;
    let upgraded = Member::start("n1", NEW, Mode::Auto, &store);
    until("the level is raised", || new.level() == NEW).await;
    new.deploy("third").await;
    upgraded.shows("third").await;
    assert_eq!(upgraded.level(), NEW);
    new.plane.stop().await;
    upgraded.becomes(Role::Master).await;
    upgraded.deploy("fourth").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hot_backup_of_the_newer_version_reads_all_and_changes_nothing() {
    let store = MemoryStore::default();
    let old = Member::start("n1", OLD, Mode::Auto, &store);
    old.becomes(Role::Master).await;
    old.deploy("first").await;
    let new = Member::start("n2", NEW, Mode::HotBackup, &store);
    new.becomes(Role::HotBackup).await;
    new.shows("first").await;
    // Beyond the next snapshots, too, which are the old one's.
    for number in 0..20 {
        old.deploy(&format!("app{number}")).await;
    }
    new.shows("app19").await;
    stays_old(&[&old, &new]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_level_that_is_forced_locks_out_whom_the_answer_names() {
    let store = MemoryStore::default();
    let new = Member::start("n1", NEW, Mode::HotBackup, &store);
    let old = Member::start("n2", OLD, Mode::Auto, &store);
    old.becomes(Role::Master).await;
    new.becomes(Role::HotBackup).await;
    let refused = old.host.raise_level(NEW, true).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "this node reads up to format level 1, and not 2"
    );
    new.plane.change_mode(Mode::Auto).await.expect("it may be");
    old.plane
        .change_mode(Mode::HotStandby)
        .await
        .expect("there is another");
    new.becomes(Role::Master).await;
    let refused = new.host.raise_level(NEW, false).await.unwrap_err();
    assert!(
        matches!(&refused, RaiseError::LocksOut { nodes, .. } if nodes.len() == 1),
        "{refused}"
    );
    assert!(
        refused
            .to_string()
            .starts_with("nodes `n2` do not read format level 2"),
        "{refused}"
    );
    new.host.raise_level(NEW, true).await.expect("it is forced");
    let again = new.host.raise_level(NEW, true).await.unwrap_err();
    assert_eq!(
        again.to_string(),
        "the plane is at format level 2 already, and never goes back"
    );
    old.fails_for_a_newer_level().await;
    // It takes over from nobody, and not after a restart either.
    old.plane.stop().await;
    let old = Member::start("n2", OLD, Mode::Auto, &store);
    old.fails_for_a_newer_level().await;
    new.plane.stop().await;
    let next = Member::start("n3", NEW, Mode::Auto, &store);
    next.becomes(Role::Master).await;
    assert_eq!((next.level(), old.plane.role()), (NEW, Role::Failed));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_finds_only_a_snapshot_of_a_newer_level_fails_and_says_so() {
    let store = MemoryStore::default();
    let new = Member::start("n1", NEW, Mode::Auto, &store);
    until("the level is raised", || new.level() == NEW).await;
    for number in 0..20 {
        new.deploy(&format!("app{number}")).await;
    }
    let commit = Key::new("journal/00000000/00000000000000000004").expect("a good key");
    while store.get(&commit, LEASE).await.is_ok() {
        new.deploy(&format!("app{}", new.host.read(State::entity_count)))
            .await;
    }
    Member::start("n2", OLD, Mode::Auto, &store)
        .fails_for_a_newer_level()
        .await;
}
