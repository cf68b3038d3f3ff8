//! The journal of a plane as it lies in its store, read from outside, with a judgement of its own about what is valid.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ha_core::proto::{Digest, Header, Kind, Manifest, Payload, Process, RawEntry, layout};
use ha_core::{Epoch, Seq};

use crate::objects::Objects;

/// What lies in a journal from its newest snapshot on, or, while there is none, from its beginning.
#[derive(Debug)]
pub struct Journal {
    /// The valid entries, in order.
    pub valid: Vec<Entry>,
    /// Entries that are not valid.
    pub invalid: Vec<Header>,
    /// The slot of the newest snapshot; 0 if there is none.
    pub snapshot: Seq,
}

/// A valid entry.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its header.
    pub header: Header,
    /// What it says.
    pub payload: Payload,
}

fn files(plane: &Path, keys: BTreeMap<Seq, String>) -> BTreeMap<Seq, PathBuf> {
    keys.into_iter()
        .map(|(seq, key)| (seq, plane.join(key)))
        .collect()
}

/// Who leads at a point of the chain.
struct Chain {
    last: Digest,
    epoch: Epoch,
    leader: Option<Process>,
}

impl Chain {
    /// The rule of validity, written down a second time.
    fn admits(&self, entry: &Header) -> bool {
        let by_leader = self.leader.as_ref() == Some(&entry.by);
        entry.prev == self.last
            && match entry.kind {
                Kind::Genesis => entry.seq == Seq(1),
                Kind::Takeover => entry.epoch > self.epoch,
                Kind::Handover => by_leader && entry.epoch > self.epoch,
                Kind::Full | Kind::Commit | Kind::Release => by_leader && entry.epoch == self.epoch,
                _ => false,
            }
    }

    fn takes(&mut self, entry: &RawEntry, payload: &Payload) {
        self.last = entry.hash;
        self.epoch = entry.header.epoch;
        match payload {
            Payload::Takeover { .. } => self.leader = Some(entry.header.by.clone()),
            Payload::Handover { successor, .. } => self.leader = Some(successor.clone()),
            Payload::Release => self.leader = None,
            _ => {}
        }
    }
}

impl Journal {
    /// Reads the journal of a plane.
    ///
    /// # Panics
    /// If anything there does not verify, or a slot is missing.
    #[must_use]
    #[track_caller]
    pub fn of(plane: &Objects) -> Self {
        let mut chain = Chain {
            last: Digest::NONE,
            epoch: Epoch(0),
            leader: None,
        };
        let mut snapshot = Seq(0);
        if let Some((seq, key)) = plane.snapshots().last_key_value() {
            let bytes = plane.read(key).expect("a manifest can be read");
            let view = Manifest::parse(*seq, &bytes).expect("a manifest is whole").view;
            let leader = view
                .leader
                .filter(|_| !view.released)
                .map(|leader| leader.process);
            chain = Chain {
                last: view.chain,
                epoch: view.epoch,
                leader,
            };
            snapshot = *seq;
        }
        let (mut valid, mut invalid) = (Vec::new(), Vec::new());
        let mut next = snapshot.next();
        let entries = plane.entries().split_off(&next);
        let read = plane.read_all(entries.values().cloned());
        for ((seq, _), bytes) in entries.into_iter().zip(read) {
            assert_eq!(seq, next, "a slot is missing");
            next = seq.next();
            let bytes = bytes.expect("an entry can be read");
            let key = layout::entry_key(seq);
            let entry = RawEntry::parse(&key, seq, &bytes).expect("an entry is whole");
            if chain.admits(&entry.header) {
                let payload = entry.decode(&key).expect("an entry says something");
                chain.takes(&entry, &payload);
                valid.push(Entry {
                    header: entry.header,
                    payload,
                });
            } else {
                invalid.push(entry.header);
            }
        }
        Self {
            valid,
            invalid,
            snapshot,
        }
    }

    /// The files of all slots that are there, in a plane's directory.
    #[must_use]
    pub fn entries(plane: &Path) -> BTreeMap<Seq, PathBuf> {
        files(plane, Objects::of_directory(plane).entries())
    }

    /// The files of all manifests that are there, in a plane's directory.
    #[must_use]
    pub fn snapshots(plane: &Path) -> BTreeMap<Seq, PathBuf> {
        files(plane, Objects::of_directory(plane).snapshots())
    }

    /// Checks that every epoch was begun once, and that each was greater than the one before it; and that nothing of an older epoch is valid
    /// after a newer one was begun.
    ///
    /// # Panics
    /// If not.
    #[track_caller]
    pub fn assert_one_leader_at_a_time(&self) {
        let mut epoch = Epoch(0);
        for Entry { header, .. } in &self.valid {
            match header.kind {
                Kind::Takeover | Kind::Handover => {
                    assert!(
                        header.epoch > epoch,
                        "epoch {} is begun at {} after {epoch}",
                        header.epoch,
                        header.seq
                    );
                    epoch = header.epoch;
                }
                _ if epoch > Epoch(0) => assert_eq!(
                    header.epoch, epoch,
                    "an entry of another epoch is valid at {}",
                    header.seq
                ),
                _ => {}
            }
        }
    }

    /// The beginnings of epochs.
    pub fn beginnings(&self) -> impl Iterator<Item = &Entry> {
        self.valid
            .iter()
            .filter(|entry| matches!(entry.header.kind, Kind::Takeover | Kind::Handover))
    }

    /// All committed changes, in order, with the slot of each.
    #[must_use]
    pub fn commits(&self) -> Vec<(Seq, String)> {
        let changes = self.valid.iter().flat_map(|entry| match &entry.payload {
            Payload::Commit { changes, .. } => {
                changes.iter().map(|change| (entry.header.seq, change)).collect()
            }
            _ => Vec::new(),
        });
        changes
            .map(|(seq, change)| (seq, String::from_utf8_lossy(change).into_owned()))
            .collect()
    }
}
