//! Does a plane live there? Its nodes rewrite their records; who sees none of them change for long enough sees a plane at rest.

use std::collections::BTreeMap;
use std::time::Duration;

use ha_core::proto::{NodeRecord, layout};
use ha_core::{NodeId, Role};
use tokio::time::{Instant, sleep};

use super::io::{Object, Side};
use crate::failure::RunError;

/// The records of a store's nodes, by their ids.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Records(BTreeMap<String, Object>);

impl Records {
    pub(crate) async fn of(side: &Side) -> Result<Self, RunError> {
        let names = side.list(layout::NODES).await?;
        let mut records = BTreeMap::new();
        for name in names.into_iter().filter(|name| !name.ends_with('/')) {
            if let Some(record) = side.get(&format!("{}/{name}", layout::NODES)).await? {
                records.insert(name, record);
            }
        }
        Ok(Self(records))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// How long they must be watched: nodes that have said that they stopped need not be, the others for twice the silence
    /// that they themselves take for death, since who does not lead may write more rarely than that.
    pub(crate) fn period(&self) -> Duration {
        let each = self.0.iter().filter_map(|(name, bytes)| {
            let id = NodeId::new(name).ok()?;
            let Ok(record) = NodeRecord::parse(&id, bytes) else {
                return Some(SILENCE);
            };
            let stated = record
                .timings
                .map(|timings| Duration::from_millis(timings.heartbeat_timeout_ms));
            (record.status != Role::Terminated).then(|| stated.unwrap_or(SILENCE))
        });
        each.max().unwrap_or_default() * 2
    }

    /// Who has changed or come since.
    pub(crate) fn changed(&self, since: &Self) -> Option<&str> {
        let is_new = |(name, record): &(&String, &Object)| since.0.get(*name) != Some(record);
        self.0.iter().find(is_new).map(|(name, _)| name.as_str())
    }
}

/// Watches a side for a sign of life, and refuses one.
///
/// # Errors
/// If a node is alive there, which is named.
pub(crate) async fn must_be_at_rest(
    side: &Side,
    asked: Option<Duration>,
    tell: impl Fn(String),
) -> Result<Records, RunError> {
    let first = Records::of(side).await?;
    let period = match asked {
        Some(asked) if first.len() > 0 => asked,
        _ => first.period(),
    };
    if !period.is_zero() {
        tell(format!(
            "watching {} node records in {} for {period:?}",
            first.len(),
            side.store
        ));
    }
    let until = Instant::now() + period;
    while Instant::now() < until {
        sleep(LOOK.min(until.saturating_duration_since(Instant::now()))).await;
        let now = Records::of(side).await?;
        if let Some(node) = now.changed(&first) {
            return Err(alive(side, node));
        }
    }
    Ok(first)
}

/// What is said of a side where somebody lives.
pub(crate) fn alive(side: &Side, node: &str) -> RunError {
    RunError::execution(format!(
        "node `{node}` is alive in {}: stop all nodes of the plane, and begin again",
        side.store
    ))
}

/// What a node of an older version, which does not state it, may take for death; its default.
const SILENCE: Duration = Duration::from_secs(3);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(500);
