//! I5: the state of every node is what a replay of the journal makes, be it from the beginning or from a snapshot on the way.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use ha_rebind::{Applied, State, TaskId};
use ha_sim::check::{Checker, Scene, Seen};

use super::{Head, holds};
use crate::{Deeds, Managing, Taken};

/// A replica of the checker's own: written down and read again every now and then.
#[derive(Debug)]
pub(crate) struct Replayed {
    head: Head,
    state: State,
    steps: u64,
    deeds: Arc<Deeds>,
}

/// Steps from one look at all of the state to the next.
const EVERY: u64 = 32;

impl Replayed {
    pub(crate) fn new(deeds: &Arc<Deeds>) -> Self {
        Self {
            head: Head::default(),
            state: State::default(),
            steps: 0,
            deeds: Arc::clone(deeds),
        }
    }

    fn take(&mut self, taken: &Taken) -> Result<(), String> {
        let Taken::Change {
            number,
            batch,
            applied,
            ..
        } = taken
        else {
            self.state = State::default();
            return Ok(());
        };
        let again = (!batch.is_empty()).then(|| self.state.apply(batch, *number));
        holds(again == *applied, || {
            format!("I5: change {number} became {applied:?}, and {again:?} when it was replayed")
        })?;
        holds(!matches!(again, Some(Applied::SetAside(_))), || {
            format!("change {number} cannot be read: {again:?}")
        })
    }

    fn same(&self, state: &State) -> Result<(), String> {
        self.deeds.add("states_compared");
        holds(*state == self.state, || {
            format!("I5: a node has {state:?}, and a replay makes {:?}", self.state)
        })?;
        for state in [state, &self.state] {
            let unended = |id: &&&TaskId| {
                state
                    .task(id)
                    .and_then(Result::ok)
                    .is_some_and(|t| t.ended.is_none())
            };
            let all = state.tasks();
            let unended: BTreeSet<_> = all.iter().filter(unended).copied().collect();
            let shown: BTreeSet<_> = state.unended_tasks().collect();
            holds(unended == shown, || {
                format!("{shown:?} are said not to have ended, and {unended:?} have not")
            })?;
        }
        Ok(())
    }
}

impl Checker<Managing> for Replayed {
    fn name(&self) -> &'static str {
        "replays"
    }

    fn see(&mut self, _: &Scene<'_>, seen: &Seen<'_, Managing>) -> Result<(), String> {
        if let Seen::Healed { hosts } = seen {
            return hosts
                .iter()
                .try_for_each(|(_, host)| self.same(&host.state.state));
        }
        let Some((news, state)) = self.head.news(seen) else {
            return Ok(());
        };
        news.into_iter().try_for_each(|taken| self.take(taken))?;
        self.steps += 1;
        if !self.steps.is_multiple_of(EVERY) {
            return Ok(());
        }
        self.same(state)?;
        let parts = self.state.parts().into_iter().map(Bytes::from);
        self.state = State::from_parts(parts).map_err(|bad| format!("I5: its own parts: {bad}"))?;
        Ok(())
    }
}
