//! I8: who says that it is MASTER has its state.

use ha_proto::Role;

use super::{Checker, Scene, Seen, holds};

/// Looks at what nodes report themselves to be.
#[derive(Clone, Copy, Debug, Default)]
pub struct Roles;

impl<S> Checker<S> for Roles {
    fn name(&self) -> &'static str {
        "roles"
    }

    fn see(&mut self, _: &Scene<'_>, seen: &Seen<'_, S>) -> Result<(), String> {
        let Seen::Rests { who, node, now } = *seen else {
            return Ok(());
        };
        holds(node.role(now) != Role::Master || node.applied().is_some(), || {
            format!("I8: n{} is MASTER before its rebind", who.0)
        })
    }
}
