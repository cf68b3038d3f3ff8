//! A state that takes its time.

mod common;

use std::sync::{Arc, Condvar, Mutex};

use common::{List, becomes, builder, until};
use ha_core::{Change, RestoreError, Role, StateMachine};
use ha_store::MemoryStore;

/// Applies nothing until it may.
#[derive(Clone, Default)]
struct Slow {
    list: List,
    may: Arc<(Mutex<bool>, Condvar)>,
}

impl Slow {
    fn may_go_on(&self) {
        *self.may.0.lock().expect("not poisoned") = true;
        self.may.1.notify_all();
    }
}

impl StateMachine for Slow {
    fn apply(&mut self, change: &Change) {
        let may = self.may.0.lock().expect("not poisoned");
        let waited = self.may.1.wait_while(may, |may| !*may);
        drop(waited.expect("not poisoned"));
        self.list.apply(change);
    }
    fn reset(&mut self) {
        self.list.reset();
    }
    fn snapshot(&mut self) -> Vec<Vec<u8>> {
        self.list.snapshot()
    }
    fn restore(&mut self, parts: &[&[u8]]) -> Result<(), RestoreError> {
        self.list.restore(parts)
    }
}

#[tokio::test]
async fn who_takes_over_is_master_when_its_state_has_all_that_was_acknowledged_and_not_before() {
    let (store, slow) = (MemoryStore::default(), Slow::default());
    let one = builder("n1", store.clone()).state(List::default());
    let one = one.start().unwrap();
    becomes(&one, Role::Master).await;
    let two = builder("n2", store).state(slow.clone()).start().unwrap();
    becomes(&two, Role::HotStandby).await;
    for n in 0..10 {
        one.append(format!("{n}")).await.committed().unwrap();
    }
    one.stop().await;
    until("it leads by the journal", || {
        two.status().leader.is_some_and(|leader| leader.as_str() == "n2")
    })
    .await;
    // Long enough for it to prove itself by a read, were that all.
    let since = two.status().looks_at_nodes;
    until("it has gone on for a while", || {
        two.status().looks_at_nodes > since + 3
    })
    .await;
    assert_eq!(two.role(), Role::Initializing);
    let loading = two.status().loading.expect("it says what it waits for");
    assert_eq!(loading.seq, loading.head);
    assert!(slow.list.all().is_empty());
    slow.may_go_on();
    becomes(&two, Role::Master).await;
    assert_eq!(slow.list.all().len(), 10);
    until("nothing is loaded any more", || two.status().loading.is_none()).await;
}
