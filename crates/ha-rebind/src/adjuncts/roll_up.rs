//! Whether an application is up, as its children have it. Every application has this, without being asked for.

use crate::entity::{Entity, Lifecycle, SERVICE_IS_UP};
use crate::json::Json;
use crate::state::State;

/// It is up if all children are that tell. If none tells, or the application is expected to be down, this has no opinion.
pub(crate) fn is_up(state: &State, application: &Entity) -> Option<Json> {
    let is_down = matches!(
        application.expected(),
        Some(Lifecycle::Stopping | Lifecycle::Stopped | Lifecycle::Destroyed)
    );
    if application.parent.is_some() || is_down {
        return None;
    }
    let children = application.children.iter();
    let mut told = children
        .filter_map(|child| state.sensor(child, SERVICE_IS_UP))
        .map(|up| up.as_str() == "true")
        .peekable();
    told.peek()?;
    Some(Json::from(told.all(|up| up)))
}
