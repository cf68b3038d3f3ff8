//! What tests and clients do to a world, and ask of it.

use ha_proto::{Input, Kind, Mode, ReadId, Role};

use super::World;
use crate::check::Seen;
use crate::linear::{self, Answer, Call, Op};
use crate::{Asked, Desk, Host, MS, Micros, Service, Tally, change};

impl<S: Service + 'static> World<S> {
    /// Something is invoked: its number in the history.
    fn invoke(&mut self, call: Call) -> usize {
        let Some(history) = &mut self.history else {
            return 0;
        };
        history.push(Op {
            call,
            invoked: self.now,
            returned: 0,
            answer: Answer::Unknown,
        });
        history.len() - 1
    }

    /// A client proposes the next change to a node: its number, if the node takes it.
    pub fn propose(&mut self, i: usize) -> Option<u64> {
        let number = self.offer(i)?;
        self.drain(i);
        Some(number)
    }

    /// So many at once: they share entries.
    pub fn propose_many(&mut self, i: usize, count: u64) {
        for _ in 0..count {
            if self.offer(i).is_none() {
                break;
            }
        }
        self.drain(i);
    }

    fn offer(&mut self, i: usize) -> Option<u64> {
        let number = self.next_change;
        let now = self.members[i].clock(self.now);
        let member = &mut self.members[i];
        let node = member.node.as_mut()?;
        let epoch = node.write_authority();
        let acts_under = node.act_authority(now).map(|authority| authority.epoch);
        let desk = Desk {
            epoch,
            may_act: acts_under.is_some() && acts_under == epoch,
        };
        let body = member.host.state.offer(&mut self.rng, number, desk);
        let Ok(ticket) = node.propose(now, change(number, &body)) else {
            member.host.state.lost(number);
            return None;
        };
        self.next_change += 1;
        let op = self.invoke(Call::Append(number));
        self.members[i].tickets.insert(ticket.0, (number, op));
        Some(number)
    }

    /// A client asks a node for a linearizable read.
    pub fn read(&mut self, i: usize) -> Option<ReadId> {
        let now = self.members[i].clock(self.now);
        let read = self.members[i].node.as_mut()?.read(now);
        let (acked, op) = (self.acked, self.invoke(Call::Read));
        self.members[i].reads.insert(read, Asked { acked, op });
        self.drain(i);
        Some(read)
    }

    /// An operator tells a node its mode; says whether it takes it.
    pub fn change_mode(&mut self, i: usize, mode: Mode) -> bool {
        self.note(|| format!("n{i} is told to be {mode}"));
        let now = self.members[i].clock(self.now);
        let Some(node) = self.members[i].node.as_mut() else {
            return false;
        };
        let taken = node.change_mode(now, mode).is_ok();
        self.drain(i);
        taken
    }

    /// An operator stops a node.
    pub fn stop(&mut self, i: usize) {
        self.note(|| format!("n{i} is told to stop"));
        let now = self.members[i].clock(self.now);
        if let Some(node) = self.members[i].node.as_mut() {
            node.stop(now);
            self.drain(i);
        }
    }

    /// Something comes to a node.
    pub fn input(&mut self, i: usize, input: Input) {
        let now = self.members[i].clock(self.now);
        if let Some(node) = self.members[i].node.as_mut() {
            node.handle_input(now, input);
            self.drain(i);
        }
    }

    /// What a node reports itself to be; `None` without a process.
    #[must_use]
    pub fn role(&self, i: usize) -> Option<Role> {
        let member = &self.members[i];
        member.node.as_ref().map(|n| n.role(member.clock(self.now)))
    }

    /// What all report themselves to be.
    #[must_use]
    pub fn roles(&self) -> Vec<Role> {
        (0..self.members.len())
            .map(|i| self.role(i).unwrap_or(Role::Terminated))
            .collect()
    }

    /// Those that say that they are MASTER.
    #[must_use]
    pub fn masters(&self) -> Vec<usize> {
        (0..self.members.len())
            .filter(|i| self.role(*i) == Some(Role::Master))
            .collect()
    }

    /// The only master.
    #[must_use]
    pub fn master(&self) -> usize {
        let masters = self.masters();
        assert_eq!(masters.len(), 1, "one master, and not {:?}", self.roles());
        masters[0]
    }

    /// The members that are to live: all but the second processes of one id.
    #[must_use]
    pub fn residents(&self) -> Vec<usize> {
        (0..self.members.len())
            .filter(|i| !self.members[*i].is_twin)
            .collect()
    }

    /// An operator sets a node's priority.
    pub fn set_priority(&mut self, i: usize, priority: i64) {
        let now = self.members[i].clock(self.now);
        self.members[i].priority = priority;
        if let Some(node) = self.members[i].node.as_mut() {
            node.set_priority(now, priority);
            self.drain(i);
        }
    }

    /// Whether a node may act on the world.
    #[must_use]
    pub fn may_act(&self, i: usize) -> bool {
        let member = &self.members[i];
        member
            .node
            .as_ref()
            .is_some_and(|n| n.act_authority(member.clock(self.now)).is_some())
    }

    /// Runs until something holds; says how long that took.
    pub fn until(&mut self, what: &str, within: Micros, holds: impl Fn(&Self) -> bool) -> Micros {
        let began = self.now;
        while !holds(self) {
            assert!(
                self.now - began <= within,
                "{what}: not within {} ms; seed {}, roles {:?}",
                within / MS,
                self.seed,
                self.roles()
            );
            self.run_for(MS.max(within / 30_000));
        }
        self.now - began
    }

    /// A hash of all that nodes have ever asked for and told, with the time.
    #[must_use]
    pub fn trace(&self) -> u64 {
        self.trace.value()
    }

    /// Shows the checkers a plane that is healed.
    pub fn show_healed(&mut self) {
        let hosts: Vec<(usize, &Host<S>)> = self
            .members
            .iter()
            .enumerate()
            .filter(|(_, m)| !m.is_twin)
            .map(|(i, m)| (i, &m.host))
            .collect();
        let hosts: Vec<_> = hosts.into_iter().filter(|(_, h)| h.loaded).collect();
        super::show!(self, Seen::Healed { hosts: &hosts });
        self.ask_after_all_writes();
    }

    /// Judges the history, and gives the counts.
    pub fn finish(&mut self) -> Tally {
        self.tally.junk = self.truth.junk;
        let of = |kind| self.truth.valid.values().filter(|(_, k)| *k == kind).count() as u64;
        self.tally.handovers = of(Kind::Handover);
        for _ in 0..self.tally.handovers {
            self.marks.hit("a handover");
        }
        for _ in 0..of(Kind::Release) {
            self.marks.hit("a release");
        }
        for _ in 0..self.truth.by_lease_end {
            self.marks.hit("full by lease end");
        }
        self.tally.faults += self.tally.crashes + self.tally.pauses;
        self.tally.simulated_ms = self.now / MS;
        if let Some(history) = &self.history
            && let Err(flaw) = linear::check(history, &self.truth.journal())
        {
            panic!("linearizability: {flaw} (seed {})", self.seed);
        }
        self.tally
    }
}
