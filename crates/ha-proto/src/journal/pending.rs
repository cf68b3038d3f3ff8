//! An entry of this node's own on its way into a slot: the same bytes again until the chain has decided.

use alloc::string::String;
use alloc::sync::Arc;

use crate::entry::{Header, Kind, Payload, RawEntry};
use crate::hash::Digest;
use crate::layout::entry_key;
use crate::names::{Epoch, Process, Seq, WriteId};
use crate::output::{Cx, Tickets};
use crate::request::{Ask, FailureKind, RequestId, StoreFailure, StoreOp, StoreReply};
use crate::time::Instant;

/// One create outstanding. It is decided by the chain alone, never by a time-out.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Pending {
    pub(crate) header: Header,
    pub(crate) payload: Payload,
    pub(crate) tickets: Option<Tickets>,
    pub(crate) bytes: Arc<[u8]>,
    /// Of any attempt: what an own entry that was created proves, it proves as of this moment.
    pub(crate) first_sent: Instant,
    /// When the attempt under way was sent; for the measured round trip.
    pub(crate) sent: bool,
    step: Step,
    ask: Ask,
    /// An attempt given up: if it answers "created" after all, that is definite.
    earlier: Option<RequestId>,
    /// Some attempt may land yet.
    uncertain: bool,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Step {
    Create,
    /// The store said "exists": whose is it?
    ReadBack,
}

/// What a reply led to.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Tried {
    Waiting,
    /// It lies in its slot, durably.
    Won,
    /// Another lies there.
    Lost(Arc<[u8]>),
    /// It was certainly not carried out, by any attempt.
    NotDone(StoreFailure),
    /// This process can acknowledge nothing any more.
    Broken(StoreFailure),
}

impl Pending {
    pub(crate) fn new(
        now: Instant,
        by: Process,
        (slot, epoch, prev): (Seq, Epoch, Digest),
        write_id: WriteId,
        payload: Payload,
        tickets: Option<Tickets>,
    ) -> Self {
        let header = Header {
            seq: slot,
            epoch,
            kind: payload.kind(),
            by,
            write_id,
            prev,
        };
        let (bytes, _) = header.encode(&payload);
        let (step, ask) = (Step::Create, Ask::Due(now));
        Self {
            header,
            payload,
            tickets,
            bytes,
            first_sent: now,
            sent: false,
            step,
            ask,
            earlier: None,
            uncertain: false,
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.header.kind
    }

    pub(crate) fn wake(&self) -> Instant {
        self.ask.wake()
    }

    pub(crate) fn drive(&mut self, cx: &mut Cx<'_>) {
        let (step, key, before) = (self.step, entry_key(self.header.seq), self.ask);
        let late = cx.drive(&mut self.ask, || match step {
            Step::Create => StoreOp::Create {
                key,
                bytes: self.bytes.clone(),
            },
            Step::ReadBack => StoreOp::Get { key },
        });
        if late && step == Step::Create {
            self.uncertain = true;
            if let Ask::Sent { id, .. } = before {
                self.earlier = Some(id);
            }
        }
        if !self.sent && self.ask.sent_at().is_some() {
            self.sent = true;
            self.first_sent = cx.now;
        }
    }

    /// Takes a reply, if it was to one of its requests.
    pub(crate) fn on_reply(&mut self, cx: &mut Cx<'_>, id: RequestId, reply: StoreReply) -> Tried {
        if !self.ask.is(id) {
            // Of an attempt that was given up only "created" is news.
            return if reply == StoreReply::Done && self.earlier == Some(id) {
                Tried::Won
            } else {
                Tried::Waiting
            };
        }
        match (self.step, reply) {
            (Step::Create, StoreReply::Done) => return Tried::Won,
            (Step::Create, StoreReply::Exists) => {
                self.step = Step::ReadBack;
                self.ask = Ask::Due(cx.now);
            }
            (Step::ReadBack, StoreReply::Bytes(bytes)) => {
                let mine = RawEntry::peek(&bytes).is_some_and(|h| h.write_id == self.header.write_id);
                return if mine { Tried::Won } else { Tried::Lost(bytes) };
            }
            (Step::ReadBack, StoreReply::Absent { .. }) => {
                // It is not there any more, or not yet: the same bytes, never the belief that it stays absent.
                self.step = Step::Create;
                self.ask = cx.later();
            }
            (_, StoreReply::Failed(failure)) => return self.on_failure(cx, failure),
            (_, StoreReply::Done | StoreReply::Exists | StoreReply::Bytes(_)) => self.ask = cx.later(),
            (_, StoreReply::Absent { .. } | StoreReply::Names(_)) => self.ask = cx.later(),
        }
        self.drive(cx);
        Tried::Waiting
    }

    fn on_failure(&mut self, cx: &mut Cx<'_>, failure: StoreFailure) -> Tried {
        match (self.step, failure.kind) {
            (_, FailureKind::Broken) => return Tried::Broken(failure),
            (Step::Create, FailureKind::OutcomeUnknown) => self.uncertain = true,
            // It may work a moment later, and nobody waits longer than for one request.
            (Step::Create, FailureKind::NotDone)
                if !self.uncertain && cx.now.since(self.first_sent) < cx.config.request_timeout => {}
            (Step::Create, _) if !self.uncertain => return Tried::NotDone(failure),
            _ => {}
        }
        self.ask = cx.later();
        Tried::Waiting
    }

    /// Into the next slot under the same write id: its slot was taken by an entry that is not valid.
    pub(crate) fn displaced(self, now: Instant, slot: Seq) -> Self {
        let Header {
            epoch,
            by,
            write_id,
            prev,
            ..
        } = self.header;
        Self::new(now, by, (slot, epoch, prev), write_id, self.payload, self.tickets)
    }

    /// Its own bytes as an entry.
    pub(crate) fn entry(&self) -> RawEntry {
        let key = entry_key(self.header.seq);
        RawEntry::parse(&key, self.header.seq, &self.bytes).expect("an entry reads what it wrote")
    }

    /// For people: what it is.
    pub(crate) fn describe(&self) -> String {
        alloc::format!(
            "{:?} of epoch {} for slot {}",
            self.kind(),
            self.header.epoch,
            self.header.seq
        )
    }
}
