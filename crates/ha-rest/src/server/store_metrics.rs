//! `GET /ha/metrics`, `store`: what this node asks of its store, how fast that answers, and what it costs.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::usage::{OperationUsage, StoreCost, StoreUsage};

/// In dollars and milliseconds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StoreMetrics {
    name: String,
    operations: BTreeMap<String, Operation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<Cost>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Operation {
    calls: u64,
    failures: u64,
    bytes: u64,
    latency_millis_p50: Option<f64>,
    latency_millis_p99: Option<f64>,
    latency: Vec<Bucket>,
}

/// So many calls took no longer than the bound; the last has none.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Bucket {
    up_to_millis: Option<f64>,
    calls: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Cost {
    dollars_so_far: f64,
    dollars_a_month_projected: Option<f64>,
    idle_plane: IdlePlane,
    dollars_per_thousand: PerThousand,
}

/// What it costs to wait, and what the waiting buys.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct IdlePlane {
    nodes: u32,
    dollars_a_month: f64,
    suspicion_millis: u64,
}

#[derive(Debug, Serialize)]
struct PerThousand {
    put: f64,
    list: f64,
    get: f64,
}

impl From<StoreUsage> for StoreMetrics {
    fn from(usage: StoreUsage) -> Self {
        Self {
            name: usage.name,
            operations: usage
                .operations
                .into_iter()
                .map(|o| (o.name.clone(), o.into()))
                .collect(),
            cost: usage.cost.map(Cost::from),
        }
    }
}

impl From<OperationUsage> for Operation {
    fn from(usage: OperationUsage) -> Self {
        let millis = |d: std::time::Duration| d.as_secs_f64() * 1000.0;
        // Bounds that nothing has reached, and those that add nothing, say nothing.
        let mut latency: Vec<Bucket> = Vec::new();
        for (bound, calls) in usage.latency {
            if calls > latency.last().map_or(0, |last| last.calls) {
                let up_to_millis = bound.map(millis);
                latency.push(Bucket { up_to_millis, calls });
            }
        }
        Self {
            calls: usage.calls,
            failures: usage.failures,
            bytes: usage.bytes,
            latency_millis_p50: usage.p50.map(millis),
            latency_millis_p99: usage.p99.map(millis),
            latency,
        }
    }
}

impl From<StoreCost> for Cost {
    fn from(cost: StoreCost) -> Self {
        let cents = |dollars: f64| (dollars * 1e6).round() / 1e6;
        Self {
            dollars_so_far: cents(cost.so_far),
            dollars_a_month_projected: cost.projected_month.map(cents),
            idle_plane: IdlePlane {
                nodes: cost.idle_nodes,
                dollars_a_month: cents(cost.idle_plane_month),
                suspicion_millis: u64::try_from(cost.suspicion.as_millis()).unwrap_or(u64::MAX),
            },
            dollars_per_thousand: PerThousand {
                put: cost.put_per_thousand,
                list: cost.list_per_thousand,
                get: cost.get_per_thousand,
            },
        }
    }
}
