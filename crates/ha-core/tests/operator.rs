//! What an operator sets and sees.

mod common;

use std::time::Duration;

use common::{becomes, builder, config, until};
use ha_core::{Append, Epoch, Mode, ModeError, ReadError, Refusal, Role, Seq, UnknownWrite};
use ha_proto::WriteId;
use ha_store::MemoryStore;

#[tokio::test]
async fn what_a_node_says_of_itself_is_seen_by_the_others() {
    let store = MemoryStore::default();
    let one = builder("n1", store.clone())
        .uri("http://127.0.0.1:8081/")
        .version("1.2.0")
        .priority(3)
        .start()
        .unwrap();
    becomes(&one, Role::Master).await;
    let two = builder("n2", store).mode(Mode::HotStandby).start().unwrap();
    assert_eq!(two.started().await.unwrap(), Role::HotStandby);
    let seen = || two.status().nodes.into_iter().find(|n| n.id.as_str() == "n1");
    until("the standby sees the master's record", || {
        seen().is_some_and(|n| {
            n.uri.as_deref() == Some("http://127.0.0.1:8081/") && (n.priority, n.role) == (3, Role::Master)
        })
    })
    .await;
    assert_eq!(one.set_priority(7).await, Some(3));
    until("and its new priority", || seen().is_some_and(|n| n.priority == 7)).await;
    one.stop().await;
    assert_eq!(one.set_priority(1).await, None, "it has stopped");
}

#[tokio::test]
async fn records_of_nodes_that_have_gone_are_cleared_one_or_all() {
    let store = MemoryStore::default();
    let one = builder("n1", store.clone()).start().unwrap();
    becomes(&one, Role::Master).await;
    for name in ["n2", "n3"] {
        let other = builder(name, store.clone()).start().unwrap();
        becomes(&other, Role::HotStandby).await;
        other.stop().await;
    }
    let names = || -> Vec<String> {
        let nodes = one.status().nodes;
        nodes.iter().map(|n| n.id.to_string()).collect()
    };
    until("three are known", || names().len() == 3).await;
    let second = one.status().nodes.into_iter().find(|n| n.id.as_str() == "n2");
    one.clear_nodes(second.map(|n| n.id).as_ref());
    until("n2 is forgotten", || names() == ["n1", "n3"]).await;
    one.clear_nodes(None);
    until("and then n3", || names() == ["n1"]).await;
}

#[tokio::test]
async fn a_node_that_keeps_no_state_or_has_stopped_says_so() {
    let store = MemoryStore::default();
    let one = builder("n1", store.clone()).start().unwrap();
    becomes(&one, Role::Master).await;
    let two = builder("n2", store).mode(Mode::Standby).start().unwrap();
    becomes(&two, Role::Standby).await;
    assert_eq!(two.read().await, Err(ReadError::NotHot));
    assert!(matches!(
        two.append("x").await,
        Append::Fenced(Refusal::NotLeader)
    ));
    two.stop().await;
    assert!(matches!(
        two.change_mode(Mode::HotStandby).await,
        Err(ModeError::Stopped)
    ));
    assert!(matches!(two.append("x").await, Append::Fenced(Refusal::Stopped)));
    assert_eq!(two.leadership().await.unwrap_err(), Refusal::Stopped);
    assert_eq!(two.applied(Seq(1_000)).await, None);
}

#[test]
fn what_was_not_done_says_what_to_do() {
    let write = UnknownWrite {
        epoch: Epoch(3),
        slot: Seq(17),
        write_id: WriteId([1; 16]),
    };
    let unknown = Append::Unknown(write).committed().unwrap_err().to_string();
    assert!(
        unknown.contains("epoch 3, slot 17") && unknown.contains("resolve it"),
        "{unknown}"
    );
    let refused = Append::Fenced(Refusal::Store("the bucket is not there: make it".into()));
    let error = refused.committed().unwrap_err();
    let cause = std::error::Error::source(&error)
        .expect("it has a cause")
        .to_string();
    assert!(
        cause.contains("make it") && !error.to_string().contains("make it"),
        "{error}: {cause}"
    );
    let slow = ModeError::Slow(Duration::from_secs(20)).to_string();
    assert!(slow.contains("20s") && slow.contains("later"), "{slow}");
}

#[tokio::test]
async fn who_gives_up_leads_no_more_and_says_why() {
    let plane = builder("n1", MemoryStore::default()).start().unwrap();
    becomes(&plane, Role::Master).await;
    plane.give_up("the disk of this machine is full");
    becomes(&plane, Role::Failed).await;
    until("it says why", || {
        let errors = plane.status().errors;
        errors.iter().any(|e| e == "the disk of this machine is full")
    })
    .await;
}

#[tokio::test]
async fn a_change_may_be_as_large_as_is_said_and_no_larger() {
    let config = config().batch_bytes(4096).build().unwrap();
    let plane = builder("n1", MemoryStore::default())
        .config(config)
        .start()
        .unwrap();
    becomes(&plane, Role::Master).await;
    let largest = plane.largest_change();
    assert_eq!(largest, 4096);
    assert!(matches!(
        plane.append(vec![7; largest]).await,
        Append::Committed(_)
    ));
    assert_eq!(
        plane.append(vec![7; largest + 1]).await,
        Append::Fenced(Refusal::TooLarge)
    );
}
