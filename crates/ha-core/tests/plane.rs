//! A plane in one process: several nodes on one store in memory, with the real clock.

use std::sync::Arc;
use std::time::Duration;

use ha_core::{Append, Config, Mode, NodeId, Plane, Role};
use ha_store::MemoryStore;

fn config() -> Config {
    let millis = Duration::from_millis;
    let timings = Config::builder().poll(millis(50)).heartbeat_timeout(millis(400)).lease_ttl(millis(800));
    timings.build().expect("timings that agree")
}

fn node(name: &str, store: &MemoryStore) -> Plane {
    let id = NodeId::new(name).unwrap();
    Plane::builder(id, Arc::new(store.clone())).config(config()).start().unwrap()
}

async fn becomes(plane: &Plane, role: Role) {
    let reached = async {
        while plane.role() != role {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), reached).await.unwrap_or_else(|_| panic!("not {role}: {:#?}", plane.status()));
}

#[tokio::test]
async fn a_lone_node_becomes_master_and_commits() {
    let store = MemoryStore::default();
    let plane = node("n1", &store);
    becomes(&plane, Role::Master).await;
    let leadership = plane.leadership().await.unwrap();
    let Append::Committed(first) = leadership.append("one").await else { panic!("not committed") };
    let Append::Committed(second) = leadership.append("two").await else { panic!("not committed") };
    assert!(second > first);
    let permit = leadership.wait_for_act_permit().await.expect("nobody else acts");
    assert!(permit.is_live());
    assert_eq!(permit.epoch(), leadership.epoch());
    drop(permit);
    plane.stop().await;
    assert_eq!(plane.role(), Role::Terminated);
}

#[tokio::test]
async fn an_orderly_stop_hands_over() {
    let store = MemoryStore::default();
    let one = node("n1", &store);
    becomes(&one, Role::Master).await;
    let two = node("n2", &store);
    becomes(&two, Role::HotStandby).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let began = std::time::Instant::now();
    one.stop().await;
    becomes(&two, Role::Master).await;
    println!("handed over in {:?}", began.elapsed());
}

#[tokio::test]
async fn a_standby_told_to_lead_leads_and_the_master_follows() {
    let store = MemoryStore::default();
    let one = node("n1", &store);
    becomes(&one, Role::Master).await;
    let two = node("n2", &store);
    becomes(&two, Role::HotStandby).await;
    assert_eq!(two.change_mode(Mode::Master).await.unwrap(), Role::HotStandby);
    assert_eq!(two.role(), Role::Master);
    becomes(&one, Role::HotStandby).await;
}
