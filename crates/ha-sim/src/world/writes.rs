//! Writes that were sent, and what nodes say became of them.

use std::collections::VecDeque;

use ha_proto::{Epoch, Resolution, Seq, WriteId};

use super::{World, show};
use crate::check::Seen;
use crate::{MS, Micros, Service};

/// So many are remembered.
const MOST: usize = 32;
/// After so many of them a node is asked whenever something has happened to one.
const LAST: usize = 3;

/// A look at the snapshots takes no longer where all is well.
const PATIENCE: Micros = 500 * MS;

/// The last writes that were sent, by any node.
#[derive(Debug, Default)]
pub(super) struct Writes(VecDeque<(Epoch, Seq, WriteId)>);

impl Writes {
    pub(super) fn sent(&mut self, epoch: Epoch, slot: Seq, write_id: WriteId) {
        // One that goes to another slot is known by the first.
        if self.0.iter().all(|(.., known)| *known != write_id) {
            self.0.push_back((epoch, slot, write_id));
        }
        if self.0.len() > MOST {
            self.0.pop_front();
        }
    }
}

impl<S: Service + 'static> World<S> {
    /// Asks a node what became of the last writes.
    pub(super) fn ask_after_writes(&mut self, i: usize) {
        let last = self.writes.0.len().saturating_sub(LAST);
        self.ask_after(i, last, false);
    }

    /// Asks who leads a healed plane what became of all. While it confirms its view it does not say.
    pub(super) fn ask_after_all_writes(&mut self) {
        let until = self.now + PATIENCE;
        while self.now < until && self.masters().iter().any(|i| !self.knows_all(*i)) {
            self.run_for(MS);
        }
        for i in self.masters() {
            self.ask_after(i, 0, true);
        }
    }

    fn knows_all(&self, i: usize) -> bool {
        let node = self.members[i].node.as_ref();
        let decided = |(epoch, slot, write_id): &(Epoch, Seq, WriteId)| {
            node.is_none_or(|node| node.resolve(*epoch, *slot, *write_id) != Resolution::Undecided)
        };
        self.writes.0.iter().all(decided)
    }

    fn ask_after(&mut self, i: usize, from: usize, is_healed: bool) {
        for at in from..self.writes.0.len() {
            let (epoch, slot, write_id) = self.writes.0[at];
            let member = &self.members[i];
            let Some(node) = &member.node else { return };
            let resolution = node.resolve(epoch, slot, write_id);
            if resolution == Resolution::NotApplied && node.write_authority() == Some(epoch) {
                self.marks.hit("a leader knew of a write that it was refused");
            }
            let who = member.who();
            show!(
                self,
                Seen::Resolved {
                    who,
                    slot,
                    write_id,
                    resolution,
                    is_healed,
                }
            );
        }
    }
}
