//! Collection: only up to the older of two whole snapshots, after every part of both was read back, never a fence.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::entry::RawEntry;
use crate::hash::Digest;
use crate::layout::{PARTS, SNAPSHOTS, entry_key, manifest_key, part_key, parts_of, seq_of};
use crate::manifest::Manifest;
use crate::names::{Epoch, Seq};
use crate::output::Cx;
use crate::request::{Ask, FailureKind, RequestId, StoreOp, StoreReply};
use crate::time::Instant;

/// Entries that are looked at side by side.
const SIDE_BY_SIDE: usize = 16;

/// Failures in a row after which the round is given up. A round begins anew with reading back both snapshots, so one that ended with the first
/// failure would hardly ever be done on a store of which one request in a hundred fails.
const FAILURES: u8 = 8;

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Collect {
    ask: Ask,
    step: Step,
    from: Seq,
    /// The older and the newer of the two kept.
    kept: Vec<Manifest>,
    floor: Seq,
    /// So many requests in a row have failed.
    failures: u8,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Step {
    ListManifests,
    /// Reading both manifests, the older first.
    Manifests {
        wanted: VecDeque<Seq>,
        old: VecDeque<Seq>,
    },
    /// Reading back every part of both.
    Parts {
        at: (usize, usize),
        old: VecDeque<Seq>,
    },
    DeleteManifests(VecDeque<Seq>),
    /// What still has a manifest, so that no part of it is swept.
    ListAgain,
    ListParts {
        manifests: BTreeSet<Seq>,
    },
    ListFolder {
        folders: VecDeque<String>,
    },
    DeleteParts {
        folders: VecDeque<String>,
        keys: VecDeque<String>,
    },
    Entries {
        next: Seq,
        asks: BTreeMap<Seq, (EntryStep, Ask)>,
    },
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum EntryStep {
    Look,
    Delete,
}

/// `None` while it goes on; then up to where collection is complete, or why it was given up (empty: nothing to do).
pub(crate) type Done = Option<Result<Seq, String>>;

impl Collect {
    pub(crate) fn begin(now: Instant, from: Seq) -> Self {
        Self {
            ask: Ask::Due(now),
            step: Step::ListManifests,
            from,
            kept: Vec::new(),
            floor: Seq(0),
            failures: 0,
        }
    }

    pub(crate) fn wake(&self) -> Instant {
        match &self.step {
            Step::Entries { asks, .. } => asks.values().map(|(_, a)| a.wake()).min().unwrap_or_default(),
            _ => self.ask.wake(),
        }
    }

    pub(crate) fn is(&self, id: RequestId) -> bool {
        match &self.step {
            Step::Entries { asks, .. } => asks.values().any(|(_, a)| a.is(id)),
            _ => self.ask.is(id),
        }
    }

    pub(crate) fn drive(&mut self, cx: &mut Cx<'_>) {
        if let Step::Entries { asks, .. } = &mut self.step {
            for (seq, (step, ask)) in asks.iter_mut() {
                let key = entry_key(*seq);
                cx.drive(ask, || match step {
                    EntryStep::Look => StoreOp::GetRange {
                        key,
                        range: 0..RawEntry::PEEK,
                    },
                    EntryStep::Delete => StoreOp::Delete { key },
                });
            }
            return;
        }
        let Some(op) = self.op() else { return };
        cx.drive(&mut self.ask, || op);
    }

    /// Asks again what failed. Before an entry is deleted again it is looked at again: the delete that failed may have been done, and a claim may
    /// have landed in its slot since.
    fn ask_again(&mut self, id: RequestId, ask: Ask) {
        match &mut self.step {
            Step::Entries { asks, .. } => {
                if let Some(failed) = asks.values_mut().find(|(_, a)| a.is(id)) {
                    *failed = (EntryStep::Look, ask);
                }
            }
            _ => self.ask = ask,
        }
    }

    fn op(&self) -> Option<StoreOp> {
        Some(match &self.step {
            Step::ListManifests | Step::ListAgain => StoreOp::List {
                folder: SNAPSHOTS.to_string(),
            },
            Step::Manifests { wanted, .. } => StoreOp::Get {
                key: manifest_key(*wanted.front()?),
            },
            Step::Parts {
                at: (which, index), ..
            } => {
                let manifest = self.kept.get(*which)?;
                StoreOp::Get {
                    key: part_key(manifest.seq(), manifest.write_id, *index),
                }
            }
            Step::DeleteManifests(old) => StoreOp::Delete {
                key: manifest_key(*old.front()?),
            },
            Step::ListParts { .. } => StoreOp::List {
                folder: PARTS.to_string(),
            },
            Step::ListFolder { folders } => StoreOp::List {
                folder: folders.front()?.clone(),
            },
            Step::DeleteParts { keys, .. } => StoreOp::Delete {
                key: keys.front()?.clone(),
            },
            Step::Entries { .. } => return None,
        })
    }

    pub(crate) fn on_reply(
        &mut self,
        cx: &mut Cx<'_>,
        id: RequestId,
        reply: StoreReply,
        own: &BTreeMap<Seq, Digest>,
        pinned: Option<Seq>,
    ) -> Done {
        if let StoreReply::Failed(failure) = &reply {
            let is_passing = matches!(failure.kind, FailureKind::OutcomeUnknown | FailureKind::NotDone);
            if !is_passing || self.failures == FAILURES {
                return Some(Err(alloc::format!("collection put off: {}", failure.message)));
            }
            self.failures += 1;
            self.ask_again(id, cx.later());
            return None;
        }
        self.failures = 0;
        let step = core::mem::replace(&mut self.step, Step::ListManifests);
        self.step = match (step, reply) {
            (Step::ListManifests, StoreReply::Names(names)) => {
                let mut seqs: VecDeque<Seq> = names.iter().filter_map(|n| seq_of(n)).collect();
                seqs.make_contiguous().sort_unstable();
                if seqs.len() < 2 {
                    return Some(Err(String::new()));
                }
                let wanted = seqs.split_off(seqs.len() - 2);
                Step::Manifests { wanted, old: seqs }
            }
            (Step::Manifests { mut wanted, old }, StoreReply::Bytes(bytes)) => {
                let seq = wanted.pop_front().unwrap_or_default();
                match Manifest::parse(seq, &bytes) {
                    Err(bad) => return Some(Err(alloc::format!("nothing is collected: {bad}"))),
                    // Another's snapshot, and this process has no digest of its own there: nothing is collected on its word.
                    Ok(manifest) if own.get(&seq) != Some(&manifest.state) => {
                        return Some(Err(String::new()));
                    }
                    Ok(manifest) => self.kept.push(manifest),
                }
                if wanted.is_empty() {
                    self.next_part((0, 0), old, pinned)
                } else {
                    Step::Manifests { wanted, old }
                }
            }
            (
                Step::Parts {
                    at: (which, index),
                    old,
                },
                StoreReply::Bytes(bytes),
            ) => {
                let manifest = &self.kept[which];
                if Digest::of(&bytes) != manifest.parts[index].hash {
                    let key = part_key(manifest.seq(), manifest.write_id, index);
                    return Some(Err(alloc::format!(
                        "nothing is collected: `{key}` is not what its manifest says"
                    )));
                }
                self.next_part((which, index + 1), old, pinned)
            }
            (Step::DeleteManifests(mut old), StoreReply::Done) => {
                old.pop_front();
                if old.is_empty() {
                    Step::ListAgain
                } else {
                    Step::DeleteManifests(old)
                }
            }
            (Step::ListAgain, StoreReply::Names(names)) => Step::ListParts {
                manifests: names.iter().filter_map(|n| seq_of(n)).collect(),
            },
            (Step::ListParts { manifests }, StoreReply::Names(names)) => {
                let swept = |n: &&String| {
                    parts_of(n).is_some_and(|(seq, _)| seq < self.floor && !manifests.contains(&seq))
                };
                let folder = |n: &String| alloc::format!("{PARTS}/{}", n.trim_end_matches('/'));
                self.next_folder(names.iter().filter(swept).map(folder).collect())
            }
            (Step::ListFolder { folders }, StoreReply::Names(names)) => {
                let folder = folders.front().cloned().unwrap_or_default();
                let keys = names.iter().map(|n| alloc::format!("{folder}/{n}")).collect();
                self.next_part_key(folders, keys)
            }
            (Step::DeleteParts { folders, mut keys }, StoreReply::Done) => {
                keys.pop_front();
                self.next_part_key(folders, keys)
            }
            (Step::Entries { next, asks }, reply) => self.on_entry(cx, next, asks, id, reply),
            // Something is not as it was a moment ago: another time.
            (_, _) => return Some(Err(String::new())),
        };
        self.ask = Ask::Due(cx.now);
        if let Step::Entries { next, asks } = &mut self.step {
            Self::fill(cx.now, &self.kept[1], self.floor, next, asks);
            if asks.is_empty() {
                return Some(Ok(self.floor));
            }
        }
        self.drive(cx);
        None
    }

    /// On to the next part to read back, or, when all were, to deleting.
    fn next_part(&mut self, (which, index): (usize, usize), old: VecDeque<Seq>, pinned: Option<Seq>) -> Step {
        if index < self.kept[which].parts.len() {
            return Step::Parts {
                at: (which, index),
                old,
            };
        }
        if which == 0 {
            return self.next_part((1, 0), old, pinned);
        }
        let older = self.kept[0].seq();
        self.floor = pinned.map_or(older, |p| p.min(older));
        let old: VecDeque<Seq> = old.into_iter().filter(|s| *s < self.floor).collect();
        if old.is_empty() {
            Step::ListAgain
        } else {
            Step::DeleteManifests(old)
        }
    }

    fn next_folder(&self, folders: VecDeque<String>) -> Step {
        if folders.is_empty() {
            Step::Entries {
                next: self.from.next(),
                asks: BTreeMap::new(),
            }
        } else {
            Step::ListFolder { folders }
        }
    }

    fn next_part_key(&self, mut folders: VecDeque<String>, keys: VecDeque<String>) -> Step {
        if keys.is_empty() {
            folders.pop_front();
            self.next_folder(folders)
        } else {
            Step::DeleteParts { folders, keys }
        }
    }

    /// The epoch whose range holds a slot, by the newest table; its takeover is not in the range.
    fn epoch_of(manifest: &Manifest, seq: Seq) -> Option<Epoch> {
        let table = &manifest.view.table;
        table
            .iter()
            .find(|(_, t)| t.began < seq && seq <= t.last_valid)
            .map(|(epoch, _)| *epoch)
    }

    fn fill(
        now: Instant,
        newest: &Manifest,
        floor: Seq,
        next: &mut Seq,
        asks: &mut BTreeMap<Seq, (EntryStep, Ask)>,
    ) {
        while asks.len() < SIDE_BY_SIDE && *next <= floor {
            if Self::epoch_of(newest, *next).is_some() {
                asks.insert(*next, (EntryStep::Look, Ask::Due(now)));
            }
            *next = next.next();
        }
    }

    fn on_entry(
        &self,
        cx: &Cx<'_>,
        next: Seq,
        mut asks: BTreeMap<Seq, (EntryStep, Ask)>,
        id: RequestId,
        reply: StoreReply,
    ) -> Step {
        let found = asks
            .iter()
            .find(|(_, (_, a))| a.is(id))
            .map(|(s, (step, _))| (*s, *step));
        if let Some((seq, step)) = found {
            asks.remove(&seq);
            if let (EntryStep::Look, StoreReply::Bytes(bytes)) = (step, &reply) {
                let epoch = Self::epoch_of(&self.kept[1], seq);
                let goes = RawEntry::peek(bytes)
                    .is_some_and(|h| h.seq == seq && !h.kind.is_fence() && Some(h.epoch) == epoch);
                if goes {
                    asks.insert(seq, (EntryStep::Delete, Ask::Due(cx.now)));
                }
            }
        }
        Step::Entries { next, asks }
    }
}
