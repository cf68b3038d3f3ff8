//! This node's own record, rewritten at every heartbeat, without fsync.

use crate::layout::record_key;
use crate::names::NodeId;
use crate::output::Cx;
use crate::record::NodeRecord;
use crate::request::{Ask, RequestId, StoreOp, StoreReply};
use crate::time::Instant;

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Heart {
    ask: Ask,
    beat: u64,
    /// Something has changed since the put under way was sent.
    again: bool,
    stopped: bool,
}

/// What the node is told.
pub(crate) enum Beat {
    /// It was written; sent at that moment.
    Put(Instant),
    Failed,
}

impl Heart {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            ask: Ask::Due(now),
            beat: 0,
            again: false,
            stopped: false,
        }
    }

    /// Writes it now: something in it has changed.
    pub(crate) fn hurry(&mut self, now: Instant) {
        match &mut self.ask {
            Ask::Due(at) => *at = (*at).min(now),
            Ask::Sent { .. } => self.again = true,
        }
    }

    /// Writes it no more.
    pub(crate) fn stop(&mut self) {
        self.stopped = true;
    }

    pub(crate) fn wake(&self) -> Option<Instant> {
        (!self.stopped).then(|| self.ask.wake())
    }

    /// Whether a put is due; if so, the record is to be made for it.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        !self.stopped && self.ask.wake() <= now
    }

    pub(crate) fn next_beat(&mut self) -> u64 {
        self.beat += 1;
        self.beat
    }

    pub(crate) fn put(&mut self, cx: &mut Cx<'_>, node: &NodeId, record: &NodeRecord) {
        self.again = false;
        let (key, bytes) = (record_key(node), record.encode());
        cx.drive(&mut self.ask, || StoreOp::Put { key, bytes });
    }

    pub(crate) fn on_reply(&mut self, cx: &mut Cx<'_>, id: RequestId, reply: &StoreReply) -> Option<Beat> {
        if !self.ask.is(id) {
            return None;
        }
        let sent_at = self.ask.sent_at().unwrap_or(cx.now);
        let rest = if self.again {
            cx.now
        } else {
            cx.now + cx.config.poll
        };
        self.ask = Ask::Due(rest);
        Some(match reply {
            StoreReply::Done => Beat::Put(sent_at),
            StoreReply::Failed(failure) => {
                cx.warn(failure.message.clone());
                Beat::Failed
            }
            _ => Beat::Failed,
        })
    }
}
