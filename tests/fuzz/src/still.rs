//! A node to ask.

use async_trait::async_trait;
use ha_core::{Mode, NodeId, NodeStatus, PlaneId, Role, RoleChange, Status};
use ha_rest::{Control, ControlError, VersionInfo};

/// A node that stays as it is, and says so to every command.
#[derive(Debug)]
pub(crate) struct Still(pub(crate) Role);

const STARTED_MS: u64 = 1_466_414_101_065;

#[async_trait]
impl Control for Still {
    fn status(&self) -> Status {
        let id = |name| NodeId::new(name).expect("a good name");
        let mut status = Status::starting(id("n1"));
        let leader = if self.0 == Role::Master { "n1" } else { "n2" };
        status.plane_id = Some(PlaneId("g2Mk0xQa".to_owned()));
        status.role = self.0;
        status.leader = Some(id(leader));
        status.startup_complete = self.0 != Role::Initializing;
        status.started_ms = STARTED_MS;
        status.history = vec![RoleChange::new(self.0, STARTED_MS + 17)];
        let other = if self.0 == Role::Master {
            Role::HotStandby
        } else {
            Role::Master
        };
        let uri = |port: u16| Some(format!("http://127.0.0.1:{port}/"));
        status.nodes = vec![
            NodeStatus::new(id("n1"), uri(8081), self.0, 0, STARTED_MS + 10, STARTED_MS + 11),
            NodeStatus::new(id("n2"), uri(8082), other, 0, STARTED_MS + 20, STARTED_MS + 21),
        ];
        status
    }

    fn now_ms(&self) -> u64 {
        STARTED_MS + 33_040
    }

    async fn change_mode(&self, _mode: Mode) -> Result<Role, ControlError> {
        Ok(self.0)
    }

    async fn set_priority(&self, _priority: i64) -> Result<i64, ControlError> {
        Ok(0)
    }

    async fn clear_nodes(&self, _only: Option<NodeId>) -> Result<(), ControlError> {
        Ok(())
    }

    fn shutdown(&self) {}

    fn config(&self, key: &str) -> Option<String> {
        (key == "pollPeriod").then(|| "1 \"s\"".to_owned())
    }

    fn version(&self) -> VersionInfo {
        VersionInfo::new("0.1.0")
    }
}
