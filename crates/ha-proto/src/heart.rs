//! This node's own record, rewritten at every heartbeat, without fsync.

use alloc::collections::VecDeque;
use core::time::Duration;

use crate::layout::record_key;
use crate::names::NodeId;
use crate::output::Cx;
use crate::record::NodeRecord;
use crate::request::{Ask, RequestId, StoreOp, StoreReply};
use crate::time::Instant;
use crate::unhashed::Unhashed;

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Heart {
    ask: Ask,
    /// Puts that were not answered before the next was due: an answer to one of them counts as well.
    earlier: VecDeque<(RequestId, Instant)>,
    beat: Unhashed<u64>,
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
            beat: Unhashed(0),
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
        *self.beat += 1;
        *self.beat
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::hash::IdSource;
    use crate::output::{Event, Outbox, Output};
    use crate::request::{FailureKind, StoreFailure};

    /// A node that writes its record every ten seconds, on a store that is polled every second.
    struct Bench {
        config: Config,
        out: Outbox,
        ids: IdSource,
        heart: Heart,
    }

    impl Bench {
        fn new() -> Self {
            Self {
                config: Config::default(),
                out: Outbox::new(),
                ids: IdSource::new([0; 32]),
                heart: Heart::new(t(0)),
            }
        }

        fn cx(&mut self, now: Instant) -> (Cx<'_>, &mut Heart) {
            let cx = Cx {
                now,
                out: &mut self.out,
                ids: &mut self.ids,
                config: &self.config,
                lease_ends: None,
            };
            (cx, &mut self.heart)
        }

        /// Writes it, and tells under which number.
        fn put(&mut self, now: Instant) -> RequestId {
            let text =
                br#"{"nodeId":"n1","nonce":"01010101010101010101010101010101","status":"MASTER","beat":1}"#;
            let node = NodeId::new("n1").unwrap();
            let record = NodeRecord::parse(&node, text).unwrap();
            let (mut cx, heart) = self.cx(now);
            heart.put(&mut cx, &node, &record, EVERY);
            let Some(Output::Store(request)) = self.out.pop() else {
                panic!("nothing is put");
            };
            request.id
        }

        fn answer(&mut self, now: Instant, id: RequestId, reply: &StoreReply) -> Option<Beat> {
            let (mut cx, heart) = self.cx(now);
            heart.on_reply(&mut cx, id, reply)
        }
    }

    const EVERY: Duration = Duration::from_secs(10);

    fn t(secs: u64) -> Instant {
        Instant::from_millis(secs * 1000)
    }

    fn failed() -> StoreReply {
        StoreReply::Failed(StoreFailure {
            kind: FailureKind::OutcomeUnknown,
            message: "no connection".into(),
        })
    }

    #[test]
    fn the_next_is_due_after_the_period_and_after_a_failure_at_the_next_poll() {
        let mut b = Bench::new();
        let first = b.put(t(0));
        assert!(matches!(
            b.answer(t(1), first, &StoreReply::Done),
            Some(Beat::Put { is_last: true, .. })
        ));
        assert_eq!(b.heart.wake(), Some(t(11)));
        let second = b.put(t(11));
        assert!(matches!(b.answer(t(12), second, &failed()), Some(Beat::Failed)));
        assert_eq!(b.heart.wake(), Some(t(13)));
        assert_eq!(
            b.out.pop(),
            Some(Output::Event(Event::Warning("no connection".into())))
        );
        let third = b.put(t(13));
        assert!(matches!(
            b.answer(t(13), third, &StoreReply::Exists),
            Some(Beat::Failed)
        ));
        assert_eq!(b.out.pop(), None, "the store has not said why");
    }

    #[test]
    fn an_answer_to_one_of_the_last_sixteen_counts_as_of_when_that_was_sent() {
        let mut b = Bench::new();
        let ids: alloc::vec::Vec<_> = (0..18).map(|n| b.put(t(n * 10))).collect();
        let now = t(175);
        assert!(b.answer(now, RequestId(999), &StoreReply::Done).is_none());
        assert!(b.answer(now, ids[0], &StoreReply::Done).is_none(), "too long ago");
        let counts =
            |beat, sent| matches!(beat, Some(Beat::Put { sent_at, is_last: false }) if sent_at == sent);
        assert!(counts(b.answer(now, ids[16], &StoreReply::Done), t(160)));
        assert!(counts(b.answer(now, ids[1], &StoreReply::Done), t(10)));
        assert!(b.answer(now, ids[1], &StoreReply::Done).is_none(), "once");
        assert!(matches!(b.answer(now, ids[2], &failed()), Some(Beat::Late)));
        assert!(matches!(
            b.answer(now, ids[17], &StoreReply::Done),
            Some(Beat::Put { is_last: true, .. })
        ));
    }
}
