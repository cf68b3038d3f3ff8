//! I8: MASTER is reported, and a commit is written, only by who has applied all that came before its epoch.

use ha_proto::{Epoch, Kind, Process, RawEntry, Role, StoreOp};

use super::{Checker, Scene, Seen, holds};
use crate::host::Host;
use crate::truth::Truth;

/// Counts, by the true journal, what came before an epoch.
#[derive(Clone, Copy, Debug, Default)]
pub struct Roles;

impl<S> Checker<S> for Roles {
    fn name(&self) -> &'static str {
        "roles"
    }

    fn see(&mut self, scene: &Scene<'_>, seen: &Seen<'_, S>) -> Result<(), String> {
        match *seen {
            Seen::Rests { who, node, now, host } if node.role(now) == Role::Master => {
                let epoch = node.write_authority();
                let epoch = epoch.ok_or_else(|| format!("I8: n{} is MASTER and may not write", who.0))?;
                has_all_before(scene.truth, epoch, node.process(), host)
                    .map_err(|why| format!("I8: n{} is MASTER of epoch {epoch} {why}", who.0))
            }
            Seen::Asked {
                who,
                op: StoreOp::Create { bytes, .. },
                host,
                is_new: true,
                ..
            } => {
                let Some(header) = RawEntry::peek(bytes).filter(|h| h.kind == Kind::Commit) else {
                    return Ok(());
                };
                // A process can have claimed the epoch that a leader handed to it later, in a slot before that: the claim is void, and so is this.
                if scene
                    .truth
                    .began(header.epoch)
                    .is_some_and(|began| header.seq < began)
                {
                    return Ok(());
                }
                has_all_before(scene.truth, header.epoch, &header.by, host)
                    .map_err(|why| format!("I8: n{} writes a commit of epoch {} {why}", who.0, header.epoch))
            }
            _ => Ok(()),
        }
    }
}

/// An epoch that has not truly begun, or is another's, is a void claim's, and nothing of it counts.
fn has_all_before<S>(truth: &Truth, epoch: Epoch, leader: &Process, host: &Host<S>) -> Result<(), String> {
    let truly_leads = truth.takeovers.get(&epoch).is_some_and(|(_, p)| p == leader);
    let Some(began) = truth.began(epoch).filter(|_| truly_leads) else {
        return Ok(());
    };
    let before = truth.count_at(began);
    holds(host.loaded && host.line.len >= before, || {
        format!(
            "with {} changes applied, and there are {before} before slot {began}, where it began",
            host.line.len
        )
    })
}
