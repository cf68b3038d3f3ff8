//! Imports of more than an entry holds, on planes in one process.

mod common;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use common::{LEASE, entity, id, json, node, until};
use ha_core::{Plane, PlaneBuilder, Role};
use ha_rebind::{EntityTypes, Host, HostSettings, ImportError, Json, Level, Managed, ProposeError, State};
use ha_store::{Fault, Faulty, MemoryStore, Operation, Rule, Store};

struct Member {
    plane: Plane,
    host: Host,
}

impl Member {
    async fn start(name: &str, store: Arc<dyn Store>, role: Role) -> Self {
        let plane = node(name, store, LEASE);
        Self::start_with(name, plane, Duration::from_millis(200), role).await
    }

    async fn start_with(name: &str, plane: PlaneBuilder, longest_import_pause: Duration, role: Role) -> Self {
        let managed = Managed::default();
        let plane = plane.state(managed.clone()).start().expect("threads");
        let mut settings = HostSettings::default();
        settings.longest_import_pause = longest_import_pause;
        let seed = [name.as_bytes()[1]; 32];
        let types = EntityTypes::built_in();
        let host = Host::start_with(settings, plane.clone(), managed, types, seed, || {
            1_466_414_301_065
        });
        until(&format!("{role}"), || plane.role() == role).await;
        Self { plane, host }
    }

    async fn make(&self, name: &str, config: &Json) {
        let mut new = entity(name, None);
        new.config.set("noise", config);
        let made = self
            .host
            .propose(None, |draft| draft.create(&[new]).map(|()| Bytes::new()));
        made.await.expect("it is durable");
    }

    fn contains(&self, name: &str) -> bool {
        self.host.read(|state| state.contains(&id(name)))
    }

    /// How many pieces there are, as a snapshot would hold them.
    fn size_of_all(&self) -> usize {
        self.host.read(|state| state.parts().iter().map(Vec::len).sum())
    }
}

/// An archive of four entities of more than three entries' bytes when it is packed.
async fn large_archive() -> Bytes {
    let one = Member::start("n9", Arc::new(MemoryStore::default()), Role::Master).await;
    // Digits of pi would deflate; these do not.
    let mut noise = 1u64;
    for number in 0..4 {
        let text: String = (0..900_000)
            .map(|_| {
                noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                char::from(b'0' + (noise >> 58) as u8)
            })
            .collect();
        one.make(&format!("e{number}"), &Json::string(&text)).await;
    }
    let mut archive = Vec::new();
    let export = one.host.export(true).await.expect("it has the state");
    export.write(&mut archive).expect("memory takes all");
    assert!(
        archive.len() > 2 * one.plane.largest_change(),
        "{}",
        archive.len()
    );
    archive.into()
}

async fn raise(leader: &Member) {
    let raised = leader.host.raise_level(Level::IMPORTS_IN_PIECES, true).await;
    raised.expect("it is higher");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_larger_than_an_entry_comes_in_pieces_and_as_a_whole() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let one = Member::start("n1", store.clone(), Role::Master).await;
    let two = Member::start("n2", store.clone(), Role::HotStandby).await;
    one.make("old", &json("null")).await;
    let archive = large_archive().await;
    let refused = one.host.import(None, archive.clone()).await.unwrap_err();
    assert!(
        refused
            .to_string()
            .starts_with("the plane's format level is 1, and this needs 2"),
        "{refused}"
    );
    raise(&one).await;
    one.host.import(None, archive).await.expect("it is durable");
    let whole = |member: &Member| {
        member.host.read(|state| {
            (
                state.entity_count(),
                (0..4).all(|n| state.contains(&id(&format!("e{n}")))),
            )
        })
    };
    assert_eq!(whole(&one), (4, true));
    two.plane.read().await.expect("it follows");
    assert_eq!(whole(&two), (4, true));
    // Nothing is left of the pieces, on a node that loads a snapshot of it either.
    let three = Member::start("n3", store, Role::HotStandby).await;
    three.plane.read().await.expect("it follows");
    assert_eq!(whole(&three), (4, true));
    assert!(three.host.read(State::clone) == one.host.read(State::clone));
    one.make("next", &json("null")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_whose_store_fails_in_its_midst_replaces_nothing_and_leaves_nothing() {
    let store = Arc::new(Faulty::new(MemoryStore::default(), 1));
    let one = Member::start("n1", store.clone(), Role::Master).await;
    raise(&one).await;
    one.make("old", &json("null")).await;
    let archive = large_archive().await;
    let before = one.size_of_all();
    // The first piece is written, and no other for as long as this leader lives.
    let journal = Rule::new(Fault::RequestLost { silent: true }).on(Operation::Create);
    store.add(journal.under("journal/").skip(1));
    let why = one.host.import(None, archive.clone()).await.unwrap_err();
    let is_certain = matches!(why, ImportError::Proposal(ProposeError::NotApplied(_)));
    assert!(is_certain, "{why:?}");
    store.clear();
    until("it leads again", || one.plane.role() == Role::Master).await;
    until("the piece that came is dropped", || {
        one.size_of_all() < before + 1000
    })
    .await;
    assert!(one.contains("old"));
    one.host.import(None, archive).await.expect("the store is well");
    assert!(one.contains("e0") && !one.contains("old"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_piece_that_is_durable_after_its_time_is_not_written_once_more() {
    let store = Arc::new(Faulty::new(MemoryStore::default(), 1));
    let (in_time, late, minute) = (
        Duration::from_millis(300),
        Duration::from_millis(900),
        Duration::from_secs(60),
    );
    // It leads as long as it takes, and does not know for so long what became of a write.
    let plane = node("n1", store.clone(), minute).append_timeout(in_time);
    let one = Member::start_with("n1", plane, minute, Role::Master).await;
    raise(&one).await;
    let archive = large_archive().await;
    let second = Rule::new(Fault::delay(late))
        .on(Operation::Create)
        .under("journal/");
    store.add(second.skip(1).times(1));
    one.host
        .import(None, archive)
        .await
        .expect("each piece is durable, and the next of its import");
    assert!(one.contains("e0"));
    assert_eq!(one.host.read(State::skipped), 0);
}
