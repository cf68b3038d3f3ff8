//! The owners of the states: they work in order, and one whose node does not lead may lag behind it, as a thread of its own does.

use ha_proto::{HostRequest, Input, Seq};

use super::{Ev, World, show};
use crate::check::Seen;
use crate::{Host, MS, Service, Who};

impl<S: Service + 'static> World<S> {
    /// A node asks the owner of its state for something.
    pub(super) fn own(&mut self, i: usize, request: HostRequest) {
        let member = &mut self.members[i];
        let who = member.who();
        let leads = member
            .node
            .as_ref()
            .is_some_and(|n| n.write_authority().is_some());
        member.backlog.push_back(request);
        if self.faults.lag > 0 && !leads {
            let at = self.now + 1 + self.rng.below(self.faults.lag);
            return self.at(at, Ev::OwnerWorks(who));
        }
        while self.own_next(i) {}
    }

    pub(super) fn owner_works(&mut self, who: Who) {
        if !self.is_live(who) {
            return;
        }
        let until = self.members[who.0].paused_until;
        if until > self.now {
            return self.at(until, Ev::OwnerWorks(who));
        }
        if self.own_next(who.0) {
            self.marks.hit("the owner of a state lagged");
            self.answer_reads(who.0);
        }
    }

    /// Whether there was something to do.
    fn own_next(&mut self, i: usize) -> bool {
        let next = self.members[i].backlog.pop_front();
        let was_some = next.is_some();
        if let Some(request) = next {
            self.carry_out_owned(i, request);
        }
        was_some
    }

    fn carry_out_owned(&mut self, i: usize, request: HostRequest) {
        let who = self.members[i].who();
        // To say that all is done is no work.
        let is_work = !matches!(request, HostRequest::Barrier { .. });
        let delay = if is_work { 1 + self.rng.below(2 * MS) } else { 1 };
        match request {
            HostRequest::Unload => self.members[i].host = Host::default(),
            HostRequest::Restore { load, parts, seq } => {
                self.tally.loads += 1;
                self.note(|| format!("n{i} restores slot {seq}"));
                let member = &mut self.members[i];
                member.host = Host::restore(&parts).unwrap_or_else(|bad| {
                    panic!("n{i} cannot restore slot {seq}: {bad} (seed {})", self.seed)
                });
                if member.has_loaded && seq > Seq(0) {
                    self.marks.hit("a standby reloaded from a snapshot");
                }
                member.has_loaded = true;
                let host = &member.host;
                show!(self, Seen::Restored { who, host, seq });
                let input = Input::Restored { load, result: Ok(()) };
                self.at(self.now + delay, Ev::Comes { who, input });
            }
            HostRequest::Apply(entry) => {
                let host = &mut self.members[i].host;
                host.apply(&entry);
                let (host, seq, epoch) = (&*host, entry.seq, entry.epoch);
                show!(
                    self,
                    Seen::Applied {
                        who,
                        host,
                        seq,
                        epoch
                    }
                );
                if entry.replaces {
                    self.marks.hit("a clean start emptied the state");
                }
            }
            HostRequest::Barrier { id } => {
                self.at(
                    self.now + delay,
                    Ev::Comes {
                        who,
                        input: Input::Barrier { id },
                    },
                );
            }
            HostRequest::Snapshot { id, .. } => {
                let host = &self.members[i].host;
                let parts = host.snapshot();
                show!(self, Seen::Snapshot { who, host });
                let input = Input::Snapshot { id, parts };
                self.at(self.now + delay, Ev::Comes { who, input });
            }
        }
    }
}
