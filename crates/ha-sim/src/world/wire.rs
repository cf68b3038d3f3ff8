//! Between the nodes and the store: what is sent, what arrives, and what arrives again.

use ha_proto::{
    FailureKind, Input, Kind, RawEntry, Role, StoreFailure, StoreOp, StoreReply, StoreRequest, layout,
};

use super::{Ev, World, show};
use crate::check::Seen;
use crate::words::{brief, brief_reply, kind};
use crate::{MS, Micros, SEC, Service, Who};

/// So many slots of creates are remembered.
const REMEMBERED: usize = 4096;

impl<S: Service + 'static> World<S> {
    pub(super) fn send(&mut self, i: usize, request: StoreRequest) {
        self.tally.requests += 1;
        *self.asked.entry(kind(&request.op)).or_default() += 1;
        self.sign(i, &request.op);
        let who = self.members[i].who();
        let fate = self.faults.fate(&mut self.rng, &request.op);
        let is_cut = self.members[i].deaf_until > self.now;
        if self.faults.throttled > 0 && self.rng.chance(self.faults.throttled) {
            self.throttled_until = self.now + self.rng.below(2 * SEC);
        }
        let is_throttled = self.throttled_until > self.now;
        // What the store has certainly not carried out does not land later either.
        let lands = !is_cut && !is_throttled && fate.fails.is_none_or(|k| k == FailureKind::OutcomeUnknown);
        self.tally.faults += u64::from(fate.is_fault || is_cut || is_throttled);
        if is_cut {
            return;
        }
        if lands {
            self.remember(&request.op);
        }
        let fails = if is_throttled {
            Some(FailureKind::NotDone)
        } else {
            fate.fails
        };
        if !is_throttled {
            for later in fate.again {
                self.at(self.now + later, Ev::Again(who, self.now, request.op.clone()));
            }
        }
        if let Some(kind) = fails {
            let message = String::from("the store says no");
            let reply = StoreReply::Failed(StoreFailure { kind, message });
            let input = Input::Store {
                id: request.id,
                reply,
            };
            return self.at(self.now + fate.there, Ev::Comes { who, input });
        }
        if let Some(back) = fate.back {
            let ev = Ev::Reaches {
                who,
                request,
                sent: self.now,
                back: (!fate.silent).then_some(back),
                unknown: fate.unknown,
            };
            let there = self.freeze(i, &ev).unwrap_or(fate.there);
            self.at(self.now + there, ev);
        }
    }

    /// The process is stopped just as an entry leaves it, and goes on just after it has arrived: how long it is on its way.
    fn freeze(&mut self, i: usize, ev: &Ev) -> Option<Micros> {
        let Ev::Reaches { request, .. } = ev else {
            return None;
        };
        let StoreOp::Create { bytes, .. } = &request.op else {
            return None;
        };
        let kind = RawEntry::peek(bytes)?.kind;
        // Claims are rare, and what becomes of them matters most.
        let often = if kind == Kind::Takeover { 20 } else { 1 };
        if self.members[i].paused_until > self.now || !self.rng.chance_of_fault(self.faults.freezes * often) {
            return None;
        }
        let longest = self.rng.pick(&[SEC, 5 * SEC]);
        let there = MS + self.rng.below(longest * self.load.slower);
        let wake = self.now + there + self.rng.below(100 * MS);
        self.pause(i, wake);
        Some(there)
    }

    /// What a node signs is looked at as it leaves.
    fn sign(&mut self, i: usize, op: &StoreOp) {
        let member = &mut self.members[i];
        let (now, who) = (member.clock(self.now), member.who());
        let node = member.node.as_ref().expect("it has just asked");
        let mut is_new = false;
        if let StoreOp::Create { bytes, .. } = op
            && let Some(header) = RawEntry::peek(bytes)
        {
            is_new = member.sent.insert(header.write_id);
            let claims = !matches!(node.role(now), Role::Master) && node.write_authority().is_none();
            if is_new && header.kind == Kind::Commit && claims {
                self.marks.hit("a first commit went beside the validation");
            }
        }
        let host = &member.host;
        let seen = Seen::Asked {
            who,
            node,
            now,
            op,
            host,
            is_new,
        };
        show!(self, seen);
    }

    fn remember(&mut self, op: &StoreOp) {
        if let StoreOp::Create { key, .. } = op
            && let Some(seq) = key.strip_prefix("journal/").and_then(|k| layout::seq_of(&k[9..]))
        {
            let sent = self.sent.entry(seq).or_default();
            if !sent.contains(op) {
                sent.push(op.clone());
            }
            if self.sent.len() > REMEMBERED {
                self.sent.pop_first();
            }
        }
    }

    /// What was sent long ago for the slots behind a sleeper's view lands again, just before it wakes.
    pub(super) fn haunt(&mut self, i: usize) {
        let Some(node) = &self.members[i].node else { return };
        let next = node.view().pos.0 + 1;
        for slot in (next..next + 1 + self.rng.below(4)).map(ha_proto::Seq) {
            let sent = self.sent.get(&slot).map_or(0, Vec::len);
            if sent > 0 && self.rng.chance(8000) {
                let which = self.rng.below(sent as u64) as usize;
                let op = self.sent[&slot][which].clone();
                if self.carry_out(&op) == StoreReply::Done {
                    self.tally.haunted += 1;
                    self.marks.hit("a create landed again in a collected slot");
                }
            }
        }
    }

    /// The store does it, and everybody looks at what has come of it.
    pub(super) fn carry_out(&mut self, op: &StoreOp) -> StoreReply {
        let changes_snapshots = matches!(op, StoreOp::Create { key, .. } | StoreOp::Delete { key } if key.starts_with("snapshot/"));
        if self.faults.stale_lists > 0 && changes_snapshots {
            self.stale = self.store.list(layout::SNAPSHOTS);
        }
        let is_put = matches!(op, StoreOp::Put { .. });
        if is_put && self.faults.stale_hints > 0 {
            self.keep_hint(op);
        }
        let reply = self.store.carry_out(op);
        match (op, &reply) {
            (StoreOp::Create { key, .. }, StoreReply::Done) if key.starts_with("journal/") => {
                let before = self.truth.takeovers.len();
                self.truth.created(&self.store.objects);
                self.tally.takeovers += (self.truth.takeovers.len() - before) as u64;
            }
            (StoreOp::Create { key, .. }, StoreReply::Done) if key.starts_with("snapshot/") => {
                self.tally.snapshots += 1;
                let besides = self.store.objects.len()
                    - 2 * self.truth.takeovers.len().min(self.store.objects.len() / 2);
                self.tally.most_objects = self.tally.most_objects.max(besides as u64);
            }
            (StoreOp::Delete { key }, _) => self.tally.collected += u64::from(key.starts_with("journal/")),
            (StoreOp::List { folder }, _)
                if folder == layout::SNAPSHOTS && self.rng.chance_of_fault(self.faults.stale_lists) =>
            {
                return StoreReply::Names(self.stale.clone());
            }
            (StoreOp::Get { key }, StoreReply::Bytes(_)) if self.faults.stale_hints > 0 => {
                if let Some(hint) = self.stale_hint(key) {
                    return StoreReply::Bytes(hint);
                }
            }
            _ => {}
        }
        if matches!(op, StoreOp::Create { .. } | StoreOp::Delete { .. }) {
            self.show(&Seen::Stored { op, reply: &reply });
        }
        reply
    }

    /// A leader finds in its slot what it has not written; an answer is lost after the effect.
    fn mark_create(&mut self, who: Who, op: &StoreOp, reply: &StoreReply, is_lost: bool) {
        let member = &mut self.members[who.0];
        let (StoreOp::Create { key, bytes }, Some(node)) = (op, &member.node) else {
            return;
        };
        let Some(header) = RawEntry::peek(bytes).filter(|_| member.boots == who.1) else {
            return;
        };
        if *reply == StoreReply::Done && is_lost {
            member.doubtful.insert(header.write_id);
        }
        let there = self.store.objects.get(key);
        let other = there
            .and_then(|b| RawEntry::peek(b))
            .is_some_and(|h| h.write_id != header.write_id);
        if other && node.write_authority().is_some() {
            self.marks.hit("a leader met a stranger");
        }
    }

    /// A request of a node is carried out, at first or once more.
    pub(super) fn carry_out_for(&mut self, who: Who, sent: Micros, op: &StoreOp) -> StoreReply {
        let reply = self.carry_out(op);
        if let StoreOp::Create { key, .. } | StoreOp::Get { key } = op
            && key.starts_with("journal/")
        {
            self.show(&Seen::Reached {
                who,
                sent,
                op,
                reply: &reply,
            });
        }
        reply
    }

    pub(super) fn reaches(
        &mut self,
        who: Who,
        (request, sent): (StoreRequest, Micros),
        back: Option<Micros>,
        unknown: bool,
    ) {
        let reply = self.carry_out_for(who, sent, &request.op);
        self.note(|| {
            format!(
                "   store: n{} {} -> {}",
                who.0,
                brief(&request.op),
                brief_reply(&reply)
            )
        });
        let is_cut = self.members[who.0].mute_until > self.now;
        let back = back.filter(|_| !is_cut);
        self.mark_create(who, &request.op, &reply, back.is_none() || unknown);
        let Some(back) = back else { return };
        let reply = if unknown {
            let message = String::from("the answer was lost");
            StoreReply::Failed(StoreFailure {
                kind: FailureKind::OutcomeUnknown,
                message,
            })
        } else {
            reply
        };
        let rotten = self.gives_rotten(&request.op, &reply);
        let input = Input::Store {
            id: request.id,
            reply,
        };
        if let Some(key) = rotten {
            self.rotten.insert((who, request.id), key);
        }
        if self.faults.twice(&mut self.rng) {
            let later = self.faults.latency(&mut self.rng) * 3;
            let input = input.clone();
            self.at(self.now + back + later, Ev::Comes { who, input });
        }
        self.at(self.now + back, Ev::Comes { who, input });
    }

    /// A node and the store do not hear each other for a while, or one of them does not hear the other.
    pub(super) fn cut(&mut self, i: usize) {
        let longest = self.rng.pick(&[SEC / 2, 3 * SEC, 20 * SEC]);
        let until = self.now + MS + self.rng.below(longest * self.load.slower);
        let which = self.rng.below(3);
        self.tally.cuts += 1;
        self.tally.faults += 1;
        if which != 0 {
            self.members[i].mute_until = until;
        }
        if which != 1 {
            self.members[i].deaf_until = until;
        }
        if which != 2 {
            self.marks.hit("a one-way partition");
        }
    }
}
