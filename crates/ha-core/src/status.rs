//! What a node tells about itself and its plane: one snapshot, read by the REST layer and by embedders.

use std::time::Duration;

use ha_proto::{Epoch, LoadProgress, Mode, NodeId, PlaneId, Role, Seq};

/// A node and its plane at one moment. Taken from memory; costs no store request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Status {
    /// The plane's id, once the journal has been read or begun.
    pub plane_id: Option<PlaneId>,
    /// This node.
    pub own_id: NodeId,
    /// What this node reports itself to be. `Master` only while it is proven by the store (see [`unproven_for`](Self::unproven_for)).
    pub role: Role,
    /// What the operator asked for.
    pub mode: Mode,
    /// Priority in the election; the highest goes first. Default 0.
    pub priority: i64,
    /// The leader of the current epoch, if there is one that has not released it.
    pub leader: Option<NodeId>,
    /// The current epoch.
    pub epoch: Epoch,
    /// Last position of the journal that this node has read.
    pub seq: Seq,
    /// Whether this node may act on the world (Full authority) at this moment.
    pub may_act: bool,
    /// Set on a leader whom the store has not answered for longer than its lease: it may have been deposed.
    pub unproven_for: Option<Duration>,
    /// Start-up is complete: the node has had a role other than `INITIALIZING` and is in no transition.
    pub startup_complete: bool,
    /// Hot by role, but the state is not loaded yet.
    pub awaiting_rebind: bool,
    /// The node is stopping, or has stopped.
    pub stopping: bool,
    /// What is wrong, in words for an operator; empty on a healthy node.
    pub errors: Vec<String>,
    /// Role changes, newest first; at most 200.
    pub history: Vec<RoleChange>,
    /// The nodes on record, by id.
    pub nodes: Vec<NodeStatus>,
    /// How often this node has looked at all their records.
    pub looks_at_nodes: u64,
    /// Timings in force.
    pub timings: TimingStatus,
    /// Wall-clock time of the start, milliseconds since 1970.
    pub started_ms: u64,
    /// Reads of the plane's records and journal.
    pub reads: ActivityStatus,
    /// Writes of the plane's records and journal.
    pub writes: ActivityStatus,
    /// Loads of the whole state (rebinds).
    pub rebinds: ActivityStatus,
    /// How far such a load has come, while there is one.
    pub loading: Option<LoadProgress>,
}

/// One line of [`Status::history`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct RoleChange {
    /// The role that was taken.
    pub role: Role,
    /// When, by the wall clock, milliseconds since 1970.
    pub at_ms: u64,
}

impl RoleChange {
    /// A change; for tests of what shows one.
    #[must_use]
    pub fn new(role: Role, at_ms: u64) -> Self {
        Self { role, at_ms }
    }
}

/// A node on record.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct NodeStatus {
    /// Its id.
    pub id: NodeId,
    /// Where it serves REST, if it does.
    pub uri: Option<String>,
    /// What it is: as it said last, or `Failed` if it has been silent for longer than the heartbeat time-out.
    pub role: Role,
    /// Its priority.
    pub priority: i64,
    /// Its wall clock when it wrote its record, milliseconds since 1970.
    pub local_ms: u64,
    /// This node's wall clock when it last saw that record change, milliseconds since 1970.
    pub seen_ms: u64,
    /// The newest format level of the state that it reads: see [`StateMachine::level`](crate::StateMachine::level).
    pub state_level: u32,
}

/// Timings in force.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct TimingStatus {
    /// Between two polls.
    pub poll: Duration,
    /// Silence after which a leader is suspected and Write authority may move.
    pub heartbeat_timeout: Duration,
    /// How long a proof by reading lets the leader act.
    pub lease_ttl: Duration,
}

/// Counters of one kind of activity.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct ActivityStatus {
    /// How many succeeded.
    pub count: u64,
    /// How many failed.
    pub failure_count: u64,
    /// When the last one succeeded, milliseconds since 1970.
    pub last_success_ms: Option<u64>,
    /// How long the last one took, milliseconds.
    pub last_duration_ms: Option<u64>,
    /// When the last one failed, milliseconds since 1970.
    pub last_failure_ms: Option<u64>,
    /// The last messages of failures, newest first; at most 10.
    pub error_messages: Vec<String>,
}

impl Status {
    /// An empty snapshot of a node that is starting; for tests of what shows one.
    #[must_use]
    pub fn starting(own_id: NodeId) -> Self {
        Self {
            plane_id: None,
            own_id,
            role: Role::Initializing,
            mode: Mode::Auto,
            priority: 0,
            leader: None,
            epoch: Epoch(0),
            seq: Seq(0),
            may_act: false,
            unproven_for: None,
            startup_complete: false,
            awaiting_rebind: false,
            stopping: false,
            errors: Vec::new(),
            history: Vec::new(),
            nodes: Vec::new(),
            looks_at_nodes: 0,
            timings: TimingStatus {
                poll: Duration::from_secs(1),
                heartbeat_timeout: Duration::from_secs(3),
                lease_ttl: Duration::from_secs(5),
            },
            started_ms: 0,
            reads: ActivityStatus::default(),
            writes: ActivityStatus::default(),
            rebinds: ActivityStatus::default(),
            loading: None,
        }
    }
}

impl NodeStatus {
    /// A node on record; for tests of what shows one.
    #[must_use]
    pub fn new(
        id: NodeId,
        uri: Option<String>,
        role: Role,
        priority: i64,
        local_ms: u64,
        seen_ms: u64,
    ) -> Self {
        Self {
            id,
            uri,
            role,
            priority,
            local_ms,
            seen_ms,
            state_level: 0,
        }
    }

    /// The same of a node that reads states up to this level.
    #[must_use]
    pub fn with_state_level(mut self, level: u32) -> Self {
        self.state_level = level;
        self
    }
}
