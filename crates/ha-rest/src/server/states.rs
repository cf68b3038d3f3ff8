//! The nodes of the plane: Brooklyn's `HighAvailabilitySummary`.

use ha_core::{NodeStatus, Status};
use serde::ser::{Serialize, Serializer};

/// The plane as this node sees it, in Brooklyn's order.
#[derive(Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HighAvailabilitySummary {
    plane_id: Option<String>,
    own_id: String,
    master_id: Option<String>,
    nodes: Nodes,
    links: Links,
}

impl From<Status> for HighAvailabilitySummary {
    fn from(status: Status) -> Self {
        Self {
            plane_id: status.plane_id.map(|plane| plane.0),
            own_id: status.own_id.into(),
            master_id: status.leader.map(String::from),
            nodes: Nodes(status.nodes),
            links: Links {},
        }
    }
}

/// An object keyed by node id, in the order of the list.
#[derive(Debug)]
struct Nodes(Vec<NodeStatus>);

impl Serialize for Nodes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            self.0
                .iter()
                .map(|node| (node.id.as_str(), HaNodeSummary::from(node))),
        )
    }
}

/// A node on record, in Brooklyn's order. `remoteTimestamp` is when this node last saw the record change, by its own clock.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct HaNodeSummary<'a> {
    node_id: &'a str,
    node_uri: Option<&'a str>,
    status: &'static str,
    local_timestamp: u64,
    remote_timestamp: u64,
    priority: i64,
}

impl<'a> From<&'a NodeStatus> for HaNodeSummary<'a> {
    fn from(node: &'a NodeStatus) -> Self {
        Self {
            node_id: node.id.as_str(),
            node_uri: node.uri.as_deref(),
            status: node.role.name(),
            local_timestamp: node.local_ms,
            remote_timestamp: node.seen_ms,
            priority: node.priority,
        }
    }
}

/// Brooklyn has the field, and nothing in it.
#[derive(Debug, serde::Serialize)]
struct Links {}
