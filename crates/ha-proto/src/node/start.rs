//! A start, and a start again after a failure: what each mode demands of the plane it finds.

use alloc::string::{String, ToString};
use core::time::Duration;

use super::{Node, State};
use crate::entry::Payload;
use crate::mode::Mode;
use crate::output::Event;
use crate::time::Instant;
use crate::unhashed::Unhashed;

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Starting {
    /// The mode whose rule for a start holds; none after a failure.
    rule: Option<Mode>,
    pub(super) loaded: bool,
    rounds: Unhashed<u64>,
    began: Instant,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Failed {
    why: String,
    retry_at: Option<Instant>,
    tries: u32,
}

impl Starting {
    pub(super) fn begin(now: Instant, rule: Option<Mode>) -> Self {
        Self {
            rule,
            loaded: false,
            rounds: Unhashed(0),
            began: now,
        }
    }

    /// When a leader that has given no sign since counts as dead.
    pub(super) fn silent_at(&self, timeout: Duration) -> Instant {
        self.began + timeout + Duration::from_nanos(1)
    }
}

impl Failed {
    pub(super) fn is_for_good(&self) -> bool {
        self.retry_at.is_none() && self.tries == u32::MAX
    }

    pub(super) fn why(&self) -> &str {
        &self.why
    }

    pub(super) fn retry_at(&self) -> Option<Instant> {
        self.retry_at
    }
}

/// What a start finds.
enum Found {
    /// There is no leader.
    Nobody,
    /// The leader has given a sign of life since.
    Alive(String),
    /// It has been silent for the heartbeat time-out, or is known to have gone.
    Dead,
    /// That is not known yet.
    NotYet,
}

impl Node {
    /// The journal is read and the records are: may this node go on?
    pub(super) fn act_starting(&mut self, now: Instant) -> bool {
        let State::Starting(starting) = &self.state else {
            return false;
        };
        if self.stop_asked {
            self.state = State::Stopping;
            self.heart.hurry(now);
            return true;
        }
        if !starting.loaded || self.peers.rounds() <= *starting.rounds {
            return false;
        }
        let Some(mode) = starting.rule else {
            return self.go_on(now);
        };
        let refusal = match (mode, self.found(now)) {
            (Mode::Auto, _) if !self.clean => None,
            (Mode::HotBackup, _) => None,
            (_, Found::NotYet) => return false,
            (Mode::Standby | Mode::HotStandby, Found::Nobody | Found::Dead) => {
                Some(alloc::format!("No existing master; cannot start as {mode}"))
            }
            (Mode::Standby | Mode::HotStandby, Found::Alive(_)) => None,
            (_, Found::Nobody | Found::Dead) => None,
            (_, Found::Alive(master)) if self.clean => Some(alloc::format!(
                "cannot start with a clean state: master {master} is running on this store; stop every node first"
            )),
            (Mode::Disabled, Found::Alive(master)) => Some(alloc::format!(
                "cannot work in isolation: master {master} is running on this store; use another directory, or --highAvailability auto"
            )),
            (_, Found::Alive(master)) => Some(alloc::format!(
                "Master already exists; cannot run as master (master {master}); to trigger a promotion, set a priority and demote the current master"
            )),
        };
        match refusal {
            None => self.go_on(now),
            Some(why) => {
                self.out.event(Event::Refused(why.clone()));
                self.fail_for_good(now, why);
                true
            }
        }
    }

    /// The rule of the start holds again: somebody else leads now.
    pub(super) fn start_over(&mut self, now: Instant) -> bool {
        let rounds = self.peers.rounds();
        self.state = State::Starting(Starting {
            loaded: true,
            rounds: Unhashed(rounds),
            ..Starting::begin(now, self.start_rule)
        });
        self.peers.hurry(now);
        true
    }

    fn go_on(&mut self, now: Instant) -> bool {
        self.state = State::Following;
        if self.hot && self.feed.is_off() {
            self.feed.load(now);
        }
        self.heart.hurry(now);
        true
    }

    fn found(&self, now: Instant) -> Found {
        let view = &self.journal.view;
        let Some(leader) = view.leader.as_ref().filter(|_| !view.released) else {
            return Found::Nobody;
        };
        if self.signs.evidence_against(&leader.process).is_some() {
            return Found::Dead;
        }
        let peer = self
            .peers
            .known()
            .get(&leader.process.node)
            .filter(|p| p.process() == leader.process);
        let names_it = peer.is_some_and(|p| p.seen_alive && p.record.leads == Some(view.epoch));
        let State::Starting(starting) = &self.state else {
            return Found::NotYet;
        };
        if names_it {
            let at = if leader.uri.is_empty() {
                String::new()
            } else {
                alloc::format!(" at {}", leader.uri)
            };
            Found::Alive(alloc::format!("{}{at}, epoch {}", leader.process, view.epoch))
        } else if now.since(starting.began) > self.config.heartbeat_timeout || self.leader_says_it_stopped() {
            Found::Dead
        } else {
            Found::NotYet
        }
    }

    /// Cannot take part now; tries again by itself, each time a little later.
    pub(super) fn fail(&mut self, now: Instant, why: String) {
        let tries = self.signs.failures;
        self.signs.failures = tries.saturating_add(1).min(16);
        let pause = (self.config.poll * 2u32.saturating_pow(tries.min(6))).min(Duration::from_secs(60));
        self.enter_failed(
            now,
            Failed {
                why,
                retry_at: Some(now + pause),
                tries,
            },
        );
    }

    /// Cannot take part until the process is started again.
    pub(super) fn fail_for_good(&mut self, now: Instant, why: String) {
        self.enter_failed(
            now,
            Failed {
                why,
                retry_at: None,
                tries: u32::MAX,
            },
        );
    }

    /// Takes no part until told otherwise.
    pub(super) fn fail_until_told(&mut self, now: Instant) {
        self.mode = Mode::Disabled;
        let why = "disabled by its operator: POST another mode to bring it back".to_string();
        self.enter_failed(
            now,
            Failed {
                why,
                retry_at: None,
                tries: 0,
            },
        );
    }

    fn enter_failed(&mut self, now: Instant, failed: Failed) {
        (*self.why).clone_from(&failed.why);
        self.refuse_queue();
        self.authority.lose();
        self.keeper.abandon();
        self.with(now, |s, cx| s.feed.unload(cx));
        self.state = State::Failed(failed);
        self.heart.hurry(now);
    }

    pub(super) fn act_failed(&mut self, now: Instant) -> bool {
        let State::Failed(failed) = &self.state else {
            return false;
        };
        if self.journal.lead().is_some() && self.journal.is_idle() && now >= self.signs.not_before() {
            // A claim that was on its way when it failed has been won: it lets go at once.
            self.with(now, |s, cx| s.journal.append(cx, Payload::Release, None));
            return true;
        }
        if self.stop_asked && !self.journal.has_unresolved() {
            self.state = State::Stopping;
            self.heart.hurry(now);
            return true;
        }
        if failed.retry_at.is_none_or(|at| at > now) {
            return false;
        }
        self.start_again(now);
        true
    }

    /// Begins again, after a failure or when told to.
    pub(super) fn start_again(&mut self, now: Instant) {
        if self.journal.is_halted() {
            self.journal.restart(now);
        }
        let loaded = self.journal.has_loaded();
        self.signs.begin(now);
        self.state = State::Starting(Starting {
            loaded,
            rounds: Unhashed(self.peers.rounds()),
            ..Starting::begin(now, None)
        });
        self.peers.hurry(now);
    }
}
