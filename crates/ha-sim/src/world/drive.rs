//! The driver of the nodes: hands them what comes, and does what they ask for.

use ha_proto::{Event, Input, Output, ReadId, Seq, Tickets};

use super::{Ev, World, show};
use crate::check::Seen;
use crate::linear::Answer;
use crate::{Member, SEC, Service, Who};

impl<S: Service + 'static> World<S> {
    pub(super) fn is_live(&self, who: Who) -> bool {
        let member = &self.members[who.0];
        member.boots == who.1 && member.node.is_some()
    }

    pub(super) fn happen(&mut self, ev: Ev) {
        match ev {
            Ev::Reaches {
                who,
                request,
                sent,
                back,
                unknown,
            } => self.reaches(who, (request, sent), back, unknown),
            Ev::Again(who, sent, op) => {
                self.carry_out_for(who, sent, &op);
            }
            Ev::Comes { who, input } => {
                if !self.is_live(who) {
                    return;
                }
                let until = self.members[who.0].paused_until;
                if until > self.now {
                    return self.at(until, Ev::Comes { who, input });
                }
                self.show_rotten(who, &input);
                if let Input::Exited(process) = &input {
                    self.show(&Seen::Exited { who, process });
                }
                let now = self.members[who.0].clock(self.now);
                self.members[who.0].live().handle_input(now, input);
                self.drain(who.0);
            }
            Ev::Wake { who, generation } => {
                let member = &self.members[who.0];
                if !self.is_live(who) || member.wake_generation != generation {
                    return;
                }
                if member.paused_until > self.now {
                    return self.at(member.paused_until, Ev::Wake { who, generation });
                }
                let now = self.members[who.0].clock(self.now);
                self.members[who.0].wake_at = 0;
                self.members[who.0].live().handle_timeout(now);
                self.drain(who.0);
            }
            Ev::OwnerWorks(who) => self.owner_works(who),
            Ev::ActEnds { who, act, generation } => self.act_ends(who, act, generation),
            Ev::Haunt(i) => self.haunt(i),
            Ev::Doze(i, until) => self.doze(i, until),
            Ev::TwinEnds(who) => self.end_twin(who),
            Ev::Repair(key) => self.store.repair(&key),
            Ev::Heard(i) if self.members[i].paused_until > self.now => {
                self.at(self.members[i].paused_until, Ev::Heard(i));
            }
            Ev::Heard(i) => self.deliver_ended(i),
            Ev::Restart(i) if self.nap_until > self.now => self.at(self.nap_until, Ev::Restart(i)),
            Ev::Restart(i) => {
                if self.members[i].node.is_none() {
                    self.restart(i);
                }
            }
            Ev::Operator => self.operate(),
        }
    }

    /// Does all that a node asks for, and finds out when to come back.
    pub fn drain(&mut self, i: usize) {
        for round in 0.. {
            assert!(round < 50, "n{i} wants to be called again and again: a busy loop");
            let asked = self.drain_outputs(i);
            let member = &mut self.members[i];
            let Some(node) = &mut member.node else { return };
            let local = Member::<S>::clock_of(member.origin, member.rate_ppm, self.now);
            match node.poll_timeout() {
                None => return,
                Some(at) if at > local => break,
                Some(at) => {
                    assert!(
                        asked || round < 3,
                        "n{i} wants attention at {at:?}, it is {local:?}, and nothing comes of it"
                    );
                    node.handle_timeout(local);
                }
            }
        }
        self.look(i);
        let member = &mut self.members[i];
        let Some(at) = member.node.as_ref().and_then(ha_proto::Node::poll_timeout) else {
            return;
        };
        let at = member.real(at).max(self.now + 1);
        if member.wake_at != at {
            member.wake_at = at;
            member.wake_generation += 1;
            let (who, generation) = (member.who(), member.wake_generation);
            self.at(at, Ev::Wake { who, generation });
        }
    }

    fn drain_outputs(&mut self, i: usize) -> bool {
        let mut any = false;
        loop {
            let Some(node) = self.members[i].node.as_mut() else {
                return any;
            };
            let Some(output) = node.poll_output() else {
                return any;
            };
            any |= !matches!(output, Output::Event(Event::Warning(_) | Event::Note(_)));
            self.trace.output(self.now, i, &output);
            match output {
                Output::Store(request) => self.send(i, request),
                Output::Host(request) => self.own(i, request),
                Output::Event(Event::Warning(said)) => self.warn(i, said),
                Output::Event(event) => self.told(i, event),
            }
        }
    }

    /// Only so many are kept.
    fn warn(&mut self, i: usize, said: String) {
        let (who, words) = (self.members[i].who(), said.as_str());
        self.show(&Seen::Warned { who, words });
        if said.contains("runs with this node's id") {
            self.marks.hit("one of two processes with one id stopped");
        }
        if self.rotten_key.as_ref().is_some_and(|key| said.contains(key)) {
            self.marks.hit("a damaged object was named");
        }
        if self.warnings.len() < 1000 {
            self.warnings.push((i, said));
        }
    }

    fn told(&mut self, i: usize, event: Event) {
        self.note(|| format!("n{i} {event:?}"));
        match event {
            Event::Durable {
                tickets,
                seq,
                write_id,
            } => {
                if self.forged > 0 && !self.truth.valid.contains_key(&Seq(seq.0 - 1)) {
                    self.marks
                        .hit("a leader went on behind an entry that is not valid");
                }
                if self.members[i].doubtful.remove(&write_id) {
                    self.marks.hit("a create was ambiguous and won");
                }
                for (change, op) in self.settle(i, tickets) {
                    show!(
                        self,
                        Seen::Durable {
                            who: self.members[i].who(),
                            change,
                            seq,
                            write_id
                        }
                    );
                    self.tally.acknowledged += 1;
                    self.answer(op, |truth| Answer::Appended {
                        epoch: truth.epoch_at(seq),
                        seq: seq.0,
                    });
                }
                self.acked = self.acked.max(seq);
            }
            Event::NotApplied { tickets, .. } => {
                self.ask_after_writes(i);
                for (change, op) in self.settle(i, tickets) {
                    self.members[i].host.state.lost(change);
                    show!(self, Seen::NotApplied { change });
                    self.tally.refused += 1;
                    self.answer(op, |_| Answer::Refused);
                }
            }
            Event::Undecided { tickets } => {
                let unknown = self.settle(i, tickets).len();
                self.tally.unknown += unknown as u64;
                self.ask_after_writes(i);
            }
            Event::Sent {
                epoch,
                slot,
                write_id,
                ..
            } => {
                self.writes.sent(epoch, slot, write_id);
                self.ask_after_writes(i);
            }
            Event::RoleChanged { .. } => self.ask_after_writes(i),
            Event::ReadReady { read, seq } => self.read_ready(i, read, seq),
            Event::ReadFailed(read) => {
                self.members[i].reads.remove(&read);
            }
            Event::ClaimVoid(_) => self.marks.hit("a claim was void"),
            Event::StateNotLoaded(said) => self.warn(i, said),
            Event::Stopped => {
                let member = &mut self.members[i];
                member.stopped = true;
                member.node = None;
                member.forget_state();
                if self.operators && !self.members[i].is_twin {
                    let back = self.now + self.rng.below(SEC / 4 * self.load.slower);
                    self.at(back, Ev::Restart(i));
                }
            }
            _ => {}
        }
    }

    fn settle(&mut self, i: usize, tickets: Tickets) -> Vec<(u64, usize)> {
        let member = &mut self.members[i];
        (tickets.first.0..=tickets.last.0)
            .map(|t| member.tickets.remove(&t).expect("a ticket is answered once"))
            .collect()
    }

    fn answer(&mut self, op: usize, answer: impl FnOnce(&crate::Truth) -> Answer) {
        let answer = answer(&self.truth);
        if let Some(op) = self.history.as_mut().map(|h| &mut h[op]) {
            op.returned = self.now;
            op.answer = answer;
        }
    }

    fn read_ready(&mut self, i: usize, read: ReadId, at: Seq) {
        let who = self.members[i].who();
        let Some(asked) = self.members[i].reads.remove(&read) else {
            return;
        };
        let acked = asked.acked;
        show!(self, Seen::Proven { who, at, acked });
        self.members[i].proven.push((at, asked));
    }

    /// Answers what is proven and has its state. A node without a state answers nobody.
    pub(super) fn answer_reads(&mut self, i: usize) {
        if self.members[i].proven.is_empty() {
            return;
        }
        let member = &mut self.members[i];
        let Some(node) = &member.node else { return };
        let has_all = member.host.loaded && member.backlog.is_empty();
        let Some(applied) = node.applied().filter(|_| has_all) else {
            return;
        };
        let is_follower = node.write_authority().is_none();
        let (now, later): (Vec<_>, Vec<_>) = std::mem::take(&mut member.proven)
            .into_iter()
            .partition(|(at, _)| *at <= applied);
        member.proven = later;
        for (_, asked) in now {
            if is_follower {
                self.marks.hit("a read was answered by a standby");
            }
            let member = &self.members[i];
            let (who, acked, host) = (member.who(), asked.acked, &member.host);
            let line = host.line;
            show!(self, Seen::Read { who, acked, host });
            self.tally.reads += 1;
            self.answer(asked.op, |_| Answer::Saw {
                len: line.len,
                last: line.last,
            });
        }
    }
}
