//! This node's own record, rewritten at every heartbeat, without fsync.

use alloc::collections::VecDeque;
use core::time::Duration;

use crate::layout::record_key;
use crate::names::NodeId;
use crate::output::Cx;
use crate::record::NodeRecord;
use crate::request::{Ask, RequestId, StoreOp, StoreReply};
use crate::time::Instant;

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Heart {
    ask: Ask,
    /// Puts that were not answered before the next was due: an answer to one of them counts as well.
    earlier: VecDeque<(RequestId, Instant)>,
    beat: u64,
    /// Between two heartbeats, as the last put was told.
    every: Duration,
    /// Something has changed since the put under way was sent.
    again: bool,
    stopped: bool,
}

/// What the node is told.
pub(crate) enum Beat {
    /// It was written.
    Put {
        sent_at: Instant,
        /// It is the newest put, and nothing has changed since it was sent.
        is_last: bool,
    },
    Failed,
    /// An earlier one failed.
    Late,
}

/// How many unanswered puts are remembered.
const EARLIER: usize = 16;

impl Heart {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            ask: Ask::Due(now),
            earlier: VecDeque::new(),
            beat: 0,
            every: Duration::ZERO,
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

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// The newest put has been under way for as long as a request may take.
    pub(crate) fn has_waited_enough(&self, now: Instant) -> bool {
        !self.again && matches!(self.ask, Ask::Sent { until, .. } if until <= now)
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

    /// Sends a record; the next is due after `every`.
    pub(crate) fn put(&mut self, cx: &mut Cx<'_>, node: &NodeId, record: &NodeRecord, every: Duration) {
        self.again = false;
        self.every = every;
        if let Ask::Sent { id, at, .. } = self.ask {
            self.earlier.push_back((id, at));
            if self.earlier.len() > EARLIER {
                self.earlier.pop_front();
            }
        }
        let (key, bytes) = (record_key(node), record.encode());
        cx.drive(&mut self.ask, || StoreOp::Put { key, bytes });
        if let Ask::Sent { until, at, .. } = &mut self.ask {
            // A lost heartbeat must not delay the next: others would take this node for silent.
            *until = (*until).min(*at + self.every);
        }
    }

    pub(crate) fn on_reply(&mut self, cx: &mut Cx<'_>, id: RequestId, reply: &StoreReply) -> Option<Beat> {
        if !self.ask.is(id) {
            let at = self.earlier.iter().position(|(e, _)| *e == id)?;
            let (_, sent_at) = self.earlier.remove(at)?;
            let is_last = false;
            return Some(match reply {
                StoreReply::Done => Beat::Put { sent_at, is_last },
                _ => Beat::Late,
            });
        }
        let sent_at = self.ask.sent_at().unwrap_or(cx.now);
        let rest = match reply {
            _ if self.again => cx.now,
            StoreReply::Done => cx.now + self.every,
            _ => cx.now + self.every.min(cx.config.poll),
        };
        self.ask = Ask::Due(rest);
        let is_last = !self.again;
        Some(match reply {
            StoreReply::Done => Beat::Put { sent_at, is_last },
            StoreReply::Failed(failure) => {
                cx.warn(failure.message.clone());
                Beat::Failed
            }
            _ => Beat::Failed,
        })
    }
}
