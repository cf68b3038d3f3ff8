//! The leader's housekeeping: snapshots, and collection of what two whole snapshots have made superfluous (rules 1, 4 and 7).

use alloc::collections::BTreeMap;
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;

mod collect;

use crate::hash::Digest;
use crate::layout::{manifest_key, part_key, parts_folder};
use crate::manifest::{Manifest, Part};
use crate::names::{Seq, WriteId};
use crate::output::{Cx, HostRequest, SnapshotParts};
use crate::request::{Ask, FailureKind, RequestId, StoreOp, StoreReply};
use crate::time::Instant;
use crate::unhashed::Unhashed;
use crate::view::View;
use collect::Collect;

/// How many own digests are kept.
const DIGESTS: usize = 8;

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Keeper {
    step: Step,
    snapshots: Unhashed<u64>,
    entries: u64,
    bytes: u64,
    /// The state's digest where this process has written a snapshot itself.
    digests: BTreeMap<Seq, Digest>,
    /// Collection is complete up to here, as far as is known.
    collected: Seq,
    /// Not before then, after something failed.
    not_before: Instant,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Step {
    Rest,
    /// The owner is saying what the state is.
    Asked {
        id: Unhashed<u64>,
        view: View,
    },
    /// Parts go out, one after the other; then they are listed; then the manifest goes out.
    Upload(Upload),
    Collect(Collect),
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct Upload {
    manifest: Manifest,
    parts: Vec<Arc<[u8]>>,
    stage: Stage,
    ask: Ask,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Stage {
    Part(usize),
    Check,
    Manifest,
}

/// What the node is told.
pub(crate) enum Kept {
    Nothing,
    Snapshot(Seq),
    Collected(Seq),
}

impl Keeper {
    pub(crate) fn new() -> Self {
        Self {
            step: Step::Rest,
            snapshots: Unhashed(0),
            entries: 0,
            bytes: 0,
            digests: BTreeMap::new(),
            collected: Seq(0),
            not_before: Instant::default(),
        }
    }

    /// An entry was taken; commits count towards the next snapshot.
    pub(crate) fn on_entry(&mut self, length: usize) {
        self.entries += 1;
        self.bytes += length as u64;
    }

    /// A snapshot was seen to be there.
    pub(crate) fn on_manifest(&mut self, manifest: &Manifest, pos: Seq) {
        self.entries = self.entries.min(pos.0.saturating_sub(manifest.seq().0));
        self.collected = self.collected.max(manifest.collected);
    }

    /// What this process was doing as leader is dropped.
    pub(crate) fn abandon(&mut self) {
        self.step = Step::Rest;
    }

    /// Begins a snapshot if one is due. `view` is where the state of the owner stands.
    pub(crate) fn begin_if_due(&mut self, cx: &mut Cx<'_>, view: &View) {
        let due = self.entries >= cx.config.snapshot_entries || self.bytes >= cx.config.snapshot_bytes;
        if !due || self.step != Step::Rest || cx.now < self.not_before {
            return;
        }
        *self.snapshots += 1;
        let id = *self.snapshots;
        (self.entries, self.bytes) = (0, 0);
        let mut view = view.clone();
        view.base = view.pos;
        view.hashes = BTreeMap::from([(view.pos, view.chain)]);
        cx.out.host(HostRequest::Snapshot { id, seq: view.pos });
        self.step = Step::Asked {
            id: Unhashed(id),
            view,
        };
    }

    /// The owner has said what the state is.
    pub(crate) fn on_parts(&mut self, cx: &mut Cx<'_>, id: u64, answer: SnapshotParts) {
        let Step::Asked { id: asked, view } = &self.step else {
            return;
        };
        if **asked != id {
            return;
        }
        let list = answer
            .parts
            .iter()
            .map(|p| Part {
                hash: Digest::of(p),
                length: p.len() as u64,
            })
            .collect();
        let write_id = cx.write_id();
        // A plane whose owner keeps no state has only its chain.
        let digest = if answer.parts.is_empty() {
            view.chain
        } else {
            answer.digest
        };
        let manifest = Manifest::new(write_id, view.clone(), digest, list, self.collected);
        let stage = if answer.parts.is_empty() {
            Stage::Manifest
        } else {
            Stage::Part(0)
        };
        self.step = Step::Upload(Upload {
            manifest,
            parts: answer.parts,
            stage,
            ask: Ask::Due(cx.now),
        });
        self.drive(cx);
    }

    pub(crate) fn wake(&self) -> Option<Instant> {
        match &self.step {
            Step::Rest | Step::Asked { .. } => None,
            Step::Upload(upload) => Some(upload.ask.wake()),
            Step::Collect(collect) => Some(collect.wake()),
        }
    }

    pub(crate) fn drive(&mut self, cx: &mut Cx<'_>) {
        match &mut self.step {
            Step::Rest | Step::Asked { .. } => {}
            Step::Upload(upload) => upload.drive(cx),
            Step::Collect(collect) => collect.drive(cx),
        }
    }

    pub(crate) fn on_reply(
        &mut self,
        cx: &mut Cx<'_>,
        id: RequestId,
        reply: StoreReply,
        pinned: Option<Seq>,
    ) -> Option<Kept> {
        let kept = match &mut self.step {
            Step::Upload(upload) if upload.ask.is(id) => match upload.on_reply(cx, reply) {
                Next::Waiting => Kept::Nothing,
                Next::GivenUp(why) => {
                    self.rest_after(cx, &why);
                    Kept::Nothing
                }
                Next::Done => {
                    let (seq, digest) = (upload.manifest.seq(), upload.manifest.state);
                    self.digests.insert(seq, digest);
                    while self.digests.len() > DIGESTS {
                        self.digests.pop_first();
                    }
                    self.step = Step::Collect(Collect::begin(cx.now, self.collected));
                    Kept::Snapshot(seq)
                }
            },
            Step::Collect(collect) if collect.is(id) => {
                let done = collect.on_reply(cx, id, reply, &self.digests, pinned);
                match done {
                    None => Kept::Nothing,
                    Some(Err(why)) => {
                        self.rest_after(cx, &why);
                        Kept::Nothing
                    }
                    Some(Ok(seq)) => {
                        self.collected = self.collected.max(seq);
                        self.step = Step::Rest;
                        Kept::Collected(seq)
                    }
                }
            }
            _ => return None,
        };
        self.drive(cx);
        Some(kept)
    }

    fn rest_after(&mut self, cx: &mut Cx<'_>, why: &str) {
        if !why.is_empty() {
            cx.warn(why.to_string());
            self.not_before = cx.now + cx.config.poll * 4;
        }
        self.step = Step::Rest;
    }
}

enum Next {
    Waiting,
    GivenUp(alloc::string::String),
    Done,
}

impl Upload {
    fn place(&self) -> (Seq, WriteId) {
        (self.manifest.seq(), self.manifest.write_id)
    }

    fn drive(&mut self, cx: &mut Cx<'_>) {
        let (seq, write_id) = self.place();
        let op = || match self.stage {
            Stage::Part(i) => StoreOp::Create {
                key: part_key(seq, write_id, i),
                bytes: self.parts[i].clone(),
            },
            Stage::Check => StoreOp::List {
                folder: parts_folder(seq, write_id),
            },
            Stage::Manifest => StoreOp::Create {
                key: manifest_key(seq),
                bytes: self.manifest.encode(),
            },
        };
        let mut ask = self.ask;
        cx.drive(&mut ask, op);
        self.ask = ask;
    }

    fn on_reply(&mut self, cx: &mut Cx<'_>, reply: StoreReply) -> Next {
        match (self.stage, reply) {
            (Stage::Part(i), StoreReply::Done | StoreReply::Exists) => {
                let last = i + 1 == self.parts.len();
                self.stage = if last { Stage::Check } else { Stage::Part(i + 1) };
                self.ask = Ask::Due(cx.now);
            }
            (Stage::Check, StoreReply::Names(names)) => {
                let whole =
                    (0..self.parts.len()).all(|i| names.iter().any(|n| *n == alloc::format!("{i:08}")));
                if !whole {
                    let (seq, write_id) = self.place();
                    return Next::GivenUp(alloc::format!(
                        "snapshot {seq} given up: parts of it in `{}` are gone",
                        parts_folder(seq, write_id)
                    ));
                }
                self.stage = Stage::Manifest;
                self.ask = Ask::Due(cx.now);
            }
            (Stage::Manifest, StoreReply::Done | StoreReply::Exists) => return Next::Done,
            (_, StoreReply::Failed(failure)) => match failure.kind {
                FailureKind::OutcomeUnknown | FailureKind::NotDone => self.ask = cx.later(),
                FailureKind::Refused | FailureKind::Corrupt | FailureKind::Broken => {
                    return Next::GivenUp(alloc::format!("snapshot given up: {}", failure.message));
                }
            },
            (_, _) => self.ask = cx.later(),
        }
        Next::Waiting
    }
}
