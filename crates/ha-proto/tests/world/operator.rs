//! What operators, applications and accidents do to the nodes, all the time.

use ha_proto::{Input, Mode, Process};

use super::{Ev, MS, SEC, World};

impl World {
    /// Begins to meddle.
    pub fn begin_operating(&mut self) {
        self.operators = true;
        self.at(self.now, Ev::Operator);
    }

    pub(super) fn operate(&mut self) {
        if !self.operators {
            return;
        }
        let next = self.now + 1 + self.rng.below(30 * MS);
        self.at(next, Ev::Operator);
        let i = self.rng.below(self.members.len() as u64) as usize;
        self.deliver_ended(i);
        let member = &self.members[i];
        if member.node.is_none() {
            return;
        }
        // What is told to a paused process reaches it later; here it is simply not told.
        let paused = member.paused_until > self.now;
        if self.rng.chance(self.faults.crashes) {
            return self.crash_and_restart(i);
        }
        if paused {
            return;
        }
        if self.rng.chance(self.faults.pauses) {
            let longest = self.rng.pick(&[SEC / 5, 2 * SEC, 20 * SEC]);
            let until = self.now + self.rng.below(longest);
            return self.pause(i, until);
        }
        if self.rng.chance(self.faults.stops) {
            self.stop(i);
            let back = self.now + self.rng.below(5 * SEC);
            return self.at(back, Ev::Restart(i));
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
                        self.propose(i);
                    }
                }
            }
            70..=89 => {
                self.read(i);
            }
            90..=91 => {
                let priority = self.rng.below(7) as i64 - 3;
                let now = self.members[i].clock(self.now);
                self.members[i].live().set_priority(now, priority);
                self.drain(i);
            }
            92 => self.input(i, Input::ClockJumped),
            _ => {}
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
        if self.rng.chance(5000) && !self.acts.by(was) {
            for j in 0..self.members.len() {
                if j != i && self.members[j].node.is_some() {
                    let (who, input) = (self.members[j].who(), Input::Exited(process.clone()));
                    let later = self.now + self.rng.below(50 * MS);
                    self.at(later, Ev::Comes { who, input });
                }
            }
        }
        let back = self.now + self.rng.below(3 * SEC);
        self.at(back, Ev::Restart(i));
    }
}
