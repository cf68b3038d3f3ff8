//! `GET /ha/metrics`: counts and timings under Brooklyn's names.

use axum::Json;
use axum::extract::State;
use ha_core::proto::LoadProgress;
use ha_core::{ActivityStatus, Role, Status};
use ha_rebind::ItemCounts;
use serde::Serialize;

use super::store_metrics::StoreMetrics;
use crate::app::Shared;
use crate::duration;

pub(super) async fn show(State(shared): State<Shared>) -> Json<Metrics> {
    let metrics = Metrics::new(shared.control.status(), shared.control.now_ms());
    let store = shared.control.store_usage().map(|usage| usage.into());
    let first = shared.control.entities().and_then(|host| host.first_rebind());
    Json(Metrics {
        store,
        first_rebind_counts: first.map(FirstRebindCounts::from).unwrap_or_default(),
        ..metrics
    })
}

/// In Brooklyn's order. Its maps come from three classes, which do not agree on names (`lastSuccessTimeUtc`, `lastSuccessTime`).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metrics {
    state: &'static str,
    uptime: String,
    current_time_utc: u64,
    start_time_utc: u64,
    high_availability: HighAvailability,
    rebind: Rebinds,
    persist: Activity,
    #[serde(skip_serializing_if = "Option::is_none")]
    rebind_read_only_count: Option<u64>,
    first_rebind_counts: FirstRebindCounts,
    management_state_persistence: ManagementStatePersistence,
    /// Ours, behind all of Brooklyn's.
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<StoreMetrics>,
}

impl Metrics {
    fn new(status: Status, now_ms: u64) -> Self {
        let read_only = matches!(status.role, Role::HotStandby | Role::HotBackup);
        Self {
            state: status.role.name(),
            uptime: duration::show(now_ms.saturating_sub(status.started_ms)),
            current_time_utc: now_ms,
            start_time_utc: status.started_ms,
            rebind: Rebinds {
                activity: Activity::new(&status.rebinds, now_ms),
                loading: status.loading.map(Loading::from),
            },
            persist: Activity::new(&status.writes, now_ms),
            rebind_read_only_count: read_only.then_some(status.rebinds.count),
            first_rebind_counts: FirstRebindCounts::default(),
            high_availability: HighAvailability {
                priority: status.priority,
                poll_period: millis(status.timings.poll),
                heartbeat_timeout: millis(status.timings.heartbeat_timeout),
                history: status
                    .history
                    .iter()
                    .map(|change| Change::new(change.role, change.at_ms))
                    .collect(),
            },
            management_state_persistence: ManagementStatePersistence {
                read: status.reads.into(),
                write: status.writes.into(),
            },
            store: None,
        }
    }
}

/// Times in milliseconds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct HighAvailability {
    priority: i64,
    poll_period: u64,
    heartbeat_timeout: u64,
    history: Vec<Change>,
}

#[derive(Debug, Serialize)]
struct Change {
    state: &'static str,
    timestamp: u64,
}

impl Change {
    fn new(role: Role, at_ms: u64) -> Self {
        Self {
            state: role.name(),
            timestamp: at_ms,
        }
    }
}

/// Rebinds, and writes of state. Nulls are shown.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Activity {
    count: u64,
    last_success_time_utc: Option<u64>,
    last_success_time_millis_since: Option<u64>,
    last_duration: Option<u64>,
    failure_count: u64,
    last_failure_time_utc: Option<u64>,
    last_failure_time_millis_since: Option<u64>,
    error_messages: Vec<String>,
}

impl Activity {
    fn new(activity: &ActivityStatus, now_ms: u64) -> Self {
        let since = |then: Option<u64>| then.map(|then| now_ms.saturating_sub(then));
        Self {
            count: activity.count,
            last_success_time_utc: activity.last_success_ms,
            last_success_time_millis_since: since(activity.last_success_ms),
            last_duration: activity.last_duration_ms,
            failure_count: activity.failure_count,
            last_failure_time_utc: activity.last_failure_ms,
            last_failure_time_millis_since: since(activity.last_failure_ms),
            error_messages: activity.error_messages.clone(),
        }
    }
}

/// Rebinds, and the one that is under way.
#[derive(Debug, Serialize)]
struct Rebinds {
    #[serde(flatten)]
    activity: Activity,
    /// Ours, behind all of Brooklyn's.
    #[serde(skip_serializing_if = "Option::is_none")]
    loading: Option<Loading>,
}

/// How far a load of the state has come.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Loading {
    parts: usize,
    of_parts: usize,
    restored: bool,
    read_to_seq: u64,
    of_seq: u64,
}

impl From<LoadProgress> for Loading {
    fn from(load: LoadProgress) -> Self {
        Self {
            parts: load.parts,
            of_parts: load.of_parts,
            restored: load.is_restored,
            read_to_seq: load.seq.0,
            of_seq: load.head.0,
        }
    }
}

/// What the first rebind found: nothing before.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct FirstRebindCounts {
    applications: usize,
    entities: usize,
    all_items: usize,
}

impl From<ItemCounts> for FirstRebindCounts {
    fn from(counts: ItemCounts) -> Self {
        Self {
            applications: counts.applications,
            entities: counts.entities,
            all_items: counts.all,
        }
    }
}

#[derive(Debug, Serialize)]
struct ManagementStatePersistence {
    read: RecordActivity,
    write: RecordActivity,
}

/// Reads or writes of the plane's records.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RecordActivity {
    count: u64,
    failure_count: u64,
    last_success_time: Option<u64>,
    last_duration: Option<u64>,
    last_failure_time: Option<u64>,
    error_messages: Vec<String>,
}

impl From<ActivityStatus> for RecordActivity {
    fn from(activity: ActivityStatus) -> Self {
        Self {
            count: activity.count,
            failure_count: activity.failure_count,
            last_success_time: activity.last_success_ms,
            last_duration: activity.last_duration_ms,
            last_failure_time: activity.last_failure_ms,
            error_messages: activity.error_messages,
        }
    }
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
