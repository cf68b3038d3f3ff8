//! Reading the next slot: what is there, what its absence proves, and whether the slot before is still there.

use super::{Activity, AfterHead, Journal, Note, Suspect, Validation};
use crate::entry::{Evidence, Kind, Payload, RawEntry};
use crate::layout::SEGMENT;
use crate::names::Seq;
use crate::newest::{Looked, Newest};
use crate::output::Cx;
use crate::request::{Ask, FailureKind, RequestId, StoreReply};
use crate::tail::Fetched;
use crate::time::Instant;
use crate::unhashed::Unhashed;
use crate::view::Read;

impl Journal {
    pub(super) fn on_tail(&mut self, cx: &mut Cx<'_>, id: RequestId, reply: StoreReply) {
        let next = self.view.pos.next();
        match self.tail.on_reply(cx, id, reply, next) {
            None => {}
            Some(Fetched::Bytes(bytes)) => self.on_bytes(cx, next, &bytes),
            Some(Fetched::Absent {
                sent_at,
                folder_missing,
            }) => self.on_absent(cx, sent_at, folder_missing),
            Some(Fetched::Failed(failure)) => {
                if failure.kind == FailureKind::Corrupt {
                    self.halt(failure.message, false);
                } else {
                    cx.warn(failure.message);
                }
            }
        }
        self.take_read_ahead(cx);
        self.drive(cx);
    }

    /// Takes what was read ahead, for as long as nothing else has to be done first.
    fn take_read_ahead(&mut self, cx: &mut Cx<'_>) {
        loop {
            let reading = match &self.activity {
                Activity::Idle => true,
                Activity::Confirm(confirm) => confirm.target().is_some(),
                _ => false,
            };
            let next = self.view.pos.next();
            let Some(bytes) = reading.then(|| self.tail.take(next)).flatten() else {
                return;
            };
            self.on_bytes(cx, next, &bytes);
        }
    }

    fn on_bytes(&mut self, cx: &mut Cx<'_>, slot: Seq, bytes: &[u8]) {
        self.notes.push_back(Note::Answered);
        self.suspect = None;
        match self.parse(slot, bytes) {
            Err(bad) => self.halt_on(&bad),
            Ok(entry) if self.lead.is_some() => self.meet_stranger(cx, slot, entry, None),
            Ok(entry) => self.take(cx, &entry),
        }
    }

    /// A reader takes the entry of the next slot.
    pub(super) fn take(&mut self, cx: &mut Cx<'_>, entry: &RawEntry) {
        let target = match &self.activity {
            Activity::Confirm(confirm) => confirm.target().cloned(),
            _ => None,
        };
        match self.consume(entry) {
            Err(bad) => return self.halt_on(&bad),
            Ok(Read::Invalid) if target.is_none() => return self.begin_confirm(cx, false),
            Ok(Read::Valid(payload)) => {
                let named = matches!(&payload, Payload::Handover { successor, .. } if *successor == self.me);
                let begins = matches!(entry.header.kind, Kind::Takeover | Kind::Handover);
                if named && target.is_none() {
                    let (epoch, write_id) = (entry.header.epoch, entry.header.write_id);
                    let claim = Validation::Named {
                        epoch,
                        slot: entry.header.seq,
                        write_id,
                    };
                    self.activity = Activity::Validate {
                        newest: Newest::begin(cx.now),
                        claim,
                        beside: None,
                    };
                } else if begins && target.as_ref().is_none_or(|m| m.seq() > self.view.pos) {
                    return self.begin_confirm(cx, false);
                }
            }
            Ok(Read::Invalid) => {}
        }
        if let Some(manifest) = target.filter(|m| m.seq() <= self.view.pos) {
            self.read_on(cx, manifest);
        }
    }

    /// Lets the view take an entry, and tells the node what it was.
    pub(super) fn consume(&mut self, entry: &RawEntry) -> Result<Read, crate::entry::FormatError> {
        let read = self.view.consume(entry)?;
        if let Read::Valid(payload) = &read {
            if self.lead.is_some() && (self.view.released || Some(self.view.epoch) != self.lead) {
                self.lead = None;
            }
            let (header, payload) = (entry.header.clone(), payload.clone());
            self.notes.push_back(Note::Entry {
                header,
                payload,
                length: entry.length,
            });
        }
        Ok(read)
    }

    fn on_absent(&mut self, cx: &mut Cx<'_>, sent_at: Instant, folder_missing: bool) {
        if folder_missing && self.view.pos > Seq(0) && !matches!(self.activity, Activity::Confirm(_)) {
            if self.view.pos.next().0.is_multiple_of(SEGMENT) {
                let then = AfterHead::Absent { sent_at };
                self.activity = Activity::Head {
                    ask: Ask::Due(cx.now),
                    then,
                };
            } else {
                self.head_gone(cx);
            }
            return;
        }
        self.absent(cx, sent_at);
    }

    /// Nothing lies in the next slot, and the folder around it can be believed.
    fn absent(&mut self, cx: &mut Cx<'_>, sent_at: Instant) {
        self.notes.push_back(Note::Answered);
        if let Activity::Confirm(confirm) = &self.activity {
            // A slot before the newest manifest is gone: collected.
            let manifest = confirm.target().cloned();
            return self.load(cx, manifest);
        }
        if self.suspect.is_some() {
            return self.begin_confirm(cx, false);
        }
        if self.lead.is_none() {
            self.notes.push_back(Note::Absent { sent_at });
        }
        if !self.loaded && !self.end_loading(cx) {
            return;
        }
        if self.lead.is_some() {
            self.proven(sent_at);
        } else if self.reads.front().is_some_and(|(_, arrived)| *arrived <= sent_at) {
            self.activity = Activity::Probe {
                newest: Newest::begin(cx.now),
                sent_at,
            };
        }
        if !self.reads.is_empty() {
            self.tail.hurry(cx.now);
        }
    }

    /// The end of the journal is reached for the first time. Says whether it can be believed.
    fn end_loading(&mut self, cx: &mut Cx<'_>) -> bool {
        let (pos, plane) = &self.seen;
        if self.view.pos < *pos
            || plane
                .as_ref()
                .is_some_and(|p| self.view.plane.as_ref() != Some(p))
        {
            let why = alloc::format!(
                "the journal ends at slot {}, and this process had read slot {pos} of it: the store was erased or rewound. Put back what \
                 is missing, or stop every node and start again",
                self.view.pos
            );
            self.halt(why, false);
            return false;
        }
        if !self.surveyed {
            if self.survey.is_none() {
                self.survey = Some(Ask::Due(cx.now));
            }
            return false;
        }
        self.loaded = true;
        self.notes.push_back(Note::Loaded);
        true
    }

    /// The listing after a 404.
    pub(super) fn on_probe(&mut self, cx: &mut Cx<'_>, looked: Looked, sent_at: Instant) {
        match looked {
            Looked::Waiting => {}
            Looked::Bad(bad) => self.halt_on(&bad),
            Looked::Found { manifest } => {
                self.activity = Activity::Idle;
                if manifest.is_none_or(|m| m.seq() <= self.view.pos) {
                    self.proven(sent_at);
                    self.drive(cx);
                } else {
                    self.begin_confirm(cx, false);
                }
            }
        }
    }

    /// The last slot read is asked for again: a claimant's look, or a new segment's.
    pub(super) fn on_head(&mut self, cx: &mut Cx<'_>, reply: StoreReply) {
        match reply {
            StoreReply::Bytes(bytes) => match self.parse(self.view.pos, &bytes) {
                Ok(entry) if self.view.pos != self.view.last_valid || entry.hash == self.view.chain => {
                    self.head_is_there(cx);
                }
                Ok(_) => self.head_gone(cx),
                Err(bad) => self.halt_on(&bad),
            },
            StoreReply::Absent { .. } => self.head_gone(cx),
            StoreReply::Failed(failure) => {
                if let Activity::Head {
                    then: AfterHead::Claim { .. },
                    ..
                } = &self.activity
                {
                    self.notes.push_back(Note::ClaimLost(failure.message));
                } else {
                    cx.warn(failure.message);
                }
                self.activity = Activity::Idle;
                self.drive(cx);
            }
            StoreReply::Done | StoreReply::Exists | StoreReply::Names(_) => {
                self.activity = Activity::Idle;
                self.drive(cx);
            }
        }
    }

    pub(super) fn head_is_there(&mut self, cx: &mut Cx<'_>) {
        let Activity::Head { then, .. } = core::mem::replace(&mut self.activity, Activity::Idle) else {
            return;
        };
        match then {
            AfterHead::Claim { evidence, uri } => self.send_claim(cx, evidence, uri),
            AfterHead::Note { sent_at } => {
                self.head_seen = Some((self.view.pos, Unhashed(sent_at)));
                self.drive(cx);
            }
            AfterHead::Absent { sent_at } => {
                self.absent(cx, sent_at);
                self.drive(cx);
            }
        }
    }

    pub(super) fn send_claim(&mut self, cx: &mut Cx<'_>, evidence: Evidence, uri: alloc::string::String) {
        let epoch = self.view.epoch.next();
        self.send(cx, epoch, Payload::Takeover { uri, evidence }, None);
    }

    fn head_gone(&mut self, cx: &mut Cx<'_>) {
        if matches!(
            &self.activity,
            Activity::Head {
                then: AfterHead::Claim { .. },
                ..
            }
        ) {
            self.notes.push_back(Note::ClaimLost(
                "the last entry read is not there any more".into(),
            ));
        }
        self.suspect = Some(Suspect::HeadGone { seq: self.view.pos });
        self.begin_confirm(cx, false);
    }
}
