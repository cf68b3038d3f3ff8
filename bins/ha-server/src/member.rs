//! The member of the plane that this process is, as the REST layer sees it.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use ha_core::{Mode, ModeError, NodeId, Plane, Role, Status};
use ha_rebind::Host;
use ha_rest::{Control, ControlError, Feature, StoreUsage, VersionInfo};
use ha_store::{Counted, Store};
use tokio::sync::Notify;

use crate::clock;
use crate::launch::Launch;
use crate::node_state::NodeState;
use crate::usage::Usage;

/// A plane's member with what belongs to its process.
#[derive(Debug)]
pub(crate) struct Member {
    plane: Plane,
    entities: Host,
    state: Arc<NodeState>,
    shutdown: Arc<Notify>,
    usage: Usage,
    config: BTreeMap<&'static str, String>,
}

impl Member {
    /// `shutdown` is told when a client asks the process to stop.
    pub(crate) fn new(
        plane: Plane,
        entities: Host,
        state: Arc<NodeState>,
        shutdown: Arc<Notify>,
        store: Arc<Counted<Arc<dyn Store>>>,
        launch: &Launch,
    ) -> Self {
        Self {
            usage: Usage::new(store, launch),
            plane,
            entities,
            state,
            shutdown,
            config: shown(launch),
        }
    }
}

/// The settings that anybody who reaches the port may see, under Brooklyn's keys where it has one.
fn shown(launch: &Launch) -> BTreeMap<&'static str, String> {
    let millis = |d: std::time::Duration| format!("{}ms", d.as_millis());
    let mut config = BTreeMap::from([
        ("brooklyn.ha.pollPeriod", millis(launch.config.poll())),
        (
            "brooklyn.ha.heartbeatTimeout",
            millis(launch.config.heartbeat_timeout()),
        ),
        ("ha.leaseTtl", millis(launch.config.lease_ttl())),
        ("ha.profile", launch.profile.as_str().to_owned()),
        (
            "ha.highAvailability",
            launch.high_availability.as_str().to_owned(),
        ),
    ]);
    if let Some(place) = launch.persistence.place() {
        config.insert("brooklyn.persistence.dir", place);
    }
    config
}

#[async_trait]
impl Control for Member {
    fn status(&self) -> Status {
        self.plane.status()
    }

    fn now_ms(&self) -> u64 {
        clock::now_ms()
    }

    async fn change_mode(&self, mode: Mode) -> Result<Role, ControlError> {
        match self.plane.change_mode(mode).await {
            Ok(before) => Ok(before),
            Err(error @ ModeError::NotReached(_)) => Err(ControlError::Internal(error.to_string())),
            Err(error @ ModeError::Slow(_)) => Err(ControlError::Unknown {
                message: error.to_string(),
                epoch: self.plane.status().epoch.0,
                slot: 0,
                write_id: String::new(),
            }),
            Err(error) => Err(ControlError::NotApplied(error.to_string())),
        }
    }

    async fn set_priority(&self, priority: i64) -> Result<i64, ControlError> {
        let state = self.state.clone();
        let kept = tokio::task::spawn_blocking(move || state.set_priority(priority)).await;
        match kept {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(ControlError::NotApplied(error.to_string())),
            Err(error) => return Err(ControlError::Internal(error.to_string())),
        }
        let stopped = || ControlError::NotApplied("this node has stopped".to_owned());
        self.plane.set_priority(priority).await.ok_or_else(stopped)
    }

    async fn clear_nodes(&self, only: Option<NodeId>) -> Result<(), ControlError> {
        self.plane.clear_nodes(only.as_ref());
        Ok(())
    }

    fn shutdown(&self) {
        self.shutdown.notify_one();
    }

    fn config(&self, key: &str) -> Option<String> {
        self.config.get(key).cloned()
    }

    fn store_usage(&self) -> Option<StoreUsage> {
        Some(self.usage.now())
    }

    fn entities(&self) -> Option<Host> {
        Some(self.entities.clone())
    }

    fn version(&self) -> VersionInfo {
        let version = env!("CARGO_PKG_VERSION");
        let mut info = VersionInfo::new(version);
        info.features = [
            "ha-server",
            "ha-core",
            "ha-proto",
            "ha-store",
            "ha-rebind",
            "ha-rest",
        ]
        .map(|n| Feature::new(n, version))
        .into();
        info
    }
}
