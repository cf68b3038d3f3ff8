//! Acts on the world: whoever may begins some, and they end by their deadline at the latest, whether or not the process lives to see it.

use super::{Ev, World, show};
use crate::check::Seen;
use crate::{Act, Service, Who};

impl<S: Service + 'static> World<S> {
    /// After everything a node has done: is what it believes true? And does it act?
    pub(super) fn look(&mut self, i: usize) {
        let member = &self.members[i];
        let Some(node) = &member.node else { return };
        let local = member.clock(self.now);
        let who = member.who();
        let seen = Seen::Rests {
            who,
            node,
            now: local,
            host: &member.host,
        };
        show!(self, seen);
        self.answer_reads(i);
        let member = &self.members[i];
        let Some(node) = &member.node else { return };
        let Some(authority) = node.act_authority(local) else {
            return;
        };
        let until = member.real_before(authority.until);
        if self.acting_now == Some(who) {
            let held = self.members[i].act.as_mut().expect("it acts");
            if held.epoch == authority.epoch && until > held.until {
                held.until = until;
                held.generation += 1;
                let (act, generation) = (held.act, held.generation);
                let ends = self.now + self.rng.below(until.saturating_sub(self.now).max(1)) + 1;
                self.at(ends.min(until), Ev::ActEnds { who, act, generation });
                self.show(&Seen::ActGoesOn { who, until });
            }
        } else if self.acting && self.members[i].act.is_none() && self.rng.chance(3000) {
            self.begin_act(i, authority);
        }
    }

    fn begin_act(&mut self, i: usize, authority: ha_proto::ActAuthority) {
        let who = self.members[i].who();
        let until = self.members[i].real_before(authority.until);
        let now = self.members[i].clock(self.now);
        let act = self.members[i].live().begin_act(now).expect("it may act");
        let epoch = authority.epoch.0;
        self.show(&Seen::ActBegins { who, epoch, until });
        self.acting_now = Some(who);
        self.tally.acts += 1;
        self.members[i].act = Some(Act {
            act,
            epoch: authority.epoch,
            until,
            generation: 0,
        });
        // Some end early, most by the deadline.
        let ends = if self.rng.chance(7000) {
            until
        } else {
            self.now + self.rng.below(until.saturating_sub(self.now).max(1))
        };
        let generation = 0;
        self.at(ends.max(self.now), Ev::ActEnds { who, act, generation });
    }

    pub(super) fn act_ends(&mut self, who: Who, act: u64, generation: u64) {
        let member = &mut self.members[who.0];
        let is_current = |a: &Act| a.act == act && a.generation == generation;
        let current = self.acting_now == Some(who)
            && (member.boots != who.1 || member.act.as_ref().is_none_or(is_current));
        if !current {
            return;
        }
        let alive = member.boots == who.1 && member.node.is_some();
        if member.boots == who.1 {
            member.act = None;
        }
        self.acting_now = None;
        self.show(&Seen::ActEnds { who });
        if alive {
            self.members[who.0].ended.push(act);
            let heard = self.now.max(self.members[who.0].paused_until);
            self.at(heard, Ev::Heard(who.0));
        }
    }

    /// The guard of a process that ends ends what the process had running.
    pub(super) fn end_act_now(&mut self, i: usize) {
        let who = self.members[i].who();
        let act = self.members[i].act.as_ref().map(|a| (a.act, a.generation));
        if let Some((act, generation)) = act {
            self.act_ends(who, act, generation);
        }
    }

    /// What is under way of this process.
    pub(super) fn acts_now(&self, who: Who) -> bool {
        self.acting_now == Some(who)
    }

    /// A paused node hears later that its act has ended.
    pub fn deliver_ended(&mut self, i: usize) {
        let member = &mut self.members[i];
        if member.paused_until > self.now || member.node.is_none() {
            return;
        }
        let now = member.clock(self.now);
        for act in std::mem::take(&mut self.members[i].ended) {
            self.members[i].live().end_act(now, act);
            self.drain(i);
            if self.members[i].node.is_none() {
                return;
            }
        }
    }
}
