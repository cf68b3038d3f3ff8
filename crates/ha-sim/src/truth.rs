//! The true journal, computed where the store is, as each entry is created, by its own few lines of the rule of validity.

use std::collections::BTreeMap;
use std::sync::Arc;

use ha_proto::{Digest, Epoch, Evidence, Header, Kind, Payload, Process, RawEntry, Seq, WriteId, layout};

use crate::host::{Line, number};
use crate::linear::Placed;
use crate::service::EMPTIED;

/// What the journal truly says.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    /// The last slot that was ever filled, without a gap.
    pub pos: u64,
    /// The hash of the last valid entry.
    pub chain: Digest,
    /// The current epoch.
    pub epoch: Epoch,
    /// Who leads it.
    pub leader: Option<Process>,
    /// Its leader has let it go.
    pub released: bool,
    /// The write id and the leader of each epoch.
    pub takeovers: BTreeMap<Epoch, (WriteId, Process)>,
    /// The epoch that each slot of a takeover or handover began.
    begun: BTreeMap<Seq, Epoch>,
    /// The slot in which each epoch began.
    began: BTreeMap<Epoch, Seq>,
    /// The numbers of all committed changes.
    pub state: Vec<u64>,
    /// Epoch and slot of each of them.
    pub places: Vec<(Epoch, Seq)>,
    /// What a host has taken after each number of changes.
    lines: Vec<Line>,
    /// Of each valid entry: its slot and write id.
    pub valid: BTreeMap<Seq, (WriteId, Kind)>,
    /// How many changes there were after each entry that brought some.
    counts: BTreeMap<Seq, usize>,
    /// By number, the slot of each change; 0 for none.
    slots: Vec<u64>,
    /// Entries that are not valid.
    pub junk: u64,
    /// Times that leave to act came by the end of a lease.
    pub by_lease_end: u64,
}

impl Truth {
    /// Which slot a change is in.
    #[must_use]
    pub fn slot_of(&self, change: u64) -> Option<Seq> {
        let slot = self.slots.get(change as usize).copied();
        slot.filter(|slot| *slot > 0).map(Seq)
    }

    /// What a host has taken after so many changes.
    #[must_use]
    pub fn line(&self, len: u64) -> Option<Line> {
        let Some(before) = (len as usize).checked_sub(1) else {
            return Some(Line::default());
        };
        self.lines.get(before).copied()
    }

    /// How many changes there are up to a slot.
    #[must_use]
    pub fn count_at(&self, seq: Seq) -> u64 {
        let last = self.counts.range(..=seq).next_back();
        last.map_or(0, |(_, count)| *count as u64)
    }

    /// The epoch that is current in a slot.
    #[must_use]
    pub fn current_at(&self, seq: Seq) -> Epoch {
        let last = self.begun.range(..=seq).next_back();
        last.map_or(Epoch(0), |(_, epoch)| *epoch)
    }

    /// The slot in which an epoch began, if it has.
    #[must_use]
    pub fn began(&self, epoch: Epoch) -> Option<Seq> {
        self.began.get(&epoch).copied()
    }

    /// The epoch of the changes in a slot; 0 if there are none.
    #[must_use]
    pub fn epoch_at(&self, seq: Seq) -> u64 {
        let last = self.counts.get(&seq).and_then(|count| count.checked_sub(1));
        last.map_or(0, |last| self.places[last].0.0)
    }

    /// The journal as the witness of a history.
    #[must_use]
    pub fn journal(&self) -> Vec<Placed> {
        let placed = self.state.iter().zip(&self.places);
        placed
            .map(|(value, (epoch, seq))| Placed {
                epoch: epoch.0,
                seq: seq.0,
                value: *value,
            })
            .collect()
    }

    fn push(&mut self, number: u64, epoch: Epoch, seq: Seq) {
        let line = self.lines.last().copied().unwrap_or_default().and(number);
        self.lines.push(line);
        self.state.push(number);
        self.places.push((epoch, seq));
    }

    /// Something was created in the journal.
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
            self.begun.insert(e.seq, e.epoch);
            self.began.insert(e.epoch, e.seq);
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
                    self.push(EMPTIED, e.epoch, e.seq);
                }
                for change in changes.iter() {
                    let n = number(change);
                    assert!(self.slot_of(n).is_none(), "I2: {n} is applied twice");
                    if self.slots.len() <= n as usize {
                        self.slots.resize(n as usize + 1, 0);
                    }
                    self.slots[n as usize] = e.seq.0;
                    self.push(n, e.epoch, e.seq);
                }
                self.counts.insert(e.seq, self.state.len());
            }
            Payload::Full {
                evidence: Evidence::LeaseEnded,
                ..
            } => self.by_lease_end += 1,
            _ => {}
        }
    }
}
