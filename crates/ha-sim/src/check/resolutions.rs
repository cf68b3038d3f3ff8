//! What a node says became of a write of unknown outcome is so, and stays so; and who leads a healed plane knows it.

use std::collections::BTreeSet;
use std::ops::Bound;

use ha_proto::{Resolution, Seq, WriteId};

use super::{Checker, Scene, Seen, holds};

/// Holds what nodes say of writes against the true journal.
#[derive(Clone, Debug, Default)]
pub struct Resolutions {
    /// Said to be not applied: none of these may ever come to be.
    never: BTreeSet<WriteId>,
    /// The last valid entry that has been looked at.
    looked_at: Seq,
}

impl<S> Checker<S> for Resolutions {
    fn name(&self) -> &'static str {
        "resolutions"
    }

    fn see(&mut self, scene: &Scene<'_>, seen: &Seen<'_, S>) -> Result<(), String> {
        match *seen {
            Seen::Resolved {
                who,
                slot,
                write_id,
                resolution,
                is_healed,
            } => {
                let mut later = scene.truth.valid.range(slot..);
                let is = later.find(|(_, (w, _))| *w == write_id).map(|(seq, _)| *seq);
                let is_so = match resolution {
                    Resolution::Committed(seq) => is == Some(seq),
                    Resolution::NotApplied => {
                        self.never.insert(write_id);
                        is.is_none()
                    }
                    Resolution::Undecided => !is_healed,
                    _ => true,
                };
                holds(is_so, || {
                    format!(
                        "n{} says that write {write_id} for slot {slot} is {resolution:?}, and it is in {is:?}",
                        who.0
                    )
                })
            }
            Seen::Stored { .. } => {
                let behind = (Bound::Excluded(self.looked_at), Bound::Unbounded);
                let new = scene.truth.valid.range(behind);
                let mut false_ones = new.filter(|(_, (write_id, _))| self.never.contains(write_id));
                let false_one = false_ones.next();
                holds(false_one.is_none(), || {
                    format!("a write that was said to be not applied comes to be: {false_one:?}")
                })?;
                let last = scene.truth.valid.last_key_value();
                self.looked_at = last.map_or(self.looked_at, |(seq, _)| *seq);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
