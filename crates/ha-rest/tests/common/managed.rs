//! Two nodes of a plane that manages entities, in one process, on a store in memory.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary has its own copy, and uses its part"
)]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use ha_core::{Config, Mode, NodeId, Plane, Role, Status};
use ha_rebind::{EntityTypes, Host, HostSettings, Managed};
use ha_rest::{Control, ControlError, Settings, VersionInfo, app};
use ha_store::Store;

use crate::common::{Answer, send};

/// A node with its host.
#[derive(Clone, Debug)]
pub struct Node {
    pub plane: Plane,
    pub host: Host,
    pub router: Router,
}

/// The wall clock of these nodes.
pub const NOW_MS: u64 = 1_466_414_301_065;

/// No test waits longer for anything: not a pace, but the moment at which it has failed.
const PATIENCE: Duration = Duration::from_secs(30);

impl Node {
    pub fn start(name: &str, seed: u8, store: Arc<dyn Store>, types: EntityTypes) -> Self {
        Self::start_with(HostSettings::default(), name, seed, store, types)
    }

    pub fn start_with(
        settings: HostSettings,
        name: &str,
        seed: u8,
        store: Arc<dyn Store>,
        types: EntityTypes,
    ) -> Self {
        let millis = Duration::from_millis;
        let config = Config::builder()
            .poll(millis(50))
            .heartbeat_timeout(millis(600))
            .lease_ttl(millis(1000))
            .batch_bytes(8 << 20);
        let managed = Managed::default();
        let plane = Plane::builder(NodeId::new(name).unwrap(), store)
            .config(config.build().unwrap())
            .state(managed.clone())
            .start()
            .unwrap();
        let host = Host::start_with(settings, plane.clone(), managed, types, [seed; 32], || NOW_MS);
        let door = Door {
            plane: plane.clone(),
            host: host.clone(),
        };
        let router = app(Arc::new(door), Settings::default());
        Self { plane, host, router }
    }

    pub async fn becomes(&self, role: Role) {
        self.until(&format!("the role {role}"), || {
            let status = self.plane.status();
            status.role == role && status.startup_complete && !status.awaiting_rebind
        })
        .await;
    }

    pub async fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let reached = async {
            while !holds() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, reached).await;
        in_time.unwrap_or_else(|_| panic!("waited in vain for {what}"));
    }

    pub async fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        send(self.router.clone(), method, path, headers, body.to_owned()).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, &[], "").await
    }

    /// With a body that is called JSON, as `br` calls all.
    pub async fn post(&self, path: &str, body: &str) -> Answer {
        self.call("POST", path, &[("Content-Type", "application/json")], body)
            .await
    }
}

#[derive(Debug)]
struct Door {
    plane: Plane,
    host: Host,
}

#[async_trait]
impl Control for Door {
    fn status(&self) -> Status {
        self.plane.status()
    }

    fn now_ms(&self) -> u64 {
        NOW_MS
    }

    async fn change_mode(&self, _: Mode) -> Result<Role, ControlError> {
        Err(ControlError::Refused("this node has no modes".into()))
    }

    async fn set_priority(&self, priority: i64) -> Result<i64, ControlError> {
        Ok(priority)
    }

    async fn clear_nodes(&self, _: Option<NodeId>) -> Result<(), ControlError> {
        Ok(())
    }

    fn shutdown(&self) {}

    fn config(&self, _: &str) -> Option<String> {
        None
    }

    fn entities(&self) -> Option<Host> {
        Some(self.host.clone())
    }

    fn version(&self) -> VersionInfo {
        VersionInfo::new("0.1.0")
    }
}
