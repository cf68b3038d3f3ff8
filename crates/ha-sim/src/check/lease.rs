//! I9: nothing runs after the lease, by the world's true time and not by a node's clock.
//!
//! A process may act until TTL less `stop_grace` after it *sent* what proved that nothing lay beyond its view. Here that is any request of
//! it that truly met its own epoch as the current one: a get behind the end of the journal, or an entry of its own that came to lie there. A
//! clock may be slow by the drift allowed.

use std::collections::BTreeMap;

use ha_proto::{Config, Epoch, Kind, RawEntry, Seq, StoreOp, StoreReply, layout};

use super::{Checker, Scene, Seen, holds};
use crate::{MS, Micros, Who};

/// Knows of each process when it last sent what was a proof.
#[derive(Clone, Debug, Default)]
pub struct Lease {
    proven: BTreeMap<Who, (Epoch, Micros)>,
    /// Who acts, and until when.
    acting: Option<(Who, Micros)>,
}

impl<S> Checker<S> for Lease {
    fn name(&self) -> &'static str {
        "leases"
    }

    fn see(&mut self, scene: &Scene<'_>, seen: &Seen<'_, S>) -> Result<(), String> {
        match *seen {
            Seen::Reached { who, sent, op, reply } => {
                if proves(scene, op, reply) {
                    let epoch = scene.truth.epoch;
                    let last = self.proven.entry(who).or_insert((epoch, sent));
                    *last = if last.0 == epoch {
                        (epoch, last.1.max(sent))
                    } else {
                        (epoch, sent)
                    };
                }
                Ok(())
            }
            Seen::ActBegins { who, until, .. } | Seen::ActGoesOn { who, until } => {
                self.acting = Some((who, until));
                let (_, sent) = self
                    .proven
                    .get(&who)
                    .ok_or_else(|| format!("I9: n{} acts, and has proven nothing", who.0))?;
                let end = sent + longest(scene.config);
                holds(until <= end, || {
                    format!(
                        "I9: n{} acts until {until} us, and its lease ends at {end} us at the latest: its last proof was sent at {sent}",
                        who.0
                    )
                })
            }
            Seen::ActEnds { who } => {
                let ended_late = self
                    .acting
                    .take()
                    .is_some_and(|(_, until)| scene.now > until + MS);
                holds(!ended_late, || {
                    format!("I9: what n{} did has ended too late", who.0)
                })
            }
            Seen::Asked {
                who,
                op: StoreOp::Create { bytes, .. },
                is_new: true,
                ..
            } => {
                let lets_go =
                    RawEntry::peek(bytes).is_some_and(|h| matches!(h.kind, Kind::Release | Kind::Handover));
                let acts = self
                    .acting
                    .is_some_and(|(acting, until)| acting == who && scene.now < until);
                holds(!(lets_go && acts), || {
                    format!("I9: n{} lets go of its epoch, and acts", who.0)
                })
            }
            _ => Ok(()),
        }
    }
}

/// Whether it has met the end of the journal. Its epoch is the current one then.
fn proves(scene: &Scene<'_>, op: &StoreOp, reply: &StoreReply) -> bool {
    match (op, reply) {
        (StoreOp::Get { key }, StoreReply::Absent { .. }) => {
            *key == layout::entry_key(Seq(scene.truth.pos + 1))
        }
        (StoreOp::Create { key, bytes }, _) => RawEntry::peek(bytes).is_some_and(|h| {
            let is_there = |(write_id, _): &(ha_proto::WriteId, Kind)| *write_id == h.write_id;
            *key == layout::entry_key(h.seq) && scene.truth.valid.get(&h.seq).is_some_and(is_there)
        }),
        // It finds what it has written, after it had no answer.
        (StoreOp::Get { .. }, StoreReply::Bytes(bytes)) => RawEntry::peek(bytes)
            .is_some_and(|h| h.epoch == scene.truth.epoch && scene.truth.valid.contains_key(&h.seq)),
        _ => false,
    }
}

/// How long a lease may be by real time, at the slowest clock.
fn longest(config: &Config) -> Micros {
    let ttl = (config.lease_ttl() - config.stop_grace()).as_micros() as u64;
    ttl * 1_000_000 / (1_000_000 - u64::from(config.drift_ppm())) + MS
}
