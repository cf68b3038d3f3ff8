//! Which tasks the plane may have forgotten: the oldest of an entity that has many, and the oldest of all.

use std::collections::BTreeMap;

use ha_rebind::TaskLimits;

use super::super::history::{Node, Write};
use super::super::mark::Mark;

/// When writes were sent whose tasks are known, in order.
pub(crate) struct Known {
    all: Vec<u64>,
    of: BTreeMap<Mark, Vec<u64>>,
    limits: TaskLimits,
}

impl Known {
    pub(crate) fn of(writes: &[Write], node: &Node, limits: TaskLimits) -> Self {
        let is_known = |id: &str| node.tasks.get(id).is_some_and(|task| !task.status.is_empty());
        let mut known: Vec<_> = writes
            .iter()
            .filter(|write| write.task().is_some_and(is_known))
            .map(|write| (write.sent, write.app))
            .collect();
        known.sort_unstable();
        let mut of: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (sent, app) in &known {
            of.entry(*app).or_default().push(*sent);
        }
        let all = known.into_iter().map(|(sent, _)| sent).collect();
        Self { all, of, limits }
    }

    /// Whether nearly as many later ones are known as are kept. The others are of policies, or of calls that were not acknowledged.
    pub(crate) fn may_be_forgotten(&self, write: &Write) -> bool {
        let later = |sent: &[u64]| sent.len() - sent.partition_point(|at| *at <= write.sent);
        let nearly = |limit: usize| limit / 5 * 4;
        let of_entity = self.of.get(&write.app).map_or(0, |sent| later(sent));
        of_entity >= nearly(self.limits.max_of_entity) || later(&self.all) >= nearly(self.limits.max_in_all)
    }
}
