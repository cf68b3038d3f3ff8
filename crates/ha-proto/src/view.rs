//! What a reader knows after some prefix of the journal, and the one rule of validity.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use core::time::Duration;

use crate::entry::{FORMAT_LEVEL, FormatError, Header, Kind, Payload, RawEntry};
use crate::hash::Digest;
use crate::layout::entry_key;
use crate::names::{Epoch, PlaneId, Process, Seq, WriteId};

/// How many write ids a view and a manifest remember.
pub const REMEMBERED_WRITES: usize = 1024;

/// One line of the epoch table.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[allow(clippy::exhaustive_structs)]
pub struct Term {
    /// Slot of its `Takeover` or `Handover`.
    pub began: Seq,
    /// Write id of that entry.
    pub write_id: WriteId,
    /// Its last valid slot so far.
    pub last_valid: Seq,
}

/// Who leads the current epoch.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[allow(clippy::exhaustive_structs)]
pub struct Leader {
    /// The process.
    pub process: Process,
    /// Where it serves REST, or empty.
    pub uri: String,
}

/// The last `Full`, and whether its epoch was ended by a `Release` or `Handover` of its own.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[allow(clippy::exhaustive_structs)]
pub struct FullRecord {
    /// Its epoch.
    pub epoch: Epoch,
    /// Its holder.
    pub holder: Process,
    /// The holder is bound by this, and who waits for it waits by this.
    pub ttl: Duration,
    /// The bound on the drift of clocks, parts per million.
    pub drift_ppm: u32,
    /// The holder has said that it has stopped.
    pub ended: bool,
}

/// What a reader knows after the slots up to [`pos`](Self::pos).
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct View {
    /// The last slot read.
    pub pos: Seq,
    /// Hash of the last valid entry.
    pub chain: Digest,
    /// Slot of the last valid entry.
    pub last_valid: Seq,
    /// The plane, once its `Genesis` is read.
    pub plane: Option<PlaneId>,
    /// The level of payloads.
    pub format_level: u32,
    /// The current epoch; 0 before the first.
    pub epoch: Epoch,
    /// Its leader.
    pub leader: Option<Leader>,
    /// Its leader has let go of it.
    pub released: bool,
    /// Every epoch.
    pub table: BTreeMap<Epoch, Term>,
    /// Who may have acted last.
    pub full: Option<FullRecord>,
    /// The last writes, oldest first.
    pub writes: VecDeque<(WriteId, Seq)>,
    /// Every valid write at or after this slot is in `writes`.
    pub writes_since: Seq,
    /// The plane's time, milliseconds.
    pub time_ms: u64,
    /// Confirmed up to here.
    pub(crate) base: Seq,
    /// Hash of the chain after each slot since `base`.
    pub(crate) hashes: BTreeMap<Seq, Digest>,
}

/// What became of an entry that was read.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Read {
    Valid(Payload),
    Invalid,
}

impl View {
    /// Before the first slot.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            pos: Seq(0),
            chain: Digest::NONE,
            last_valid: Seq(0),
            plane: None,
            format_level: FORMAT_LEVEL,
            epoch: Epoch(0),
            leader: None,
            released: false,
            table: BTreeMap::new(),
            full: None,
            writes: VecDeque::new(),
            writes_since: Seq(1),
            time_ms: 0,
            base: Seq(0),
            hashes: BTreeMap::from([(Seq(0), Digest::NONE)]),
        }
    }

    /// The whole of consensus in one function: whether an entry, found in the next slot, is valid.
    ///
    /// `Genesis` is valid in slot 1. Any other entry is valid if its `prev` is the hash of the last valid entry, and it is either a
    /// `Takeover` (or, from the current leader, a `Handover`) whose epoch is greater than the current one, or anything else that
    /// the leader of the current epoch wrote before its `Release`.
    #[must_use]
    pub fn is_valid(&self, entry: &Header) -> bool {
        if entry.kind == Kind::Genesis {
            return entry.seq == Seq(1) && self.pos == Seq(0) && entry.prev == Digest::NONE;
        }
        if self.plane.is_none() || entry.prev != self.chain {
            return false;
        }
        let by_leader = !self.released && self.leader.as_ref().is_some_and(|l| l.process == entry.by);
        match entry.kind {
            Kind::Takeover => entry.epoch > self.epoch,
            Kind::Handover => by_leader && entry.epoch > self.epoch,
            Kind::Full | Kind::Commit | Kind::Release | Kind::Unknown(_) => {
                by_leader && entry.epoch == self.epoch
            }
            Kind::Genesis => false,
        }
    }

    /// Takes the entry of the next slot.
    pub(crate) fn consume(&mut self, entry: &RawEntry) -> Result<Read, FormatError> {
        let header = &entry.header;
        debug_assert_eq!(header.seq, self.pos.next(), "slots are read in order");
        if !self.is_valid(header) {
            self.pos = header.seq;
            self.hashes.insert(self.pos, self.chain);
            return Ok(Read::Invalid);
        }
        let key = entry_key(header.seq);
        let payload = entry.decode(&key)?;
        match &payload {
            Payload::Genesis { plane, format_level } => {
                if *format_level > FORMAT_LEVEL {
                    return Err(FormatError::TooNew {
                        object: key,
                        found: *format_level,
                        known: FORMAT_LEVEL,
                    });
                }
                self.plane = Some(plane.clone());
                self.format_level = *format_level;
            }
            Payload::Takeover { uri, .. } => self.begin(header, header.by.clone(), uri.clone()),
            Payload::Handover { successor, uri } => {
                self.end_full();
                self.begin(header, successor.clone(), uri.clone());
            }
            Payload::Full { ttl, drift_ppm, .. } => {
                let (epoch, holder) = (header.epoch, header.by.clone());
                self.full = Some(FullRecord {
                    epoch,
                    holder,
                    ttl: *ttl,
                    drift_ppm: *drift_ppm,
                    ended: false,
                });
            }
            Payload::Commit { time_ms, .. } => self.time_ms = self.time_ms.max(*time_ms),
            Payload::Release => {
                self.end_full();
                self.released = true;
            }
        }
        self.pos = header.seq;
        self.chain = entry.hash;
        self.last_valid = header.seq;
        self.hashes.insert(self.pos, self.chain);
        if let Some(term) = self.table.get_mut(&header.epoch) {
            term.last_valid = header.seq;
        }
        self.writes.push_back((header.write_id, header.seq));
        if self.writes.len() > REMEMBERED_WRITES {
            let dropped = self.writes.pop_front();
            self.writes_since = dropped.map_or(self.writes_since, |(_, seq)| seq.next());
        }
        Ok(Read::Valid(payload))
    }

    /// Takes a listing's word for all up to `seq`.
    pub(crate) fn confirm_up_to(&mut self, seq: Seq) {
        self.base = self.base.max(seq);
        self.hashes = self.hashes.split_off(&self.base.min(self.pos));
    }

    fn begin(&mut self, header: &Header, process: Process, uri: String) {
        self.epoch = header.epoch;
        self.leader = Some(Leader { process, uri });
        self.released = false;
        let (began, write_id) = (header.seq, header.write_id);
        self.table.insert(
            header.epoch,
            Term {
                began,
                write_id,
                last_valid: began,
            },
        );
    }

    fn end_full(&mut self) {
        let epoch = self.epoch;
        if let Some(full) = self.full.as_mut().filter(|f| f.epoch == epoch) {
            full.ended = true;
        }
    }

    /// The slot of a write among those remembered.
    #[must_use]
    pub fn slot_of(&self, write_id: WriteId) -> Option<Seq> {
        self.writes
            .iter()
            .rev()
            .find(|(w, _)| *w == write_id)
            .map(|(_, seq)| *seq)
    }

    /// Hash of the chain after a slot, if it is still kept.
    pub(crate) fn chain_at(&self, seq: Seq) -> Option<Digest> {
        self.hashes.get(&seq).copied()
    }

    /// Whether this very process leads the current epoch, by the journal.
    #[must_use]
    pub fn is_led_by(&self, process: &Process) -> bool {
        !self.released && self.leader.as_ref().is_some_and(|l| l.process == *process)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::{NodeId, Nonce};

    fn process(n: u8) -> Process {
        Process {
            node: NodeId::new("n1").unwrap(),
            nonce: Nonce([n; 16]),
        }
    }

    fn header(view: &View, epoch: u64, kind: Kind, by: u8) -> Header {
        let seq = view.pos.next();
        Header {
            seq,
            epoch: Epoch(epoch),
            kind,
            by: process(by),
            write_id: WriteId([seq.0 as u8; 16]),
            prev: view.chain,
        }
    }

    fn take(view: &mut View, header: &Header, payload: &Payload) -> Result<Read, FormatError> {
        let (bytes, _) = header.encode(payload);
        view.consume(&RawEntry::parse("it", header.seq, &bytes).unwrap())
    }

    fn genesis(format_level: u32) -> Payload {
        let plane = PlaneId("p".into());
        Payload::Genesis { plane, format_level }
    }

    /// Process 1 leads epoch 5.
    fn led() -> View {
        let mut view = View::empty();
        let begin = header(&view, 0, Kind::Genesis, 1);
        take(&mut view, &begin, &genesis(FORMAT_LEVEL)).unwrap();
        let claim = header(&view, 5, Kind::Takeover, 1);
        let takeover = Payload::Takeover {
            uri: String::new(),
            evidence: crate::entry::Evidence::Vacant,
        };
        take(&mut view, &claim, &takeover).unwrap();
        view
    }

    #[test]
    fn a_genesis_is_the_first_entry_and_follows_nothing() {
        let view = View::empty();
        let good = header(&view, 0, Kind::Genesis, 1);
        assert!(view.is_valid(&good));
        assert!(!view.is_valid(&Header {
            seq: Seq(2),
            ..good.clone()
        }));
        assert!(!view.is_valid(&Header {
            prev: Digest([1; 32]),
            ..good.clone()
        }));
        let mut later = view;
        later.pos = Seq(1);
        assert!(!later.is_valid(&good));
    }

    #[test]
    fn a_journal_of_a_later_level_is_refused() {
        let read = |level| {
            let mut view = View::empty();
            let begin = header(&view, 0, Kind::Genesis, 1);
            take(&mut view, &begin, &genesis(level))
        };
        assert!(matches!(read(FORMAT_LEVEL + 1), Err(FormatError::TooNew { .. })));
        assert!(matches!(read(FORMAT_LEVEL - 1), Ok(Read::Valid(_))));
    }

    #[test]
    fn only_its_leader_ends_an_epoch_by_a_handover_and_only_to_a_later_one() {
        let view = led();
        let valid = |epoch, by| view.is_valid(&header(&view, epoch, Kind::Handover, by));
        assert!(valid(6, 1));
        assert!(!valid(6, 2) && !valid(5, 1) && !valid(4, 1));
    }

    #[test]
    fn a_process_leads_until_it_has_let_go() {
        let mut view = led();
        assert!(view.is_led_by(&process(1)) && !view.is_led_by(&process(2)));
        let end = header(&view, 5, Kind::Release, 1);
        take(&mut view, &end, &Payload::Release).unwrap();
        assert!(!view.is_led_by(&process(1)));
        assert!(!View::empty().is_led_by(&process(1)));
    }

    #[test]
    fn the_last_writes_are_remembered_and_since_when() {
        let mut view = led();
        let commit = Payload::Commit {
            time_ms: 0,
            replaces: false,
            changes: [].into(),
        };
        while view.pos < Seq(REMEMBERED_WRITES as u64) {
            let next = header(&view, 5, Kind::Commit, 1);
            take(&mut view, &next, &commit).unwrap();
        }
        assert_eq!(
            (view.writes.len(), view.writes_since),
            (REMEMBERED_WRITES, Seq(1))
        );
        let next = header(&view, 5, Kind::Commit, 1);
        take(&mut view, &next, &commit).unwrap();
        assert_eq!(
            (view.writes.len(), view.writes_since),
            (REMEMBERED_WRITES, Seq(2))
        );
    }

    #[test]
    fn what_a_listing_has_confirmed_is_not_kept_twice() {
        let mut view = led();
        assert_eq!(view.hashes.len(), 3);
        view.confirm_up_to(Seq(1));
        assert_eq!(
            (view.chain_at(Seq(0)), view.hashes.len(), view.base),
            (None, 2, Seq(1))
        );
        assert_eq!(view.chain_at(Seq(2)), Some(view.chain));
    }
}
