//! Who disturbs a plane: one fault after the other, drawn from a seed, and some at once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ha_core::Seq;
use ha_core::proto::layout;
use ha_sim::rng::Rng;

use super::check::{Finding, Rule};
use super::client::Live;
use super::clocks::Clocks;
use super::fault::Fault;
use super::nodes::Nodes;
use super::place::Place;
use super::process::Process;
use super::sentinel::Sentinel;
use super::tally::TookOver;
use crate::site::Timings;

/// Disturbs one plane.
#[derive(Debug)]
pub(crate) struct Injector<'a, P, S> {
    pub(crate) place: &'a Place,
    pub(crate) nodes: Nodes<P>,
    pub(crate) clocks: Option<Clocks>,
    timings: Timings,
    patience: Duration,
    rng: Rng,
    sentinel: S,
    live: Arc<Live>,
    sleepers: Vec<Sleeper>,
    pub(crate) done: Done,
}

/// A process that is stopped.
#[derive(Clone, Copy, Debug)]
struct Sleeper {
    node: usize,
    until: Instant,
    /// It sleeps on until this slot has been collected, but not beyond the end.
    past: Option<(u64, Instant)>,
}

/// What was done, and what came of it.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) faults: BTreeMap<Fault, u64>,
    pub(crate) takeovers: Vec<TookOver>,
    pub(crate) findings: Vec<Finding>,
    /// Nodes that ended, or called themselves failed, after a fault of their store.
    pub(crate) tended: u64,
    /// Nodes that slept until what they were to read next had been collected.
    pub(crate) slept_past_collection: u64,
}

impl<'a, P: Process, S: Sentinel<P>> Injector<'a, P, S> {
    pub(crate) fn new(
        place: &'a Place,
        nodes: Nodes<P>,
        clocks: Option<Clocks>,
        (timings, patience): (Timings, Duration),
        rng: Rng,
        sentinel: S,
        live: &Arc<Live>,
    ) -> Self {
        Self {
            place,
            nodes,
            clocks,
            timings,
            patience,
            rng,
            sentinel,
            live: Arc::clone(live),
            sleepers: Vec::new(),
            done: Done::default(),
        }
    }

    /// The longest that anything but a broken plane takes to have a leader again.
    pub(crate) fn bound(&self) -> Duration {
        4 * (self.timings.heartbeat_timeout + self.timings.lease_ttl) + self.patience / 3
    }

    /// All kinds that can be had here.
    pub(crate) fn kinds(&self) -> Vec<Fault> {
        let everywhere = [
            Fault::Kill,
            Fault::Pause,
            Fault::Sleep,
            Fault::KillAll,
            Fault::Terminate,
            Fault::Handover,
        ];
        let clock = self.clocks.as_ref().map(|_| Fault::Clock);
        everywhere
            .into_iter()
            .chain(clock)
            .chain(self.place.faults())
            .collect()
    }

    /// Each kind once, in an order that is drawn, and then whatever is drawn, until it is over.
    pub(crate) fn disturb(&mut self, kinds: &[Fault], is_over: impl Fn(&Done) -> bool) -> Result<(), String> {
        let mut first = kinds.to_vec();
        let weighted: Vec<_> = kinds
            .iter()
            .flat_map(|kind| std::iter::repeat_n(*kind, kind.weight()))
            .collect();
        while !first.is_empty() || !is_over(&self.done) {
            let kind = if first.is_empty() {
                self.rng.pick(&weighted)
            } else {
                let at = self.rng.below(first.len() as u64);
                first.swap_remove(usize::try_from(at).expect("there are few kinds"))
            };
            self.strike(kind)?;
            self.rest(self.timings.lease_ttl);
        }
        Ok(())
    }

    /// Kills one master after the other, and lets some sleep, until it is over.
    pub(crate) fn depose(&mut self, is_over: impl Fn(&Done) -> bool) -> Result<(), String> {
        while !is_over(&self.done) {
            let kind = match self.rng.below(20) {
                0 => Fault::Sleep,
                1 => Fault::Pause,
                _ => Fault::Kill,
            };
            self.strike(kind)?;
            // Long enough for some writes, and for snapshots of them.
            self.rest((self.timings.heartbeat_timeout / 8).max(Duration::from_millis(100)));
        }
        Ok(())
    }

    fn strike(&mut self, kind: Fault) -> Result<(), String> {
        *self.done.faults.entry(kind).or_default() += 1;
        self.live.faults.fetch_add(1, Ordering::Relaxed);
        match kind {
            Fault::Kill => self.kill(),
            Fault::Pause | Fault::Sleep => self.pause(kind == Fault::Sleep),
            Fault::KillAll => {
                (0..super::nodes::NUMBER).for_each(|node| self.nodes.kill(node));
                self.sleepers.clear();
                (0..super::nodes::NUMBER).for_each(|node| self.nodes.start_again(node));
                self.sees_leader("all were killed");
            }
            Fault::Terminate => {
                let victim = self.victim();
                let within = self.timings.lease_ttl * 2 + Duration::from_secs(5);
                self.nodes.terminate(victim, within);
                self.nodes.start_again(victim);
            }
            Fault::Handover => self.hand_over(),
            Fault::Clock => {
                if let Some(clocks) = &self.clocks {
                    clocks.change(&mut self.rng, self.place.longest_step())?;
                }
            }
            of_store => {
                if Place::hinders_starts(of_store) {
                    self.tend();
                }
                let longest = self.timings.lease_ttl * 2 + self.timings.heartbeat_timeout;
                let time = self.between(self.timings.poll * 4, longest);
                let victim = self.victim();
                self.place.suffer(of_store, victim, time)?;
                self.sees_leader(of_store.name());
            }
        }
        Ok(())
    }

    fn kill(&mut self) {
        let master = self.nodes.master();
        let victim = self.victim();
        self.nodes.kill(victim);
        let was_another_awake = !self.nodes.awake().is_empty();
        // It may be back before anybody has missed it.
        let is_back_at_once = self.rng.chance(3_000);
        if is_back_at_once {
            self.nodes.start_again(victim);
        }
        if Some(victim) == master {
            self.sees_takeover("the master was killed", was_another_awake);
        } else {
            self.rest(self.timings.heartbeat_timeout / 2);
        }
        self.nodes.start_again(victim);
    }

    fn hand_over(&mut self) {
        let Some(master) = self.nodes.master() else {
            return;
        };
        self.nodes.node(master).change_mode("HOT_STANDBY");
        self.sees_leader("the master was told to follow");
        self.nodes.node(master).change_mode("AUTO");
    }

    fn pause(&mut self, past_collection: bool) {
        // One at least stays awake.
        if self.nodes.awake().len() < 2 {
            self.wake_light_sleepers();
        }
        if self.nodes.awake().len() < 2 {
            self.wake_all();
        }
        let is_one_deep = self.sleepers.iter().any(|sleeper| sleeper.past.is_some());
        let master = self.nodes.master();
        let victim = self.victim();
        if Some(victim) == master {
            // So that it is stopped in the midst of an act.
            self.nodes.may_act_within(victim, self.timings.lease_ttl * 2);
        }
        let seq = self.nodes.seq(victim);
        self.nodes.pause(victim);
        let lease = self.timings.lease_ttl + self.timings.heartbeat_timeout;
        let (now, time) = (Instant::now(), self.between(lease, lease * 2));
        self.sleepers.push(Sleeper {
            node: victim,
            until: now + time,
            past: (past_collection && !is_one_deep).then(|| (seq + 1, now + lease * 25)),
        });
        if Some(victim) == master {
            let was_another_awake = !self.nodes.awake().is_empty();
            self.sees_takeover("the master was stopped", was_another_awake);
            // So that the one that wakes comes after acts of a higher epoch.
            if let Some(next) = self.nodes.master() {
                self.nodes.may_act_within(next, self.timings.lease_ttl * 2);
            }
        }
    }

    /// Mostly the master, else any that is awake.
    fn victim(&mut self) -> usize {
        let awake = self.nodes.awake();
        let awake = if awake.is_empty() {
            self.wake_all();
            self.nodes.awake()
        } else {
            awake
        };
        let master = self.nodes.master().filter(|_| self.rng.chance(7_500));
        master.unwrap_or_else(|| self.rng.pick(&awake))
    }

    fn between(&mut self, least: Duration, most: Duration) -> Duration {
        let span = u64::try_from(most.saturating_sub(least).as_micros()).unwrap_or(u64::MAX);
        least + Duration::from_micros(self.rng.below(span.max(1)))
    }

    /// Lets the plane be for up to so long, and wakes who has slept enough.
    fn rest(&mut self, most: Duration) {
        std::thread::sleep(self.between(Duration::ZERO, most));
        self.wake_those_due();
        self.tend();
    }

    fn wake_those_due(&mut self) {
        let now = Instant::now();
        let place = self.place;
        let mut past = 0;
        let is_due = |sleeper: &Sleeper| match sleeper.past {
            _ if now < sleeper.until => false,
            Some((slot, _)) if is_collected(place, slot) => {
                past += 1;
                true
            }
            Some((_, end)) => now >= end,
            None => true,
        };
        let (due, asleep) = std::mem::take(&mut self.sleepers).into_iter().partition(is_due);
        self.sleepers = asleep;
        self.done.slept_past_collection += past;
        let due: Vec<Sleeper> = due;
        due.iter().for_each(|sleeper| self.nodes.wake(sleeper.node));
    }

    /// Those that are not to sleep past a collection.
    fn wake_light_sleepers(&mut self) {
        let is_light = |sleeper: &Sleeper| sleeper.past.is_none();
        let (light, deep): (Vec<_>, _) = std::mem::take(&mut self.sleepers).into_iter().partition(is_light);
        self.sleepers = deep;
        light.iter().for_each(|sleeper| self.nodes.wake(sleeper.node));
    }

    fn wake_all(&mut self) {
        self.sleepers.clear();
        for node in self.nodes.asleep() {
            self.nodes.wake(node);
        }
    }

    /// Who fails without a fault of the store has failed by itself.
    fn tend(&mut self) {
        let tended = self.nodes.tend();
        self.done.tended += tended.len() as u64;
        let lately = self.timings.heartbeat_timeout + self.timings.lease_ttl + Duration::from_secs(2);
        if !self.place.has_suffered_within(lately) {
            let findings = tended.into_iter().map(|(_, why)| Finding::new(Rule::Ended, why));
            self.done.findings.extend(findings);
        }
    }

    fn sees_takeover(&mut self, why: &str, was_another_awake: bool) {
        if let Some(time) = self.sees_leader(why) {
            self.done.takeovers.push(TookOver {
                time,
                was_another_awake,
            });
            self.live.takeovers.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until a write is acknowledged, and gives how long that took.
    fn sees_leader(&mut self, why: &str) -> Option<Duration> {
        let begun = Instant::now();
        let patience = self.timings.heartbeat_timeout.max(Duration::from_secs(1));
        self.sentinel.begin();
        let mut round = 0;
        loop {
            if let Some(seen) = self.sentinel.sees_write(&self.nodes, patience) {
                let wrong = seen.err().map(|wrong| wrong.after(why));
                self.done.findings.extend(wrong);
                return Some(begun.elapsed());
            }
            if begun.elapsed() > self.bound() {
                let how = format!("{why}: no write was acknowledged for {:?}", begun.elapsed());
                self.done.findings.push(Finding::new(Rule::NotRecovered, how));
                return None;
            }
            std::thread::sleep((self.timings.heartbeat_timeout / 100).max(Duration::from_millis(5)));
            // Asking whether they live takes longer than asking them to write.
            round += 1;
            if round % 20 == 0 {
                self.tend();
            }
            self.wake_those_due();
        }
    }

    /// Ends all faults, and waits until all nodes are well. Gives how long that took.
    pub(crate) fn heal(&mut self) -> Option<Duration> {
        self.place.heal();
        if let Some(Err(why)) = self.clocks.as_ref().map(Clocks::set_right) {
            self.done.findings.push(Finding::new(Rule::Broken, why));
        }
        self.wake_all();
        (0..super::nodes::NUMBER).for_each(|node| self.nodes.start_again(node));
        for node in 0..super::nodes::NUMBER {
            // One that did not hear that it may lead again.
            self.nodes.node(node).change_mode("AUTO");
        }
        let bound = self.bound();
        match self.nodes.settle(bound) {
            Ok(took) => Some(took),
            Err(finding) => {
                self.done.findings.push(finding);
                None
            }
        }
    }

    pub(crate) fn end(self) -> (Nodes<P>, Done, S::Memory) {
        (self.nodes, self.done, self.sentinel.end())
    }
}

/// Whether a slot that was there is there no more.
pub(crate) fn is_collected(place: &Place, slot: u64) -> bool {
    // What stays for ever is followed by what does not.
    let keys = (slot..slot + 3).map(|slot| layout::entry_key(Seq(slot)));
    let read = place.objects().read_all(keys);
    read.iter().any(Option::is_none)
        && place
            .objects()
            .snapshots()
            .last_key_value()
            .is_some_and(|(seq, _)| seq.0 > slot + 3)
}
