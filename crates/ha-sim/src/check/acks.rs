//! I2: what was acknowledged is in the true journal at its slot; what was answered "not applied" never is.

use std::collections::BTreeSet;

use ha_proto::{Seq, WriteId};

use super::{Checker, Scene, Seen, holds};
use crate::truth::Truth;

/// Holds answers against the true journal.
#[derive(Clone, Debug, Default)]
pub struct Acks {
    /// Answered "not applied": none of these may ever come to be.
    never: BTreeSet<u64>,
    /// How many changes have been looked at.
    looked_at: usize,
}

impl<S> Checker<S> for Acks {
    fn name(&self) -> &'static str {
        "acks"
    }

    fn see(&mut self, scene: &Scene<'_>, seen: &Seen<'_, S>) -> Result<(), String> {
        match *seen {
            Seen::Durable {
                change,
                seq,
                write_id,
                ..
            } => durable(scene.truth, change, seq, write_id),
            Seen::NotApplied { change } => {
                self.never.insert(change);
                holds(scene.truth.slot_of(change).is_none(), || {
                    format!("I2: {change} was answered 'not applied', and is applied")
                })
            }
            Seen::Stored { .. } => {
                let new = scene.truth.state.get(self.looked_at..).unwrap_or_default();
                self.looked_at = scene.truth.state.len();
                let false_one = new.iter().find(|n| self.never.contains(n));
                false_one.map_or(Ok(()), |n| {
                    Err(format!("I2: {n} was answered 'not applied', and comes to be"))
                })
            }
            _ => Ok(()),
        }
    }
}

fn durable(truth: &Truth, change: u64, seq: Seq, write_id: WriteId) -> Result<(), String> {
    holds(truth.slot_of(change) == Some(seq), || {
        format!("I2: {change} was acknowledged in slot {seq}, and is not there")
    })?;
    let there = truth.valid.get(&seq).map(|(w, _)| *w);
    holds(there == Some(write_id), || {
        format!("I2: another's write id in slot {seq}")
    })
}
