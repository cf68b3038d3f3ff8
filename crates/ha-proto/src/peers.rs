//! The nodes on record: read at every poll, judged by whether their records change, never by their clocks.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};

use crate::config::Config;
use crate::layout::{NODES, record_key};
use crate::mode::Role;
use crate::names::{NodeId, Nonce, Process, Seq};
use crate::output::Cx;
use crate::record::{NodeRecord, Timings};
use crate::request::{Ask, RequestId, StoreOp, StoreReply};
use crate::time::Instant;
use crate::unhashed::Unhashed;

/// More nodes than this are not looked at.
const MOST_NODES: usize = 256;

/// A node as this one sees it.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Peer {
    /// What it wrote last.
    pub record: NodeRecord,
    /// When that was first seen here.
    pub changed_at: Instant,
    /// Whether it has been seen to change, not only to be there.
    pub seen_alive: bool,
    /// The process that wrote before this one, and the last beat of it that was seen.
    former: Option<(Nonce, u64)>,
}

impl Peer {
    /// Whether it looks alive.
    #[must_use]
    pub fn is_alive(&self, now: Instant, timeout: core::time::Duration) -> bool {
        now.since(self.changed_at) <= timeout && self.record.status != Role::Terminated
    }

    /// Whether it could take part now, right after a look at all records. Who last said that it leads would write as often as a leader does, or at
    /// once that it leads no more: it has gone when it is silent for as long as a leader may be.
    pub(crate) fn could_take_part(&self, now: Instant, config: &Config) -> bool {
        let timeout = match self.record.leads {
            Some(_) => config.heartbeat_timeout(),
            None => config.follower_timeout(),
        };
        self.is_alive(now, timeout)
    }

    /// Which process wrote it.
    #[must_use]
    pub fn process(&self) -> Process {
        Process {
            node: self.record.node_id.clone(),
            nonce: self.record.nonce,
        }
    }

    /// Whether what is read now was written before what was read last: a put that was under way for long may land over a later one, and says
    /// nothing about now.
    fn is_past(&self, read: &NodeRecord) -> bool {
        let last = (self.record.nonce, self.record.beat);
        [Some(last), self.former]
            .into_iter()
            .flatten()
            .any(|(nonce, beat)| nonce == read.nonce && read.beat < beat)
            || self.former == Some((read.nonce, read.beat))
    }

    fn take(&mut self, now: Instant, read: NodeRecord) {
        if self.is_past(&read) {
            return;
        }
        let last = (self.record.nonce, self.record.beat);
        if last != (read.nonce, read.beat) {
            self.changed_at = now;
            self.seen_alive = true;
        }
        if last.0 != read.nonce {
            self.former = Some(last);
        }
        self.record = read;
    }
}

/// Whose records are read between two looks at all of them.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Watch<'a> {
    /// A follower's leader's.
    Leader(Option<&'a NodeId>),
    /// A leader's followers'.
    Everybody,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Peers {
    me: Process,
    step: Step,
    /// When all records are to be looked at again.
    look_at: Instant,
    /// What is under way is a look at some of them only.
    partial: bool,
    known: BTreeMap<NodeId, Peer>,
    bad: BTreeMap<NodeId, String>,
    /// Rounds completed.
    rounds: Unhashed<u64>,
    /// When the round under way was begun, and when the last complete one was.
    began: Instant,
    looked_at: Option<Instant>,
    /// Another round is wanted right after this one.
    again: bool,
    /// At this moment an own record had been put.
    own_put_at: Option<Instant>,
    /// Another process' record under this node's id, seen after that: its nonce and beat.
    foreign: Option<(Nonce, u64)>,
    twin: Option<Twin>,
    /// This round has found another process' record under this node's id: the next look is not to be long in coming.
    uneasy: bool,
}

/// Another process that lives under this node's id.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Twin {
    pub(crate) nonce: Nonce,
    /// Since when it writes this node's record, and when it was last seen to have.
    since: Instant,
    seen: Instant,
    /// When one of the two took the lead last, if that was meanwhile.
    turned: Instant,
}

impl Twin {
    /// For how long it has gone on to write.
    pub(crate) fn goes_on_for(&self) -> core::time::Duration {
        self.seen.since(self.since)
    }

    /// For how long it has gone on to write since one of the two took the lead from the other.
    pub(crate) fn goes_on_since_turn_for(&self) -> core::time::Duration {
        self.seen.since(self.turned)
    }

    /// Whether it was seen to write within this time.
    pub(crate) fn has_written_since(&self, now: Instant, within: core::time::Duration) -> bool {
        now.since(self.seen) <= within
    }
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Step {
    Rest(Instant),
    List(Ask),
    Get(BTreeMap<NodeId, Ask>),
}

impl Peers {
    pub(crate) fn new(now: Instant, me: Process) -> Self {
        let (known, bad) = (BTreeMap::new(), BTreeMap::new());
        Self {
            me,
            step: Step::Rest(now),
            look_at: now,
            partial: false,
            known,
            bad,
            rounds: Unhashed(0),
            began: now,
            looked_at: None,
            again: false,
            own_put_at: None,
            foreign: None,
            twin: None,
            uneasy: false,
        }
    }

    pub(crate) fn known(&self) -> &BTreeMap<NodeId, Peer> {
        &self.known
    }

    pub(crate) fn bad(&self) -> impl Iterator<Item = &String> {
        self.bad.values()
    }

    pub(crate) fn rounds(&self) -> u64 {
        *self.rounds
    }

    /// When the last look at all records that is complete was begun.
    pub(crate) fn looked_at(&self) -> Option<Instant> {
        self.looked_at
    }

    /// Another process has written this node's record after this one had.
    pub(crate) fn twin(&self) -> Option<Twin> {
        self.twin
    }

    /// One of two processes with this node's id leads from now on.
    pub(crate) fn lead_turns(&mut self, now: Instant) {
        if let Some(twin) = &mut self.twin {
            twin.turned = now;
        }
    }

    pub(crate) fn own_was_put(&mut self, at: Instant) {
        self.own_put_at = Some(self.own_put_at.map_or(at, |t| t.min(at)));
    }

    pub(crate) fn forget(&mut self, node: &NodeId) {
        self.known.remove(node);
        self.bad.remove(node);
    }

    /// The lowest slot that a loading node has pinned.
    pub(crate) fn pinned(&self, now: Instant, timeout: core::time::Duration) -> Option<Seq> {
        self.known
            .values()
            .filter(|p| p.is_alive(now, timeout))
            .filter_map(|p| p.record.pin)
            .min()
    }

    /// Looks at all records now, unless a look is under way.
    pub(crate) fn hurry(&mut self, now: Instant) {
        self.look_since(now, self.began);
    }

    /// Looks at all records now, unless a look that was begun since then is under way.
    pub(crate) fn look_since(&mut self, now: Instant, since: Instant) {
        match &mut self.step {
            Step::Rest(due) => {
                *due = (*due).min(now);
                self.look_at = now;
            }
            Step::List(_) | Step::Get(_) => self.again |= self.partial || self.began < since,
        }
    }

    pub(crate) fn wake(&self) -> Instant {
        match &self.step {
            Step::Rest(due) => *due,
            Step::List(ask) => ask.wake(),
            Step::Get(asks) => asks.values().map(|a| a.wake()).min().unwrap_or_default(),
        }
    }

    pub(crate) fn drive(&mut self, cx: &mut Cx<'_>, watch: Watch<'_>) {
        if matches!(&self.step, Step::Rest(due) if *due <= cx.now) {
            self.begin_round(cx.now, watch);
        }
        match &mut self.step {
            Step::Rest(_) => {}
            Step::List(ask) => {
                if cx.drive(ask, || StoreOp::List {
                    folder: NODES.to_string(),
                }) {
                    cx.warn(alloc::format!("`{NODES}/` was not listed in time"));
                }
            }
            Step::Get(asks) => {
                let now = cx.now;
                asks.retain(|_, ask| !matches!(*ask, Ask::Sent { until, .. } if until <= now));
                for (node, ask) in asks.iter_mut() {
                    let key = record_key(node);
                    cx.drive(ask, || StoreOp::Get { key });
                }
                self.end_round_if_done(cx, watch);
            }
        }
    }

    fn begin_round(&mut self, now: Instant, watch: Watch<'_>) {
        self.partial = now < self.look_at;
        if !self.partial {
            self.step = Step::List(Ask::Due(now));
            self.began = now;
            return;
        }
        let watched = |node: &&NodeId| match watch {
            Watch::Leader(leader) => leader == Some(*node),
            Watch::Everybody => true,
        };
        let asks = self.known.keys().filter(watched);
        self.step = Step::Get(asks.map(|n| (n.clone(), Ask::Due(now))).collect());
    }

    pub(crate) fn on_reply(
        &mut self,
        cx: &mut Cx<'_>,
        id: RequestId,
        reply: &StoreReply,
        watch: Watch<'_>,
    ) -> bool {
        match &mut self.step {
            Step::List(ask) if ask.is(id) => {
                if let StoreReply::Names(names) = reply {
                    let nodes = names.iter().filter_map(|n| NodeId::new(n).ok()).take(MOST_NODES);
                    let asks: BTreeMap<_, _> = nodes.map(|n| (n, Ask::Due(cx.now))).collect();
                    self.known.retain(|n, _| asks.contains_key(n));
                    self.bad.retain(|n, _| asks.contains_key(n));
                    self.step = Step::Get(asks);
                } else {
                    *ask = cx.later();
                }
            }
            Step::Get(asks) => {
                let Some((node, sent_at)) = asks
                    .iter()
                    .find(|(_, a)| a.is(id))
                    .map(|(n, a)| (n.clone(), a.sent_at()))
                else {
                    return false;
                };
                asks.remove(&node);
                match reply {
                    StoreReply::Bytes(bytes) => self.on_record(cx, &node, bytes, sent_at),
                    StoreReply::Absent { .. } => self.forget(&node),
                    _ => {}
                }
                self.end_round_if_done(cx, watch);
            }
            _ => return false,
        }
        self.drive(cx, watch);
        true
    }

    fn on_record(&mut self, cx: &mut Cx<'_>, node: &NodeId, bytes: &[u8], sent_at: Option<Instant>) {
        let record = match NodeRecord::parse(node, bytes) {
            Ok(record) => record,
            Err(bad) => {
                let why = bad.to_string();
                if self.bad.insert(node.clone(), why.clone()).as_ref() != Some(&why) {
                    cx.warn(alloc::format!("skipped: {why}"));
                }
                return;
            }
        };
        self.bad.remove(node);
        if *node == self.me.node {
            let after_own = self
                .own_put_at
                .is_some_and(|put| sent_at.is_some_and(|sent| sent > put));
            if after_own && record.nonce != self.me.nonce {
                // What a dead predecessor had sent may land once more; a live one writes on.
                let seen = self.foreign.replace((record.nonce, record.beat));
                self.uneasy = true;
                if seen.is_some_and(|(nonce, beat)| nonce == record.nonce && beat < record.beat) {
                    self.on_twin(cx, record.nonce);
                }
            }
            return;
        }
        let said = self.known.get(node).and_then(|p| p.record.timings);
        let own = Timings::of(cx.config);
        if let Some(theirs) = record
            .timings
            .filter(|theirs| Some(*theirs) != said && *theirs != own)
        {
            cx.warn(alloc::format!(
                "{node} lives by other times than this node: {theirs}; here {own}. Start all nodes of a plane with the same"
            ));
        }
        match self.known.get_mut(node) {
            None => {
                let peer = Peer {
                    record,
                    changed_at: cx.now,
                    seen_alive: false,
                    former: None,
                };
                self.known.insert(node.clone(), peer);
            }
            Some(peer) => peer.take(cx.now, record),
        }
    }

    fn on_twin(&mut self, cx: &Cx<'_>, nonce: Nonce) {
        let now = cx.now;
        // Its record may be overwritten at most looks.
        let gap = cx.config.shown_timeout() + cx.config.lease_ttl;
        let goes_on = |t: &Twin| t.nonce == nonce && now.since(t.seen) <= gap;
        let before = self.twin.filter(goes_on);
        self.twin = Some(Twin {
            nonce,
            since: before.map_or(now, |t| t.since),
            seen: now,
            turned: before.map_or(now, |t| t.turned),
        });
    }

    fn end_round_if_done(&mut self, cx: &Cx<'_>, watch: Watch<'_>) {
        if !matches!(&self.step, Step::Get(asks) if asks.is_empty()) {
            return;
        }
        let pace = cx.config.pace;
        if !self.partial {
            *self.rounds += 1;
            self.looked_at = Some(self.began);
            let look = match watch {
                Watch::Leader(_) => pace.follower_look,
                Watch::Everybody => pace.look,
            };
            let soon = core::mem::take(&mut self.uneasy).then_some(pace.follower_beat);
            self.look_at = cx.now + soon.map_or(look, |soon| soon.min(look));
        }
        if let Watch::Everybody = watch {
            // Who has just begun to lead looks as often as a leader does.
            self.look_at = self.look_at.min(cx.now + pace.look);
        }
        if core::mem::take(&mut self.again) {
            self.look_at = cx.now;
        }
        self.partial = false;
        self.step = Step::Rest(self.look_at.min(cx.now + pace.beat));
    }
}
