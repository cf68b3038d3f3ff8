//! High availability for Rust services on a shared directory.

pub use ha_proto as proto;
pub use ha_proto::{Epoch, Mode, NodeId, PlaneId, Role, Seq};
mod status;
pub use status::{ActivityStatus, NodeStatus, RoleChange, Status, TimingStatus};
