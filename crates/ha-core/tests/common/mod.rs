//! Several nodes in one process, with the real clock and short timings.
#![allow(dead_code, reason = "each test binary uses some of it")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ha_core::{Change, Config, NodeId, Plane, PlaneBuilder, RestoreError, Role, StateMachine};
use ha_store::Store;

/// Longer than anything here takes, also on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn config() -> ha_core::proto::ConfigBuilder {
    let millis = Duration::from_millis;
    Config::builder()
        .poll(millis(50))
        .heartbeat_timeout(millis(600))
        .lease_ttl(millis(1000))
}

pub(crate) fn builder(name: &str, store: impl Store) -> PlaneBuilder {
    let id = NodeId::new(name).expect("a name");
    Plane::builder(id, Arc::new(store)).config(config().build().expect("timings that agree"))
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let reached = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, reached)
        .await
        .unwrap_or_else(|_| panic!("waited in vain: {what}"));
}

pub(crate) async fn becomes(plane: &Plane, role: Role) {
    until(&format!("{role}, but {:#?}", plane.status()), || {
        plane.role() == role
    })
    .await;
}

/// A state that is the list of all changes, and can be looked at from outside.
#[derive(Clone, Debug, Default)]
pub(crate) struct List(Arc<Mutex<Vec<String>>>);

impl List {
    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().expect("not poisoned").clone()
    }
}

impl StateMachine for List {
    fn apply(&mut self, change: &Change) {
        self.0
            .lock()
            .expect("not poisoned")
            .push(String::from_utf8_lossy(&change.bytes).into_owned());
    }
    fn reset(&mut self) {
        self.0.lock().expect("not poisoned").clear();
    }
    fn snapshot(&mut self) -> Vec<Vec<u8>> {
        let all = self.all();
        let (one, two) = all.split_at(all.len() / 2);
        vec![one.join("\n").into_bytes(), two.join("\n").into_bytes()]
    }
    fn restore(&mut self, parts: &[&[u8]]) -> Result<(), RestoreError> {
        let mut all = Vec::new();
        for part in parts {
            all.extend(std::str::from_utf8(part)?.lines().map(str::to_owned));
        }
        *self.0.lock().expect("not poisoned") = all;
        Ok(())
    }
}
