//! What operators, applications and accidents do to the nodes, all the time.

use ha_proto::{Input, Mode, NodeId, Process};

use super::{Ev, World};
use crate::{HOUR, MS, SEC, Service};

impl<S: Service + 'static> World<S> {
    /// Begins to meddle.
    pub fn begin_operating(&mut self) {
        self.operators = true;
        self.at(self.now, Ev::Operator);
    }

    pub(super) fn operate(&mut self) {
        if !self.operators {
            return;
        }
        if self.nap_until > self.now {
            return self.at(self.nap_until, Ev::Operator);
        }
        let next = self.now + 1 + self.rng.below(self.load.every * self.load.slower);
        self.at(next, Ev::Operator);
        if self.rng.chance_of_fault(self.load.churn) {
            return self.churn();
        }
        let i = self.rng.below(self.members.len() as u64) as usize;
        self.deliver_ended(i);
        if self.rng.chance_of_fault(self.faults.rot) {
            return self.rot();
        }
        if self.rng.chance_of_fault(self.faults.strangers) {
            return self.forge();
        }
        if self.rng.chance_of_fault(self.faults.blackouts) {
            return self.blackout();
        }
        let member = &self.members[i];
        let Some(node) = &member.node else { return };
        if node.failure().is_some() && !member.is_twin && self.rng.chance(300) {
            // Somebody looks after a node that has failed.
            return self.crash_and_restart(i);
        }
        // What is told to a paused process reaches it later; here it is simply not told.
        let paused = member.paused_until > self.now;
        if self.rng.chance(self.faults.crashes) {
            return self.crash_and_restart(i);
        }
        if paused {
            return;
        }
        if self.rng.chance_of_fault(self.faults.naps) {
            return self.nap();
        }
        if self.rng.chance_of_fault(self.faults.sleeps) {
            return self.sleep_past_collection(i);
        }
        if self.rng.chance(self.faults.pauses) {
            let longest = self.rng.pick(&[SEC / 5, 2 * SEC, 20 * SEC]);
            let until = self.now + self.rng.below(longest * self.load.slower);
            return self.pause(i, until);
        }
        if self.rng.chance(self.faults.cuts) {
            return self.cut(i);
        }
        if self.rng.chance_of_fault(self.faults.twins) && !self.members[i].is_twin {
            return self.begin_twin(i);
        }
        if self.rng.chance_of_fault(self.faults.suspicions) {
            return self.suspect_falsely(i);
        }
        if self.rng.chance_of_fault(self.faults.wall_steps) {
            let wall = self.rng.draw() >> self.rng.below(64);
            self.marks.hit("a wall clock was set");
            self.tally.faults += 1;
            return self.input(i, Input::Wall(wall));
        }
        if self.rng.chance_of_fault(self.faults.forgets) {
            return self.forget_others(i);
        }
        if self.rng.chance(self.faults.stops) {
            // Started again once it has stopped.
            return self.stop(i);
        }
        if self.rng.chance(self.faults.modes) {
            let modes = [
                Mode::Auto,
                Mode::Standby,
                Mode::HotStandby,
                Mode::HotBackup,
                Mode::Master,
                Mode::Disabled,
                Mode::Auto,
            ];
            let mode = self.rng.pick(&modes);
            self.change_mode(i, mode);
            return;
        }
        match self.rng.below(100) {
            0..=69 => {
                for i in 0..self.members.len() {
                    if self.members[i].paused_until <= self.now {
                        let count = 1 + self.rng.below(self.load.burst);
                        self.propose_many(i, count);
                    }
                }
            }
            70..=89 => {
                self.read(i);
            }
            90..=91 => {
                let priority = self.rng.below(7) as i64 - 3;
                self.set_priority(i, priority);
            }
            92 => self.input(i, Input::ClockJumped),
            _ => {}
        }
    }

    /// A process of a member begins again; sometimes with a clean state, if the operator is bold.
    pub(super) fn restart(&mut self, i: usize) {
        let is_clean = self.rng.chance_of_fault(self.faults.cleans);
        self.members[i].clean = is_clean;
        self.start(i);
    }

    fn forget_others(&mut self, i: usize) {
        let ids: Vec<NodeId> = self.members.iter().map(|m| m.id.clone()).collect();
        let now = self.members[i].clock(self.now);
        self.members[i].live().forget_nodes(now, &ids);
        self.marks.hit("records were removed");
        self.drain(i);
    }

    /// The leader goes.
    fn churn(&mut self) {
        let leads = |m: &crate::Member<S>| m.node.as_ref().is_some_and(|n| n.write_authority().is_some());
        let Some(leader) = self.members.iter().position(leads) else {
            return;
        };
        let other =
            (leader + 1 + self.rng.below(self.members.len() as u64 - 1) as usize) % self.members.len();
        match self.rng.below(4) {
            0 | 1 => self.crash_and_tell(leader),
            2 => self.stop(leader),
            _ => {
                if self.change_mode(other, Mode::Master) {
                    self.change_mode(leader, Mode::Auto);
                }
            }
        }
    }

    /// What it had running ends with it, by its guard, and the others on its host hear of both.
    pub(crate) fn crash_and_tell(&mut self, i: usize) {
        let process = self.members[i].node.as_ref().expect("it leads").process().clone();
        self.end_act_now(i);
        self.crash(i);
        for j in 0..self.members.len() {
            if j != i && self.members[j].node.is_some() {
                let (who, input) = (self.members[j].who(), Input::Exited(process.clone()));
                let later = self.now + self.rng.below(3 * MS);
                self.at(later, Ev::Comes { who, input });
            }
        }
        if !self.members[i].is_twin {
            let back = self.now + self.rng.below(SEC / 4);
            self.at(back, Ev::Restart(i));
        }
    }

    /// Everybody sleeps for hours or days, and some wake later than others: what they slept through has been collected by then. Not while one is
    /// about to start, which would be alone for all that time.
    fn nap(&mut self) {
        let wake = self.now + HOUR + self.rng.below(self.faults.longest_pause);
        if self.members.iter().any(|m| !m.is_twin && m.node.is_none()) {
            return;
        }
        self.napped += wake - self.now;
        self.nap_until = wake;
        for i in 0..self.members.len() {
            let later = self.rng.pick(&[0, 0, 10 * SEC]);
            if self.members[i].node.is_some() {
                self.pause(i, wake + 1 + later);
            }
        }
    }

    fn crash_and_restart(&mut self, i: usize) {
        let member = &self.members[i];
        let (process, was): (Process, _) = (
            member.node.as_ref().expect("it lives").process().clone(),
            member.who(),
        );
        self.crash(i);
        // Somebody on the same host may know, once what it had running has ended.
        if self.rng.chance(5000) && !self.acts_now(was) {
            for j in 0..self.members.len() {
                if j != i && self.members[j].node.is_some() {
                    let (who, input) = (self.members[j].who(), Input::Exited(process.clone()));
                    let later = self.now + self.rng.below(50 * MS);
                    self.at(later, Ev::Comes { who, input });
                }
            }
        }
        if !self.members[i].is_twin {
            let back = self.now + self.rng.below(3 * SEC * self.load.slower);
            self.at(back, Ev::Restart(i));
        }
    }
}
