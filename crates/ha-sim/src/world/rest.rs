//! The end of all trouble: what is late comes now, who is stopped goes on, and only those live that are to live.

use std::cmp::Reverse;

use super::{Ev, World};
use crate::{Faults, MS, Service};

impl<S: Service + 'static> World<S> {
    /// Ends all faults but the speed of clocks. What was sent long ago, and what waits for a process that was stopped, arrives within
    /// milliseconds, in an order that is drawn.
    pub fn end_trouble(&mut self) {
        self.operators = false;
        self.faults = Faults {
            drift_ppm: self.faults.drift_ppm,
            ..Faults::none()
        };
        self.throttled_until = 0;
        self.nap_until = 0;
        self.store.repair_all();
        for i in 0..self.members.len() {
            let member = &mut self.members[i];
            (member.deaf_until, member.mute_until) = (0, 0);
            member.paused_until = member.paused_until.min(self.now);
        }
        self.hurry_all();
        for i in 0..self.members.len() {
            self.deliver_ended(i);
            let is_twin = self.members[i].is_twin;
            let failed = self.members[i]
                .node
                .as_ref()
                .is_some_and(|n| n.failure().is_some());
            let is_clean = self.members[i].clean;
            if self.members[i].node.is_some() && (failed || is_twin || is_clean) {
                self.crash(i);
            }
            self.members[i].clean = false;
            if self.members[i].node.is_none() && !is_twin {
                self.start(i);
            }
        }
    }

    fn hurry_all(&mut self) {
        let mut queue: Vec<_> = std::mem::take(&mut self.queue).into_vec();
        queue.sort_unstable();
        for Reverse((at, id)) in queue.into_iter().rev() {
            let is_act = matches!(self.events.get(&id), Some(Ev::ActEnds { .. }));
            let soon = self.now + 1 + self.rng.below(5 * MS);
            let at = if is_act { at } else { at.min(soon) };
            self.queue.push(Reverse((at, id)));
        }
    }
}
