//! I1 and I7: who leads by its own word leads by the true journal; who may not lead does not try.

use ha_proto::{Kind, Mode, Node, RawEntry, Role, StoreOp};

use super::{Checker, Scene, Seen, holds};
use crate::truth::Truth;

/// Looks at claims, and at those who say that they lead.
#[derive(Clone, Copy, Debug, Default)]
pub struct Takeovers;

impl<S> Checker<S> for Takeovers {
    fn name(&self) -> &'static str {
        "takeovers"
    }

    fn see(&mut self, scene: &Scene<'_>, seen: &Seen<'_, S>) -> Result<(), String> {
        match *seen {
            Seen::Rests { node, .. } => leads_truly(node, scene.truth),
            Seen::Asked {
                node,
                now,
                op: StoreOp::Create { bytes, .. },
                is_new,
                ..
            } => {
                let Some(header) = RawEntry::peek(bytes) else {
                    return Ok(());
                };
                holds(header.by == *node.process(), || {
                    format!("{} signs as {}", node.process(), header.by)
                })?;
                // What was sent once is sent again until the chain has decided, whatever the operator says meanwhile.
                let role = node.role(now);
                let may = node.mode() != Mode::HotBackup
                    && !matches!(role, Role::Terminated | Role::HotBackup | Role::Master);
                holds(may || !is_new || header.kind != Kind::Takeover, || {
                    format!("I7: a node that is {role} claims epoch {}", header.epoch)
                })
            }
            _ => Ok(()),
        }
    }
}

pub(crate) fn leads_truly(node: &Node, truth: &Truth) -> Result<(), String> {
    let Some(epoch) = node.write_authority() else {
        return Ok(());
    };
    let (_, leader) = truth
        .takeovers
        .get(&epoch)
        .ok_or_else(|| format!("I1: {} leads epoch {epoch}, which never began", node.process()))?;
    holds(leader == node.process(), || {
        format!("I1: {} leads epoch {epoch}, which is {leader}'s", node.process())
    })
}
