//! What a node asks of its store, as the metrics show it: numbers only, for this layer knows no store.

use std::time::Duration;

/// What a node has asked of its store since it started.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct StoreUsage {
    /// Which store, in words.
    pub name: String,
    /// Calls by operation.
    pub operations: Vec<OperationUsage>,
    /// What that costs. Default: nothing, and nothing is shown.
    pub cost: Option<StoreCost>,
}

/// The calls of one operation.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct OperationUsage {
    /// Which: `create`, `put`, `get`, `get_range`, `list`, `delete`.
    pub name: String,
    /// Calls begun.
    pub calls: u64,
    /// Calls that failed; that an object is there, or is not, is an answer.
    pub failures: u64,
    /// Bytes of objects carried by calls that succeeded.
    pub bytes: u64,
    /// Half of the calls took no longer than about this.
    pub p50: Option<Duration>,
    /// 99 of 100 calls took no longer than about this.
    pub p99: Option<Duration>,
    /// Bounds, and how many calls took no longer; the last has no bound.
    pub latency: Vec<(Option<Duration>, u64)>,
}

/// Dollars, by a price table.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct StoreCost {
    /// By this node, since it started.
    pub so_far: f64,
    /// By this node in a month, if it goes on as it has. Default: not known yet.
    pub projected_month: Option<f64>,
    /// By a plane of [`idle_nodes`](Self::idle_nodes) in a month in which nothing happens, at the settings in force.
    pub idle_plane_month: f64,
    /// Nodes of that plane.
    pub idle_nodes: u32,
    /// The silence after which that plane suspects its master.
    pub suspicion: Duration,
    /// The price of a thousand writes.
    pub put_per_thousand: f64,
    /// The price of a thousand listings.
    pub list_per_thousand: f64,
    /// The price of a thousand reads.
    pub get_per_thousand: f64,
}

impl StoreUsage {
    /// A store that has not been asked anything.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }
}

impl OperationUsage {
    /// An operation that has not been called.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }
}

impl StoreCost {
    /// What was spent, and what an idle plane comes to.
    #[must_use]
    pub fn new(so_far: f64, idle_plane_month: f64) -> Self {
        Self {
            so_far,
            idle_plane_month,
            ..Self::default()
        }
    }
}
