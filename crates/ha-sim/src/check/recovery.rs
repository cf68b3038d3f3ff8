//! I11: after all processes have ended at once, who leads next has every write that was acknowledged before.

use ha_proto::{Role, Seq};

use super::{Checker, Scene, Seen, holds};

/// Knows what had been acknowledged when all ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Recovery {
    acked: Seq,
    then: Option<Seq>,
}

impl<S> Checker<S> for Recovery {
    fn name(&self) -> &'static str {
        "recovery"
    }

    fn see(&mut self, scene: &Scene<'_>, seen: &Seen<'_, S>) -> Result<(), String> {
        match *seen {
            Seen::Durable { seq, .. } => self.acked = self.acked.max(seq),
            Seen::Blackout => self.then = Some(self.acked),
            Seen::Rests { who, node, now, host } if node.role(now) == Role::Master => {
                let Some(acked) = self.then.take() else {
                    return Ok(());
                };
                let least = scene.truth.count_at(acked);
                return holds(host.line.len >= least, || {
                    format!(
                        "I11: n{} leads after all had ended, with {} changes, and {least} were acknowledged",
                        who.0, host.line.len
                    )
                });
            }
            _ => {}
        }
        Ok(())
    }
}
