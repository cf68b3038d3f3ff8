//! Reading the slots behind the view: one at a poll, and ahead with a window that doubles to 64 after a hit.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;

use crate::layout::entry_key;
use crate::names::Seq;
use crate::output::Cx;
use crate::request::{Ask, RequestId, StoreFailure, StoreOp, StoreReply};
use crate::time::Instant;

const WIDEST: u64 = 64;

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Tail {
    window: u64,
    asked: BTreeMap<Seq, Ask>,
    got: BTreeMap<Seq, Arc<[u8]>>,
    /// When to ask for the next slot, if nothing is under way.
    due: Instant,
}

/// What was learnt about the next slot.
pub(crate) enum Fetched {
    /// There is something.
    Bytes(Arc<[u8]>),
    /// There was nothing when the request was sent.
    Absent { sent_at: Instant, folder_missing: bool },
    /// The store did not say.
    Failed(StoreFailure),
}

impl Tail {
    pub(crate) fn begin(now: Instant) -> Self {
        Self {
            window: 1,
            asked: BTreeMap::new(),
            got: BTreeMap::new(),
            due: now,
        }
    }

    /// Forgets what was read ahead and what is under way, and asks again at `due`.
    pub(crate) fn restart(&mut self, due: Instant) {
        *self = Self::begin(due);
    }

    /// Asks again no later than `at`.
    pub(crate) fn hurry(&mut self, at: Instant) {
        self.due = self.due.min(at);
    }

    pub(crate) fn wake(&self) -> Instant {
        self.asked.values().map(|a| a.wake()).min().unwrap_or(self.due)
    }

    /// Whether a reply is to one of its requests.
    pub(crate) fn is(&self, id: RequestId) -> bool {
        self.asked.values().any(|ask| ask.is(id))
    }

    /// When the oldest request under way was sent.
    pub(crate) fn asked_since(&self) -> Option<Instant> {
        self.asked.values().filter_map(|a| a.sent_at()).min()
    }

    /// The bytes of the next slot, if they were read ahead.
    pub(crate) fn take(&mut self, next: Seq) -> Option<Arc<[u8]>> {
        self.got.remove(&next)
    }

    /// Asks for what is due.
    pub(crate) fn drive(&mut self, cx: &mut Cx<'_>, next: Seq) {
        if self.asked.is_empty() && self.got.is_empty() && self.due > cx.now {
            return;
        }
        let ahead = if self.window > 1 || self.asked.is_empty() {
            self.window
        } else {
            0
        };
        for seq in (next.0..next.0 + ahead).map(Seq) {
            if !self.got.contains_key(&seq) {
                self.asked.entry(seq).or_insert(Ask::Due(cx.now));
            }
        }
        for (seq, ask) in &mut self.asked {
            let key = entry_key(*seq);
            cx.drive(ask, || StoreOp::Get { key });
        }
        self.due = cx.now;
    }

    /// Takes a reply; `None` if it was to no request of this tail, or says nothing about the next slot yet.
    pub(crate) fn on_reply(
        &mut self,
        cx: &Cx<'_>,
        id: RequestId,
        reply: StoreReply,
        next: Seq,
    ) -> Option<Fetched> {
        let (seq, sent_at) = self
            .asked
            .iter()
            .find(|(_, a)| a.is(id))
            .map(|(s, a)| (*s, a.sent_at()))?;
        let sent_at = sent_at.unwrap_or(cx.now);
        self.asked.remove(&seq);
        match reply {
            StoreReply::Bytes(bytes) if seq == next => {
                self.window = (self.window * 2).min(WIDEST);
                self.due = cx.now;
                Some(Fetched::Bytes(bytes))
            }
            StoreReply::Bytes(bytes) => {
                self.got.insert(seq, bytes);
                None
            }
            StoreReply::Absent { folder_missing } if seq == next => {
                self.restart(cx.now + cx.config.poll);
                Some(Fetched::Absent {
                    sent_at,
                    folder_missing,
                })
            }
            StoreReply::Absent { .. } => {
                // The end is near: nothing behind this slot is worth asking for.
                self.window = 1;
                self.asked.retain(|s, _| *s < seq);
                self.due = cx.now;
                None
            }
            StoreReply::Failed(failure) => {
                self.restart(cx.now + cx.config.retry());
                Some(Fetched::Failed(failure))
            }
            StoreReply::Done | StoreReply::Exists | StoreReply::Names(_) => None,
        }
    }
}
