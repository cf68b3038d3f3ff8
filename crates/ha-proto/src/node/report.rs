//! What this node reports itself to be, and what follows from a change of it.

use alloc::collections::VecDeque;
use alloc::string::String;
use core::time::Duration;

use super::{HISTORY, Node, State};
use crate::mode::{Mode, Role};
use crate::names::Epoch;
use crate::output::{Cx, Event};
use crate::peers::Twin;
use crate::record::{NodeRecord, Timings};
use crate::time::Instant;

/// One change of role.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct RoleChange {
    /// The role taken.
    pub role: Role,
    /// When.
    pub at: Instant,
}

impl Node {
    /// What this node reports itself to be. `Master` only after the rebind, and while the store has proven it within a lease.
    #[must_use]
    pub fn role(&self, now: Instant) -> Role {
        match &self.state {
            State::Starting(_) | State::Promoting(_) | State::Demoting(_) => Role::Initializing,
            State::Following | State::Claiming => self.role_of_follower(),
            State::Leading if self.unproven_for(now).is_none() => Role::Master,
            State::Leading => Role::Initializing,
            State::Failed(_) => Role::Failed,
            State::Stopping | State::Stopped => Role::Terminated,
        }
    }

    fn role_of_follower(&self) -> Role {
        match (self.hot, self.feed.is_live()) {
            (false, _) => Role::Standby,
            (true, false) => Role::Initializing,
            (true, true) if self.mode == Mode::HotBackup => Role::HotBackup,
            (true, true) => Role::HotStandby,
        }
    }

    /// Until when the role of now holds without news from the store.
    #[must_use]
    pub fn role_holds_until(&self) -> Option<Instant> {
        match &self.state {
            State::Leading => self.journal.lead().and_then(|e| self.authority.lease_end(e)),
            _ => None,
        }
    }

    /// For how long a leader has not been proven by the store beyond its lease; `None` while it is.
    #[must_use]
    pub fn unproven_for(&self, now: Instant) -> Option<Duration> {
        if self.state != State::Leading {
            return None;
        }
        match self.journal.lead().and_then(|e| self.authority.lease_end(e)) {
            Some(end) if now < end => None,
            Some(end) => Some(now.since(end)),
            None => Some(Duration::ZERO),
        }
    }

    /// Whether the state is to be served, and is not loaded yet.
    #[must_use]
    pub fn awaits_rebind(&self) -> bool {
        match &self.state {
            State::Promoting(_) => true,
            State::Starting(_) | State::Failed(_) | State::Stopping | State::Stopped => false,
            _ => self.hot && !self.feed.is_live(),
        }
    }

    /// How often it has looked at the records of all nodes.
    #[must_use]
    pub fn looks_at_all(&self) -> u64 {
        self.peers.rounds()
    }

    /// What is wrong, in words; empty if nothing is.
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        match &self.state {
            State::Failed(failed) => Some(failed.why()),
            _ => None,
        }
    }

    /// Why the role is what it is, in words.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.why
    }

    /// Whether it is in the middle of becoming something else.
    #[must_use]
    pub fn in_transition(&self) -> bool {
        !matches!(
            self.state,
            State::Following | State::Claiming | State::Leading | State::Failed(_) | State::Stopped
        )
    }

    /// Role changes, newest first, at most [`HISTORY`].
    #[must_use]
    pub fn history(&self) -> &VecDeque<RoleChange> {
        &self.history
    }

    pub(super) fn report(&mut self, now: Instant) {
        let role = self.role(now);
        if role != self.reported {
            let from = core::mem::replace(&mut self.reported, role);
            self.history.push_front(RoleChange { role, at: now });
            self.history.truncate(HISTORY);
            let why = self.words();
            let epoch = self.journal.view.epoch;
            self.out.event(Event::RoleChanged {
                from,
                to: role,
                epoch,
                why,
            });
            self.heart.hurry(now);
        }
        let acting = self.act_authority(now).map(|a| a.epoch);
        if acting != self.acting {
            if let Some(epoch) = self.acting {
                self.out.event(Event::FullLost(epoch));
            }
            if let Some(epoch) = acting {
                self.out.event(Event::FullGained(epoch));
            }
            self.acting = acting;
        }
        if matches!(self.state, State::Failed(_)) && self.settling != Some(Mode::Disabled) {
            // It will not be reached from here; the change of role says why.
            self.settling = None;
        }
        if let Some(mode) = self.settling.filter(|m| self.has_settled(*m, role)) {
            self.settling = None;
            self.out.event(Event::ModeSettled(mode));
            self.heart.hurry(now);
        }
    }

    fn words(&self) -> String {
        match &self.state {
            State::Leading if self.reported == Role::Initializing => {
                let proven_once = self
                    .journal
                    .lead()
                    .and_then(|e| self.authority.lease_end(e))
                    .is_some();
                String::from(if proven_once {
                    "leads, but the store has not answered within its lease"
                } else {
                    "leads, and is about to prove it by a read"
                })
            }
            State::Following if self.abstains => String::from(
                "told to let go with nobody to take it: the plane has no master until another node starts, or this one is told to lead",
            ),
            _ => self.why.0.clone(),
        }
    }

    fn has_settled(&self, mode: Mode, role: Role) -> bool {
        match mode {
            Mode::Disabled => role == Role::Failed,
            Mode::Auto => {
                matches!(role, Role::Master | Role::Standby | Role::HotStandby) && !self.in_transition()
            }
            // A candidate may have been given the leadership before it got there.
            Mode::Standby => matches!(role, Role::Standby | Role::Master),
            Mode::HotStandby => matches!(role, Role::HotStandby | Role::Master),
            Mode::HotBackup => role == Role::HotBackup,
            Mode::Master => role == Role::Master,
        }
    }

    /// Puts the own record, if that is due.
    pub(super) fn beat(&mut self, now: Instant) {
        if self.state == State::Stopping && (self.heart.is_stopped() || self.heart.has_waited_enough(now)) {
            return self.be_stopped();
        }
        if !self.heart.is_due(now) {
            return;
        }
        let record = self.record(now);
        let node = self.me.node.clone();
        let pace = self.config.pace;
        let every = if self.journal.lead().is_some() {
            pace.beat
        } else {
            pace.follower_beat
        };
        let lease_ends = self.lease_ends();
        let mut cx = Cx {
            now,
            out: &mut self.out,
            ids: &mut self.ids,
            config: &self.config,
            lease_ends,
        };
        self.heart.put(&mut cx, &node, &record, every);
    }

    fn record(&mut self, now: Instant) -> NodeRecord {
        let (wall, at) = self.wall;
        NodeRecord {
            node_id: self.me.node.clone(),
            nonce: self.me.nonce,
            uri: (!self.uri.is_empty()).then(|| self.uri.clone()),
            version: self.version.clone(),
            state_level: self.state_level,
            status: self.role(now),
            priority: self.priority,
            local_timestamp: wall + super::millis(now.since(at)),
            beat: self.heart.next_beat(),
            leads: self.sign_of_life(now),
            seq: self.journal.view.pos,
            wishes_to_lead: self.mode == Mode::Master && self.state == State::Following,
            pin: self.feed.pin(now),
            timings: Some(Timings::of(&self.config)),
        }
    }

    /// The epoch it leads, given only while its last read and write that worked are younger than the heartbeat time-out.
    fn sign_of_life(&self, now: Instant) -> Option<Epoch> {
        let fresh = |at: Option<Instant>| at.is_some_and(|at| now.since(at) <= self.config.heartbeat_timeout);
        let leads = matches!(
            self.state,
            State::Promoting(_) | State::Leading | State::Demoting(_)
        );
        self.journal
            .lead()
            .filter(|_| leads && fresh(self.last_read) && fresh(self.last_write))
    }

    pub(super) fn act(&mut self, now: Instant) -> bool {
        if let Some(twin) = self.peers.twin().filter(|twin| self.yields_to(now, twin)) {
            return self.act_overwritten(now, twin.nonce);
        }
        if self.act_validating(now) {
            return true;
        }
        match &self.state {
            State::Starting(_) => self.act_starting(now),
            State::Following => self.act_following(now),
            State::Claiming => self.act_claiming(),
            State::Promoting(_) => self.act_promoting(now),
            State::Leading => self.act_leading(now),
            State::Demoting(_) => self.act_demoting(now),
            State::Failed(_) => self.act_failed(now),
            State::Stopping | State::Stopped => false,
        }
    }

    /// Of two live processes with this node id one stops. Both may see the other's record at the same time, so one of them, the leader or else
    /// the one with the lower nonce, gives the other time to stop first: many polls, for it may find its own record at most of them. While they
    /// take the lead from each other, each gives the other some time anew.
    fn yields_to(&self, now: Instant, twin: &Twin) -> bool {
        // One that has stopped since is no reason to stop as well.
        let lives = twin.has_written_since(now, self.config.shown_timeout());
        let view = &self.journal.view;
        let leader = view
            .leader
            .as_ref()
            .filter(|_| !view.released)
            .map(|l| &l.process);
        let goes_first = match leader.filter(|l| l.node == self.me.node) {
            Some(leader) if leader.nonce == self.me.nonce => false,
            Some(leader) if leader.nonce == twin.nonce => true,
            _ => self.me.nonce > twin.nonce,
        };
        // What a dead predecessor had sent may land again and again, when a store comes back that has kept it waiting.
        let at_first = self.config.follower_timeout() + self.config.lease_ttl;
        let (patience, since_turn) = if goes_first {
            // A claim that was under way when the other stopped may be won yet.
            (at_first, self.config.heartbeat_timeout)
        } else {
            let grace = (self.config.shown_timeout() + self.config.lease_ttl) * 4;
            (at_first + grace, grace)
        };
        let is_over = twin.goes_on_for() > patience && twin.goes_on_since_turn_for() > since_turn;
        self.heart.is_stopped() || lives && is_over
    }

    /// Two live processes have this node id. The one whose record was overwritten stops, and says so.
    fn act_overwritten(&mut self, now: Instant, other: crate::names::Nonce) -> bool {
        if let State::Demoting(_) = &self.state {
            return self.act_demoting(now);
        }
        if matches!(&self.state, State::Failed(f) if f.is_for_good())
            || matches!(self.state, State::Stopping | State::Stopped)
        {
            return if self.stop_asked {
                self.act_failed(now)
            } else {
                false
            };
        }
        let why = alloc::format!(
            "another process (nonce {other}) runs with this node's id `{}`: give one of them another --nodeId and restart it",
            self.me.node
        );
        self.heart.stop();
        self.out.event(Event::Warning(why.clone()));
        if self.journal.lead().is_some() {
            self.demote(now, super::lead::After::FailForGood, None);
        } else {
            self.fail_for_good(now, why.clone());
        }
        *self.why = why;
        true
    }

    /// Takes a mode, in whatever state this node is.
    pub(super) fn take_mode(&mut self, now: Instant, mode: Mode) {
        self.start_rule = None;
        use super::lead::After;
        if !matches!(mode, Mode::Auto | Mode::Master) {
            self.journal.cancel_claim(now);
        }
        let leads = self.journal.lead().is_some();
        match (&self.state, mode) {
            (State::Leading | State::Promoting(_), Mode::Auto | Mode::Master) => self.mode = mode,
            (State::Leading | State::Promoting(_), _) => self.demote(now, After::Become(mode), None),
            (State::Demoting(demoting), _) => {
                // Nobody told it to let go, or nobody who still waits for that: what it is told now is what comes after.
                let mut demoting = demoting.clone();
                if let After::Become(after) = &mut demoting.after {
                    *after = mode;
                }
                self.state = State::Demoting(demoting);
            }
            (State::Failed(_) | State::Starting(_), Mode::Disabled) => self.fail_until_told(now),
            (State::Failed(_), _) => {
                self.mode = mode;
                self.hot = mode != Mode::Standby;
                self.abstains = false;
                self.start_again(now);
            }
            (_, Mode::Disabled) if !leads => self.fail_until_told(now),
            (_, _) => {
                self.abstains = false;
                self.follow(now, mode);
            }
        }
        self.heart.hurry(now);
    }

    /// Becomes a follower, hot or warm as the mode says.
    pub(super) fn follow(&mut self, now: Instant, mode: Mode) {
        self.mode = mode;
        self.hot = match mode {
            Mode::Standby => false,
            Mode::Auto | Mode::HotStandby | Mode::HotBackup | Mode::Disabled => true,
            // From warm it stays warm until it leads, from hot it stays hot.
            Mode::Master => !self.feed.is_off(),
        };
        if !matches!(self.state, State::Claiming | State::Starting(_)) {
            self.state = State::Following;
        }
        if self.hot && self.feed.is_off() {
            self.feed.load(now);
        }
        if !self.hot {
            self.with(now, |s, cx| s.feed.unload(cx));
        }
    }

    pub(super) fn future(&self, at: Option<Instant>) -> Option<Instant> {
        at.filter(|at| *at > self.last_run)
    }

    pub(super) fn starting_wake(&self) -> Option<Instant> {
        match &self.state {
            State::Starting(starting) => {
                Some(starting.silent_at(self.config.heartbeat_timeout)).filter(|at| *at > self.last_run)
            }
            _ => None,
        }
    }
}
