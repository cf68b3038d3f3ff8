//! The true journal, computed where the store is, as each entry is created, by its own few lines of the rule of validity.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ha_proto::{Digest, Epoch, Header, Kind, Payload, Process, RawEntry, Seq, WriteId, layout};

use super::host::{EMPTIED, number};

#[derive(Clone, Debug, Default)]
pub struct Truth {
    pub pos: u64,
    chain: Digest,
    pub epoch: Epoch,
    pub leader: Option<Process>,
    pub released: bool,
    /// The write id and the leader of each epoch.
    pub takeovers: BTreeMap<Epoch, (WriteId, Process)>,
    pub state: Vec<u64>,
    /// Of each valid entry: its slot and write id.
    pub valid: BTreeMap<Seq, (WriteId, Kind)>,
    /// Which slot each change is in.
    pub slot_of: BTreeMap<u64, Seq>,
    /// Answered "not applied": none of these may ever come to be.
    pub never: BTreeSet<u64>,
    pub junk: u64,
}

impl Truth {
    /// Something was created under that key.
    pub fn created(&mut self, objects: &BTreeMap<String, Arc<[u8]>>) {
        while let Some(bytes) = objects.get(&layout::entry_key(Seq(self.pos + 1))) {
            self.pos += 1;
            let seq = Seq(self.pos);
            let entry = RawEntry::parse("true journal", seq, bytes).expect("nodes write entries that verify");
            let payload = entry
                .decode("true journal")
                .expect("nodes write payloads that decode");
            if self.is_valid(&entry.header) {
                self.take(&entry, &payload);
            } else {
                self.junk += 1;
            }
        }
    }

    fn is_valid(&self, e: &Header) -> bool {
        let by_leader = !self.released && self.leader.as_ref() == Some(&e.by);
        match e.kind {
            Kind::Genesis => e.seq == Seq(1),
            _ if e.prev != self.chain || self.chain == Digest::NONE => false,
            Kind::Takeover => e.epoch > self.epoch,
            Kind::Handover => by_leader && e.epoch > self.epoch,
            _ => by_leader && e.epoch == self.epoch,
        }
    }

    fn take(&mut self, entry: &RawEntry, payload: &Payload) {
        let e = &entry.header;
        self.chain = entry.hash;
        self.valid.insert(e.seq, (e.write_id, e.kind));
        let mut begins = |leader: &Process| {
            let before = self.takeovers.insert(e.epoch, (e.write_id, leader.clone()));
            assert!(before.is_none(), "I1: epoch {} has two valid takeovers", e.epoch);
            assert!(e.epoch > self.epoch, "I1: epochs grow");
            self.epoch = e.epoch;
            self.leader = Some(leader.clone());
            self.released = false;
        };
        match payload {
            Payload::Takeover { .. } => begins(&e.by),
            Payload::Handover { successor, .. } => begins(successor),
            Payload::Release => self.released = true,
            Payload::Commit {
                replaces, changes, ..
            } => {
                if *replaces {
                    self.state.push(EMPTIED);
                }
                for change in changes.iter() {
                    let n = number(change);
                    assert!(
                        !self.never.contains(&n),
                        "I2: {n} was answered 'not applied' and is in slot {}",
                        e.seq
                    );
                    assert!(
                        self.slot_of.insert(n, e.seq).is_none(),
                        "I2: {n} is applied twice"
                    );
                    self.state.push(n);
                }
            }
            _ => {}
        }
    }
}
