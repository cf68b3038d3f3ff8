//! I3: once a takeover is valid, nothing of an older epoch is acknowledged or applied behind it.

use std::collections::BTreeMap;

use ha_proto::{Epoch, Kind, RawEntry, StoreOp, WriteId};

use super::{Checker, Scene, Seen, holds};

/// How many write ids are remembered.
const REMEMBERED: usize = 4096;

/// Knows under which epoch each commit was sent, and compares with the one that is truly current in its slot.
#[derive(Clone, Debug, Default)]
pub struct Fence {
    sent: BTreeMap<WriteId, Epoch>,
    order: std::collections::VecDeque<WriteId>,
}

impl<S> Checker<S> for Fence {
    fn name(&self) -> &'static str {
        "fence"
    }

    fn see(&mut self, scene: &Scene<'_>, seen: &Seen<'_, S>) -> Result<(), String> {
        match *seen {
            Seen::Asked {
                op: StoreOp::Create { bytes, .. },
                is_new: true,
                ..
            } => {
                if let Some(header) = RawEntry::peek(bytes).filter(|h| h.kind == Kind::Commit) {
                    self.remember(header.write_id, header.epoch);
                }
                Ok(())
            }
            Seen::Durable { seq, write_id, .. } => {
                let (sent, current) = (self.sent.get(&write_id), scene.truth.current_at(seq));
                holds(sent.is_none_or(|epoch| *epoch == current), || {
                    format!(
                        "I3: a write of epoch {sent:?} is acknowledged in slot {seq}, which is of epoch {current}"
                    )
                })
            }
            Seen::Applied { who, seq, epoch, .. } => {
                let current = scene.truth.current_at(seq);
                holds(epoch == current, || {
                    format!(
                        "I3: n{} applies an entry of epoch {epoch} in slot {seq}, which is of epoch {current}",
                        who.0
                    )
                })
            }
            _ => Ok(()),
        }
    }
}

impl Fence {
    fn remember(&mut self, write_id: WriteId, epoch: Epoch) {
        self.sent.insert(write_id, epoch);
        self.order.push_back(write_id);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.sent.remove(&oldest);
        }
    }
}
