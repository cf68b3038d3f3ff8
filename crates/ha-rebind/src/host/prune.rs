//! Tasks that ended long ago, or are too many, are forgotten: by the leader, some in an entry.

use bytes::Bytes;

use super::Host;
use crate::names::TaskId;
use crate::propose::Draft;
use crate::proposer::Proposer;
use crate::state::Kept;

/// How many are forgotten in one entry.
const AT_ONCE: usize = 1_000;

impl Host {
    /// Forgets tasks for as long as this node leads.
    pub(super) async fn prune(&self, proposer: &Proposer) {
        let limits = &self.0.settings.tasks;
        loop {
            let too_old = u64::try_from(limits.max_age.as_millis()).unwrap_or(u64::MAX);
            let kept = Kept {
                since_ms: self.now_ms().saturating_sub(too_old),
                of_entity: limits.max_of_entity,
                in_all: limits.max_in_all,
            };
            let found = self.read(|state| state.to_forget(kept, AT_ONCE));
            let is_all = found.len() < AT_ONCE;
            if !found.is_empty() && !self.forget(proposer, &found).await || is_all {
                tokio::time::sleep(limits.period).await;
            }
        }
    }

    async fn forget(&self, proposer: &Proposer, tasks: &[TaskId]) -> bool {
        let forget = |draft: &mut Draft<'_>| {
            for task in tasks {
                // One that somebody else has removed meanwhile is forgotten as well.
                if draft.task(task).is_ok_and(|task| task.ended.is_some()) {
                    draft.remove_task(task)?;
                }
            }
            Ok(Bytes::new())
        };
        match proposer.propose(None, forget).await {
            Ok(_) => true,
            Err(why) => {
                tracing::warn!(
                    "{} ended tasks are not forgotten yet: {}",
                    tasks.len(),
                    why.whole()
                );
                false
            }
        }
    }
}
