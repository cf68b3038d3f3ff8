//! A plane as it lies in a store: what belongs to it, all of it read and verified along the chain of hashes.

use std::collections::BTreeMap;

use ha_core::proto::{Digest, FormatError, Kind, Manifest, Payload, RawEntry, View, Walk, layout};
use ha_core::{PlaneId, Seq};

use super::io::{Object, SIDE_BY_SIDE, Side};
use crate::failure::RunError;

/// What belongs to a plane, by the kind of object. Its node records do not: they are the nodes'.
#[derive(Debug)]
pub(crate) struct Inventory {
    /// All slots that are there, in order.
    entries: Vec<Seq>,
    /// All manifests that are there, in order.
    manifests: BTreeMap<Seq, (Object, Manifest)>,
    /// The slots from here on are all there; those before are what collection has left.
    whole_from: Seq,
}

/// What a plane is at its last entry.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Head {
    pub(crate) plane: PlaneId,
    pub(crate) seq: Seq,
    pub(crate) epoch: u64,
    pub(crate) chain: Digest,
    /// The newest manifest, 0 if there is none.
    pub(crate) manifest: Seq,
}

/// How much was read.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Tally {
    pub(crate) entries: u64,
    pub(crate) invalid: u64,
    pub(crate) manifests: u64,
    pub(crate) parts: u64,
    pub(crate) bytes: u64,
}

/// Takes each object after it has been verified.
pub(crate) trait Sink {
    async fn take(&mut self, key: &str, object: &Object) -> Result<(), RunError>;
}

/// Only verifies.
pub(crate) struct Nowhere;

impl Sink for Nowhere {
    async fn take(&mut self, _key: &str, _object: &Object) -> Result<(), RunError> {
        Ok(())
    }
}

impl Inventory {
    /// Finds what there is. `None` if there is no plane.
    pub(crate) async fn of(side: &Side, ignored: Option<&str>) -> Result<Option<Self>, RunError> {
        let mut entries = Vec::new();
        for folder in side.list("journal").await? {
            let Some(folder) = folder.strip_suffix('/') else {
                continue;
            };
            let names = side.list(&format!("journal/{folder}")).await?;
            entries.extend(names.iter().filter_map(|name| layout::seq_of(name)));
        }
        entries.sort_unstable();
        let names = side.list(layout::SNAPSHOTS).await?;
        let keys = names.iter().filter_map(|name| layout::seq_of(name));
        let keys: Vec<String> = keys
            .map(layout::manifest_key)
            .filter(|key| Some(key.as_str()) != ignored)
            .collect();
        let mut manifests = BTreeMap::new();
        for (key, object) in side.get_all(keys).await? {
            let seq = seq_of_key(&key);
            let manifest = Manifest::parse(seq, &object).map_err(|error| side.bad(error))?;
            manifests.insert(seq, (object, manifest));
        }
        let Some(last) = entries.last().copied() else {
            return match manifests.first_key_value() {
                None => Ok(None),
                Some((seq, _)) => Err(side.hole(*seq, "there is a manifest, and no entry at all")),
            };
        };
        let breaks = entries.windows(2).rev().find(|pair| pair[0].next() != pair[1]);
        let whole_from = breaks.map_or(entries[0], |pair| pair[1]);
        let newest = manifests.last_key_value().map_or(Seq(0), |(seq, _)| *seq);
        if newest > last {
            return Err(side.hole(last.next(), "the newest manifest is beyond the last entry"));
        }
        if entries[0] != Seq(1) {
            return Err(side.hole(Seq(1), "the first entry of a plane is never deleted"));
        }
        if whole_from > Seq(1) && !manifests.keys().any(|seq| seq.next() >= whole_from) {
            let missing = Seq(whole_from.0 - 1);
            return Err(side.hole(missing, "no manifest stands for the entries before it"));
        }
        Ok(Some(Self {
            entries,
            manifests,
            whole_from,
        }))
    }

    /// The newest manifest, 0 if there is none.
    pub(crate) fn newest(&self) -> Seq {
        self.manifests.last_key_value().map_or(Seq(0), |(seq, _)| *seq)
    }

    /// The last slot.
    pub(crate) fn last(&self) -> Seq {
        self.entries.last().copied().unwrap_or_default()
    }

    /// How many objects there are.
    pub(crate) fn objects(&self) -> u64 {
        let parts: usize = self
            .manifests
            .values()
            .map(|(_, manifest)| manifest.parts.len())
            .sum();
        (parts + self.entries.len() + self.manifests.len()) as u64
    }

    /// Reads and verifies all of it, and hands it on: parts, then entries, then manifests.
    pub(crate) async fn read(&self, side: &Side, sink: &mut impl Sink) -> Result<(Head, Tally), RunError> {
        let mut tally = Tally::default();
        for (_, manifest) in self.manifests.values() {
            self.parts(side, manifest, sink, &mut tally).await?;
        }
        let view = self.chain(side, sink, &mut tally).await?;
        for (seq, (object, _)) in &self.manifests {
            tally.manifests += 1;
            tally.bytes += object.len() as u64;
            sink.take(&layout::manifest_key(*seq), object).await?;
        }
        let head = Head {
            plane: view.plane.clone().unwrap_or_else(|| PlaneId(String::new())),
            seq: view.pos,
            epoch: view.epoch.0,
            chain: view.chain,
            manifest: self.newest(),
        };
        Ok((head, tally))
    }

    async fn parts(
        &self,
        side: &Side,
        manifest: &Manifest,
        sink: &mut impl Sink,
        tally: &mut Tally,
    ) -> Result<(), RunError> {
        // One at a time: a part may be large.
        for (index, part) in manifest.parts.iter().enumerate() {
            let key = layout::part_key(manifest.seq(), manifest.write_id, index);
            for (key, object) in side.get_all(vec![key]).await? {
                if Digest::of(&object) != part.hash || object.len() as u64 != part.length {
                    return Err(RunError::execution(format!(
                        "`{key}` in {} is not what its manifest says: put back a good copy from a backup",
                        side.store
                    )));
                }
                tally.parts += 1;
                tally.bytes += part.length;
                sink.take(&key, &object).await?;
            }
        }
        Ok(())
    }

    /// Reads all entries, and follows the chain where it is whole.
    async fn chain(&self, side: &Side, sink: &mut impl Sink, tally: &mut Tally) -> Result<View, RunError> {
        let first = self
            .manifests
            .iter()
            .find(|(seq, _)| seq.next() >= self.whole_from);
        let mut walk = match first {
            Some((_, (_, manifest))) if self.whole_from > Seq(1) => Walk::from_manifest(manifest),
            _ => Walk::from_start(),
        };
        for slots in self.entries.chunks(SIDE_BY_SIDE) {
            let keys = slots.iter().copied().map(layout::entry_key).collect();
            for (key, object) in side.get_all(keys).await? {
                let seq = seq_of_key(&key);
                if seq == walk.next_slot() {
                    let is_valid = walk.take(&object).map_err(|error| side.bad(error))?;
                    tally.invalid += u64::from(!is_valid);
                    if let Some((_, manifest)) = self.manifests.get(&seq) {
                        walk.check(manifest).map_err(|error| side.bad(error))?;
                    }
                } else {
                    // What a collection has left: it stands alone, and its plane is that of the manifest.
                    left_behind(&key, seq, &object, &walk).map_err(|error| side.bad(error))?;
                }
                tally.entries += 1;
                tally.bytes += object.len() as u64;
                sink.take(&key, &object).await?;
            }
        }
        let view = walk.view().clone();
        let there = |began: &Seq| self.entries.binary_search(began).is_ok();
        if let Some(term) = view.table.values().find(|term| !there(&term.began)) {
            return Err(side.hole(term.began, "the beginning of an epoch is never deleted"));
        }
        if view.plane.is_none() {
            return Err(side.hole(Seq(1), "it begins no plane"));
        }
        Ok(view)
    }
}

/// Verifies an entry that no chain leads to any more.
fn left_behind(key: &str, seq: Seq, object: &Object, walk: &Walk) -> Result<(), FormatError> {
    let entry = RawEntry::parse(key, seq, object)?;
    let is_of_the_plane = match entry.header.kind {
        Kind::Genesis => match entry.decode(key)? {
            Payload::Genesis { plane, .. } => walk.view().plane.as_ref() == Some(&plane),
            _ => false,
        },
        Kind::Takeover | Kind::Handover => {
            let term = walk.view().table.get(&entry.header.epoch);
            // Another of the same epoch lost its slot, and is junk that stays.
            term.is_none_or(|term| term.began != seq || term.write_id == entry.header.write_id)
        }
        _ => true,
    };
    if is_of_the_plane {
        return Ok(());
    }
    Err(FormatError::Corrupt {
        object: key.to_owned(),
        what: "an entry of another plane",
    })
}

impl Side {
    pub(crate) fn bad(&self, error: FormatError) -> RunError {
        RunError::execution(format!("{} does not verify", self.store)).because(error)
    }

    fn hole(&self, seq: Seq, why: &str) -> RunError {
        RunError::execution(format!(
            "`{}` in {} is missing ({why}): put it back from a backup",
            layout::entry_key(seq),
            self.store
        ))
    }
}

fn seq_of_key(key: &str) -> Seq {
    let name = key.rsplit_once('/').map_or(key, |(_, name)| name);
    layout::seq_of(name).unwrap_or_default()
}
