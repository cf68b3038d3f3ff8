//! I2, of readers: a linearizable read sees all that was acknowledged before it was asked for.

use super::{Checker, Scene, Seen, holds};

/// Holds the slot of each proof, and the state of each answer, against what had been acknowledged.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reads;

impl<S> Checker<S> for Reads {
    fn name(&self) -> &'static str {
        "reads"
    }

    fn see(&mut self, scene: &Scene<'_>, seen: &Seen<'_, S>) -> Result<(), String> {
        match *seen {
            Seen::Proven { at, acked, .. } => holds(at >= acked, || {
                format!(
                    "a linearizable read at slot {at} misses slot {acked}, acknowledged before it was asked for"
                )
            }),
            Seen::Read { who, acked, host } => {
                let least = scene.truth.count_at(acked);
                holds(host.loaded && host.line.len >= least, || {
                    format!(
                        "a linearizable read of n{} is answered from {} changes, and {least} were acknowledged before it was asked for",
                        who.0, host.line.len
                    )
                })
            }
            _ => Ok(()),
        }
    }
}
