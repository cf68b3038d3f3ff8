//! Linearizable reads see all that was acknowledged before they were asked for.

use super::{Checker, Scene, Seen, holds};

/// Holds each answer against what had been acknowledged.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reads;

impl<S> Checker<S> for Reads {
    fn name(&self) -> &'static str {
        "reads"
    }

    fn see(&mut self, _: &Scene<'_>, seen: &Seen<'_, S>) -> Result<(), String> {
        let Seen::Read { at, acked, .. } = *seen else {
            return Ok(());
        };
        holds(at >= acked, || {
            format!(
                "a linearizable read at slot {at} misses slot {acked}, acknowledged before it was asked for"
            )
        })
    }
}
