//! Following a leader, suspecting it, and taking its place.

use alloc::collections::VecDeque;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::hash::{Hash, Hasher};
use core::time::Duration;

use super::{Node, State};
use crate::chooser::{Candidate, is_eligible};
use crate::entry::{Evidence, Header, Kind, Payload};
use crate::judge::{Situation, Verdict, judge};
use crate::mode::{Mode, Role};
use crate::names::{PlaneId, Process};
use crate::output::Event;
use crate::peers::Peer;
use crate::time::Instant;

/// What has been seen of the leader, and of those before it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Signs {
    /// The last entry of the leader, or when this node first heard of it.
    heard: Instant,
    /// Since when there is no leader.
    vacant_since: Instant,
    /// Better evidence than silence.
    against: VecDeque<(Process, Evidence, Instant)>,
    /// Takeovers on mere suspicion.
    suspicious: VecDeque<Instant>,
    /// When to judge again.
    judge_at: Option<Instant>,
    /// After a claim that failed.
    not_before: Instant,
    pub(super) failures: u32,
}

/// Suspicion decides when, never whether it is safe. Its moments go into the state's hash as 128 bits, unlike all others, so that a checker for
/// which suspicion may come at any time can leave them out.
impl Hash for Signs {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let when = |state: &mut H, at: &Instant| state.write_u128(u128::from(at.as_nanos()));
        [self.heard, self.vacant_since, self.not_before]
            .iter()
            .chain(&self.judge_at)
            .chain(&self.suspicious)
            .for_each(|at| when(state, at));
        for (process, evidence, at) in &self.against {
            (process, evidence).hash(state);
            when(state, at);
        }
        (self.suspicious.len(), self.judge_at.is_some(), self.failures).hash(state);
    }
}

impl Signs {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            heard: now,
            vacant_since: now,
            against: VecDeque::new(),
            suspicious: VecDeque::new(),
            judge_at: None,
            not_before: now,
            failures: 0,
        }
    }

    /// From here on silence is counted anew.
    pub(super) fn begin(&mut self, now: Instant) {
        self.heard = now;
        self.vacant_since = now;
    }

    /// Nothing is claimed before then.
    pub(super) fn pause(&mut self, until: Instant) {
        self.not_before = self.not_before.max(until);
    }

    pub(super) fn not_before(&self) -> Instant {
        self.not_before
    }

    pub(super) fn wake(&self) -> Option<Instant> {
        self.judge_at
    }

    /// Better evidence than what is known replaces it. The same again does not: a turn is counted from when it was first seen.
    fn suspect(&mut self, now: Instant, process: &Process, evidence: Evidence) {
        if self
            .evidence_against(process)
            .is_none_or(|(known, _)| evidence < known)
        {
            self.against.retain(|(p, ..)| p != process);
            self.against.push_back((process.clone(), evidence, now));
            if self.against.len() > 16 {
                self.against.pop_front();
            }
        }
    }

    pub(super) fn evidence_against(&self, process: &Process) -> Option<(Evidence, Instant)> {
        self.against
            .iter()
            .find(|(p, ..)| p == process)
            .map(|(_, e, at)| (*e, *at))
    }

    /// An entry was taken.
    pub(super) fn on_entry(&mut self, now: Instant, header: &Header, payload: &Payload, window: Duration) {
        self.heard = now;
        if header.kind == Kind::Release {
            self.vacant_since = now;
        }
        if matches!(
            payload,
            Payload::Takeover {
                evidence: Evidence::Silent,
                ..
            }
        ) {
            self.suspicious.push_back(now);
        }
        while self.suspicious.front().is_some_and(|at| now.since(*at) > window) {
            self.suspicious.pop_front();
        }
    }

    fn recent(&self, now: Instant, window: Duration) -> u32 {
        let recent = self
            .suspicious
            .iter()
            .filter(|at| now.since(**at) <= window)
            .count();
        u32::try_from(recent).unwrap_or(u32::MAX)
    }
}

impl Node {
    /// How long a takeover on suspicion counts as recent.
    pub(super) fn flap_window(&self) -> Duration {
        self.config.heartbeat_timeout * 20
    }

    /// Evidence that a process has gone. What a sign of life has refuted since gives way to it.
    pub(super) fn suspect(&mut self, now: Instant, process: &Process, evidence: Evidence) {
        let leader = self.journal.view.leader.as_ref().map(|l| &l.process);
        let known = self.signs.evidence_against(process);
        if leader == Some(process) && known.is_some_and(|known| !self.holds(known)) {
            self.signs.against.retain(|(p, ..)| p != process);
        }
        self.signs.suspect(now, process, evidence);
    }

    /// Whether evidence against the leader counts: a sign of life that came after weak evidence refutes it.
    fn holds(&self, (evidence, at): (Evidence, Instant)) -> bool {
        evidence <= Evidence::Stopped || at >= self.last_sign()
    }

    pub(super) fn act_following(&mut self, now: Instant) -> bool {
        self.signs.judge_at = None;
        if self.stop_asked {
            self.state = State::Stopping;
            self.heart.hurry(now);
            return true;
        }
        if !self.journal.is_idle() || self.journal.lead().is_some() || now < self.signs.not_before {
            if now < self.signs.not_before {
                self.signs.judge_at = Some(self.signs.not_before);
            }
            return false;
        }
        match self.verdict(now) {
            Verdict::Follow if self.start_rule.is_some() => self.start_over(now),
            Verdict::Follow => {
                self.signs.judge_at =
                    Some(self.last_sign() + self.config.heartbeat_timeout + Duration::from_nanos(1));
                false
            }
            Verdict::Ineligible => false,
            Verdict::Look(since) => {
                self.peers.look_since(now, since);
                // What a claim has to know besides is asked for at the same time.
                self.with(now, |s, cx| s.journal.look_at_head(cx, since));
                false
            }
            Verdict::Await(at) => {
                self.signs.judge_at = Some(at);
                false
            }
            Verdict::Claim(evidence) => self.claim(now, evidence),
        }
    }

    fn claim(&mut self, now: Instant, evidence: Evidence) -> bool {
        if self.journal.view.plane.is_none() {
            let plane = PlaneId(self.plane_name());
            self.with(now, |s, cx| s.journal.begin_plane(cx, plane));
            return true;
        }
        let view = &self.journal.view;
        let why = match (&view.leader, evidence) {
            (Some(leader), Evidence::Silent) => alloc::format!("{} is silent", leader.process),
            (Some(leader), Evidence::Exited | Evidence::Stopped) => {
                alloc::format!("{} has stopped", leader.process)
            }
            (Some(leader), Evidence::Vacant) => alloc::format!("{} has released it", leader.process),
            (Some(leader), other) => alloc::format!("{} is gone ({other:?})", leader.process),
            (None, _) => "there was no leader yet".to_string(),
        };
        let epoch = view.epoch.next();
        self.out
            .event(Event::Note(alloc::format!("claiming epoch {epoch}: {why}")));
        let uri = self.uri.clone();
        self.state = State::Claiming;
        self.with(now, |s, cx| s.journal.claim(cx, evidence, uri));
        true
    }

    /// Eight letters and digits, the first a letter, as Brooklyn's.
    fn plane_name(&mut self) -> alloc::string::String {
        const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let drawn = self.ids.draw();
        let pick = |(i, b): (usize, &u8)| char::from(LETTERS[usize::from(*b) % if i == 0 { 52 } else { 62 }]);
        drawn.iter().take(8).enumerate().map(pick).collect()
    }

    pub(super) fn claim_lost(&mut self, now: Instant, why: &str) {
        self.refuse_queue();
        if self.state == State::Claiming {
            self.out
                .event(Event::Note(alloc::format!("claim not won: {why}")));
            self.state = State::Following;
            self.signs.not_before = now + self.config.retry();
            if self.start_rule.is_some() {
                // It may have been lost to a master that lives, which its mode does not allow.
                self.start_over(now);
            }
        } else if self.journal.view.plane.is_none() && self.state == State::Following {
            // A plane that could not be begun.
            self.out.event(Event::Warning(why.to_string()));
            self.signs.not_before = now + self.config.retry() * 4;
        }
    }

    fn verdict(&self, now: Instant) -> Verdict {
        let view = &self.journal.view;
        let leader = view
            .leader
            .as_ref()
            .filter(|_| !view.released)
            .map(|l| &l.process);
        let evidence = leader.and_then(|l| {
            let said = self
                .leader_says_it_stopped()
                .then_some((Evidence::Stopped, self.leader_record_changed()));
            let known = self.signs.evidence_against(l);
            known.filter(|known| self.holds(*known)).or(said)
        });
        judge(Situation {
            now,
            me: &self.me,
            config: &self.config,
            leader,
            vacant_since: self.signs.vacant_since,
            last_sign: self.last_sign(),
            evidence,
            candidates: self.candidates(now, leader),
            told: matches!(self.mode, Mode::Master | Mode::Disabled),
            recent: self.signs.recent(now, self.flap_window()),
            looked_at: self.peers.looked_at(),
        })
    }

    /// When the leader's record was last seen to change.
    fn leader_record_changed(&self) -> Instant {
        let leader = self.journal.view.leader.as_ref();
        let peer = leader.and_then(|l| self.peers.known().get(&l.process.node));
        peer.map_or_else(Default::default, |p| p.changed_at)
    }

    /// The leader's own record, by the same process, says that it leads no more.
    pub(super) fn leader_says_it_stopped(&self) -> bool {
        let leader = self.journal.view.leader.as_ref();
        leader
            .and_then(|l| {
                self.peers
                    .known()
                    .get(&l.process.node)
                    .filter(|p| p.process() == l.process)
            })
            .is_some_and(|p| {
                p.record.leads.is_none()
                    && matches!(p.record.status, Role::Terminated | Role::Failed)
                    && p.record.seq >= self.term_began()
            })
    }

    /// Where the current epoch began; a record written before that says nothing about it.
    pub(super) fn term_began(&self) -> crate::names::Seq {
        let view = &self.journal.view;
        view.table
            .get(&view.epoch)
            .map_or_else(Default::default, |t| t.began)
    }

    /// The last sign of life that named the current epoch: an entry, or a change of the leader's record.
    fn last_sign(&self) -> Instant {
        let view = &self.journal.view;
        let peer = view.leader.as_ref().and_then(|l| {
            self.peers
                .known()
                .get(&l.process.node)
                .filter(|p| p.process() == l.process)
        });
        let named = peer
            .filter(|p| p.record.leads == Some(view.epoch))
            .map(|p| p.changed_at);
        named.map_or(self.signs.heard, |at| at.max(self.signs.heard))
    }

    /// Who looks alive and could lead, this node among them.
    pub(super) fn candidates(&self, now: Instant, but: Option<&Process>) -> Vec<Candidate> {
        let others = self
            .peers
            .known()
            .values()
            .filter(|p| self.looks_alive(now, p) && Some(&p.process()) != but);
        let others = others.map(|p| {
            let r = &p.record;
            Candidate::new(r.node_id.clone(), r.status, r.priority, r.version.clone())
        });
        let mut all: Vec<_> = others.filter(|c| is_eligible(c.role)).collect();
        if self.may_lead() {
            let role = self.role(now);
            all.push(Candidate::new(
                self.me.node.clone(),
                role,
                self.priority,
                self.version.clone(),
            ));
        }
        all
    }

    /// Whether a node could take part now, as far as is known. What is merely suspected is left to its record.
    pub(super) fn looks_alive(&self, now: Instant, peer: &Peer) -> bool {
        let has_ended = |(evidence, _): (Evidence, Instant)| evidence <= Evidence::Stopped;
        peer.could_take_part(now, &self.config)
            && !self
                .signs
                .evidence_against(&peer.process())
                .is_some_and(has_ended)
    }

    /// Whether this node would take leadership now.
    pub(super) fn may_lead(&self) -> bool {
        let by_mode = self.mode != Mode::HotBackup;
        let ready = !self.hot || self.feed.is_live();
        by_mode
            && ready
            && !self.abstains
            && !self.stop_asked
            && matches!(self.state, State::Following | State::Claiming)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::{NodeId, Nonce};
    use crate::unhashed::hashed;

    #[test]
    fn what_has_been_seen_of_leaders_is_part_of_the_state() {
        let t = Instant::from_millis;
        let signs = Signs::new(t(0));
        let process = Process {
            node: NodeId::new("n1").unwrap(),
            nonce: Nonce([1; 16]),
        };
        let changed = |change: fn(&mut Signs, &Process)| {
            let mut other = signs.clone();
            change(&mut other, &process);
            hashed(&other)
        };
        assert_ne!(hashed(&signs), changed(|s, _| s.begin(Instant::from_millis(1))));
        assert_ne!(hashed(&signs), changed(|s, _| s.failures = 1));
        assert_ne!(
            hashed(&signs),
            changed(|s, p| s.suspect(Instant::from_millis(0), p, Evidence::Refused))
        );
    }
}
