//! High availability for Rust services on nothing but a shared directory or a bucket: leader election with fencing tokens and, if wanted,
//! a fenced replicated journal for their own state.
//!
//! Start with [`Plane`]. Its node runs on a thread of its own, which owns the protocol's machine ([`proto::Node`]) and its clock, so that a busy
//! application cannot starve it. Who leads may write at once; who may also act on the world holds an [`ActPermit`].

pub use ha_proto as proto;
pub use ha_proto::{
    Config, Epoch, IdleRequests, Mode, NodeId, Nonce, Pace, PlaneId, Resolution, Role, Seq, WriteId,
};
mod builder;
pub use builder::PlaneBuilder;
mod plane;
pub use plane::{Follower, Leadership, Plane, RoleEvent, Roles};
mod state;
pub use state::{Change, Followed, RestoreError, StateMachine};
mod permit;
pub use permit::ActPermit;
mod error;
pub use error::{Append, AppendError, ModeError, ReadError, Refusal, StartError, UnknownWrite};
mod status;
pub use status::{ActivityStatus, NodeStatus, RoleChange, Status, TimingStatus};
mod call;
mod then;
pub use call::failed_reply;
mod clock;
mod driver;
mod meter;
mod publish;
