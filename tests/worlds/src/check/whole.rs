//! A batch is applied as a whole or not at all, wherever and whenever somebody looks.

use ha_rebind::State;
use ha_sim::check::{Checker, Scene, Seen};

use super::holds;
use crate::Managing;
use crate::offer::{count, entity_id};

/// Each application has both its children, and they have counted together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Whole;

impl Checker<Managing> for Whole {
    fn name(&self) -> &'static str {
        "whole batches"
    }

    fn see(&mut self, _: &Scene<'_>, seen: &Seen<'_, Managing>) -> Result<(), String> {
        let (Seen::Applied { who, host, .. }
        | Seen::Restored { who, host, .. }
        | Seen::Read { who, host, .. }) = seen
        else {
            return Ok(());
        };
        whole(&host.state.state).map_err(|bad| format!("n{}: {bad}", who.0))
    }
}

fn whole(state: &State) -> Result<(), String> {
    holds(state.skipped() == 0 && state.unread_rows() == 0, || {
        format!(
            "{} changes did not fit, {} rows are unread",
            state.skipped(),
            state.unread_rows()
        )
    })?;
    holds(state.unreadable().is_none(), || {
        format!("unreadable: {:?}", state.unreadable())
    })?;
    for application in state.applications() {
        let number = application.as_str()[1..]
            .split('c')
            .next()
            .and_then(|n| n.parse().ok());
        let number: u64 = number.ok_or_else(|| format!("`{application}` is an application"))?;
        let children = [1, 2].map(|child| entity_id(number, child));
        holds(state.children(application) == children, || {
            format!(
                "`{application}` has the children {:?}",
                state.children(application)
            )
        })?;
        let [one, other] = children.map(|id| state.entity(&id).map(|e| e.map(|e| count(&e.sensors))));
        holds(
            matches!((&one, &other), (Some(Ok(a)), Some(Ok(b))) if a == b),
            || format!("the children of `{application}` have counted to {one:?} and {other:?}"),
        )?;
    }
    let entities = state.entity_count();
    let applications = state.applications().count();
    holds(entities == 3 * applications, || {
        format!("{entities} entities in {applications} applications of three")
    })
}
