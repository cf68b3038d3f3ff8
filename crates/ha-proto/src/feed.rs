//! Feeding the owner of the state: restored from a snapshot, then every committed entry in order.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use crate::entry::{Header, Payload, RawEntry};
use crate::hash::Digest;
use crate::layout::{entry_key, part_key};
use crate::load::{Load, SIDE_BY_SIDE, Step};
use crate::manifest::Manifest;
use crate::names::Seq;
use crate::newest::{Looked, Newest};
use crate::output::{Applied, Cx, HostRequest};
use crate::owner::Owner;
use crate::progress::LoadProgress;
use crate::request::{Ask, RequestId, StoreOp, StoreReply};
use crate::tail::{Fetched, Tail};
use crate::time::Instant;
use crate::unhashed::Unhashed;
use crate::view::{Read, View};

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Feed {
    state: State,
    loads: Unhashed<u64>,
    /// Failed loads in a row, and why the last one did.
    failed: u32,
    last_failure: Unhashed<String>,
    /// The last slot that the owner was told to apply.
    applied: Seq,
    pub(crate) owner: Unhashed<Owner>,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum State {
    /// Nothing is kept: a warm standby.
    Off,
    Loading(Box<Load>),
    /// Follows the journal.
    Live,
}

/// What the node is told.
pub(crate) enum Fed {
    Nothing,
    /// It is live now; the load took so long.
    Live(Duration),
    /// A load failed, and will be tried again.
    Failed(String),
}

impl Feed {
    pub(crate) fn new() -> Self {
        Self {
            state: State::Off,
            loads: Unhashed(0),
            failed: 0,
            last_failure: Unhashed(String::new()),
            applied: Seq(0),
            owner: Unhashed::default(),
        }
    }

    pub(crate) fn is_live(&self) -> bool {
        matches!(self.state, State::Live)
    }

    pub(crate) fn is_off(&self) -> bool {
        matches!(self.state, State::Off)
    }

    /// How many loads in a row have failed, and why the last one did.
    pub(crate) fn failures(&self) -> (u32, &str) {
        (self.failed, &self.last_failure)
    }

    pub(crate) fn applied(&self) -> Seq {
        self.applied
    }

    /// What others must not collect now. Holds for a time that grows with each failed load.
    pub(crate) fn pin(&self, now: Instant) -> Option<Seq> {
        let load = self.load_under_way()?;
        let holds = Duration::from_secs(10) * 2u32.saturating_pow(self.failed.min(10));
        load.from().filter(|_| now.since(load.began) <= holds)
    }

    fn load_under_way(&self) -> Option<&Load> {
        match &self.state {
            State::Loading(load) => Some(load),
            State::Off | State::Live => None,
        }
    }

    /// How far the state that is being loaded has come: the snapshot's slot, and what was read on from there.
    pub(crate) fn loads_from(&self) -> Option<Seq> {
        self.load_under_way()?.from()
    }

    /// How far a load has come, if there is one.
    pub(crate) fn progress(&self, head: Seq) -> Option<LoadProgress> {
        Some(self.load_under_way()?.progress(head))
    }

    /// Begins to load, or begins again.
    pub(crate) fn load(&mut self, now: Instant) {
        self.begin(now, now);
    }

    fn begin(&mut self, began: Instant, at: Instant) {
        *self.loads += 1;
        let number = self.loads;
        self.state = State::Loading(Box::new(Load::new(number, began, at)));
    }

    /// Forgets the state.
    pub(crate) fn unload(&mut self, cx: &mut Cx<'_>) {
        if !self.is_off() {
            self.state = State::Off;
            self.failed = 0;
            self.applied = Seq(0);
            self.owner.tell(cx, HostRequest::Unload);
        }
    }

    /// An entry of the journal, if the feed is live.
    pub(crate) fn on_entry(&mut self, cx: &mut Cx<'_>, header: &Header, payload: &Payload) {
        if self.is_live() && header.seq > self.applied {
            self.apply(cx, header, payload);
        }
    }

    fn apply(&mut self, cx: &mut Cx<'_>, header: &Header, payload: &Payload) {
        self.applied = header.seq;
        if let Payload::Commit {
            time_ms,
            replaces,
            changes,
        } = payload
        {
            let applied = Applied {
                seq: header.seq,
                epoch: header.epoch,
                by: header.by.clone(),
                time_ms: *time_ms,
                replaces: *replaces,
                changes: changes.clone(),
            };
            self.owner.tell(cx, HostRequest::Apply(applied));
        }
    }

    /// The owner has restored the state, or could not.
    pub(crate) fn on_restored(&mut self, cx: &Cx<'_>, number: u64, result: Result<(), String>) -> Fed {
        let State::Loading(load) = &mut self.state else {
            return Fed::Nothing;
        };
        if *load.number != number {
            return Fed::Nothing;
        }
        match result {
            Ok(()) => {
                load.restored = true;
                Fed::Nothing
            }
            Err(why) => self.fail(cx, why),
        }
    }

    fn fail(&mut self, cx: &Cx<'_>, why: String) -> Fed {
        self.failed = self.failed.saturating_add(1);
        (*self.last_failure).clone_from(&why);
        let pause = cx.config.retry() * 2u32.saturating_pow(self.failed.min(8));
        self.begin(cx.now, cx.now + pause);
        Fed::Failed(why)
    }

    pub(crate) fn wake(&self, journal: Seq) -> Option<Instant> {
        self.load_under_way()?.wake(journal)
    }

    /// Sends what is due. `journal` is where the journal stands, and its chain.
    pub(crate) fn drive(&mut self, cx: &mut Cx<'_>, journal: &View) -> Fed {
        let State::Loading(load) = &mut self.state else {
            return Fed::Nothing;
        };
        if matches!(load.step, Step::Rest(at) if at <= cx.now) {
            load.step = Step::Look(Newest::begin(cx.now));
        }
        match &mut load.step {
            Step::Rest(_) => Fed::Nothing,
            Step::Look(newest) => {
                newest.drive(cx);
                Fed::Nothing
            }
            Step::Parts { manifest, asks, .. } => {
                let (seq, write_id) = (manifest.seq(), manifest.write_id);
                let due = asks.iter_mut().take(SIDE_BY_SIDE);
                for (index, ask) in due {
                    let key = part_key(seq, write_id, *index);
                    cx.drive(ask, || StoreOp::Get { key });
                }
                Fed::Nothing
            }
            Step::ReadOn { view, tail } => {
                let next = view.pos.next();
                if view.pos < journal.pos {
                    // Read ahead when the journal had not taken it yet.
                    if let Some(bytes) = tail.take(next) {
                        let fed = self.on_bytes(cx, next, &bytes, journal.pos);
                        return if matches!(fed, Fed::Nothing) {
                            self.drive(cx, journal)
                        } else {
                            fed
                        };
                    }
                    tail.drive(cx, next);
                    Fed::Nothing
                } else if view.pos == journal.pos && view.chain != journal.chain {
                    self.fail(cx, "the snapshot is of another journal than is read".to_string())
                } else if view.pos == journal.pos && load.restored {
                    let until = *load.until.get_or_insert(self.owner.told());
                    if !self.owner.has_done(until) {
                        self.owner.ask_when_done(cx);
                        return Fed::Nothing;
                    }
                    let took = cx.now.since(load.began);
                    self.applied = journal.pos;
                    self.state = State::Live;
                    self.failed = 0;
                    Fed::Live(took)
                } else {
                    Fed::Nothing
                }
            }
        }
    }

    pub(crate) fn on_reply(
        &mut self,
        cx: &mut Cx<'_>,
        id: RequestId,
        reply: StoreReply,
        journal: &View,
    ) -> Option<Fed> {
        let State::Loading(load) = &mut self.state else {
            return None;
        };
        let fed = match &mut load.step {
            Step::Look(newest) if newest.is(id) => match newest.on_reply(cx, reply, None) {
                Looked::Waiting => Fed::Nothing,
                Looked::Bad(bad) => self.fail(cx, bad.to_string()),
                Looked::Found { manifest } => self.found(cx, manifest),
            },
            Step::Parts { asks, .. } => {
                let index = asks.iter().find(|(_, a)| a.is(id)).map(|(i, _)| *i)?;
                self.on_part(cx, index, reply)
            }
            Step::ReadOn { view, tail } if tail.is(id) => {
                let next = view.pos.next();
                match tail.on_reply(cx, id, reply, next) {
                    None => Fed::Nothing,
                    // Read ahead of the journal: it is read again when the journal has taken it.
                    Some(_) if next > journal.pos => {
                        tail.restart(cx.now);
                        Fed::Nothing
                    }
                    Some(Fetched::Bytes(bytes)) => self.on_bytes(cx, next, &bytes, journal.pos),
                    Some(Fetched::Absent { .. }) => self.fail(
                        cx,
                        alloc::format!("`{}` was collected while loading", entry_key(next)),
                    ),
                    Some(Fetched::Failed(failure)) => {
                        cx.warn(failure.message);
                        Fed::Nothing
                    }
                }
            }
            Step::Rest(_) | Step::Look(_) | Step::ReadOn { .. } => return None,
        };
        match fed {
            Fed::Nothing => Some(self.drive(cx, journal)),
            fed => Some(fed),
        }
    }

    fn found(&mut self, cx: &mut Cx<'_>, manifest: Option<Arc<Manifest>>) -> Fed {
        let State::Loading(load) = &mut self.state else {
            return Fed::Nothing;
        };
        match manifest {
            Some(manifest) if !manifest.parts.is_empty() => {
                let asks = (0..manifest.parts.len()).map(|i| (i, Ask::Due(cx.now))).collect();
                load.step = Step::Parts {
                    manifest,
                    asks,
                    got: BTreeMap::new(),
                };
            }
            other => {
                let view = other.map_or_else(View::empty, |m| m.view.clone());
                self.restore(cx, view, Arc::from(Vec::new()));
            }
        }
        Fed::Nothing
    }

    fn on_part(&mut self, cx: &mut Cx<'_>, index: usize, reply: StoreReply) -> Fed {
        let State::Loading(load) = &mut self.state else {
            return Fed::Nothing;
        };
        let Step::Parts { manifest, asks, got } = &mut load.step else {
            return Fed::Nothing;
        };
        let key = part_key(manifest.seq(), manifest.write_id, index);
        match reply {
            StoreReply::Bytes(bytes) if Digest::of(&bytes) == manifest.parts[index].hash => {
                asks.remove(&index);
                got.insert(index, bytes);
            }
            StoreReply::Bytes(_) => {
                return self.fail(cx, alloc::format!("`{key}` is not what its manifest says"));
            }
            StoreReply::Absent { .. } => return self.fail(cx, alloc::format!("`{key}` is gone")),
            _ => {
                asks.insert(index, cx.later());
            }
        }
        if asks.is_empty() {
            let (view, parts) = (
                manifest.view.clone(),
                core::mem::take(got).into_values().collect(),
            );
            self.restore(cx, view, parts);
        }
        Fed::Nothing
    }

    fn restore(&mut self, cx: &mut Cx<'_>, view: View, parts: Arc<[Arc<[u8]>]>) {
        let State::Loading(load) = &mut self.state else {
            return;
        };
        *load.parts = parts.len();
        let (load_number, seq) = (*load.number, view.pos);
        load.step = Step::ReadOn {
            view: Box::new(view),
            tail: Tail::begin(cx.now),
        };
        self.applied = seq;
        let restore = HostRequest::Restore {
            load: load_number,
            seq,
            parts,
        };
        self.owner.tell(cx, restore);
    }

    /// Takes an entry and what was read ahead, but nothing that the journal has not taken itself.
    fn on_bytes(&mut self, cx: &mut Cx<'_>, slot: Seq, bytes: &[u8], journal: Seq) -> Fed {
        let mut next = Some((slot, Arc::from(bytes)));
        while let Some((slot, bytes)) = next.take() {
            let State::Loading(load) = &mut self.state else {
                return Fed::Nothing;
            };
            let Step::ReadOn { view, tail } = &mut load.step else {
                return Fed::Nothing;
            };
            let entry = match RawEntry::parse(&entry_key(slot), slot, &bytes) {
                Ok(entry) => entry,
                Err(bad) => return self.fail(cx, bad.to_string()),
            };
            let read = view.consume(&entry);
            if slot < journal {
                next = tail.take(slot.next()).map(|b| (slot.next(), b));
            }
            match read {
                Err(bad) => return self.fail(cx, bad.to_string()),
                Ok(Read::Valid(payload)) => self.apply(cx, &entry.header, &payload),
                Ok(Read::Invalid) => {}
            }
        }
        Fed::Nothing
    }
}
