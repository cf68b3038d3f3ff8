//! I9: nothing runs after the lease, by the world's true time and not by a node's clock.
//!
//! A process may act until TTL less `stop_grace` after it *sent* what proved that nothing lay beyond its view. Here that is any request of
//! it that truly met its own epoch as the current one: a get behind the end of the journal, or an entry of its own that came to lie there. A
//! clock may be slow by the drift allowed.

use std::collections::BTreeMap;

use ha_proto::{Config, Epoch, Kind, RawEntry, Seq, StoreOp, StoreReply, layout};

use super::{Checker, Scene, Seen, holds};
use crate::{MS, Micros, Who};

/// Knows of each process, by epoch, when it last sent what was a proof. A request of an epoch that is over may still arrive.
#[derive(Clone, Debug, Default)]
pub struct Lease {
    proven: BTreeMap<(Who, Epoch), Micros>,
    acting: Option<Acting>,
}

#[derive(Clone, Copy, Debug)]
struct Acting {
    who: Who,
    epoch: Epoch,
    until: Micros,
}

impl<S> Checker<S> for Lease {
    fn name(&self) -> &'static str {
        "lease"
    }

    fn see(&mut self, scene: &Scene<'_>, seen: &Seen<'_, S>) -> Result<(), String> {
        match *seen {
            Seen::Reached { who, sent, op, reply } => {
                if let Some(epoch) = proven(scene, op, reply) {
                    let last = self.proven.entry((who, epoch)).or_insert(sent);
                    *last = sent.max(*last);
                }
                Ok(())
            }
            Seen::ActBegins { who, epoch, until } => self.acts(scene.config, who, Epoch(epoch), until),
            Seen::ActGoesOn { who, until } => match self.acting {
                Some(Acting {
                    who: acting, epoch, ..
                }) if acting == who => self.acts(scene.config, who, epoch, until),
                _ => Err(format!("I9: n{} goes on with what it has not begun", who.0)),
            },
            Seen::ActEnds { who } => {
                let ended_late = self
                    .acting
                    .take()
                    .is_some_and(|acting| scene.now > acting.until + MS);
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
                    .is_some_and(|acting| acting.who == who && scene.now < acting.until);
                holds(!(lets_go && acts), || {
                    format!("I9: n{} lets go of its epoch, and acts", who.0)
                })
            }
            _ => Ok(()),
        }
    }
}

impl Lease {
    fn acts(&mut self, config: &Config, who: Who, epoch: Epoch, until: Micros) -> Result<(), String> {
        self.acting = Some(Acting { who, epoch, until });
        let sent = self.proven.get(&(who, epoch)).ok_or_else(|| {
            format!(
                "I9: n{} acts under epoch {epoch}, and has proven nothing in it",
                who.0
            )
        })?;
        let end = sent + longest(config);
        holds(until <= end, || {
            format!(
                "I9: n{} acts until {until} us, and its lease ends at {end} us at the latest: its last proof was sent at {sent}",
                who.0
            )
        })
    }
}

/// The epoch that this shows to be the current one, if it shows one: that of the end of the journal, or of an entry that is valid.
fn proven(scene: &Scene<'_>, op: &StoreOp, reply: &StoreReply) -> Option<Epoch> {
    let current = scene.truth.epoch;
    let is_so = match (op, reply) {
        (StoreOp::Get { key }, StoreReply::Absent { .. }) => {
            *key == layout::entry_key(Seq(scene.truth.pos + 1))
        }
        (StoreOp::Create { key, bytes }, _) => RawEntry::peek(bytes).is_some_and(|h| {
            let is_there = |(write_id, _): &(ha_proto::WriteId, Kind)| *write_id == h.write_id;
            *key == layout::entry_key(h.seq)
                && h.epoch == current
                && scene.truth.valid.get(&h.seq).is_some_and(is_there)
        }),
        // It finds what it has written, after it had no answer.
        (StoreOp::Get { .. }, StoreReply::Bytes(bytes)) => RawEntry::peek(bytes)
            .is_some_and(|h| h.epoch == current && scene.truth.valid.contains_key(&h.seq)),
        _ => false,
    };
    is_so.then_some(current)
}

/// How long a lease may be by real time, at the slowest clock.
fn longest(config: &Config) -> Micros {
    let ttl = (config.lease_ttl() - config.stop_grace()).as_micros() as u64;
    ttl * 1_000_000 / (1_000_000 - u64::from(config.drift_ppm())) + MS
}
