//! Leading: rebind, Full, group commit, and letting go in order.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{Changes, Node, State};
use crate::authority::FullProof;
use crate::chooser::{is_eligible, rank};
use crate::entry::Payload;
use crate::journal::Note;
use crate::mode::{Mode, Role};
use crate::names::{Epoch, NodeId};
use crate::output::{Event, NotApplied};
use crate::time::Instant;

/// Leads by the journal; the state is being loaded, or its owner has not applied all yet.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Promoting {
    /// The state is to be emptied first, and that entry has been sent.
    pub(super) cleaning: bool,
}

/// What comes after letting go.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum After {
    Stop,
    Become(Mode),
    /// Fail, and try again later.
    Fail,
    FailForGood,
}

/// Leads, and is letting go.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Demoting {
    pub(super) after: After,
    /// Who asked to be next.
    pub(super) wisher: Option<NodeId>,
    /// The successor is chosen by what the records say after that.
    pub(super) began: Instant,
    /// Work that has not ended by then prevents it.
    pub(super) until: Instant,
    /// The `Release` or `Handover` is on its way, and names somebody or not.
    pub(super) sent: Option<bool>,
}

/// Loads of the state that may fail in a row before a new leader lets go.
const MOST_LOADS: u32 = 3;

impl Node {
    /// The journal says that this process leads.
    pub(super) fn on_leads(&mut self, now: Instant, epoch: Epoch) {
        self.authority.lead();
        self.last_write = Some(now);
        self.last_read = Some(now);
        let eligible = !matches!(self.mode, Mode::HotBackup) && !self.stop_asked;
        match &self.state {
            State::Following | State::Claiming if eligible => {
                *self.why = alloc::format!("leads epoch {epoch}");
                self.state = State::Promoting(Promoting { cleaning: false });
                if self.feed.is_off() {
                    self.feed.load(now);
                }
            }
            State::Following | State::Claiming | State::Starting(_) => {
                let after = if self.stop_asked {
                    After::Stop
                } else {
                    After::Become(self.mode)
                };
                self.demote(now, after, None);
            }
            _ => {}
        }
        self.heart.hurry(now);
    }

    /// Its claim, or its naming, lies in its slot, and it holds the state that its first commit would follow.
    pub(super) fn is_about_to_lead(&self) -> bool {
        self.may_be_about_to_lead() && self.feed.owner.is_done()
    }

    /// The same, if the owner of the state has done all that it was asked.
    fn may_be_about_to_lead(&self) -> bool {
        let eligible =
            !matches!(self.mode, Mode::HotBackup | Mode::Disabled) && !self.stop_asked && !self.clean;
        matches!(self.state, State::Following | State::Claiming)
            && eligible
            && self.journal.is_validating()
            && self.feed.is_live()
            && self.feed.applied() == self.journal.view.last_valid
    }

    /// Sends what waits beside the validation of the claim.
    pub(super) fn act_validating(&mut self, now: Instant) -> bool {
        if self.may_be_about_to_lead() {
            self.with(now, |s, cx| s.feed.owner.ask_when_done(cx));
        }
        if !self.is_about_to_lead() || !self.journal.takes_beside() || !self.queue.may_send(now) {
            return false;
        }
        let (changes, tickets) = self.queue.take(self.config.batch_bytes);
        let payload = self.commit_payload(now, false, changes);
        self.with(now, |s, cx| s.journal.append_beside(cx, payload, tickets));
        true
    }

    pub(super) fn act_claiming(&mut self) -> bool {
        if self.journal.is_idle() && self.journal.lead().is_none() {
            self.state = State::Following;
            return true;
        }
        false
    }

    pub(super) fn act_promoting(&mut self, now: Instant) -> bool {
        let State::Promoting(promoting) = &mut self.state else {
            return false;
        };
        if self.stop_asked {
            self.demote(now, After::Stop, None);
            return true;
        }
        if self.feed.failures().0 >= MOST_LOADS {
            // Another may be able to; the leadership is not held for ever by who cannot use it.
            self.demote(now, After::Fail, None);
            return true;
        }
        let may_commit = self.journal.is_idle() || self.journal.commits() && !self.clean;
        if !self.feed.is_live() || self.feed.applied() < self.journal.view.last_valid || !may_commit {
            return false;
        }
        if !self.feed.owner.is_done() {
            self.with(now, |s, cx| s.feed.owner.ask_when_done(cx));
            return false;
        }
        if self.clean && !promoting.cleaning {
            if now < self.signs.not_before() {
                return false;
            }
            promoting.cleaning = true;
            let payload = self.commit_payload(now, true, Vec::new());
            self.with(now, |s, cx| s.journal.append(cx, payload, None));
            return true;
        }
        self.clean = false;
        self.start_rule = None;
        self.signs.failures = 0;
        self.state = State::Leading;
        true
    }

    pub(super) fn act_leading(&mut self, now: Instant) -> bool {
        if self.stop_asked {
            self.demote(now, After::Stop, None);
            return true;
        }
        if let Some(wisher) = self.wisher(now).filter(|_| self.reported == Role::Master) {
            self.out.event(Event::Note(alloc::format!(
                "{wisher} was told to lead: handing over to it"
            )));
            let mode = if self.mode == Mode::Master {
                Mode::Auto
            } else {
                self.mode
            };
            self.demote(now, After::Become(mode), Some(wisher));
            return true;
        }
        if self.feed.is_live() && self.feed.applied() == self.journal.view.last_valid {
            self.with(now, |s, cx| s.keeper.begin_if_due(cx, &s.journal.view));
        }
        if !self.journal.is_idle() {
            return false;
        }
        let Some(epoch) = self.journal.lead() else {
            return false;
        };
        if !self.authority.has_full(epoch)
            && now >= self.signs.not_before()
            && let FullProof::Proven(evidence) = self.authority.full_proof(now, &self.me, &self.journal.view)
        {
            let (ttl, drift_ppm) = (self.config.lease_ttl, self.config.drift_ppm);
            let payload = Payload::Full {
                ttl,
                drift_ppm,
                evidence,
            };
            self.with(now, |s, cx| s.journal.append(cx, payload, None));
            return true;
        }
        if !self.queue.may_send(now) {
            return false;
        }
        let (changes, tickets) = self.queue.take(self.config.batch_bytes);
        let payload = self.commit_payload(now, false, changes);
        self.with(now, |s, cx| s.journal.append(cx, payload, Some(tickets)));
        true
    }

    fn commit_payload(&self, now: Instant, replaces: bool, changes: Changes) -> Payload {
        let (time, seen) = self.plane_time;
        Payload::Commit {
            time_ms: time + super::millis(now.since(seen)),
            replaces,
            changes: changes.into(),
        }
    }

    /// A live node that could lead and has been told to.
    fn wisher(&self, now: Instant) -> Option<NodeId> {
        if self.mode == Mode::Disabled {
            return None;
        }
        // A record from before this term may hold a wish that was granted since.
        let began = self.term_began();
        let wishes = self
            .peers
            .known()
            .values()
            .filter(|p| p.record.wishes_to_lead && p.record.seq >= began && p.seen_alive);
        wishes
            .filter(|p| p.could_take_part(now, &self.config) && is_eligible(p.record.status))
            .map(|p| p.record.node_id.clone())
            .next()
    }

    /// Begins to let go of leadership.
    pub(super) fn demote(&mut self, now: Instant, after: After, wisher: Option<NodeId>) {
        self.refuse_queue();
        self.keeper.abandon();
        self.authority.set_ending(true);
        let until = now + self.config.lease_ttl;
        *self.why = "is letting go of leadership".to_string();
        self.state = State::Demoting(Demoting {
            after,
            wisher,
            began: now,
            until,
            sent: None,
        });
    }

    pub(super) fn refuse_queue(&mut self) {
        if let Some(tickets) = self.queue.drain() {
            self.out.event(Event::NotApplied {
                tickets,
                why: NotApplied::NotLeader,
            });
        }
    }

    pub(super) fn act_demoting(&mut self, now: Instant) -> bool {
        let State::Demoting(demoting) = &self.state else {
            return false;
        };
        if self.stop_asked && demoting.after != After::Stop {
            let demoting = Demoting {
                after: After::Stop,
                ..demoting.clone()
            };
            self.state = State::Demoting(demoting);
            return true;
        }
        let demoting = demoting.clone();
        let has_looked = self.peers.looked_at().is_some_and(|at| at >= demoting.began);
        if !has_looked {
            // An operator may have changed a priority a moment ago. Work may end meanwhile.
            self.peers.look_since(now, demoting.began);
        }
        if self.journal.lead().is_none() && self.journal.is_idle() {
            let named = demoting.sent.unwrap_or(true);
            self.let_go(now, demoting.after, named);
            return true;
        }
        if self.authority.is_working() || !self.journal.is_idle() || now < self.signs.not_before() {
            return now >= demoting.until && self.give_up_demoting(now, &demoting);
        }
        if now >= demoting.until && demoting.after == After::Stop {
            return self.give_up_demoting(now, &demoting);
        }
        if !has_looked && now < demoting.began + self.config.request_timeout {
            return false;
        }
        let successor = self.successor(now, demoting.wisher.as_ref());
        let named = successor.is_some();
        let payload = successor.unwrap_or(Payload::Release);
        self.state = State::Demoting(Demoting {
            sent: Some(named),
            ..demoting
        });
        self.with(now, |s, cx| s.journal.append(cx, payload, None));
        true
    }

    /// Work goes on, or the store does not answer: the lease will tell the others.
    fn give_up_demoting(&mut self, now: Instant, demoting: &Demoting) -> bool {
        let cause = if self.authority.is_working() {
            "acts are still under way"
        } else {
            "the store does not answer"
        };
        match demoting.after {
            After::Stop => {
                self.out.event(Event::Warning(alloc::format!(
                    "stopping without a release, because {cause}: others take over when they find this node silent"
                )));
                self.state = State::Stopping;
                self.heart.hurry(now);
                true
            }
            After::Fail => {
                self.fail_to_load(now);
                true
            }
            After::FailForGood => {
                let why = self.why.0.clone();
                self.fail_for_good(now, why);
                true
            }
            After::Become(_) if self.journal.is_idle() && demoting.sent.is_none() => {
                self.out.event(Event::Warning(alloc::format!(
                    "not demoted, because {cause}: try again when they have ended"
                )));
                self.authority.set_ending(false);
                self.mode = Mode::Auto;
                self.settling = None;
                // It may have been named before it had the state.
                self.state = State::Promoting(Promoting { cleaning: false });
                if self.feed.is_off() {
                    self.feed.load(now);
                }
                true
            }
            After::Become(_) => false,
        }
    }

    /// The best of those that look alive, or who asked for it.
    fn successor(&self, now: Instant, wisher: Option<&NodeId>) -> Option<Payload> {
        let fit = |node: &NodeId| {
            let peer = self.peers.known().get(node)?;
            let alive = peer.seen_alive && self.looks_alive(now, peer) && is_eligible(peer.record.status);
            alive.then(|| (peer.process(), peer.record.uri.clone().unwrap_or_default()))
        };
        let others = self
            .candidates(now, None)
            .into_iter()
            .filter(|c| c.node != self.me.node);
        let best = || rank(others).into_iter().find_map(|c| fit(&c.node));
        let (successor, uri) = wisher.and_then(fit).or_else(best)?;
        Some(Payload::Handover { successor, uri })
    }

    /// It has let go.
    fn let_go(&mut self, now: Instant, after: After, named: bool) {
        self.authority.lose();
        self.queue.forget_pace();
        match after {
            After::Stop => self.state = State::Stopping,
            After::Fail => self.fail_to_load(now),
            After::FailForGood => {
                let why = self.why.0.clone();
                self.fail_for_good(now, why);
            }
            After::Become(Mode::Disabled) => self.fail_until_told(now),
            After::Become(mode) => {
                // If another's entry came first there is a leader, and nothing to abstain from.
                self.abstains = !named && mode != Mode::Master && self.journal.view.released;
                *self.why = String::from(if named {
                    "handed over"
                } else {
                    "released; nobody was there to take it"
                });
                self.follow(now, mode);
            }
        }
        self.heart.hurry(now);
    }

    /// Leads no more, by another's hand.
    pub(super) fn deposed(&mut self, now: Instant) {
        self.refuse_queue();
        self.queue.forget_pace();
        self.keeper.abandon();
        self.authority.lose();
        let after = match &self.state {
            State::Demoting(d) => Some(d.after),
            _ => None,
        };
        match after {
            Some(after) => self.let_go(now, after, true),
            // It works in isolation, and is not alone any more.
            None if self.mode == Mode::Disabled => self.fail_until_told(now),
            None => {
                *self.why = "another node took over".to_string();
                let mode = if self.mode == Mode::Master {
                    Mode::Auto
                } else {
                    self.mode
                };
                self.follow(now, mode);
                self.heart.hurry(now);
            }
        }
    }

    fn fail_to_load(&mut self, now: Instant) {
        let why = alloc::format!("led, but could not load the state: {}", self.feed.failures().1);
        self.fail(now, why);
    }

    /// The owner of the state cannot go on with it.
    pub(super) fn state_is_unusable(&mut self, now: Instant, why: String) {
        let is_over = match &self.state {
            State::Failed(failed) => failed.is_for_good(),
            State::Stopping | State::Stopped => true,
            State::Demoting(demoting) => demoting.after == After::Stop,
            _ => false,
        };
        if is_over {
            return;
        }
        self.out.event(Event::Warning(why.clone()));
        match &mut self.state {
            State::Leading | State::Promoting(_) => self.demote(now, After::FailForGood, None),
            State::Demoting(demoting) => demoting.after = After::FailForGood,
            // If its claim is won all the same, it lets go of that.
            _ => self.fail_for_good(now, why.clone()),
        }
        *self.why = why;
    }

    /// An own entry is durable.
    pub(super) fn on_durable(&mut self, now: Instant, note: Note) {
        let Note::Durable {
            header,
            tickets,
            took,
        } = note
        else {
            return;
        };
        self.last_write = Some(now);
        if let Some(tickets) = tickets {
            // A machine that slept in the middle of it says nothing about the round trip.
            let took = took.min(self.config.request_timeout);
            self.queue.decided(now, took, tickets, self.config.linger_percent);
            self.out.event(Event::Durable {
                tickets,
                seq: header.seq,
                write_id: header.write_id,
            });
        }
    }

    /// When the state wants attention.
    pub(super) fn state_wake(&self) -> Option<Instant> {
        let lease = self.lease_ends();
        let not_before = self.signs.not_before();
        match &self.state {
            State::Leading => {
                let act = self.act_end();
                let full = match self
                    .authority
                    .full_proof(self.last_run, &self.me, &self.journal.view)
                {
                    FullProof::Wait(at)
                        if self.journal.lead().is_some_and(|e| !self.authority.has_full(e)) =>
                    {
                        at
                    }
                    _ => None,
                };
                let linger = if self.journal.is_idle() {
                    self.queue.wake()
                } else {
                    None
                };
                [
                    self.future(lease),
                    self.future(act),
                    full,
                    linger,
                    self.future(Some(not_before)),
                ]
                .into_iter()
                .flatten()
                .min()
            }
            State::Demoting(demoting) => [
                self.future(Some(demoting.until)),
                self.future(Some(demoting.began + self.config.request_timeout)),
                self.future(Some(not_before)),
            ]
            .into_iter()
            .flatten()
            .min(),
            State::Failed(failed) => [failed.retry_at(), self.future(Some(not_before))]
                .into_iter()
                .flatten()
                .min(),
            State::Promoting(_) => self.future(Some(not_before)),
            State::Starting(_) => self.starting_wake(),
            _ => None,
        }
    }

    /// When leave to act ends, if it is held.
    pub(super) fn act_end(&self) -> Option<Instant> {
        let epoch = self.journal.lead().filter(|e| self.authority.has_full(*e))?;
        let end = self.authority.lease_end(epoch)?;
        let grace = u64::try_from(self.config.stop_grace.as_nanos()).unwrap_or(u64::MAX);
        Some(Instant::from_nanos(end.as_nanos().saturating_sub(grace)))
    }
}
