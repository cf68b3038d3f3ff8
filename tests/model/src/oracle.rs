//! The truth, by the sentence of the design and without the code that is checked: what a reader knows who has read every slot as it was first taken.

use std::collections::BTreeMap;

use ha_proto::{Digest, Epoch, Header, Kind, Payload, Process, View, WriteId};

#[derive(Clone, Debug)]
pub(crate) struct Oracle {
    pub(crate) chain: Digest,
    epoch: Epoch,
    leader: Option<Process>,
    /// Every epoch, and the write id of its Takeover or Handover.
    pub(crate) table: BTreeMap<Epoch, WriteId>,
    /// The changes, in order.
    pub(crate) commits: Vec<u8>,
    /// One epoch was begun twice.
    pub(crate) twice: bool,
}

impl Oracle {
    /// What a manifest, or the node that wrote the first slots, says.
    pub(crate) fn of_view(view: &View, commits: Vec<u8>) -> Self {
        Self {
            chain: view.chain,
            epoch: view.epoch,
            leader: view
                .leader
                .as_ref()
                .filter(|_| !view.released)
                .map(|l| l.process.clone()),
            table: view.table.iter().map(|(e, t)| (*e, t.write_id)).collect(),
            commits,
            twice: false,
        }
    }

    /// Validity, as the design says it.
    pub(crate) fn is_valid(&self, entry: &Header) -> bool {
        let by_leader = self.leader.as_ref() == Some(&entry.by);
        entry.prev == self.chain
            && match entry.kind {
                Kind::Genesis => entry.seq.0 == 1,
                Kind::Takeover => entry.epoch > self.epoch,
                Kind::Handover => by_leader && entry.epoch > self.epoch,
                Kind::Full | Kind::Commit | Kind::Release => by_leader && entry.epoch == self.epoch,
                _ => false,
            }
    }

    pub(crate) fn take(&self, header: &Header, hash: Digest, payload: &Payload, change: Option<u8>) -> Self {
        let mut next = self.clone();
        next.chain = hash;
        let begins = match payload {
            Payload::Takeover { .. } => Some(header.by.clone()),
            Payload::Handover { successor, .. } => Some(successor.clone()),
            _ => None,
        };
        if let Some(leader) = begins {
            next.twice |= next.table.insert(header.epoch, header.write_id).is_some();
            (next.epoch, next.leader) = (header.epoch, Some(leader));
        }
        if let Payload::Release = payload {
            next.leader = None;
        }
        next.commits.extend(change);
        next
    }
}
