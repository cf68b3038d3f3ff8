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

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::config::Config;
    use crate::hash::IdSource;
    use crate::output::{Outbox, Output};

    /// What the tail asks for at a time, by slot.
    struct Bench {
        config: Config,
        out: Outbox,
        ids: IdSource,
        tail: Tail,
        asked: BTreeMap<Seq, RequestId>,
    }

    impl Bench {
        fn new() -> Self {
            Self {
                config: Config::default(),
                out: Outbox::new(),
                ids: IdSource::new([0; 32]),
                tail: Tail::begin(t(0)),
                asked: BTreeMap::new(),
            }
        }

        fn cx(&mut self, now: Instant) -> (Cx<'_>, &mut Tail) {
            let cx = Cx {
                now,
                out: &mut self.out,
                ids: &mut self.ids,
                config: &self.config,
                lease_ends: None,
            };
            (cx, &mut self.tail)
        }

        /// Drives it, and tells for which slots it asks now.
        fn drive(&mut self, now: Instant, next: u64) -> Vec<u64> {
            let (mut cx, tail) = self.cx(now);
            tail.drive(&mut cx, Seq(next));
            let mut slots = Vec::new();
            while let Some(output) = self.out.pop() {
                let Output::Store(request) = output else { continue };
                let StoreOp::Get { key } = request.op else {
                    continue;
                };
                let slot = key.rsplit('/').next().and_then(crate::layout::seq_of).unwrap();
                self.asked.insert(slot, request.id);
                slots.push(slot.0);
            }
            slots
        }

        fn answer(&mut self, now: Instant, slot: u64, reply: StoreReply, next: u64) -> Option<Fetched> {
            let id = self.asked[&Seq(slot)];
            let (cx, tail) = self.cx(now);
            tail.on_reply(&cx, id, reply, Seq(next))
        }
    }

    fn t(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    fn bytes() -> StoreReply {
        StoreReply::Bytes(Arc::from(&b"x"[..]))
    }

    const ABSENT: StoreReply = StoreReply::Absent {
        folder_missing: false,
    };

    #[test]
    fn it_asks_for_one_slot_a_poll_and_ahead_with_a_window_that_doubles() {
        let mut b = Bench::new();
        assert_eq!(b.drive(t(0), 5), [5]);
        assert_eq!(b.tail.asked_since(), Some(t(0)));
        assert_eq!(b.drive(t(1), 5), [] as [u64; 0], "it waits for the answer");
        assert!(matches!(b.answer(t(2), 5, bytes(), 5), Some(Fetched::Bytes(_))));
        assert_eq!(b.tail.asked_since(), None);
        assert_eq!(b.drive(t(2), 6), [6, 7]);
        assert!(
            b.answer(t(3), 7, bytes(), 6).is_none(),
            "that lies behind the next"
        );
        assert!(matches!(b.answer(t(3), 6, bytes(), 6), Some(Fetched::Bytes(_))));
        assert!(b.tail.take(Seq(7)).is_some() && b.tail.take(Seq(7)).is_none());
        assert_eq!(b.drive(t(3), 8), [8, 9, 10, 11]);
    }

    #[test]
    fn the_window_is_never_wider_than_sixty_four() {
        let mut b = Bench::new();
        let mut next = 1;
        for _ in 0..9 {
            b.drive(t(0), next);
            b.answer(t(0), next, bytes(), next);
            next += 1;
        }
        b.drive(t(0), next);
        assert_eq!(b.asked.keys().last(), Some(&Seq(next + 63)));
    }

    #[test]
    fn behind_an_absent_slot_nothing_more_is_asked_for() {
        let mut b = Bench::new();
        for next in 1..=2 {
            b.drive(t(0), next);
            b.answer(t(0), next, bytes(), next);
        }
        assert_eq!(
            b.drive(t(0), 3),
            [4, 5, 6],
            "the third was asked for with the second"
        );
        let late = b.asked[&Seq(6)];
        assert!(b.answer(t(1), 5, ABSENT, 3).is_none());
        assert!(!b.tail.is(late) && b.tail.is(b.asked[&Seq(4)]));
        assert_eq!(b.drive(t(1), 3), [] as [u64; 0]);
        let absent = b.answer(t(2), 3, ABSENT, 3);
        assert!(matches!(absent, Some(Fetched::Absent { sent_at, .. }) if sent_at == t(0)));
        assert_eq!(b.tail.wake(), t(1002), "at the next poll");
        assert_eq!(b.drive(t(1001), 3), [] as [u64; 0]);
        b.tail.hurry(t(500));
        assert_eq!((b.tail.wake(), b.drive(t(1001), 3)), (t(500), [3].into()));
    }
}
